//go:build cgo && (linux || windows)

package cwinmm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openRing(t testing.TB, capacity int) *Ring {
	t.Helper()
	r, err := newRing(capacity, 0)
	require.NoError(t, err)
	t.Cleanup(r.free)
	return r
}

// drain takes at most n events and tells what was lost among and behind them, as negative numbers.
func drain(r *Ring, n int) (seen []int) {
	for left := min(int(r.Look()), n); left > 0; left-- {
		var ev Event
		var loss Loss
		if r.Next(&ev); ev.Kind() != KindGap {
			seen = append(seen, int(ev.Ticks))
		} else if r.Meet(&loss) {
			seen = append(seen, -int(loss.By.Total()))
		}
	}
	if loss := (Loss{}); r.Lost(&loss) {
		seen = append(seen, -int(loss.By.Total()))
	}
	return seen
}

// A producer on another thread that waits for room: all arrives, whole and in order, many times round.
func TestTheRingCarriesEventsWholeAcrossThreads(t *testing.T) {
	const count = 3_000_000
	for _, capacity := range []int{2, 16, 4096} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			r := openRing(t, capacity)
			pushed := make(chan uint64)
			go func() { pushed <- r.produce(0, count, true) }()
			var ev Event
			for next := uint64(0); next < count; {
				for range r.Look() {
					r.Next(&ev)
					if want := (Event{next, uint32(next & 0xFFFFFF), uint32(next)}); ev != want {
						t.Fatalf("event %d is %+v", next, ev)
					}
					next++
				}
			}
			assert.Equal(t, uint64(count), <-pushed)
			assert.False(t, r.Lost(&Loss{}))
		})
	}
}

// bursts are what a producer does at the consumer's word, one after the other: the first is 1.
type bursts struct{ begun, ended atomic.Uint64 }

func (b *bursts) begin(n uint64)       { b.begun.Store(n) }
func (b *bursts) isOver(n uint64) bool { return b.ended.Load() == n }

// produceBursts has a goroutine do each burst when it is begun, until the test ends.
func produceBursts(t *testing.T, burst func(n uint64)) *bursts {
	const over = ^uint64(0)
	b := &bursts{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := uint64(1); b.begun.Load() != over; runtime.Gosched() {
			if b.begun.Load() == n {
				burst(n)
				b.ended.Store(n)
				n++
			}
		}
	}()
	t.Cleanup(func() {
		b.begun.Store(over)
		<-ended
	})
	return b
}

// A producer that the consumer cannot follow, in bursts: losses are told where they happened, and when all is quiet,
// every note-off has been delivered or is among what the lost messages ended.
func TestLossesAreToldAtTheirPlaceWhileThereAreMore(t *testing.T) {
	const burst = 16
	r := openRing(t, 2)
	// In the events' lowest byte are note-offs on all channels, then.
	bursts := produceBursts(t, func(n uint64) { r.produce(n<<8|0x80, burst, false) })
	for n := uint64(1); n <= 100_000; n++ {
		var off, told uint64 // channels; events
		bursts.begin(n)
		tell := func(loss *Loss) {
			told += loss.By.Total()
			for channel, notes := range loss.Ends.NoteOff {
				if notes != [2]uint64{} {
					off |= 1 << channel
				}
			}
		}
		for quiet := false; !quiet; {
			quiet = bursts.isOver(n)
			for range r.Look() {
				var ev Event
				var loss Loss
				switch r.Next(&ev); ev.Kind() {
				case KindGap:
					r.Meet(&loss)
					tell(&loss)
				default:
					require.Equal(t, ev.Ticks&(burst-1), told, "told before an event, in burst %d", n)
					off |= 1 << (ev.Ticks & (burst - 1))
					told++
				}
			}
			var loss Loss
			if r.Lost(&loss) {
				tell(&loss)
			} else {
				runtime.Gosched()
			}
		}
		require.Equal(t, uint64(burst), told, "in burst %d", n)
		require.Equal(t, uint64(1<<burst-1), off, "channels on which a note was ended, in burst %d", n)
	}
}

