//go:build cgo && (linux || windows)

package cwinmm

/*
#include "faults.h"
#include "loopback.h"

// cgo does not see arrays without a size.
static struct onset_fault *fault(struct onset_faults *faults, uint32_t n) {
    return &faults->faults[n];
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"time"
	"unicode/utf16"
)

// Loopback is a driver of virtual cables: loopback.c. A cable is named by its index in the list it
// was made from. The methods may be called concurrently.
type Loopback struct {
	Driver
	cables int

	mu     sync.Mutex
	faults Faults // under way
}

// NewLoopback makes a cable for each name: at most 31 UTF-16 units, as WinMM's are, and not empty.
func NewLoopback(names ...string) (*Loopback, error) {
	if len(names) == 0 || len(names) > 255 {
		return nil, fmt.Errorf("loopback: %d cables: from 1 to 255 are possible", len(names))
	}
	units := make([][32]C.uint16_t, len(names))
	for i, name := range names {
		if n := len(utf16.Encode([]rune(name))); n == 0 || n > 31 {
			return nil, fmt.Errorf("loopback: cable name %q: from 1 to 31 UTF-16 units are possible", name)
		}
		wide(units[i][:], name)
	}
	d := C.onset_loopback_new(&units[0], C.uint32_t(len(names)))
	if d == nil {
		return nil, &Error{"loopback", mmNoMem}
	}
	return &Loopback{Driver: Driver{c: d}, cables: len(names)}, nil
}

func (l *Loopback) check(cable int) {
	if cable < 0 || cable >= l.cables {
		panic(fmt.Sprintf("loopback: cable %d of %d", cable, l.cables))
	}
}

// Source is what a cable's own thread plays into the cable's input: struct onset_source in
// loopback.h. SourceMessage says which messages.
type Source struct {
	Count    uint64
	Interval time.Duration // 0: as fast as the callback returns
	// Follow, if not nil, is a ring, not yet freed, in which the source lets no more than Window events
	// wait.
	Follow *Ring
	Window uint64
}

// Play plays source and returns when it is done, with the number of messages delivered: fewer than
// Count if the input was stopped. One source a cable at a time.
func (l *Loopback) Play(cable int, source Source) uint64 {
	l.check(cable)
	c := C.struct_onset_source{
		count:       C.uint64_t(source.Count),
		interval_ns: C.uint64_t(source.Interval),
		window:      C.uint64_t(source.Window),
		processor:   -1,
	}
	if source.Follow != nil {
		C.onset_ring_hold(source.Follow.c)
		defer C.onset_ring_drop(source.Follow.c)
		c.follow = source.Follow.c
	}
	return uint64(C.onset_loopback_play(l.c, C.uint32_t(cable), &c).delivered)
}

// Performance is how a trace is played.
type Performance struct {
	Clock     Clock
	Raise     bool          // the cable's thread, as drivers do
	Processor int           // for that thread; below 0: any
	Busy      time.Duration // that it computes for after each callback
	Moves     int           // 0, or after how many messages it moves to the next processor; it begins at Processor, or 0
}

// Played is how that went.
type Played struct {
	Delivered uint64 // fewer than the trace's rows if the input was stopped
	Granted   Priority
	Pinned    bool          // to the processor, and to each that it moved to
	CPU       time.Duration // processor time the thread used
}

// RowLong in the top byte of a trace's message makes it a system exclusive message of as many bytes as its
// low half says, at least 2: F0, zeros, F7.
const RowLong = 0x01

// Perform plays a trace's messages at their times, notes in it what happens, and returns when it is done.
// One source a cable at a time.
func (l *Loopback) Perform(cable int, trace *Trace, how Performance) Played {
	l.check(cable)
	c := C.struct_onset_source{
		count:     trace.c.count,
		trace:     trace.c,
		clock:     C.enum_onset_clock(how.Clock),
		raise:     C.bool(how.Raise),
		processor: C.int(how.Processor),
		busy_ns:   C.uint64_t(max(how.Busy, 0)),
	}
	if how.Moves > 0 {
		c.moves, c.processors, c.processor = C.uint64_t(how.Moves), C.uint32_t(runtime.NumCPU()), C.int(max(how.Processor, 0))
	}
	played := C.onset_loopback_play(l.c, C.uint32_t(cable), &c)
	return Played{
		Delivered: uint64(played.delivered),
		Granted:   Priority(played.granted),
		Pinned:    bool(played.pinned),
		CPU:       time.Duration(played.cpu_ns),
	}
}

// Sink has what is sent to the cable noted in trace, and go nowhere; nil makes it a cable again. Nobody
// writes to an earlier trace when it returns.
func (l *Loopback) Sink(cable int, trace *Trace, clock Clock) {
	l.check(cable)
	var c *C.struct_onset_trace
	if trace != nil {
		c = trace.c
	}
	C.onset_loopback_sink(l.c, C.uint32_t(cable), c, C.enum_onset_clock(clock))
}

// Rogue is a driver thread that keeps to no rules: it calls the callback of an input on its caller's
// thread and under no lock, at the same time as the cable's own thread, and on after the input has been
// closed. Its methods may be called concurrently.
type Rogue struct{ c C.struct_onset_rogue }

// Rogue returns a rogue for the cable's open input; nil: none is open.
func (l *Loopback) Rogue(cable int) *Rogue {
	l.check(cable)
	c := C.onset_loopback_rogue(l.c, C.uint32_t(cable))
	if c.callback == nil {
		return nil
	}
	return &Rogue{c}
}

// Data calls with MIM_DATA and the first count messages of a Source.
func (r *Rogue) Data(count uint64) { C.onset_rogue_call(r.c, C.MIM_DATA, C.uint64_t(count)) }

// MoreData calls with MIM_MOREDATA.
func (r *Rogue) MoreData(count uint64) { C.onset_rogue_call(r.c, C.MIM_MOREDATA, C.uint64_t(count)) }

// Malformed calls with MIM_ERROR.
func (r *Rogue) Malformed(count uint64) { C.onset_rogue_call(r.c, C.MIM_ERROR, C.uint64_t(count)) }

// Vanish calls with MIM_CLOSE.
func (r *Rogue) Vanish() { C.onset_rogue_call(r.c, C.MIM_CLOSE, 1) }

// Slow lets each midiOutShortMsg, midiOutLongMsg and midiInClose on the cable take at least d.
func (l *Loopback) Slow(cable int, d time.Duration) {
	l.check(cable)
	C.onset_loopback_slow(l.c, C.uint32_t(cable), C.uint64_t(max(d, 0)))
}

// Unplug pulls a cable out: open handles hear of it, the device list closes up.
func (l *Loopback) Unplug(cable int) {
	l.check(cable)
	C.onset_loopback_unplug(l.c, C.uint32_t(cable))
}

// Replug puts a cable back, at a place of the list or at its end where that is less; handles that are
// still open stay dead. Name and id, if not empty, are its new ones: at most 31 and 255 UTF-16 units.
func (l *Loopback) Replug(cable, place int, name, id string) {
	l.check(cable)
	var c C.struct_onset_fault // has room for both
	wide(c.name[:], name)
	wide(c.id[:], id)
	C.onset_loopback_replug(l.c, C.uint32_t(cable), C.uint32_t(place), &c.name[0], &c.id[0])
}

// Script has faults happen from now on, in place of those there were. Calls that hang or are delayed go
// on, events that have not happened do not happen any more. None: nothing goes wrong. A cable that there is
// not is an error.
func (l *Loopback) Script(faults Faults) error {
	for _, f := range faults.list {
		if f.cable >= l.cables {
			return fmt.Errorf("%s: cable %d: from 0 to %d are possible", f.at, f.cable, l.cables-1)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(faults.list) == 0 {
		l.faults = faults
		C.onset_loopback_script(l.c, nil)
		return nil
	}
	table := C.onset_faults_new(C.uint32_t(len(faults.list)))
	if table == nil {
		return &Error{"loopback", mmNoMem}
	}
	for i, f := range faults.list {
		c := C.fault(table, C.uint32_t(i))
		c.on = C.enum_onset_call(f.on)
		c.cable = C.int32_t(f.cable)
		c.first, c.last = C.uint64_t(f.first), C.uint64_t(f.last)
		c.after_ns = C.uint64_t(f.after)
		c.effect = C.enum_onset_effect(f.effect)
		c.value = C.int64_t(f.value)
		c.message, c.data = C.uint32_t(f.message), C.uint32_t(f.data)
		wide(c.name[:], f.name)
		wide(c.id[:], f.id)
	}
	l.faults = faults
	C.onset_loopback_script(l.c, table)
	return nil
}

// The constants of faults.go are those of faults.h; it does not compile if they are not.
var _ = map[bool]int{
	false: 0,
	C.ONSET_TIME == onTime && C.ONSET_SUSPEND == effectSuspend: 1,
}

// Strikes returns what has become of the script's faults, in their order; nil: it has ended.
func (l *Loopback) Strikes() []Strike {
	l.mu.Lock()
	defer l.mu.Unlock()
	var strikes []Strike
	for i, line := range l.faults.lines {
		strikes = append(strikes, Strike{line, uint64(C.onset_loopback_struck(l.c, C.uint32_t(i)))})
	}
	return strikes
}

// Struck returns how often faults of the script have happened, or begun to.
func (l *Loopback) Struck() (times uint64) {
	for _, s := range l.Strikes() {
		times += s.Times
	}
	return times
}

// Close ends the script and gives the driver up. Handles that are open keep what they need of it.
func (l *Loopback) Close() {
	_ = l.Script(Faults{}) // which cannot fail
	l.Driver.Close()
}

// Readded returns how many buffers were added to the cable's input while midiInReset gave them back.
func (l *Loopback) Readded(cable int) uint64 {
	l.check(cable)
	return uint64(C.onset_loopback_readded(l.c, C.uint32_t(cable)))
}

// Calls returns how many callbacks the cable has made with a message or a buffer, full or empty, those of
// faults and those after its input has been closed among them; not a Rogue's.
func (l *Loopback) Calls(cable int) uint64 {
	l.check(cable)
	return uint64(C.onset_loopback_calls(l.c, C.uint32_t(cable)))
}

// Dropped returns how many bytes of long messages the cable's input had no buffer for, or were the rest
// of one that was cut off.
func (l *Loopback) Dropped(cable int) uint64 {
	l.check(cable)
	return uint64(C.onset_loopback_dropped(l.c, C.uint32_t(cable)))
}

// OpenHandles returns how many sides of cables are open.
func (l *Loopback) OpenHandles() int { return int(C.onset_loopback_open_handles(l.c)) }
