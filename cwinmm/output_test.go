//go:build cgo && (linux || windows)

package cwinmm

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openOutput opens an output on the cable of a wire, whose client keeps the input.
func (w *wire) openOutput(options OutputOptions, deadline time.Duration) *Output {
	w.t.Helper()
	w.do(callOutClose, 0)
	assert.Equal(w.t, []string{"out close"}, w.hear(1))
	if options.Capacity == 0 {
		options.Capacity = 64
	}
	if options.SlowTicks == 0 {
		options.SlowTicks = 1 << 62
	}
	out, err := OpenOutput(&w.loop.Driver, 0, options, deadline)
	require.NoError(w.t, err)
	return out
}

// block has the cable carry nothing until it is released: its thread is in a callback, with a clock
// message.
func (w *wire) block(out *Output) (release func()) {
	w.t.Helper()
	w.hold(true)
	require.NoError(w.t, out.Send(0xF8))
	assert.Equal(w.t, []string{"data F8"}, w.hear(1))
	return func() { w.hold(false) }
}

func (w *wire) close(out *Output) {
	w.t.Helper()
	require.NoError(w.t, out.Close(time.Minute))
	out.Free()
}

// sysEx returns a long message of n bytes.
func sysEx(n int, data byte) []byte {
	return slices.Concat([]byte{0xF0}, slices.Repeat([]byte{data}, n-2), []byte{0xF7})
}

// until waits for the output's counts to become as they should be.
func until(t *testing.T, out *Output, is func(OutputCounts) bool) OutputCounts {
	t.Helper()
	var n OutputCounts
	require.Eventually(t, func() bool {
		n = out.Counts()
		return is(n)
	}, time.Minute, time.Millisecond, "%+v", &n)
	return n
}

func idle(n OutputCounts) bool { return n.Queued == 0 }

// What is sent after a long message waits for it, however small or large it is.
func TestLongAndShortMessagesKeepTheirOrder(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8, 8, 8)
	out := w.openOutput(OutputOptions{}, 5*time.Second)
	release := w.block(out)
	require.NoError(t, out.Send(0x013C90))
	require.NoError(t, out.SendLong([]byte{0xF0, 1, 0xF7}))
	require.NoError(t, out.Send(0x023C90))
	require.NoError(t, out.SendLong([]byte{0xF0, 0xF7}))
	require.NoError(t, out.SendLong([]byte{0xF0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xF7}))
	require.NoError(t, out.Send(0xF8))
	now := make(chan error)
	go func() { now <- out.SendNow(0x033C90) }() // meets the long ones, and leaves them to the output's thread
	release()
	require.NoError(t, <-now)
	assert.Equal(t, []string{
		"data 13C90", "long data 0: F0 01 F7", "data 23C90", "long data 1: F0 F7", "long data 2: F0 01 02 03 04 05 06 07",
		"long data 3: 08 09 F7", "data F8", "data 33C90",
	}, w.hear(8))
	n := out.Counts()
	assert.Equal(t, uint64(8), n.Sent, "with the first clock")
	assert.Equal(t, LongCounts{Sent: 3, Bytes: 16}, n.Long)
	w.close(out)
}