// When all losses have been told, so has what the lost messages end.
func TestALossIsNotToldBeforeWhatItEnds(t *testing.T) {
	const burst = 4
	r := openRing(t, 2)
	bursts := produceBursts(t, func(uint64) { r.lose(0x407F8F, burst) }) // the note-off that is moved last
	for n := uint64(1); n <= 30_000; n++ {
		bursts.begin(n)
		var told uint64
		for quiet := false; !quiet; {
			quiet = bursts.isOver(n)
			r.Look()
			var loss Loss
			if r.Lost(&loss) {
				told += loss.By.Total()
			} else {
				runtime.Gosched()
			}
		}
		require.Equal(t, uint64(burst), told)
		r.produce(n, 1, false)
		require.Equal(t, []int{int(n)}, drain(r, 2), "before the event nothing is left to be told")
	}
}

// New routes may be run when every event has been taken, every loss told, and no callback can be running older ones.
func TestItIsCalmWhenNothingIsLeftToHandle(t *testing.T) {
	r := openRing(t, 2)
	assert.True(t, r.Calm())
	r.produce(0, 3, false) // the last of which is lost
	assert.False(t, r.Calm(), "two events wait")
	var ev Event
	for range r.Look() {
		r.Next(&ev)
	}
	assert.False(t, r.Calm(), "the loss has not been told")
	var loss Loss
	require.True(t, r.Lost(&loss))
	assert.True(t, r.Calm())
	r.older.Store(1)
	assert.False(t, r.Calm(), "older routes have not been freed")
}

// Gap records that nobody has met yet, more than there is room to say what they stand for: no loss is told before an
// event that came before it.
func TestMoreGapsThanThereAreEntriesFor(t *testing.T) {
	const count = 100
	r := openRing(t, 4*count)
	for n := range count {
		r.lose(uint32(0x400080|n<<8), 1) // note off
		r.produce(uint64(n), 1, false)
	}
	var told, events uint64
	after := -1 // the event that has come last
	tell := func(loss *Loss) {
		told += loss.By.Total()
		for half, notes := range loss.Ends.NoteOff[0] {
			for bit := range 64 {
				if notes>>bit&1 == 1 {
					assert.Greater(t, 64*half+bit, after, "a note that ended before an event, told behind it")
				}
			}
		}
	}
	for range r.Look() {
		var ev Event
		var loss Loss
		if r.Next(&ev); ev.Kind() != KindGap {
			after = int(ev.Ticks)
			events++
		} else if r.Meet(&loss) {
			assert.Equal(t, uint64(1), loss.By.Total(), "lost between two events")
			tell(&loss)
		}
	}
	if loss := (Loss{}); r.Lost(&loss) {
		tell(&loss)
	}
	assert.Equal(t, uint64(2*count), told+events, "each is delivered or told to be lost")
}

func TestErrorsAreFoundByTheirResult(t *testing.T) {
	for result, want := range map[MMResult][]error{
		2:       {ErrNoDevice},
		4:       {ErrInUse},
		5:       {ErrClosed, os.ErrClosed},
		6:       {ErrNoDevice},
		8:       {ErrNotSupported, errors.ErrUnsupported},
		68:      {ErrNoDevice},
		0x10000: {ErrTimedOut, os.ErrDeadlineExceeded},
	} {
		err := fmt.Errorf("port: %w", &Error{"midiInOpen", result})
		for _, target := range want {
			assert.ErrorIs(t, err, target, "%v", err)
		}
		assert.NotErrorIs(t, err, os.ErrPermission)
	}
	assert.EqualError(t, &Error{"midiInClose", 65}, "midiInClose: MIDIERR_STILLPLAYING: buffers are still queued")
	assert.EqualError(t, &Error{"midiInOpen", 999}, "midiInOpen: MMRESULT 999")
}

// The ring alone: pushing and draining on one thread, and from a C thread to a Go one.
func BenchmarkRing(b *testing.B) {
	b.Run("one thread", func(b *testing.B) {
		const batch = 1024
		r := openRing(b, 2*batch)
		var ev Event
		for n := 0; n < b.N; n += batch {
			r.produce(uint64(n), batch, false)
			for range r.Look() {
				r.Next(&ev)
			}
		}
	})
	b.Run("two threads", func(b *testing.B) {
		r := openRing(b, 4096)
		go r.produce(0, uint64(b.N), true)
		var ev Event
		for n := 0; n < b.N; {
			for range r.Look() {
				r.Next(&ev)
				n++
			}
		}
	})
}
