package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// Thru measures another program from outside: it sends numbered messages to a port that the program reads,
// and times them coming back on a port that the program writes. What that takes includes both ports'
// drivers; with a single port that is connected to itself, and no program, it is the drivers alone.
// The messages are pitch bends, whose 14 bits are their number; whatever changes no value may change the
// channel.
type Thru struct {
	Plan    Plan // its loads in turn; contenders, backgrounds and what the source does besides are not used
	Driver  engine.Driver
	Out, In engine.Selector
	// Command is the program, whose Stdin is not to be set. It is started, and asked to end when all is measured:
	// its standard input ends, and it is sent an interrupt (SIGINT; on Windows Ctrl-Break, which a program without
	// a console does not get). If it has not ended 2 s later, it is killed. nil: it runs already, or there is none.
	Command  *exec.Cmd
	Name     string // of the contender in the report
	Progress func(Progress)

	began  time.Time
	out    *engine.Output
	eng    *engine.Engine
	exited chan error // what the command ended with; nil without one
}

const (
	comeBack = 10 * time.Second // how long the program may take until the first message comes back
	settle   = 500 * time.Millisecond
	grace    = 2 * time.Second // that the program has to end when it is asked to
)

// Run measures and returns its report, as Runner.Run does.
func (t *Thru) Run(ctx context.Context) (report *Report, err error) {
	plan := t.Plan
	plan.Contenders, plan.Backgrounds = []string{t.Name}, []string{quiet}
	plan.SourceBusy, plan.SourceMoves = 0, 0
	if err := plan.checkLoads(); err != nil {
		return nil, err
	}
	if t.eng, err = engine.Open(engine.Options{Driver: t.Driver, Wait: engine.WaitPark}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.eng.Close()) }()
	if t.out, err = t.eng.OpenOutput(t.Out, engine.OutputOptions{Slow: time.Hour}); err != nil {
		return nil, err
	}
	if _, err = t.eng.OpenInput(t.In, engine.InputOptions{Capacity: 1 << 16}); err != nil {
		return nil, err
	}
	if t.Command != nil {
		stop, err := t.launch()
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	if err := t.rehearse(ctx); err != nil {
		return nil, err
	}
	t.began = time.Now()
	report = &Report{Format: Format, Began: t.began, Plan: plan, Machine: Inspect()}
	for _, load := range plan.Loads {
		report.Cells = append(report.Cells, Cell{Contender: t.Name, Load: load, Background: quiet})
	}
	for round := range plan.Rounds {
		for i := range report.Cells {
			if err := t.measure(ctx, &report.Cells[i], round, round*len(plan.Loads)+i); err != nil {
				report.keep(round)
				return report, err
			}
		}
	}
	return report, nil
}

// launch starts the program. stop ends it, gently if that works.
func (t *Thru) launch() (stop func(), err error) {
	c := t.Command
	prepareInterrupt(c)
	c.WaitDelay = grace // for what it has started itself and left behind
	stdin, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start of %s: %w", t.Name, err)
	}
	t.exited = make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		t.exited <- c.Wait()
		close(ended)
	}()
	return func() {
		// It may have ended by itself: then neither can be done, nor need be.
		_ = stdin.Close()
		_ = interrupt(c.Process)
		select {
		case <-ended:
		case <-time.After(grace):
			_ = c.Process.Kill()
			<-ended
		}
	}, nil
}