// Between chunks realtime messages pass, but no other message and nothing behind one.
func TestRealtimeMessagesPassBetweenChunks(t *testing.T) {
	for name, c := range map[string]struct {
		options OutputOptions
		sent    []uint32
		heard   []string
	}{
		"in chunks": {OutputOptions{LongChunk: 3}, []uint32{0xFA, 0xF8},
			[]string{"data FA", "data F8", "long data 0: F0 05 05 05 05 05 F7"}},
		"with pauses": {OutputOptions{LongChunk: 6, LongPause: 10 * time.Millisecond}, []uint32{0xFA, 0xF8},
			[]string{"data FA", "data F8", "long data 0: F0 05 05 05 05 05 F7"}},
		"whole": {OutputOptions{}, []uint32{0xFA, 0xF8},
			[]string{"long data 0: F0 05 05 05 05 05 F7", "data FA", "data F8"}},
		"behind a note": {OutputOptions{LongChunk: 3, LongPause: 10 * time.Millisecond}, []uint32{0xFA, 0x643C90, 0xF8},
			[]string{"data FA", "long data 0: F0 05 05 05 05 05 F7", "data 643C90", "data F8"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWire(t)
			w.lend(8)
			out := w.openOutput(c.options, 5*time.Second)
			release := w.block(out)
			require.NoError(t, out.SendLong(sysEx(7, 5)))
			for _, m := range c.sent {
				require.NoError(t, out.Send(m))
			}
			release()
			assert.Equal(t, c.heard, w.hear(len(c.heard)))
			assert.Equal(t, LongCounts{Sent: 1, Bytes: 7}, until(t, out, idle).Long)
			w.close(out)
		})
	}
}

// A clock that starts in a pause does not wait for its end.
func TestARealtimeMessageEndsNoPauseAndWaitsForNone(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{LongChunk: 3, LongPause: 200 * time.Millisecond}, 5*time.Second)
	require.NoError(t, out.SendLong(sysEx(4, 5)))
	until(t, out, func(n OutputCounts) bool { return n.Long.Bytes == 3 })
	require.NoError(t, out.Send(0xF8))
	assert.Equal(t, []string{"data F8"}, w.hear(1))
	assert.Equal(t, uint64(3), out.Counts().Long.Bytes)
	assert.Equal(t, []string{"long data 0: F0 05 05 F7"}, w.hear(1))
	w.close(out)
}

// However many realtime messages come, and a slow driver gets rid of: those that are there when a chunk is
// back are sent before the next one, and no more.
func TestAFloodOfRealtimeMessagesHoldsUpNoChunk(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{Capacity: 256, LongChunk: 3}, time.Minute)
	release := w.block(out)
	require.NoError(t, out.SendLong(sysEx(6, 5)))
	until(t, out, func(n OutputCounts) bool { return n.Long.Queued == 1 && n.Queued == 1 })
	w.script("midiOutShortMsg -> delay 1ms")
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				_ = out.Send(0xF8) // which finds the queue full, mostly
			}
		}
	}()
	until(t, out, func(n OutputCounts) bool { return n.Refused > 0 })
	release()
	assert.Equal(t, LongCounts{Sent: 1, Bytes: 6}, until(t, out, func(n OutputCounts) bool { return n.Long.Queued == 0 }).Long)
	close(done)
	<-ended
	w.script()
	w.close(out)
}

// A driver that does not give a message back in time keeps it and its memory; nothing else waits for
// it any longer. It may come home at any time.
func TestALongMessageThatDoesNotComeHomeIsHeld(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	out := w.openOutput(OutputOptions{}, 300*time.Millisecond)
	release := w.block(out)
	before := Held()
	require.NoError(t, out.SendLong(sysEx(6, 1)))
	require.NoError(t, out.Send(0x643C90))
	n := until(t, out, func(n OutputCounts) bool { return n.Sent == 2 })
	assert.Equal(t, LongCounts{Failed: 1, Held: 1, Memory: 6}, n.Long)
	assert.EqualError(t, n.LastError, "midiOutLongMsg: the driver did not return in time")
	require.ErrorIs(t, n.LastError, ErrTimedOut)
	assert.Equal(t, before+1, Held())

	release()
	assert.Equal(t, []string{"long data 0: F0 01 01 01 01 F7", "data 643C90"}, w.hear(2))
	n = until(t, out, func(n OutputCounts) bool { return n.Long.Held == 0 })
	assert.Equal(t, LongCounts{Failed: 1}, n.Long)
	assert.Equal(t, before, Held())
	require.NoError(t, out.SendLong(sysEx(6, 2)))
	assert.Equal(t, []string{"long data 1: F0 02 02 02 02 F7"}, w.hear(1))
	w.close(out)
}

