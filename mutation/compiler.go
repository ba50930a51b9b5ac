package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A breakage changes one file, but cgo has the whole package's C compiled again. So the go command is given this
// program for its C compiler, which remembers what came of a compilation.

// memory is what came of one.
type memory struct {
	Object, Stdout, Stderr []byte
	Status                 int
}

// compile runs a compiler, or does as it did the last time; dir is where that is kept. It returns the exit status.
func compile(dir string, command []string) int {
	key, object, stdin := identify(command[1:])
	path := filepath.Join(dir, key)
	var m memory
	if file, err := os.ReadFile(path); key == "" || err != nil || gob.NewDecoder(bytes.NewReader(file)).Decode(&m) != nil {
		m = run(command, stdin)
		if key != "" {
			m.Object, _ = os.ReadFile(object) // there is none when it failed
			m.keep(path)
		}
	} else if m.Object != nil {
		if err := os.WriteFile(object, m.Object, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	_, _ = os.Stdout.Write(m.Stdout)
	_, _ = os.Stderr.Write(m.Stderr)
	return m.Status
}

func run(command []string, stdin []byte) (m memory) {
	cmd := exec.Command(command[0], command[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Stdin = bytes.NewReader(stdin)
	if err := cmd.Run(); err != nil {
		m.Status = 1
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			fmt.Fprintln(&stderr, err)
		}
	}
	m.Stdout, m.Stderr = stdout.Bytes(), stderr.Bytes()
	return m
}

// keep writes it to a file at once, since other compilers run. If it cannot, the next one compiles.
func (m *memory) keep(path string) {
	file, err := os.CreateTemp(filepath.Dir(path), "new")
	if err != nil {
		return
	}
	err = gob.NewEncoder(file).Encode(m)
	if file.Close() == nil && err == nil {
		_ = os.Rename(file.Name(), path)
	}
}

// Paths of the go command's that are different each time, and do not show in what is compiled.
var workFolder = regexp.MustCompile(`[^ =]*go-build\d+([/\\]b\d+)?|^-frandom-seed=.*`)

// identify returns what a compilation depends on, as a file name, and where its object goes. key is empty if it is
// something else, as linking, or not known to be the same again.
func identify(args []string) (key, object string, stdin []byte) {
	hash := sha256.New()
	var source string
	var folders []string
	compiles := false
	for i, arg := range args {
		fmt.Fprintln(hash, workFolder.ReplaceAllString(arg, ""))
		switch {
		case arg == "-c":
			compiles = true
		case arg == "-" || strings.HasSuffix(arg, ".c"):
			source = arg
		case i > 0 && args[i-1] == "-o":
			object = arg
		case i > 0 && args[i-1] == "-I":
			folders = append(folders, arg)
		case strings.HasPrefix(arg, "-I"):
			folders = append(folders, arg[2:])
		}
	}
	if source == "-" {
		stdin, _ = io.ReadAll(os.Stdin)
	}
	if !compiles || source == "" || object == "" {
		return "", "", stdin
	}
	text := stdin
	if source != "-" {
		var err error
		if text, err = os.ReadFile(source); err != nil {
			return "", "", nil
		}
	}
	hashText(hash, text, append([]string{filepath.Dir(source)}, folders...), make(map[string]bool))
	return fmt.Sprintf("%x", hash.Sum(nil)), object, stdin
}

var include = regexp.MustCompile(`(?m)^\s*#\s*include\s*"([^"]*)"`)

// hashText adds a text and the headers that it includes, but for the system's.
func hashText(hash io.Writer, text []byte, folders []string, seen map[string]bool) {
	fmt.Fprintf(hash, "%d\n%s", len(text), text)
	for _, match := range include.FindAllSubmatch(text, -1) {
		for _, folder := range folders {
			path := filepath.Join(folder, string(match[1]))
			if header, err := os.ReadFile(path); err == nil {
				if !seen[path] {
					seen[path] = true
					hashText(hash, header, append([]string{filepath.Dir(path)}, folders...), seen)
				}
				break
			}
		}
	}
}
