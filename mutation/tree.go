package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tree is a copy of the repository, to be broken.
type tree struct {
	root    string
	scratch string // for test programs
	env     []string
	timeout time.Duration // of a test
}

// copyTree copies what git knows of a repository, or would add to it, as it is now.
func copyTree(from, to string) error {
	list, err := exec.Command("git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for _, name := range strings.FieldsFunc(string(list), func(r rune) bool { return r == 0 }) {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) { // deleted, and git not told
			continue
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// breakFor breaks the tree, calls do, and mends it.
func (t *tree) breakFor(b *breakage, do func() error) (err error) {
	path := filepath.Join(t.root, filepath.FromSlash(b.file))
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	broken, err := b.apply(string(whole))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, whole, 0o600)) }()
	return do()
}

// build makes a package's test program.
func (t *tree) build(ctx context.Context, pkg string) (program string, err error) {
	program = filepath.Join(t.scratch, "broken.test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", "-o", program, pkg)
	cmd.Dir, cmd.Env = t.root, t.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return program, nil
}

// outcome is what became of tests.
type outcome int

const (
	passed outcome = iota
	failed         // one of them did, or the program crashed
	hung
)

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	timeout = regexp.MustCompile(`(?m)^panic: test timed out`)
	running = regexp.MustCompile(`(?m)^=== RUN   ([^/\s]+)$`)
)

// run runs some of a package's tests, at most for limit. said: which of them failed, or their output if they did not fail as tests do.
func (t *tree) run(ctx context.Context, program, pkg string, tests []string, limit time.Duration) (came outcome, said string, err error) {
	// The program ends itself, unless C keeps it from that.
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.v", "-test.failfast", "-test.timeout="+limit.String(),
		"-test.run=^("+strings.Join(tests, "|")+")$")
	cmd.Dir, cmd.Env = filepath.Join(t.root, filepath.FromSlash(pkg)), t.env
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	began := running.FindAllSubmatch(out, -1)
	switch name := failure.FindSubmatch(out); {
	case err == nil && len(began) == 0:
		return passed, "", fmt.Errorf("%s has no test %s", pkg, strings.Join(tests, " or "))
	case err == nil:
		return passed, "", nil
	case timeout.Match(out), ctx.Err() != nil:
		return hung, string(tail(out)), nil
	case name != nil && slices.Contains(tests, string(name[1])):
		return failed, string(name[1]), nil
	case len(began) == 0:
		return failed, "", fmt.Errorf("no test began: %w\n%s", err, tail(out))
	default: // a crash, and only what is named has run
		return failed, fmt.Sprintf("%s, by a crash", began[len(began)-1][1]), nil
	}
}

func tail(out []byte) []byte {
	lines := bytes.Split(out, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-40):], []byte("\n"))
}