// Closing resets the device if, and only if, that is needed to get a message back.
func TestClosingFetchesWhatTheDriverHolds(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(map[bool]string{false: "nothing", true: "a message"}[held], func(t *testing.T) {
			w := openWire(t)
			w.lend(8)
			out := w.openOutput(OutputOptions{}, time.Second)
			release := w.block(out)
			if held {
				require.NoError(t, out.SendLong(sysEx(6, 1)))
				until(t, out, func(n OutputCounts) bool { return n.Long.Held == 1 })
			}
			require.NoError(t, out.Close(time.Minute))
			assert.Zero(t, out.Counts().Long.Held)
			assert.Zero(t, out.Counts().Long.Memory)
			out.Free()
			w.do(callOutOpen, 0)
			w.do(callOutShort, 0xFE)
			release()
			var all []string
			for !slices.Contains(all, "data FE") {
				all = append(all, w.hear(1)...)
			}
			assert.Equal(t, held, slices.Contains(all, "data 400080"), "a note-off of the reset")
		})
	}
}

// Closing waits half its time for what is queued; then the books show what became of the rest.
func TestClosingCutsOffWhatTakesTooLong(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{}, time.Second)
	release := w.block(out)
	require.NoError(t, out.SendLong(sysEx(6, 1)))
	until(t, out, func(n OutputCounts) bool { return n.Long.Memory == 6 })
	require.NoError(t, out.Send(0x643C90))
	require.NoError(t, out.SendLong(sysEx(6, 2)))
	assert.EqualError(t, out.Close(time.Minute), "midiOutLongMsg: the driver did not return in time")
	n := out.Counts()
	out.Free()
	assert.Equal(t, [5]uint64{1, 1, 2, 0, 0}, [5]uint64{n.Sent, n.Failed, n.Dropped, n.Refused, n.Queued})
	assert.Equal(t, LongCounts{Failed: 1, Dropped: 1}, n.Long)
	release()
}

func TestAQueueOfLongMessagesIsBounded(t *testing.T) {
	const most = 16 << 20
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{Capacity: 4, DropOldest: true}, 5*time.Second)
	release := w.block(out)
	require.NoError(t, out.SendLong(sysEx(8, 1)))
	until(t, out, func(n OutputCounts) bool { return n.Long.Queued == 1 && n.Queued == 1 })
	require.NoError(t, out.SendLong(sysEx(most, 2)))
	require.NoError(t, out.SendLong(sysEx(most-8, 3)))
	require.ErrorIs(t, out.SendLong([]byte{0xF0, 0xF7}), ErrQueueBytes)
	require.ErrorIs(t, out.SendLong([]byte{0xF0, 0xF7}), ErrQueueFull)
	n := out.Counts()
	assert.Equal(t, LongCounts{Refused: 2, Queued: 3, Memory: 2 * most}, n.Long)
	assert.Equal(t, uint64(2), n.Refused)

	release()
	require.NoError(t, until(t, out, idle).LastError)
	assert.Equal(t, LongCounts{Sent: 3, Refused: 2, Bytes: 2 * most}, out.Counts().Long)
	w.close(out)
}

