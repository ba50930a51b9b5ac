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

// becomeCompiler makes what the go command is to find instead of the C compiler, and returns the environment in which
// it does. The name stays the same, since what the go command has built before goes by that.
func becomeCompiler(scratch string) (env []string, err error) {
	name, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	compiler, err := exec.LookPath(strings.TrimSpace(string(name)))
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	front, memories := filepath.Join(scratch, "bin"), filepath.Join(scratch, "compiled")
	if err := errors.Join(os.Mkdir(front, 0o700), os.Mkdir(memories, 0o700)); err != nil {
		return nil, err
	}
	if err := os.Symlink(self, filepath.Join(front, filepath.Base(compiler))); err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + front + string(os.PathListSeparator) + os.Getenv("PATH"), "CC=" + filepath.Base(compiler),
		compilerVariable + "=" + compiler, memoryVariable + "=" + memories,
		"CGO_CFLAGS=-O2", // no debugging information: nobody asks for it, and it takes time
	}, nil
}

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
			m.Object, _ = os.ReadFile(object) // there is none when it failed, or only expands
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

// What the go command names differently each time, and does not show in what is compiled.
var passing = regexp.MustCompile(`[^ =]*go-build\d+([/\\]b\d+)?|.*cgo-gcc-input-\d+|^-frandom-seed=.*`)

// identify returns what a compilation, or an expansion of macros, depends on, as a file name, and where its object goes.
// key is empty if it is something else, as linking, or not known to be the same again.
func identify(args []string) (key, object string, stdin []byte) {
	hash := sha256.New()
	var source string
	var folders []string
	compiles, expands := false, false
	for i, arg := range args {
		switch {
		case i > 0 && args[i-1] == "-o":
			object = arg
			continue // it is not in what is compiled
		case strings.HasPrefix(arg, "-o") && len(arg) > 2: // as cgo has it
			object = arg[2:]
			continue
		case arg == "-c":
			compiles = true
		case arg == "-E":
			expands = true
		case arg == "-" || strings.HasSuffix(arg, ".c"):
			source = arg
		case i > 0 && args[i-1] == "-I":
			folders = append(folders, arg)
		case strings.HasPrefix(arg, "-I"):
			folders = append(folders, arg[2:])
		}
		fmt.Fprintln(hash, passing.ReplaceAllString(arg, ""))
	}
	if source == "-" {
		stdin, _ = io.ReadAll(os.Stdin)
	}
	if source == "" || compiles != (object != "") || compiles == expands {
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
