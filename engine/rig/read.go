package rig

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a rig may have at most, so that no file keeps the reader busy for ever.
const (
	maxDepth     = 32       // files included in each other
	maxFiles     = 1000     // files read
	maxBytes     = 64 << 20 // of all of them
	maxLine      = 64 << 10 // bytes of a line
	maxInstances = 1000
	maxProblems  = 1000 // told
)

// Load reads a rig file, what it includes, and overrides of its options. The error is Problems with
// all that is wrong, or that of opening the file.
func Load(name string, overrides ...Override) (*Rig, error) {
	return Parse(name, ReadFile, overrides...)
}

// ReadFile reads a file for Parse: little more of it than a rig file may have.
func ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// Parse is Load from elsewhere than files: read returns what stands under a name. The names of what
// is included are relative to the folder of the name that includes it.
func Parse(name string, read func(name string) ([]byte, error), overrides ...Override) (*Rig, error) {
	name = filepath.Clean(name)
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	r := reader{read: read, rig: &Rig{}, named: make(map[string]int)}
	r.file(name, text)
	r.override(overrides)
	r.route()
	r.problems = r.sorted(r.problems)
	r.rig.Warnings = r.sorted(r.rig.Warnings)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return r.rig, nil
}

// reader reads a rig. Its section outlives the file that began it: what is included may begin in its
// includer's and leave it in another.
type reader struct {
	read     func(name string) ([]byte, error)
	rig      *Rig
	problems Problems
	open     []string // files being read, each included by the one before
	bytes    int      // of files read

	section  section
	backend  Backend        // of a backendSection
	named    map[string]int // instances by name; those of sections that failed are -1
	instance int            // of an instanceSection
	thrus    []thru         // options, to be looked at when all instances are known

	at Position // the line being read
}

type section int

const (
	noSection section = iota
	brokenSection
	backendSection
	instanceSection
	mapSection
)

// sorted returns problems in the order of the files and their lines, those of overrides last, and each
// once: mappings in both directions may have them twice.
func (r *reader) sorted(problems []Problem) []Problem {
	files := make(map[string]int)
	for i, file := range r.rig.Files {
		files[file] = i - len(r.rig.Files)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(problems)
}

// problem notes what is wrong at a byte of the line.
func (r *reader) problem(offset int, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{r.position(offset), fmt.Sprintf(format, args...)})
	}
}

func (r *reader) warn(offset int, format string, args ...any) {
	if len(r.rig.Warnings) < maxProblems {
		r.rig.Warnings = append(r.rig.Warnings, Problem{r.position(offset), fmt.Sprintf(format, args...)})
	}
}

func (r *reader) position(offset int) Position {
	at := r.at
	at.Column = at.indent + utf8.RuneCountInString(at.Text[:offset]) + 1
	return at
}

// file reads a file's lines.
func (r *reader) file(name string, text []byte) {
	outer := r.at
	defer func() { r.at = outer }()
	r.open = append(r.open, name)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	r.rig.Files = append(r.rig.Files, name)

	r.at = Position{File: name, Line: 1}
	if r.bytes += len(text); r.bytes > maxBytes {
		r.problem(0, "the rig has more than %d bytes", maxBytes)
		return
	}
	if bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF}) {
		r.problem(0, "the file is UTF-16: save it as UTF-8")
		return
	}
	ansi := isANSI(text)
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	number := 0
	for line := range bytes.Lines(text) {
		number++
		r.at = Position{File: name, Line: number}
		r.line(line, ansi)
	}
}

// isANSI reports whether a file is not UTF-8. Bytes at the ends of its lines do not count, which MIDIMonster
// lets pass too, whatever they are.
func isANSI(text []byte) bool {
	if utf8.Valid(text) {
		return false
	}
	for line := range bytes.Lines(text) {
		if !utf8.Valid(bytes.TrimFunc(line, stray)) {
			return true
		}
	}
	return false
}

// line reads a line.
func (r *reader) line(raw []byte, ansi bool) {
	all := string(raw)
	if ansi {
		var err error
		if all, err = decode(raw); err != nil {
			r.problem(0, "%v", err)
			return
		}
	}
	text := strings.TrimLeftFunc(all, stray)
	before := all[:len(all)-len(text)]
	text = strings.TrimRightFunc(text, stray)
	r.at.indent = utf8.RuneCountInString(before)
	if len(text) > maxLine {
		r.at.Text = strings.ToValidUTF8(text[:200], "\uFFFD")
		r.tooLong(len(text))
		return
	}
	r.at.Text = text
	if !utf8.ValidString(before) || !utf8.ValidString(all[len(before)+len(text):]) {
		r.warn(len(text), "the line begins or ends with bytes that are not UTF-8: they are left out, as by MIDIMonster")
	}
	if nul := strings.IndexByte(text, 0); nul >= 0 {
		r.problem(nul, "a NUL byte: a rig file is text")
		return
	}
	switch {
	case text == "" || text[0] == ';':
	case text[0] == '[' && text[len(text)-1] == ']':
		r.header(text[1 : len(text)-1])
	case r.section == mapSection:
		r.mapping(text)
	case r.section == brokenSection:
	default:
		r.assignment(text)
	}
}

