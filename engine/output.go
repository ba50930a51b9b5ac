package engine

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// OutputOptions are what an output is opened with. The zero value is a good choice.
type OutputOptions struct {
	// Slow is the longest that a call of the driver may take without the output being moved to a thread
	// of its own. 0: 250 µs.
	Slow time.Duration
	// Calm is how long an output stays there after the last slow call. 0: 1 s.
	Calm time.Duration
	// Capacity is how many messages may wait for that thread: a power of two from 16 to 1048576. 0: 1024.
	Capacity int
	// DropOldest has a message that finds the queue full take the place of the oldest one. Otherwise it
	// is refused with ErrQueueFull.
	DropOldest bool
	// LongChunk is how many bytes of a long message (SendSysEx) the driver is given at a time, for devices
	// that lose what comes in one go: up to MaxSysEx. 0: the whole message.
	LongChunk int
	// LongPause is how long to wait between two chunks, from when the driver has given the one back.
	LongPause time.Duration
}

// Output is an open output port. Its methods may be called concurrently, also from within a handler.
// Messages sent by one goroutine reach the driver in order.
type Output struct {
	engine *Engine
	info   PortInfo
	out    *cwinmm.Output

	closer closer
	inside atomic.Int64  // sends under way; plus shutBias once closed
	quiet  chan struct{} // closed when it is closed and none is
	hush   sync.Once     // closes quiet: a send that finds the output closed comes and goes too

	mu    sync.Mutex
	final *cwinmm.OutputCounts // set when out is given up
}

const shutBias = -1 << 62

// OpenOutput opens an output port. The error is a *NotFoundError or a *PortError, or ErrClosed; then
// nothing is left open.
func (e *Engine) OpenOutput(port Selector, options OutputOptions) (*Output, error) {
	if options.Slow == 0 {
		options.Slow = 250 * time.Microsecond
	}
	if options.Calm == 0 {
		options.Calm = time.Second
	}
	if options.Capacity == 0 {
		options.Capacity = 1024
	}
	if c := options.Capacity; c < 16 || c > 1<<20 || bits.OnesCount(uint(c)) != 1 {
		return nil, fmt.Errorf("output capacity %d: a power of two from 16 to 1048576 is possible", c)
	}
	if options.Slow < 0 || options.Calm < 0 || options.LongPause < 0 {
		return nil, fmt.Errorf("slow %v, calm %v, long pause %v: times are not negative", options.Slow, options.Calm, options.LongPause)
	}
	if c := options.LongChunk; c < 0 || c > MaxSysEx {
		return nil, fmt.Errorf("long chunk of %d bytes: from 1 to %d are possible, or 0 for the whole message", c, MaxSysEx)
	}
	if err := e.use(); err != nil {
		return nil, err
	}
	defer e.unuse()
	info, err := pick(e.driver, Out, port, e.options.Deadline)
	if err != nil {
		return nil, err
	}
	out := &Output{engine: e, info: info, quiet: make(chan struct{}), closer: newCloser()}
	out.out, err = cwinmm.OpenOutput(e.driver, info.Index, cwinmm.OutputOptions{
		Capacity:   options.Capacity,
		DropOldest: options.DropOldest,
		Clock:      StampClock(),
		SlowTicks:  tick.Ticks(options.Slow),
		CalmTicks:  tick.Ticks(options.Calm),
		StuckTicks: tick.Ticks(e.options.Deadline),
		LongChunk:  options.LongChunk,
		LongPause:  options.LongPause,
	}, e.options.Deadline)
	if err != nil {
		return nil, &PortError{info, err}
	}
	if !e.addOutput(out) {
		_ = out.Close() // nobody has seen it open
		return nil, ErrClosed
	}
	return out, nil
}

// Info describes the port as it was when it was opened.
func (o *Output) Info() PortInfo { return o.info }

// Send sends a message: at once on this goroutine while the driver is quick and nobody else is
// sending, else by way of the output's queue and thread. It waits for nothing but the driver's own call;
// one that takes longer than OutputOptions.Slow is the last it makes on this goroutine until the driver
// has been calm. Unless it fails it does not allocate. The error is that of m.Check, ErrQueueFull,
// ErrClosed, or a *PortError with the driver's refusal, or with ErrTimedOut where the message would have to be
// queued and the driver has not returned from a call for Options.Deadline. The driver's refusals and those of
// the queue are counted (OutputStats), also for queued messages, of which there is no error.
func (o *Output) Send(m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if !o.enter() {
		return ErrClosed
	}
	defer o.leave()
	err := o.out.Send(uint32(m))
	if err == nil || errors.Is(err, ErrQueueFull) {
		return err
	}
	return &PortError{o.info, err}
}

