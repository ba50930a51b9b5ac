// Command mutation breaks the code on purpose, in each of the ways that list.txt gives, and sees whether the tests
// that ought to notice do. README.md says how it is used. Run it in the repository:
//
//	go run ./mutation
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	if compiler := os.Getenv(compilerVariable); compiler != "" {
		os.Exit(compile(os.Getenv(memoryVariable), append([]string{compiler}, os.Args[1:]...)))
	}
	all := flag.Bool("all", false, "all of the list, not only what is marked with ci")
	limit := flag.Duration("timeout", 2*time.Minute, "`time` that a test may take: longer than it waits for anything itself, a minute")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./mutation [-all] [-timeout TIME] [NAME-REGEXP...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := check(ctx, os.Stdout, *all, *limit, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// In the environment when this is run as the compiler: the real one, and the folder for what came of it.
const (
	compilerVariable = "ONSET_MUTATION_COMPILER"
	memoryVariable   = "ONSET_MUTATION_MEMORY"
)

// check does it all, and reports on out. The error says what survived, or that the list is wrong.
func check(ctx context.Context, out io.Writer, all bool, limit time.Duration, names []string) error {
	start := time.Now()
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(module)))
	list, err := readList(filepath.Join(root, "mutation", "list.txt"))
	if err != nil {
		return err
	}
	if list, err = choose(list, all, names); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "onset-mutation")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	t, err := newTree(root, scratch, limit)
	if err != nil {
		return err
	}
	if err := t.passes(ctx, list); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d breakages; without one, the tests pass (%.0f s)\n", len(list), time.Since(start).Seconds())

	caught := make(map[string]int) // by part
	var bad []string
	for i := range list {
		b := &list[i]
		began := time.Now()
		verdict, ok := t.try(ctx, b)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if ok {
			caught[b.part]++
		} else {
			bad = append(bad, b.name)
		}
		fmt.Fprintf(out, "%-6s %s (%.1f s): %s\n", b.part, b.name, time.Since(began).Seconds(), verdict)
	}
	var parts []string
	for _, part := range slices.Sorted(maps.Keys(caught)) {
		parts = append(parts, fmt.Sprintf("%s %d", part, caught[part]))
	}
	fmt.Fprintf(out, "%d of %d caught in %.0f s: %s\n", len(list)-len(bad), len(list), time.Since(start).Seconds(), strings.Join(parts, ", "))
	if len(bad) > 0 {
		return fmt.Errorf("not caught: %s", strings.Join(bad, ", "))
	}
	return nil
}

// choose returns the breakages to try: those with a name that is asked for, or the selection, or all.
func choose(list []breakage, all bool, names []string) (chosen []breakage, err error) {
	var patterns []*regexp.Regexp
	for _, name := range names {
		p, err := regexp.Compile(name)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, p)
	}
	for _, b := range list {
		named := slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(b.name) })
		if named || len(patterns) == 0 && (all || b.ci) {
			chosen = append(chosen, b)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("the list has no such breakage")
	}
	return chosen, nil
}

// newTree copies the repository into a folder, and has this program compile C for it.
func newTree(from, scratch string, limit time.Duration) (*tree, error) {
	t := &tree{root: filepath.Join(scratch, "tree"), scratch: scratch, timeout: limit}
	env, err := becomeCompiler(scratch)
	if err != nil {
		return nil, err
	}
	t.env = append(os.Environ(), env...)
	return t, copyTree(from, t.root)
}

// passes sees that all that is to notice something passes as the code is.
func (t *tree) passes(ctx context.Context, list []breakage) error {
	tests := make(map[string][]string) // by package
	for _, b := range list {
		tests[b.pkg] = append(tests[b.pkg], b.tests...)
	}
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		slices.Sort(tests[pkg])
		program, err := t.build(ctx, pkg)
		if err != nil {
			return fmt.Errorf("%s, as it is: %w", pkg, err)
		}
		names := slices.Compact(tests[pkg])
		came, said, err := t.run(ctx, program, pkg, names, time.Duration(len(names))*t.timeout)
		if err != nil {
			return err
		}
		if came != passed {
			return fmt.Errorf("%s fails as it is: %s", pkg, said)
		}
	}
	return nil
}

// try breaks the code and runs the tests that ought to notice. ok: one did.
func (t *tree) try(ctx context.Context, b *breakage) (verdict string, ok bool) {
	err := t.breakFor(b, func() error {
		program, err := t.build(ctx, b.pkg)
		if err != nil {
			return err
		}
		limit := t.timeout
		if b.hangs > 0 {
			limit = b.hangs
		}
		came, said, err := t.run(ctx, program, b.pkg, b.tests, limit)
		switch {
		case err != nil:
			return err
		case came == failed:
			verdict, ok = "caught by "+said, true
		case came == hung && b.hangs > 0:
			verdict, ok = "caught: the test hangs", true
		case came == hung:
			verdict = "HANGS, which the list does not say\n" + said
		default:
			verdict = "SURVIVED " + strings.Join(b.tests, ", ") + "; " + b.why
		}
		return nil
	})
	if err != nil {
		return "ERROR: " + err.Error(), false
	}
	return verdict, ok
}
