package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// Options are what an Engine is opened with. The zero value is a good choice.
type Options struct {
	// Driver is where ports come from; it stays the caller's. nil: winmm.dll on Windows; elsewhere two
	// loopback cables, "Loopback A" and "Loopback B".
	Driver Driver
	// Wait is how the poller waits for events.
	Wait Wait
	// SpinFor is how long WaitHybrid spins after the last event. 0: 2 ms, so that messages in a row at
	// DIN speed, 0.96 ms apart, find the poller awake.
	SpinFor time.Duration
	// NormalPriority keeps Run from raising its thread's priority, and inputs that of the threads that give
	// drivers their buffers. Otherwise they do so as far as the system grants it: MMCSS "Pro Audio", else time-critical, on Windows; on Linux SCHED_FIFO with WaitPark, and nice -20
	// with the others, which may keep a processor busy. On a machine whose other programs are busy that is
	// milliseconds in the 99th percentile; where the program itself collects garbage it can cost some, up to
	// half as much again. Stats says what was granted.
	NormalPriority bool
	// AllowSleep lets the machine go to sleep by itself while a port is open, and AllowThrottling lets the system
	// slow the process down then to save power. Otherwise they do not, as far as the system grants it: on Windows,
	// with PowerSetRequest and SetProcessInformation. Neither keeps the user from closing the lid. Stats says what
	// was granted, and a KindResumed that the machine has slept all the same.
	AllowSleep, AllowThrottling bool
	// Merge has each pass over the inputs deliver what had arrived when it began in the order of
	// callback times. Otherwise the order across ports is that of the pass: up to 64 events of one,
	// then of the next.
	Merge bool
	// Deadline is how long opening, closing, listing and what waits in an output's queue wait for a driver.
	// 0: 5 s. A driver that takes longer is abandoned: the error is ErrTimedOut and names the call, and what
	// it holds is released when it returns. InputStats.Stuck and OutputStats.Stuck tell of calls that nobody
	// waits for.
	Deadline time.Duration
}

// Wait is a strategy of waiting for events.
type Wait uint8

// The strategies: the sooner an event is seen, the more a processor is used.
const (
	WaitHybrid Wait = iota // spin for Options.SpinFor after the last event, then park
	WaitPark               // sleep at once, where the driver's thread will be quickest to wake it; that takes it a system call
	WaitSpin               // never sleep: one processor is used up
)

func (w Wait) String() string {
	switch w {
	case WaitPark:
		return "park"
	case WaitSpin:
		return "spin"
	default:
		return "hybrid"
	}
}

// Engine is an open driver, its open ports and their poller. Its methods may be called concurrently,
// also from within a handler.
type Engine struct {
	options Options
	own     Driver // the driver, if it is ours to close
	driver  *cwinmm.Driver
	waiter  *cwinmm.Waiter
	poller  poller

	closer  closer
	watch   watch
	notices notices

	mu      sync.Mutex
	machine machine
	beat    *time.Timer
	users   int        // calls under way that need waiter and driver
	polling bool       // one of them is Run or ReadInto
	calls   []*call    // to be called between events
	calling bool       // they are being called
	idle    *sync.Cond // calling or polling has ended
	over    bool       // Close has closed all ports
	freed   bool       // waiter and driver are given up
	inputs  []*Input   // open; replaced, never changed, since the poller reads it
	retired []*Input   // closed, but the poller may be in their rings
	kept    *Input     // closed and polled no more, but its memory is still lent (poller.lent); nil: none
	outputs []*Output  // open
	ports   Port       // given out so far
}

// Open returns an Engine with no port open. It takes 10 ms when the process has to calibrate its
// clock.
func Open(options Options) (*Engine, error) {
	if options.Wait > WaitSpin {
		return nil, fmt.Errorf("wait strategy %d: there are hybrid (0), park (1) and spin (2)", options.Wait)
	}
	if options.SpinFor < 0 || options.Deadline < 0 {
		return nil, fmt.Errorf("spin for %v, deadline %v: times are not negative", options.SpinFor, options.Deadline)
	}
	if options.SpinFor == 0 {
		options.SpinFor = 2 * time.Millisecond
	}
	if options.Deadline == 0 {
		options.Deadline = 5 * time.Second
	}
	e := &Engine{options: options, closer: newCloser(), watch: watch{looked: make(chan struct{})}}
	e.idle = sync.NewCond(&e.mu)
	if options.Driver == nil {
		own, err := defaultDriver()
		if err != nil {
			return nil, err
		}
		e.own, options.Driver = own, own
	}
	e.driver = options.Driver.Shim().Share() // a call that hangs may outlast what the caller has
	if err := e.newWaiters(); err != nil {
		e.driver.Close()
		if e.own != nil {
			e.own.Close()
		}
		return nil, err
	}
	e.poller = poller{engine: e, spin: tick.Ticks(options.SpinFor), yield: newYielder()}
	e.poller.follow.tether = e.waiter.Tether()
	e.poller.follow.at.Store(-1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.machine.begin(e.driver)
	e.beat = time.AfterFunc(beat, e.onBeat)
	return e, nil
}

func (e *Engine) newWaiters() (err error) {
	if e.waiter, err = cwinmm.NewWaiter(); err != nil {
		return err
	}
	if e.watch.waiter, err = cwinmm.NewWaiter(); err != nil {
		e.waiter.Close()
	}
	return err
}

// onBeat looks whether the machine has slept, wakes the poller and the watch, and does so again after a while.
func (e *Engine) onBeat() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.freed {
		return
	}
	if e.machine.look(e.driver.Slept(), cwinmm.Wakings()) {
		e.resumed()
	}
	if e.polling {
		e.waiter.Tell()
	}
	e.watch.wake()
	e.beat.Reset(beat)
}