// SendSysEx queues a long message: a whole system exclusive message, from F0 to F7, which is copied.
// The output's thread sends it, always by midiOutLongMsg, after what was sent before and before what is sent
// after; the caller waits for nothing. Until the driver has given it back, other messages wait in the queue
// behind it, except that between chunks (OutputOptions.LongChunk) realtime messages, F8 to FF, are sent for
// as long as they are first in the queue.
//
// The driver's refusals are counted (OutputStats.SysEx): one that is not ready, or out of memory, is asked again
// for up to Options.Deadline. One that does not give the message back is waited for as long, and 640 µs a
// byte, twice what a DIN line takes; then the message has failed, and its memory is kept until the driver is
// done with it. All long messages of an output together may have 32 MiB.
//
// The error is that of CheckSysEx, ErrQueueFull, ErrQueueBytes, ErrClosed, or a *PortError: out of memory, or
// ErrTimedOut as of Send. Unless it fails it does not allocate on Go's heap.
func (o *Output) SendSysEx(bytes []byte) error {
	if err := CheckSysEx(bytes); err != nil {
		return err
	}
	if !o.enter() {
		return ErrClosed
	}
	defer o.leave()
	err := o.out.SendLong(bytes)
	if err == nil || errors.Is(err, ErrQueueFull) {
		return err
	}
	return &PortError{o.info, err}
}

// SendNow sends a message on this goroutine, after all that is queued, and returns the driver's
// verdict. It has no deadline: it blocks for as long as the driver does. The error is as of Send.
func (o *Output) SendNow(m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if !o.enter() {
		return ErrClosed
	}
	defer o.leave()
	if err := o.out.SendNow(uint32(m)); err != nil {
		return &PortError{o.info, err}
	}
	return nil
}

// ResetOnClose says whether Close resets the device before it closes it (midiOutReset), which turns off
// every note that it may be playing, whoever sent it; it does not unless this says so. With many drivers
// that is 2,064 messages, two seconds at the speed of a DIN line.
func (o *Output) ResetOnClose(reset bool) {
	if !o.enter() {
		return
	}
	defer o.leave()
	o.out.ResetFirst(reset)
}

// enter begins a send. False: the output is closed.
func (o *Output) enter() bool {
	if o.inside.Add(1) > 0 {
		return true
	}
	o.leave()
	return false
}

func (o *Output) leave() { o.checkQuiet(o.inside.Add(-1)) }

func (o *Output) checkQuiet(inside int64) {
	if inside == shutBias {
		o.hush.Do(func() { close(o.quiet) })
	}
}

// Close sends what is queued, resets the device if ResetOnClose says so or if it has not given a long
// message back, and closes it. It waits for sends under way and for the driver, each for at most
// Options.Deadline. What has not been sent in half of that is dropped, and the error is ErrTimedOut. A driver
// that keeps a long message even so (MIDIERR_STILLPLAYING) is closed when it has given it back.
//
// Within a handler Close returns at once, and the work is done when Run returns. The error is a *PortError.
// Later and concurrent calls wait for the first and return its error.
func (o *Output) Close() error { return o.closer.close(o.engine, o.shut) }

func (o *Output) shut() error {
	defer o.engine.removeOutput(o)
	o.checkQuiet(o.inside.Add(shutBias))
	var err error
	select {
	case <-o.quiet:
		err = o.out.Close(o.engine.options.Deadline)
		o.giveUp()
	case <-time.After(o.engine.options.Deadline):
		if err = o.out.Close(0); err != nil { // it may have returned just now
			err = fmt.Errorf("a send did not return: %w", err)
		}
		go func() {
			<-o.quiet
			o.giveUp()
		}()
	}
	if err != nil {
		return &PortError{o.info, err}
	}
	return nil
}

// giveUp frees out once its counters stand still: those of an output whose driver is not done yet can be
// watched.
func (o *Output) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.out.Settled() {
		time.AfterFunc(time.Second, o.giveUp)
		return
	}
	final := o.out.Counts()
	o.final = &final
	o.out.Free()
}

func (o *Output) counts() cwinmm.OutputCounts {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.final != nil {
		return *o.final
	}
	return o.out.Counts()
}
