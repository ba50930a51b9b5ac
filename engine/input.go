package engine

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// InputOptions are what an input is opened with. The zero value receives everything.
type InputOptions struct {
	// Ignore says what not to deliver. It is sorted out in the driver's callback, without waking the
	// poller, and counted as filtered.
	Ignore Ignore
	// Capacity is how many events may wait for the poller: a power of two from 16 to 1048576. Each
	// takes 16 bytes. 0: 4096, four seconds at the rate of a DIN line.
	Capacity int
	// SysExBuffers is how many buffers for system exclusive messages the driver is given, 1 to 256, and
	// SysExBufferSize how many bytes each has, 16 to 65536. 0: 32 of 4096. A message may be longer than all of them
	// together.
	SysExBuffers, SysExBufferSize int
	// SysExLimit is how many bytes of a system exclusive message are kept, at most: a longer one is a
	// KindSysExCut. 0: 1 MiB.
	SysExLimit int
	// EndNotes has a note-off delivered for every note that is held, as far as the events tell, and a release for
	// every sustain pedal that is down, where events are missing (KindGap) and when the device is lost.
	EndNotes bool
	// StayLost keeps a device that has gone from being opened again when it comes back. Otherwise it is looked for in
	// the list of ports every 1.2 s, as long as the input is open: by its interface id (PortInfo.Identity), wherever
	// it is in the list. Without one, by its name but for the "2- " that Windows puts before it, as long as it
	// can be told for certain from others of that name. KindPortLost, KindPortFound and KindPortReopened tell of it.
	// The same is done with a device that is there, when the machine has slept.
	StayLost bool
}

// check says what is wrong with the options, and puts the defaults in.
func (o *InputOptions) check() error {
	for _, number := range []struct {
		what               string
		value              *int
		usual, least, most int
	}{
		{"capacity", &o.Capacity, 4096, 16, 1 << 20},
		{"sysex buffers", &o.SysExBuffers, 32, 1, 256},
		{"sysex buffer size", &o.SysExBufferSize, 4096, 16, 1 << 16},
		{"sysex limit", &o.SysExLimit, 1 << 20, 16, 1 << 30},
	} {
		if *number.value == 0 {
			*number.value = number.usual
		}
		if *number.value < number.least || *number.value > number.most {
			return fmt.Errorf("input %s %d: from %d to %d is possible", number.what, *number.value, number.least, number.most)
		}
	}
	if bits.OnesCount(uint(o.Capacity)) != 1 {
		return fmt.Errorf("input capacity %d: a power of two from 16 to 1048576 is possible", o.Capacity)
	}
	return nil
}

// Ignore is what an input does not deliver.
type Ignore struct {
	ActiveSensing bool   // FE
	Clock         bool   // F8, timing clock
	SysEx         bool   // F0 and F7
	Channels      uint16 // bit n: the messages of channel n, 0 to 15
}

// filter is Ignore as struct onset_input wants it.
func (i Ignore) filter() uint32 {
	filter := uint32(i.Channels)
	for status, ignored := range map[byte]bool{
		ActiveSensing: i.ActiveSensing, Clock: i.Clock, SysEx: i.SysEx, EndOfSysEx: i.SysEx,
	} {
		if ignored {
			filter |= 1 << (16 + status&15)
		}
	}
	return filter
}

// Input is an open input port. Its methods may be called concurrently, also from within a handler.
type Input struct {
	device
	options cwinmm.InputOptions

	closer closer        // once begun, no more events to the handler
	gone   chan struct{} // closed when the poller has let go of it

	// One opening of the device after the other. The poller reads in without mu, and changes it under mu.
	in     *cwinmm.Input
	next   *cwinmm.Input      // has been opened again: the poller is to go on with it; nil: none
	after  PortInfo           // what next is
	told   *PortInfo          // where the device has been found, still to be delivered; nil: nowhere
	before cwinmm.InputCounts // of the openings before in
	was    PortInfo           // what had gone, of in

	// The poller's own.
	stream   stream
	vanished bool   // the device has gone
	back     bool   // and there is more to tell of it
	waiting  uint64 // events left to deliver in a merged pass

	routing routing
}

// OpenInput opens an input port and starts it; events that arrive before anybody is in Run or
// ReadInto wait in its ring. The error is a *NotFoundError or a *PortError, or ErrClosed; then nothing
// is left open.
func (e *Engine) OpenInput(port Selector, options InputOptions) (*Input, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	if err := e.use(); err != nil {
		return nil, err
	}
	defer e.unuse()
	in := &Input{gone: make(chan struct{}), closer: newCloser()}
	in.options = cwinmm.InputOptions{
		Capacity: options.Capacity,
		Filter:   options.Ignore.filter(),
		Clock:    StampClock(),
		Buffers:  options.SysExBuffers,
		Size:     options.SysExBufferSize,
		Raise:    !e.options.NormalPriority,
	}
	if err := in.openFirst(e, In, port, !options.StayLost, in); err != nil {
		return nil, err
	}
	in.in, in.next = in.next, nil
	in.stream.in, in.stream.buffer, in.stream.sysex.limit = in.in, -1, options.SysExLimit
	if options.EndNotes {
		in.stream.notes = new(notesHeld)
	}
	if !e.addInput(in) {
		in.in.Discard(e.options.Deadline)
		return nil, ErrClosed
	}
	e.awaitWatch()
	return in, nil
}