// rehearse sends until something comes back: the program may still be opening its ports.
func (t *Thru) rehearse(ctx context.Context) error {
	back := make(chan struct{}, 1)
	stop := t.receive(func(*engine.Event) {
		select {
		case back <- struct{}{}:
		default:
		}
	})
	deadline := time.After(comeBack)
	for {
		if err := t.out.SendNow(pitchBend); err != nil {
			return errors.Join(err, stop())
		}
		select {
		case <-back:
			time.Sleep(settle) // others may still be on their way
			return stop()
		case err := <-t.exited:
			return errors.Join(fmt.Errorf("%s ended before a message had come back (%s)", t.Name, ending(err)), stop())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), stop())
		case <-deadline:
			return errors.Join(fmt.Errorf("nothing came back within %v: messages sent to output %v (pitch bend, channel 1) should be sent on to input %v",
				comeBack, t.Out, t.In), stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// receive has handle called with what comes, until stop.
func (t *Thru) receive(handle func(*engine.Event)) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- t.eng.Run(ctx, handle) }()
	return func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

func (t *Thru) measure(ctx context.Context, cell *Cell, number, done int) error {
	p := &t.Plan
	if t.Progress != nil {
		t.Progress(Progress{done, p.Rounds * len(p.Loads), cell.Contender, cell.Load, cell.Background})
	}
	load, err := FindLoad(cell.Load)
	if err != nil {
		return err
	}
	load.status = pitchBend
	plan := load.Schedule(p.WarmUp, p.Duration, p.Seed+uint64(number))
	trace, err := cwinmm.NewTrace(len(plan.At))
	if err != nil {
		return err
	}
	defer trace.Free()
	round := Round{Began: time.Since(t.began), SourceProcessor: kept(p.SourceCPU)}
	row := uint64(0) // of the message that is expected next
	end := uint64(len(plan.At))
	for isLong(plan.Message[end-1]) { // its return is not measured
		end--
	}
	returned := make(chan struct{})
	stop := t.receive(func(ev *engine.Event) {
		if row = match(trace, row, ev); row == end {
			close(returned)
			row++ // once
		}
	})
	round.SourcePriority, err = t.play(ctx, plan, trace)
	if err == nil {
		select {
		case <-returned:
		case <-time.After(drainFor):
		case <-ctx.Done():
			err = ctx.Err()
		case ended := <-t.exited:
			err = fmt.Errorf("%s ended while it was being measured (%s)", t.Name, ending(ended))
		}
	}
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	if err := round.fold(trace, plan, []Measure{Return, ReturnIntended, Late}); err != nil {
		return err
	}
	cell.Rounds = append(cell.Rounds, round)
	return nil
}

// match notes a message that came back, and returns the row after it. One that has not been sent, or
// came before, is not one of ours.
func match(trace *cwinmm.Trace, row uint64, ev *engine.Event) uint64 {
	number := uint64(ev.Message>>8&0x7F) | uint64(ev.Message>>16&0x7F)<<7
	found := row + (number-row)&0x3FFF
	if ev.Kind != engine.KindMessage || found >= uint64(len(trace.Sent)) || trace.Sent[found] == 0 {
		return row
	}
	trace.Arrived[found] = uint64(ev.Time)
	return found + 1
}

// play sends a plan's messages at their times, on a thread of its own, and returns its priority.
func (t *Thru) play(ctx context.Context, plan Schedule, trace *cwinmm.Trace) (priority string, err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if t.Plan.SourceCPU >= 0 && !cwinmm.PinThread(t.Plan.SourceCPU) {
			err = fmt.Errorf("processor %d for the source: not granted", t.Plan.SourceCPU)
			return
		}
		granted := cwinmm.PriorityNormal
		if !t.Plan.NormalSource {
			granted, _ = cwinmm.RaiseThread(false)
		}
		priority = granted.String()
		long := make([]byte, sysexBytes)
		long[0], long[sysexBytes-1] = engine.SysEx, engine.EndOfSysEx
		start := cwinmm.OSNanoseconds()
		for n, at := range plan.At {
			if err = ctx.Err(); err != nil {
				return
			}
			due := start + uint64(at)
			cwinmm.SleepUntil(due)
			trace.LateNS[n] = max(cwinmm.OSNanoseconds(), due) - due
			trace.Sent[n] = uint64(engine.Now())
			if isLong(plan.Message[n]) {
				err = t.out.SendSysEx(long)
			} else {
				err = t.out.SendNow(engine.Message(plan.Message[n]))
			}
			if err != nil {
				return
			}
		}
	}()
	<-ended
	return priority, err
}
