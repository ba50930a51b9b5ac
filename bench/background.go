package bench

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

// Background is what else the machine does meanwhile.
type Background struct {
	Name  string
	What  string // in a line
	start func(*Runner) (stop func(), err error)
}

// backgrounds are those there are, by name.
func backgrounds() []Background {
	return []Background{
		{quiet, "nothing else", func(*Runner) (func(), error) { return func() {}, nil }},
		{"gc", "another goroutine keeps the garbage collector busy", func(*Runner) (func(), error) { return goroutines(1, churn), nil }},
		{"busy-go", "as many goroutines as there are processors compute", func(*Runner) (func(), error) {
			return goroutines(runtime.NumCPU(), compute), nil
		}},
		{"busy-processes", "as many processes as there are processors compute", (*Runner).startProcesses},
	}
}

const quiet = "quiet"

// BackgroundNames returns the backgrounds' names.
func BackgroundNames() []string {
	return names(backgrounds(), func(b Background) string { return b.Name })
}

// FindBackground returns the background of that name. The error says which there are.
func FindBackground(name string) (Background, error) {
	return find("background", name, backgrounds(), func(b Background) string { return b.Name })
}

// goroutines runs n of them until stop is called.
func goroutines(n int, work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range n {
		all.Go(func() { work(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// churn makes garbage that is worth collecting: a heap of some 50 MB of small objects that point at each
// other, replaced all the time.
func churn(ctx context.Context) {
	type node struct {
		next *node
		data [6]uint64
	}
	live := make([]*node, 1<<16)
	for i := 0; ctx.Err() == nil; i++ {
		slot := i * 7919 % len(live)
		head := &node{}
		for n := range uint64(12) {
			head = &node{next: head, data: [6]uint64{n}}
		}
		live[slot] = head
	}
}

// compute uses up a processor without allocating.
func compute(ctx context.Context) {
	for x := uint64(1); ctx.Err() == nil && x != 0; { // x is odd: the compiler cannot know
		for range 10_000 {
			x = x*6364136223846793005 + 1
		}
	}
}

// Spin uses up a processor until r, its standard input, ends: the work of the processes of the background
// busy-processes, which Runner.Busy starts.
func Spin(r io.Reader) error {
	defer goroutines(1, compute)()
	_, err := io.Copy(io.Discard, r)
	return err
}

// startProcesses starts as many processes as there are processors.
func (r *Runner) startProcesses() (stop func(), err error) {
	if r.Busy == nil {
		return nil, fmt.Errorf("background busy-processes: there is no command to start them with")
	}
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	for range runtime.NumCPU() {
		command := r.Busy()
		stdin, err := command.StdinPipe()
		if err == nil {
			err = command.Start()
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("background busy-processes: %s: %w", strings.Join(command.Args, " "), err)
		}
		stops = append(stops, func() { end(command, stdin.Close) })
	}
	return stop, nil
}

// end has a process end and waits for it.
func end(command *exec.Cmd, closeInput func() error) {
	_ = closeInput() // it ends itself when its input does
	_ = command.Wait()
}
