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
	// StayLost keeps a device that has gone from being opened again when it comes back: see InputOptions.StayLost.
	StayLost bool
}

// Output is an open output port. Its methods may be called concurrently, also from within a handler.
// Messages sent by one goroutine reach the driver in order.
type Output struct {
	device
	options cwinmm.OutputOptions

	closer closer
	now    atomic.Pointer[outOpening] // nil: its device has gone
	unsent atomic.Uint64              // messages refused for that

	moves    uint64 // to its thread, that have been told
	threaded bool   // the same: it is there

	openings []*outOpening // those whose counters may still change; the last is the newest
	before   cwinmm.OutputCounts
	reset    bool // when it is closed
	refusal  error
}

// outOpening is one opening of an output's device.
type outOpening struct {
	out    *cwinmm.Output
	inside atomic.Int64  // sends under way; plus shutBias once it is closed
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
	out := &Output{closer: newCloser(), options: cwinmm.OutputOptions{
		Capacity:   options.Capacity,
		DropOldest: options.DropOldest,
		Clock:      StampClock(),
		SlowTicks:  tick.Ticks(options.Slow),
		CalmTicks:  tick.Ticks(options.Calm),
		StuckTicks: tick.Ticks(e.options.Deadline),
		LongChunk:  options.LongChunk,
		LongPause:  options.LongPause,
	}}
	if err := out.openFirst(e, Out, port, !options.StayLost, out); err != nil {
		return nil, err
	}
	if !e.addOutput(out) {
		_ = out.Close() // nobody has seen it open
		return nil, ErrClosed
	}
	e.awaitWatch()
	return out, nil
}

// Info describes the port as the list of ports did when it was opened, or since then, when it changed.
func (o *Output) Info() PortInfo { return o.current() }

// Port returns what identifies this output in events: KindPortLost, KindPortFound and KindPortReopened.
func (o *Output) Port() Port { return o.port }

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
	on, err := o.enter(1)
	if err != nil {
		return err
	}
	defer on.leave()
	return o.result(on, on.out.Send(uint32(m)))
}

// MostTogether is how many messages SendTogether sends.
const MostTogether = cwinmm.MostTogether

// SendTogether sends messages, 1 to MostTogether, as Send does, with none of another sender in between: those of a
// parameter belong together. It sends all or none, but for those that the driver refuses; the error is that of the last.
func (o *Output) SendTogether(messages []Message) error {
	var words [MostTogether]uint32
	if len(messages) == 0 || len(messages) > MostTogether {
		return fmt.Errorf("%d messages: 1 to %d can be sent together", len(messages), MostTogether)
	}
	for i, m := range messages {
		if err := m.Check(); err != nil {
			return err
		}
		words[i] = uint32(m)
	}
	on, err := o.enter(len(messages))
	if err != nil {
		return err
	}
	defer on.leave()
	return o.result(on, on.out.Send(words[:len(messages)]...))
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
	on, err := o.enter(1)
	if err != nil {
		return err
	}
	defer on.leave()
	return o.result(on, on.out.SendLong(bytes))
}

// SendNow sends a message on this goroutine, after all that is queued, and returns the driver's
// verdict. It has no deadline: it blocks for as long as the driver does. The error is as of Send.
func (o *Output) SendNow(m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	on, err := o.enter(1)
	if err != nil {
		return err
	}
	defer on.leave()
	return o.result(on, on.out.SendNow(uint32(m)))
}

// result makes of what a send by an opening came to what its caller is told, and takes notice of a device that has
// gone: that of an earlier opening is the present one's no more.
func (o *Output) result(on *outOpening, err error) error {
	if err == nil || errors.Is(err, ErrQueueFull) {
		return err
	}
	if errors.Is(err, ErrNoDevice) || errors.Is(err, ErrClosed) { // a handle that is not valid
		o.mu.Lock()
		if o.now.Load() == on {
			o.goneNow()
		}
		o.mu.Unlock()
	}
	return &PortError{o.Info(), err}
}

// Lapses returns a number that changes when a message may not have reached the device: the driver or the queue has
// refused it, or it was dropped, or the device has gone; and whether that is still so. As long as neither is the case,
// what a driver's callback has sent (Input.Route) is with the driver or queued. It does not allocate, and may be called
// concurrently.
func (o *Output) Lapses() (number uint64, lost bool) {
	number = o.stats().Losses<<32 + o.unsent.Load()
	on := o.now.Load()
	if on == nil || !on.enter() {
		return number, true
	}
	defer on.leave()
	return number + on.out.Missed(), on.out.Gone()
}

// ResetOnClose says whether Close resets the device before it closes it (midiOutReset), which turns off
// every note that it may be playing, whoever sent it; it does not unless this says so. With many drivers
// that is 2,064 messages, two seconds at the speed of a DIN line.
func (o *Output) ResetOnClose(reset bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reset = reset
	if on := o.now.Load(); on != nil && on.enter() {
		defer on.leave()
		on.out.ResetFirst(reset)
	}
}

