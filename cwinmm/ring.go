//go:build cgo && (linux || windows)

package cwinmm

// #include "ring.h"
import "C"

import (
	"sync/atomic"
	"unsafe"

	"github.com/onset-midi/onset/cwinmm/internal/release"
)

// Ring is the consumer's side of struct onset_ring in ring.h. Look, Next, Meet and Lost belong to one
// goroutine at a time; Counts may be called by any. Nothing in it enters cgo but newRing and free.
type Ring struct {
	// In C memory.
	head, lost, gaps, tail, gapsMet, calm *atomic.Uint64
	gone, older                           *atomic.Uint32
	lostBy                                *[losses]atomic.Uint64
	gap                                   *[C.ONSET_GAPS]gap
	slots                                 unsafe.Pointer
	mask                                  uint64

	// The consumer's own.
	next     uint64         // index of the next event; what tail says
	end      uint64         // head when last looked at
	lostSeen uint64         // lost when last looked at
	told     uint64         // losses told so far
	toldBy   [losses]uint64 // what they were
	met      uint64         // gap records; what gapsMet says

	capacity  uint64
	highWater atomic.Uint64
	c         *C.struct_onset_ring
}

const losses = C.ONSET_LOSSES

// gap is struct onset_gap.
type gap struct {
	noteOff [16][2]atomic.Uint64
	pedalUp atomic.Uint32
	allOff  atomic.Uint32
	lostBy  [losses]atomic.Uint64
	tags    atomic.Uint32
}

const (
	_ = uint(unsafe.Sizeof(Event{}) - C.sizeof_struct_onset_event) // the same size,
	_ = uint(C.sizeof_struct_onset_event - unsafe.Sizeof(Event{})) // both ways
	_ = uint(unsafe.Offsetof(Event{}.Data)-8) + uint(8-unsafe.Offsetof(Event{}.Data))
	_ = uint(unsafe.Sizeof(gap{}) - C.sizeof_struct_onset_gap)
	_ = uint(C.sizeof_struct_onset_gap - unsafe.Sizeof(gap{}))
	_ = uint(len(LostBy{}) - losses)
	_ = uint(losses - len(LostBy{}))
	_ = uint(unsafe.Offsetof(gap{}.pedalUp)-256) + uint(256-unsafe.Offsetof(gap{}.pedalUp))
	_ = uint(unsafe.Offsetof(gap{}.lostBy)-264) + uint(264-unsafe.Offsetof(gap{}.lostBy))
	_ = uint(unsafe.Offsetof(gap{}.tags)-312) + uint(312-unsafe.Offsetof(gap{}.tags))
	_ = uint(unsafe.Offsetof(Event{}.DriverMS)-12) + uint(12-unsafe.Offsetof(Event{}.DriverMS))
)

// newRing makes a ring in which capacity short messages may wait, and above them the events of so many
// buffers.
func newRing(capacity, buffers int) (*Ring, error) {
	c := C.onset_ring_new(C.uint64_t(capacity), C.uint64_t(buffers))
	if c == nil {
		return nil, &Error{"ring", mmNoMem}
	}
	// Offsets as asserted in ring.h.
	at := func(offset int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(c), offset) }
	word := func(offset int) *atomic.Uint64 { return (*atomic.Uint64)(at(offset)) }
	return &Ring{
		head:     word(0),
		lost:     word(8),
		gaps:     word(32),
		gone:     (*atomic.Uint32)(at(40)),
		tail:     word(C.ONSET_APART),
		gapsMet:  word(C.ONSET_APART + 8),
		calm:     word(C.ONSET_APART + 16),
		older:    (*atomic.Uint32)(at(C.ONSET_APART + 24)),
		lostBy:   (*[losses]atomic.Uint64)(at(3 * C.ONSET_APART)),
		gap:      (*[C.ONSET_GAPS]gap)(at(4 * C.ONSET_APART)),
		slots:    unsafe.Pointer(C.onset_ring_slots(c)),
		mask:     uint64(c.mask),
		capacity: uint64(capacity),
		c:        c,
	}, nil
}

// free gives the consumer's side up. The producer's keeps the memory for as long as it needs it.
func (r *Ring) free() { C.onset_ring_drop(r.c) }

// Look sees how far the producer has come and returns how many events Next may now be called for.
func (r *Ring) Look() uint64 {
	// In either order: lost says only whether Lost has anything to do, which reads head once more. Acquire pairs with the
	// releases in onset_ring_refuse and onset_ring_publish.
	r.lostSeen = r.lost.Load()
	r.end = r.head.Load()
	waiting := r.end - r.next
	if waiting > r.highWater.Load() {
		r.highWater.Store(waiting)
	}
	return waiting
}

// News reports whether Look would find anything, reading both words seq_cst and not moving a thing:
// the look between Waiter.Arm and Waiter.Wait.
func (r *Ring) News() bool {
	return r.lost.Load() > r.told || r.head.Load() != r.next
}