// Inputs lists the driver's input ports, in the order of their indices. Where the driver does not answer in
// Options.Deadline the error is ErrTimedOut, and the list good but for the ports that have no name; what it has
// not answered it is not asked again until it has.
func (e *Engine) Inputs() ([]PortInfo, error) { return e.list(In) }

// Outputs lists the driver's output ports, as Inputs does.
func (e *Engine) Outputs() ([]PortInfo, error) { return e.list(Out) }

// Find returns the port that an OpenInput or OpenOutput would open now. Ports that are open have found their places in
// that list, or a newer one, when it returns (Input.Info, Output.Info). The error is a *NotFoundError, one from the
// driver, or ErrClosed.
func (e *Engine) Find(direction Direction, port Selector) (PortInfo, error) {
	if err := e.use(); err != nil {
		return PortInfo{}, err
	}
	defer e.unuse()
	info, _, err := pick(e.driver, direction, port, e.options.Deadline)
	e.lookNow()
	return info, err
}

func (e *Engine) list(direction Direction) ([]PortInfo, error) {
	if err := e.use(); err != nil {
		return nil, err
	}
	defer e.unuse()
	return list(e.driver, direction, e.options.Deadline)
}

// Close closes all ports and the engine: a Run or ReadInto under way returns ErrClosed, messages
// queued in outputs are sent. It waits for the drivers and for the handler, at most about twice
// Options.Deadline; within a handler it returns at once, and the work is done when Run returns. The
// error joins what went wrong. Later and concurrent calls wait for the first and return its error.
func (e *Engine) Close() error { return e.closer.close(e, e.shut) }

func (e *Engine) shut() error {
	e.tell()
	e.mu.Lock()
	inputs, outputs := e.inputs, e.outputs
	e.mu.Unlock()

	// All at once, so that a stuck driver does not use up the others' time.
	failed := make([]error, len(inputs)+len(outputs)+1)
	var closing sync.WaitGroup
	closing.Go(func() { failed[len(failed)-1] = e.stopWatch() })
	for i, in := range inputs {
		closing.Go(func() { failed[i] = in.Close() })
	}
	for i, out := range outputs {
		closing.Go(func() { failed[len(inputs)+i] = out.Close() })
	}
	closing.Wait()

	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	e.settle()
	return errors.Join(failed...)
}

// use keeps waiter and driver until unuse. The error is ErrClosed.
func (e *Engine) use() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closer.begun.Load() {
		return ErrClosed
	}
	e.users++
	return nil
}

func (e *Engine) unuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users--
	e.settle()
}

// settle does what waited for calls under way to end. The caller holds mu.
func (e *Engine) settle() {
	if !e.polling {
		e.letGo()
	}
	if e.over && e.users == 0 && !e.freed {
		e.freed = true
		e.beat.Stop()
		e.waiter.Close()
		e.watch.waiter.Close()
		e.driver.Close()
		if e.own != nil {
			e.own.Close()
		}
	}
}

// letGo frees the rings of closed inputs, but for what is lent. The caller holds mu; the poller no longer has them.
func (e *Engine) letGo() {
	if e.kept != nil && (e.kept != e.poller.lent || e.over) {
		e.kept.free()
		e.kept = nil
	}
	for _, in := range e.retired {
		if in == e.poller.lent && !e.over {
			e.kept = in
		} else {
			in.free()
		}
		close(in.gone)
	}
	e.retired = nil
}

// tell has the poller look at what has changed.
func (e *Engine) tell() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.freed {
		e.waiter.Tell()
	}
}

// startPolling makes the caller the poller.
func (e *Engine) startPolling() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.calling && !e.polling {
		e.idle.Wait()
	}
	switch {
	case e.closer.begun.Load():
		return ErrClosed
	case e.polling:
		return ErrBusy
	}
	e.polling = true
	e.users++
	e.poller.lent = nil
	e.startWatch()
	return nil
}

func (e *Engine) stopPolling() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.polling = false
	e.users--
	if len(e.calls) > 0 {
		e.callAll()
	}
	e.settle()
	e.idle.Broadcast()
}

// adopt calls what waits to be called, returns the inputs to poll, and lets go of those that no longer
// are. For the poller.
func (e *Engine) adopt() []*Input {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.calls) > 0 {
		e.callAll()
	}
	e.letGo()
	return e.inputs
}

// addInput gives in its Port and has it polled. False: the engine has been closed.
func (e *Engine) addInput(in *Input) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closer.begun.Load() {
		return false
	}
	in.port = e.ports
	in.stream.port = in.port
	e.ports++
	e.inputs = append(slices.Clone(e.inputs), in)
	e.holdMachine()
	e.startWatch()
	e.waiter.Tell()
	return true
}

// removeInput takes a closed input from the poller, which has let go of it when in.gone is closed.
func (e *Engine) removeInput(in *Input) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inputs = without(e.inputs, in)
	e.holdMachine()
	e.watch.wake()
	e.retired = append(e.retired, in)
	if e.polling {
		e.waiter.Tell()
	} else {
		e.letGo()
	}
}

func (e *Engine) addOutput(out *Output) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closer.begun.Load() {
		return false
	}
	out.port = e.ports
	e.ports++
	e.outputs = append(slices.Clone(e.outputs), out)
	e.holdMachine()
	e.startWatch()
	return true
}

func (e *Engine) removeOutput(out *Output) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outputs = without(e.outputs, out)
	e.holdMachine()
	e.watch.wake()
}

// holdMachine has the machine know whether a port is open. The caller holds mu.
func (e *Engine) holdMachine() {
	e.machine.hold(len(e.inputs)+len(e.outputs) > 0, &e.options)
}

// without returns a copy of s that lacks x.
func without[T comparable](s []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(s), func(y T) bool { return y == x })
}