// enter begins a send of so many messages. The error is ErrClosed or the one of ErrLost.
func (o *Output) enter(messages int) (*outOpening, error) {
	if on := o.now.Load(); on != nil && on.enter() {
		return on, nil
	}
	if o.closer.begun.Load() {
		return nil, ErrClosed
	}
	o.unsent.Add(uint64(messages))
	o.mu.Lock()
	defer o.mu.Unlock()
	return nil, o.refusal
}

// enter begins a send. False: it is closed.
func (on *outOpening) enter() bool {
	if on.inside.Add(1) > 0 {
		return true
	}
	on.leave()
	return false
}

func (on *outOpening) leave() { on.checkQuiet(on.inside.Add(-1)) }

func (on *outOpening) checkQuiet(inside int64) {
	if inside == shutBias {
		on.hush.Do(func() { close(on.quiet) })
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
	defer o.reroute()
	open, err := o.end()
	if open {
		o.mu.Lock()
		gone := o.isGone()
		o.mu.Unlock()
		err = o.newest().close(o.engine.options.Deadline)
		if isRefusal(err) && (gone || errors.Is(err, ErrNoDevice) && o.isUnlisted()) {
			err = nil // as with an input, whose driver tells by itself
		}
	}
	if err != nil {
		return &PortError{o.Info(), err}
	}
	return nil
}

func (on *outOpening) close(deadline time.Duration) error {
	on.checkQuiet(on.inside.Add(shutBias))
	select {
	case <-on.quiet:
		err := on.out.Close(deadline)
		on.giveUp()
		return err
	case <-time.After(deadline):
	}
	err := on.out.Close(0)
	if err != nil { // it may have returned just now
		err = fmt.Errorf("a send did not return: %w", err)
	}
	go func() {
		<-on.quiet
		on.giveUp()
	}()
	return err
}

// giveUp frees out once its counters stand still: those of an output whose driver is not done yet can be
// watched.
func (on *outOpening) giveUp() {
	on.mu.Lock()
	defer on.mu.Unlock()
	if !on.out.Settled() {
		time.AfterFunc(time.Second, on.giveUp)
		return
	}
	final := on.out.Counts()
	on.final = &final
	on.out.Free()
}

// counts returns the counters, and whether they stand still.
func (on *outOpening) counts() (n cwinmm.OutputCounts, final bool) {
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.final != nil {
		return *on.final, true
	}
	return on.out.Counts(), false
}

// newest returns the opening that the device has now, or had last.
func (o *Output) newest() *outOpening {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.openings[len(o.openings)-1]
}

func (o *Output) isGone() bool {
	on := o.now.Load()
	if on == nil || !on.enter() {
		return on == nil
	}
	defer on.leave()
	return on.out.Gone()
}

func (o *Output) lose(info PortInfo) {
	o.refusal = &PortError{info, ErrLost}
	if on := o.now.Swap(nil); on != nil && on.enter() {
		defer on.leave()
		on.out.Lose()
		on.out.ResetFirst(false)
	}
	o.tell(KindPortLost, info)
}

func (o *Output) tell(kind Kind, info PortInfo) {
	o.engine.post(Event{Time: Now(), Kind: kind, Port: o.port, Info: &info})
}

func (*Output) isReady() bool { return true }

func (o *Output) closeLost() (kept bool, err error) {
	return false, o.newest().close(o.engine.options.Deadline) // what it keeps is in none of few places
}

func (o *Output) openAt(info PortInfo) (use, undo func(), err error) {
	opened, err := cwinmm.OpenOutput(o.engine.driver, info.Index, o.options, o.engine.options.Deadline)
	if err != nil {
		return nil, nil, &PortError{info, err}
	}
	on := &outOpening{out: opened, quiet: make(chan struct{})}
	use = func() {
		opened.ResetFirst(o.reset)
		o.openings = append(o.openings, on)
		o.now.Store(on)
		if o.counts.Reopened > 0 { // inputs may send to the one before
			go o.reroute()
		}
	}
	undo = func() { _ = on.close(o.engine.options.Deadline) } // nobody has seen it open
	return use, undo, nil
}

// sum returns the counters of all openings together.
func (o *Output) sum() cwinmm.OutputCounts {
	o.mu.Lock()
	defer o.mu.Unlock()
	var sum cwinmm.OutputCounts
	var changing []*outOpening
	for i, on := range o.openings {
		n, final := on.counts()
		if final && i < len(o.openings)-1 {
			o.before.Add(n)
			continue
		}
		changing = append(changing, on)
		sum.Add(n)
	}
	o.openings = changing
	all := o.before
	all.Add(sum)
	return all
}
