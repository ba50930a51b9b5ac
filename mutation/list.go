package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// breakage is an entry of the list: one deliberate mistake, and the tests that have to notice it.
type breakage struct {
	name  string
	part  string   // of the core that it is in
	file  string   // slash-separated, from the repository's root
	pkg   string   // of the tests, as go test takes it
	tests []string // names of top-level tests
	why   string   // what is taken out
	ci    bool     // it is in the selection
	edits []edit

	// A test that has not ended in this time has noticed it; 0: that does not count.
	hangs time.Duration
}

// edit puts one text in another's place.
type edit struct{ old, new string }

// readList reads a list; README.md says what that looks like.
func readList(path string) ([]breakage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []breakage
	names := make(map[string]bool)
	lines := strings.SplitAfter(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		fail := func(why string) error { return fmt.Errorf("%s:%d: %s", path, i+1, why) }
		line := strings.TrimSuffix(lines[i], "\n")
		key, value, _ := strings.Cut(line, " ")
		if line == "" || key == "#" {
			continue
		}
		if key == "===" {
			if names[value] {
				return nil, fail("another breakage is called " + value)
			}
			names[value] = true
			list = append(list, breakage{name: value})
			continue
		}
		if len(list) == 0 {
			return nil, fail("=== NAME was expected")
		}
		b := &list[len(list)-1]
		switch key {
		case "part":
			b.part = value
		case "file":
			b.file = value
		case "test":
			fields := strings.Fields(value)
			if len(fields) < 2 {
				return nil, fail("test PACKAGE TEST... was expected")
			}
			b.pkg, b.tests = fields[0], fields[1:]
		case "why":
			b.why = value
		case "ci":
			b.ci = true
		case "hangs":
			if b.hangs, err = time.ParseDuration(value); err != nil || b.hangs <= 0 {
				return nil, fail("hangs TIME was expected")
			}
		case "---":
			var e edit
			var ok bool
			if e, i, ok = readEdit(lines, i); !ok {
				return nil, fail("--- old, --- new and --- end were expected")
			}
			b.edits = append(b.edits, e)
		default:
			return nil, fail(fmt.Sprintf("%q is none of part, file, test, why, ci, hangs and ---", key))
		}
	}
	for _, b := range list {
		if b.part == "" || b.file == "" || b.pkg == "" || b.why == "" || len(b.edits) == 0 {
			return nil, fmt.Errorf("%s: %s lacks a part, file, test, why or edit", path, b.name)
		}
	}
	return list, nil
}

// readEdit reads from the line "--- old" on, and returns the index of the last line that it has read.
func readEdit(lines []string, at int) (e edit, last int, ok bool) {
	if lines[at] != "--- old\n" {
		return e, at, false
	}
	to := &e.old
	for i := at + 1; i < len(lines); i++ {
		switch lines[i] {
		case "--- new\n":
			to = &e.new
		case "--- end\n":
			if to == &e.new {
				return e, i, true
			}
			return e, at, false
		default:
			*to += lines[i]
		}
	}
	return e, at, false
}

// apply returns a file's text broken. The error says which text is not there, or not once.
func (b *breakage) apply(text string) (string, error) {
	for _, e := range b.edits {
		if n := strings.Count(text, e.old); n != 1 {
			first, _, _ := strings.Cut(strings.TrimSpace(e.old), "\n")
			return "", fmt.Errorf("%s has the old text %d times, which begins with %q", b.file, n, first)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return text, nil
}

// missing returns the tests that a breakage names and its package has not.
func (b *breakage) missing(root string) (names []string, err error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(b.pkg), "*_test.go"))
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, text...)
	}
	for _, test := range b.tests {
		if !regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(test) + `\(`).Match(all) {
			names = append(names, test)
		}
	}
	return names, nil
}