// tooLong notes that a line, as it is written or as it would be printed, is too long.
func (r *reader) tooLong(length int) {
	r.problem(0, "the line has %d bytes: at most %d are possible", length, maxLine)
}

// stray reports whether c may stand at the ends of a line without meaning anything: all that does not
// print, and what is not UTF-8. MIDIMonster takes everything outside ASCII for such.
func stray(c rune) bool {
	return c == utf8.RuneError || !unicode.IsGraphic(c) || unicode.IsSpace(c)
}

func trim(s string) string { return strings.TrimFunc(s, stray) }

// header reads a line in brackets, without them.
func (r *reader) header(text string) {
	if name, ok := strings.CutPrefix(text, "include "); ok {
		r.include(name)
		return
	}
	if name, ok := strings.CutPrefix(text, "backend "); ok {
		r.section, r.backend = backendSection, Backend(name)
		r.known(Backend(name), len("[backend "))
		return
	}
	if text == "map" {
		r.section = mapSection
		return
	}
	r.section = brokenSection
	backend, name, ok := strings.Cut(text, " ")
	if !ok {
		r.problem(0, "section [%s]: [map], [backend NAME], [include FILE], [winmidi NAME] or [loopback NAME] was expected", text)
		return
	}
	at := 1 + len(backend) + 1
	if first, ok := r.named[name]; ok {
		if first >= 0 {
			r.problem(at, "instance %q is there already: %s, line %d", name, r.rig.Instances[first].at.File, r.rig.Instances[first].at.Line)
		}
		return
	}
	r.named[name] = -1
	if !r.known(Backend(backend), 1) {
		return
	}
	if name == "" || strings.ContainsAny(name, " .") {
		r.problem(at, "instance name %q: a name without spaces and points was expected", name)
		return
	}
	if len(r.rig.Instances) == maxInstances {
		r.problem(0, "more than %d instances", maxInstances)
		return
	}
	r.section, r.instance = instanceSection, len(r.rig.Instances)
	r.named[name] = r.instance
	r.rig.Instances = append(r.rig.Instances, Instance{Name: name, Backend: Backend(backend), at: r.position(0)})
}

// known reports whether there is such a backend.
func (r *reader) known(b Backend, offset int) bool {
	if b == WinMIDI || b == Loopback {
		return true
	}
	r.section = brokenSection
	r.problem(offset, "no backend %q; there are winmidi and loopback", string(b))
	return false
}

// include reads another file in place of the line.
func (r *reader) include(name string) {
	const at = len("[include ")
	if runtime.GOOS != "windows" {
		name = strings.ReplaceAll(name, `\`, "/") // rig files are written on Windows
	}
	if name = filepath.FromSlash(name); name == "" {
		r.problem(at, "the name of a file was expected")
		return
	}
	// On Windows a name that begins with a separator is one of the drive.
	if !filepath.IsAbs(name) && !os.IsPathSeparator(name[0]) {
		name = filepath.Join(filepath.Dir(r.open[len(r.open)-1]), name)
	}
	switch {
	case slices.ContainsFunc(r.open, func(open string) bool { return sameFile(open, name) }):
		r.problem(at, "%s includes itself: %s", name, strings.Join(append(slices.Clone(r.open), name), " > "))
	case len(r.open) >= maxDepth:
		r.problem(at, "files include each other more than %d deep", maxDepth)
	case len(r.rig.Files) >= maxFiles:
		r.problem(at, "more than %d files are included", maxFiles)
	default:
		text, err := r.read(name)
		if err != nil {
			r.problem(at, "cannot be included: %v", err)
			return
		}
		r.file(name, text)
	}
}

// sameFile reports whether two names are of one file, as far as the names tell.
func sameFile(a, b string) bool {
	return a == b || runtime.GOOS == "windows" && strings.EqualFold(a, b)
}

// assignment reads a line option = value.
func (r *reader) assignment(text string) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		r.problem(0, "option = value was expected")
		return
	}
	o := setting{name: trim(name), value: trim(value), at: len(text) - len(strings.TrimLeftFunc(value, stray))}
	switch r.section {
	case backendSection:
		r.setBackend(r.backend, o)
	case instanceSection:
		if length := len(o.name) + len(" = ") + len(o.value); length > maxLine {
			r.tooLong(length)
			return
		}
		r.setInstance(r.instance, o)
	default:
		r.warn(0, "%s belongs to no section and is ignored", o.name)
	}
}
