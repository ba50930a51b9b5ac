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
	// EndNotes has a note-off delivered for every note that is held, as far as the events tell, where events are
	// missing (KindGap) and when the device is lost.
	EndNotes bool
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
	engine *Engine
	info   PortInfo
	port   Port
	in     *cwinmm.Input

	closer closer        // once begun, no more events to the handler
	gone   chan struct{} // closed when the poller has let go of it

	// The poller's own.
	stream   stream
	vanished bool   // the device has gone
	waiting  uint64 // events left to deliver in a merged pass
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
	info, err := pick(e.driver, In, port, e.options.Deadline)
	if err != nil {
		return nil, err
	}
	in := &Input{engine: e, info: info, gone: make(chan struct{}), closer: newCloser()}
	in.in, err = cwinmm.OpenInput(e.driver, info.Index, e.waiter, cwinmm.InputOptions{
		Capacity: options.Capacity,
		Filter:   options.Ignore.filter(),
		Clock:    StampClock(),
		Buffers:  options.SysExBuffers,
		Size:     options.SysExBufferSize,
		Raise:    !e.options.NormalPriority,
	}, e.options.Deadline)
	if err != nil {
		return nil, &PortError{info, err}
	}
	in.stream.in, in.stream.buffer, in.stream.sysex.limit = in.in, -1, options.SysExLimit
	if options.EndNotes {
		in.stream.notes = new([16][2]uint64)
	}
	if !e.addInput(in) {
		_ = in.in.Close(e.options.Deadline) // nobody has seen it open
		in.in.Free()
		return nil, ErrClosed
	}
	return in, nil
}

// Info describes the port as it was when it was opened.
func (in *Input) Info() PortInfo { return in.info }

// Port returns what identifies this input in events.
func (in *Input) Port() Port { return in.port }

// Close stops the input and closes its device. No event of it reaches a handler after Close has
// returned; those that were waiting are counted as closed. It waits for the driver and for a handler
// that is busy with one of its events, each for at most Options.Deadline; within a handler it returns
// at once, and the work is done when Run returns. The error is a *PortError. Later and concurrent
// calls wait for the first and return its error.
func (in *Input) Close() error { return in.closer.close(in.engine, in.shut) }

func (in *Input) shut() error {
	vanished := in.in.Ring.Gone()
	err := in.in.Close(in.engine.options.Deadline)
	in.engine.removeInput(in)
	var refused *DriverError
	if vanished && errors.As(err, &refused) && !errors.Is(err, ErrTimedOut) {
		err = nil // a device that has gone cannot be closed in good order
	}
	select {
	case <-in.gone:
	case <-time.After(in.engine.options.Deadline):
		// Its ring is freed when the handler returns.
		err = errors.Join(err, fmt.Errorf("handler still busy: %w", ErrTimedOut))
	}
	if err == nil {
		return nil
	}
	return &PortError{in.info, err}
}