// Info describes the port as the list of ports did when it was opened, or since then, when it changed.
func (in *Input) Info() PortInfo { return in.current() }

// Port returns what identifies this input in events.
func (in *Input) Port() Port { return in.port }

// Close stops the input and closes its device. No event of it reaches a handler after Close has
// returned; those that were waiting are counted as closed. It waits for the driver and for a handler
// that is busy with one of its events, each for at most Options.Deadline; within a handler it returns
// at once, and the work is done when Run returns. The error is a *PortError. Later and concurrent
// calls wait for the first and return its error.
func (in *Input) Close() error { return in.closer.close(in.engine, in.shut) }

func (in *Input) shut() error {
	open, err := in.end()
	if open {
		in.mu.Lock()
		newest, vanished := in.newest(), in.isGone()
		in.mu.Unlock()
		err = newest.Close(in.engine.options.Deadline)
		if vanished && isRefusal(err) {
			err = nil // a device that has gone cannot be closed in good order
		}
	}
	in.engine.removeInput(in)
	select {
	case <-in.gone:
	case <-time.After(in.engine.options.Deadline):
		// Its ring is freed when the handler returns.
		err = errors.Join(err, fmt.Errorf("handler still busy: %w", ErrTimedOut))
	}
	if err == nil {
		return nil
	}
	return &PortError{in.Info(), err}
}

// newest returns the opening that the device has now, or had last.
func (in *Input) newest() *cwinmm.Input {
	if in.next != nil {
		return in.next
	}
	return in.in
}

func (in *Input) isGone() bool { return in.lost || in.newest().Ring.Gone() }

func (in *Input) lose(info PortInfo) {
	if in.next == nil {
		in.was = info
	}
	in.engine.waiter.Tell()
}

// tell has the poller tell: of a loss and of an opening it knows by itself (look).
func (in *Input) tell(kind Kind, info PortInfo) {
	if kind == KindPortFound {
		in.told = &info
	}
	in.engine.waiter.Tell()
}

// isReady is false while the poller has not gone on with an opening: the one after it would be one too many.
func (in *Input) isReady() bool { return in.next == nil }

func (in *Input) closeLost() (kept bool, err error) {
	in.mu.Lock()
	newest := in.newest()
	in.mu.Unlock()
	err = newest.Close(in.engine.options.Deadline)
	return newest.Kept(), err
}

func (in *Input) openAt(info PortInfo) (use, undo func(), err error) {
	opened, err := cwinmm.OpenInput(in.engine.driver, info.Index, in.engine.waiter, in.options, in.engine.options.Deadline)
	if err != nil {
		return nil, nil, &PortError{info, err}
	}
	use = func() { in.next, in.after = opened, info }
	undo = func() { opened.Discard(in.engine.options.Deadline) }
	return use, undo, nil
}

// look has the poller know whether the device has gone, and come back.
func (in *Input) look() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.newest().Ring.Gone() {
		in.goneNow()
	}
	in.vanished = in.lost || in.next != nil || in.in.Ring.Gone()
	in.back = in.told != nil || in.next != nil
	in.stream.was = in.was
	in.adoptRoutes()
}

// ring returns the ring that the device's events go to.
func (in *Input) ring() *cwinmm.Ring {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.newest().Ring
}

// comeBack makes ev what is to be told of a device that has gone and is back. False: nothing is.
func (in *Input) comeBack(ev *Event) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.told != nil:
		*ev = Event{Time: Now(), Kind: KindPortFound, Port: in.port, Info: in.told}
		in.told = nil
	case in.next == nil:
		in.back = false
		return false
	case in.in.Ring.Look() > 0: // what the driver still had to say when it was told to close
		return false
	case in.in.Ring.Lost(&in.stream.loss): // or could not
		in.stream.gap(ev, Now())
	case in.stream.goesOn():
		in.stream.breakOff()
		return in.stream.more(ev)
	default:
		info := in.after
		*ev = Event{Time: Now(), Kind: KindPortReopened, Port: in.port, Info: &info}
		in.in.Free()
		in.before.Add(in.in.Counts())
		in.in, in.next = in.next, nil
		in.stream.follow(in.in)
		in.routeAgain()
		in.vanished, in.back = false, false
		in.was = in.identity.info    // what has gone if it has
		in.engine.poller.lookAgain() // it may have gone already
		if in.lost {
			in.engine.watch.wake() // and be back: now it can be opened again
		}
	}
	return true
}

// stuck returns the call that the driver is stuck in; nil: none.
func (in *Input) stuck() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.newest().Stuck(in.engine.options.Deadline)
}

// free gives the rings up. For the engine, when the poller no longer reads them.
func (in *Input) free() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.in.Free()
	if in.next != nil {
		in.next.Free()
	}
}

// sum returns the counters of all openings together.
func (in *Input) sum() cwinmm.InputCounts {
	in.mu.Lock()
	defer in.mu.Unlock()
	sum := in.before
	sum.Add(in.in.Counts())
	if in.next != nil {
		sum.Add(in.next.Counts())
	}
	return sum
}