func TestAFullQueueTakesNoLongMessageOrDropsOne(t *testing.T) {
	const capacity, count = 4, 7
	for _, dropOldest := range []bool{false, true} {
		t.Run(map[bool]string{false: "refuses", true: "drops the oldest"}[dropOldest], func(t *testing.T) {
			w := openWire(t)
			w.lend(8, 8, 8, 8, 8, 8, 8)
			out := w.openOutput(OutputOptions{Capacity: capacity, DropOldest: dropOldest}, 5*time.Second)
			release := w.block(out)
			var accepted []byte
			for i := range byte(count) {
				if err := out.SendLong(sysEx(4, i)); err == nil {
					accepted = append(accepted, i)
				} else {
					require.ErrorIs(t, err, ErrQueueFull)
					require.NotErrorIs(t, err, ErrQueueBytes)
				}
			}
			n := out.Counts()
			assert.Equal(t, n.Long.Queued, n.Queued)
			assert.Equal(t, 4*n.Long.Queued, n.Long.Memory)
			if dropOldest {
				assert.Len(t, accepted, count)
				assert.NotZero(t, n.Long.Dropped)
				assert.Equal(t, n.Long.Dropped, n.Dropped)
				accepted = accepted[n.Long.Dropped:]
			} else {
				assert.Equal(t, uint64(count-len(accepted)), n.Long.Refused)
				assert.Equal(t, n.Long.Refused, n.Refused)
				assert.NotZero(t, n.Refused)
			}
			release()
			var got []byte
			for i := range uint32(len(accepted)) {
				w.hear(1)
				got = append(got, w.bytes(i, 4)[1])
			}
			assert.LessOrEqual(t, got[0], accepted[0]) // the thread may have had an older one
			assert.Equal(t, accepted[1:], got[1:])
			n = until(t, out, idle)
			assert.Equal(t, LongCounts{Sent: uint64(len(got)), Bytes: 4 * uint64(len(got)), Refused: n.Long.Refused, Dropped: n.Long.Dropped}, n.Long)
			w.close(out)
		})
	}
}

// Senders of all kinds collide. Everything accepted is sent, each sender's in order, and no short message
// comes within a long one.
func TestLongMessagesAmongManySenders(t *testing.T) {
	const senders, each = 4, 400
	w := openWire(t)
	w.lend(64, 64, 64, 64, 64, 64, 64)
	w.again(1 << 20)
	out := w.openOutput(OutputOptions{Capacity: 16, LongChunk: 5}, 30*time.Second)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for n := range each {
				message := uint32(0x90 | s | n>>7<<8 | n&0x7F<<16)
				send := func() error { return out.Send(message) }
				switch n % 16 {
				case 3:
					send = func() error { return out.SendNow(message) }
				case 5:
					send = func() error { return out.SendLong([]byte{0xF0, byte(s), byte(n >> 7), byte(n & 0x7F), 0, 0, 0, 0xF7}) }
				case 7:
					send = func() error { return out.Send(0xF8) }
				}
				err := send()
				for ; err != nil; err = send() {
					if !assert.ErrorIs(t, err, ErrQueueFull) {
						return
					}
					time.Sleep(100 * time.Microsecond)
				}
			}
		})
	}
	var next [senders]int
	for range senders * each {
		require.Eventually(t, func() bool { return len(w.heard(w.read)) > 0 }, time.Minute, time.Millisecond)
		h := w.heard(w.read)[0]
		w.read++
		var s, n int
		switch callbacks[h.message] {
		case "data":
			if h.param == 0xF8 {
				continue
			}
			s, n = int(h.param&15), int(h.param>>8&0x7F)<<7|int(h.param>>16&0x7F)
		case "long data":
			require.Equal(t, uint32(8), h.bytes)
			continue // its buffer may have been filled again
		default:
			require.Fail(t, callbacks[h.message], "a long message was cut off")
		}
		require.GreaterOrEqual(t, n, next[s])
		next[s] = n + 1
	}
	all.Wait()
	n := until(t, out, func(n OutputCounts) bool { return n.Sent >= senders*each })
	assert.Equal(t, uint64(senders*each), n.Sent)
	assert.Equal(t, LongCounts{Sent: senders * each / 16, Bytes: senders * each / 16 * 8, Refused: n.Long.Refused}, n.Long)
	w.close(out)
}

// The rest of a message is not sent faster because the output is being closed.
func TestClosingWithinAPauseSendsNoMore(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{LongChunk: 3, LongPause: time.Hour}, time.Second)
	require.NoError(t, out.SendLong(sysEx(6, 1)))
	until(t, out, func(n OutputCounts) bool { return n.Long.Bytes == 3 })
	require.EqualError(t, out.Close(time.Minute), "midiOutLongMsg: the driver did not return in time")
	assert.Equal(t, LongCounts{Failed: 1, Bytes: 3}, out.Counts().Long)
	out.Free()
}