// Next copies out the next event and hands its slot back to the producer, so that what is done with
// the event holds up nobody. Call it no more often than Look said. An event of KindGap is to be followed by
// Meet.
func (r *Ring) Next(ev *Event) {
	*ev = *(*Event)(unsafe.Add(r.slots, (r.next&r.mask)*uint64(unsafe.Sizeof(Event{}))))
	r.next++
	// Release: the copy is made before the producer may write the slot (onset_ring_push acquires).
	release.Store(r.tail, r.next)
}

// Meet makes loss what has been lost at the place of the gap record that Next copied out, and has its entry
// used again. False: Lost has told all of it already.
func (r *Ring) Meet(loss *Loss) bool {
	g := &r.gap[r.met%C.ONSET_GAPS]
	r.take(g, loss)
	r.tell(read(&g.lostBy), loss)
	r.met++
	// Release: the entry has been read (gap_fits acquires).
	release.Store(r.gapsMet, r.met)
	return loss.By != LostBy{} || loss.Ends != Ends{}
}

// take empties an entry of what the lost messages ended. With exchanges: the producer may be adding to it.
func (r *Ring) take(g *gap, loss *Loss) {
	for channel := range g.noteOff {
		for half := range g.noteOff[channel] {
			loss.Ends.NoteOff[channel][half] = takeWord(&g.noteOff[channel][half])
		}
	}
	loss.Ends.PedalUp = uint16(g.pedalUp.Swap(0))
	loss.Ends.AllOff = uint16(g.allOff.Swap(0))
	loss.Tags = uint16(g.tags.Swap(0)) // after what they are of: keep_end in ring.c
}

func takeWord(w *atomic.Uint64) uint64 {
	if w.Load() == 0 { // mostly: a look costs less than an exchange
		return 0
	}
	return w.Swap(0)
}

func read(words *[losses]atomic.Uint64) (total [losses]uint64) {
	for i := range words {
		total[i] = words[i].Load()
	}
	return total
}

// tell makes loss.By what a total has over what has been told, and counts it as told. A gap record's total may
// be older than what Lost has told since.
func (r *Ring) tell(total [losses]uint64, loss *Loss) {
	for i, n := range total {
		loss.By[i] = 0
		if n > r.toldBy[i] {
			loss.By[i] = n - r.toldBy[i]
			r.toldBy[i] = n
			r.told += loss.By[i]
		}
	}
}

// NextTicks returns the time stamp of the event that Next would copy out.
func (r *Ring) NextTicks() uint64 {
	return *(*uint64)(unsafe.Add(r.slots, (r.next&r.mask)*uint64(unsafe.Sizeof(Event{}))))
}

// Lost makes loss what has been lost behind everything that Look saw, once Next has taken all of that, and
// counts it as told: a loss followed by silence has no record in the ring. False: nothing.
func (r *Ring) Lost(loss *Loss) bool {
	if r.next != r.end || r.lostSeen <= r.told {
		return false
	}
	// The totals, then head, then what the lost messages ended. Acquire: what a loss that is counted here has ended
	// is in the open entry (onset_ring_refuse, onset_ring_absorb), and what was published before it is below head.
	total := read(r.lostBy)
	// Acquire: pairs with onset_ring_publish. Something has come since: part of the loss may belong behind that. It has
	// a record before it, which tells the rest.
	if r.head.Load() != r.end {
		return false
	}
	r.take(&r.gap[r.met%C.ONSET_GAPS], loss)
	r.tell(total, loss)
	return true
}

// Gone reports whether the device has vanished. Asked before Look, every event it delivered is found.
func (r *Ring) Gone() bool { return r.gone.Load() != 0 }

// Pointer returns the struct onset_ring, for package rival.
func (r *Ring) Pointer() unsafe.Pointer { return unsafe.Pointer(r.c) }

// Capacity returns how many short messages may wait.
func (r *Ring) Capacity() uint64 { return r.capacity }

// Calm says that all events have been handled, as Next's caller has those that it was given: routes that wait for
// that may be run (routes.h), if nothing has come since. False: there is something to look at or to tell first, or a
// callback may still be running routes that were replaced.
func (r *Ring) Calm() bool {
	if !r.settled() {
		return false
	}
	r.calm.Store(r.next)
	return true
}

// settled reports whether nothing is to be looked at or told, and no callback is running routes that were replaced.
func (r *Ring) settled() bool {
	// Older first: what has been sent along routes that are freed is below the head read after it (free_retired in
	// input.c).
	return r.older.Load() == 0 && r.emptied()
}

func (r *Ring) emptied() bool { return r.head.Load() == r.next && r.lost.Load() <= r.told }

// Drained reports whether Next has taken all that Look saw.
func (r *Ring) Drained() bool { return r.next == r.end }
