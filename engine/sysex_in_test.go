//go:build cgo

package engine_test

import (
	"bytes"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// sysex makes a message of so many bytes, at least 2, that no other number gives.
func sysex(size, number int) []byte {
	m := make([]byte, size)
	for i := range m {
		m[i] = byte((i*7 + i/100 + number) % 128)
	}
	m[0], m[size-1] = engine.SysEx, engine.EndOfSysEx
	return m
}

// What an event from ReadInto points at is good until the next call.
func TestSysExFromReadInto(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{SysExBuffers: 100})
	out := r.output(t, 0, engine.OutputOptions{})
	events := make([]engine.Event, 16)
	for sent, got := 0, 0; got < 100; {
		for ; sent < min(got+20, 100); sent++ { // never more than there are buffers
			require.NoError(t, out.SendSysEx(sysex(10, sent)))
		}
		n, err := r.ReadInto(events)
		require.NoError(t, err)
		for i, ev := range events[:n] {
			require.Equal(t, n-1, i, "the bytes of those before are not good any more")
			require.Equal(t, sysex(10, got), ev.SysEx)
			got++
		}
	}
}

// Realtime messages that come within a long one are delivered in the order of callbacks, without waiting for its end,
// and are no part of it. Here a driver says so between the chunks of one that takes several buffers, or that one
// buffer holds; the last chunks are on their way only when the realtime messages have been handled.
func TestRealtimeWithinSysExArrivesAtOnce(t *testing.T) {
	for _, size := range []int{16, 4096} { // of the buffers
		r := newRaisedRig(t, engine.Options{})
		in := r.input(t, 0, engine.InputOptions{SysExBuffers: 8, SysExBufferSize: size})
		out := r.output(t, 0, engine.OutputOptions{LongChunk: 20})
		r.script(t,
			"midiOutLongMsg nth=2 -> MIM_DATA message=F8",
			"midiOutLongMsg nth=3 -> MIM_MOREDATA message=FA",
			"midiOutLongMsg nth=3 -> MIM_DATA message=FE",
			"midiOutLongMsg nth=3 -> hang")
		require.NoError(t, out.SendSysEx(sysex(100, 1)))
		require.NoError(t, out.Send(engine.TuneRequest))
		var got []engine.Message
		r.run(t, func(ev *engine.Event) bool {
			switch ev.Kind {
			case engine.KindSysExDry: // the wire may be quicker than the buffers come back
			case engine.KindSysEx:
				assert.Equal(t, sysex(100, 1), ev.SysEx)
				got = append(got, engine.SysEx)
			default:
				assert.Equal(t, engine.KindMessage, ev.Kind)
				got = append(got, ev.Message)
			}
			if ev.Message == engine.ActiveSensing {
				r.script(t) // which lets the call return
			}
			return ev.Message == engine.TuneRequest
		})
		assert.Equal(t, []engine.Message{engine.Clock, engine.Start, engine.ActiveSensing, engine.SysEx, engine.TuneRequest}, got)
		balanced(t, in.Stats())
		assert.Zero(t, in.Stats().SysExInterrupted)
	}
}

// Nor does it end with the input, whose memory is freed when ReadInto is called again.
func TestSysExFromReadIntoOutlastsItsInput(t *testing.T) {
	r := newCase(t, engine.Options{})
	// So much that freeing it makes it unreadable.
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 256, SysExBufferSize: 1 << 16})
	require.NoError(t, r.output(t, 0, engine.OutputOptions{}).SendSysEx(sysex(10, 1)))
	events := make([]engine.Event, 16)
	n, err := r.ReadInto(events)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, in.Close())
	require.NoError(t, r.input(t, 0, engine.InputOptions{}).Close()) // of which nothing has been read
	assert.Equal(t, sysex(10, 1), events[0].SysEx)
	blocks := cwinmm.Blocks()
	r.SetReadDeadline(time.Now())
	_, err = r.ReadInto(events)
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Less(t, cwinmm.Blocks(), blocks)
}

// So do the bytes that a handler has been given: who closes its input meanwhile waits.
func TestSysExInAHandlerOutlastsItsInput(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 256, SysExBufferSize: 1 << 16})
	require.NoError(t, r.output(t, 0, engine.OutputOptions{}).SendSysEx(sysex(10, 1)))
	closed := make(chan error, 1)
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind != engine.KindSysEx {
			return false
		}
		go func() { closed <- in.Close() }()
		select {
		case err := <-closed:
			assert.Fail(t, "closed within the handler")
			closed <- err
		case <-time.After(100 * time.Millisecond):
		}
		assert.Equal(t, sysex(10, 1), ev.SysEx)
		return true
	})
	assert.NoError(t, <-closed)
}

// Closing the engine frees it even so.
func TestSysExFromReadIntoIsFreedWithTheEngine(t *testing.T) {
	for _, name := range []string{"the input closed first", "both at once"} {
		t.Run(name, func(t *testing.T) {
			r := newCase(t, engine.Options{}) // which looks for leaks
			in := r.input(t, 0, engine.InputOptions{})
			require.NoError(t, r.output(t, 0, engine.OutputOptions{}).SendSysEx(sysex(10, 1)))
			_, err := r.ReadInto(make([]engine.Event, 16))
			require.NoError(t, err)
			if name == "the input closed first" {
				require.NoError(t, in.Close())
			}
			require.NoError(t, r.Close())
		})
	}
}

func TestSysExIsFilteredWithoutLosingBuffers(t *testing.T) {
	r := newRaisedRig(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 40, Ignore: engine.Ignore{SysEx: true}})
	out := r.output(t, 0, engine.OutputOptions{})
	for i := range 100 {
		require.NoError(t, out.SendSysEx(sysex(10, i)))
		require.Eventually(t, func() bool { return in.Stats().Filtered == uint64(i+1) }, 10*time.Second, 10*time.Microsecond)
	}
	balanced(t, in.Stats())
}

// A message in one buffer is handed over where it is; one in several is put together in memory that is used again.
func TestSysExDoesNotAllocate(t *testing.T) {
	const count = 10_000
	objects := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	r := newRaisedRig(t, engine.Options{}) // as above: a buffer that is late is a message lost
	r.input(t, 0, engine.InputOptions{SysExBuffers: 256, SysExBufferSize: 32})
	out := r.output(t, 0, engine.OutputOptions{Capacity: 1 << 15})
	short, long := sysex(20, 1), sysex(100, 2)
	send := func(n int) error {
		return out.SendSysEx([][]byte{short, long}[n%2])
	}
	read := func() uint64 {
		runtime.GC() // objects are counted late, at a collection
		metrics.Read(objects)
		return objects[0].Value.Uint64()
	}
	// Something that is no event's may allocate meanwhile, on a busy machine: what an event does is in every round.
	const warm, rounds = 100, 5
	var before, least uint64
	n, wrong := 0, 0
	require.NoError(t, send(n))
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindSysExDry {
			return false
		}
		if !bytes.Equal(ev.SysEx, [][]byte{short, long}[n%2]) || send(n+1) != nil {
			wrong++
		}
		n++
		if n < warm || (n-warm)%count != 0 {
			return false
		}
		now := read()
		round := (n - warm) / count
		if round == 1 || round > 1 && now-before < least {
			least = now - before
		}
		before = now
		return round > 0 && least < count/100 || round == rounds
	})
	assert.Zero(t, wrong)
	assert.Less(t, least, uint64(count/100))
}
