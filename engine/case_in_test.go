//go:build cgo

package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// MIM_LONGERROR is told each time, with what there was of the message, and its buffer goes back to the driver,
// which would have none left soon.
func TestCase10LongError(t *testing.T) {
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{SysExBuffers: 4}), r.output(t, 0, engine.OutputOptions{})
	r.script(t, "message cable=0 -> MIM_LONGERROR bytes=5", "message cable=0 -> MIM_LONGERROR")
	next := func() { assert.NoError(t, out.SendNow(0xF8)) }
	next()
	var with, without uint64
	r.run(t, func(ev *engine.Event) bool {
		switch {
		case ev.Kind == engine.KindMessage:
			if with >= 50 && without >= 50 {
				return true
			}
			next() // a buffer that is late is missed in this round
		case ev.Kind == engine.KindSysExDry:
		case assert.Equal(t, engine.KindSysExInterrupted, ev.Kind) && len(ev.SysEx) > 0:
			assert.Equal(t, []byte{0xF0, 1, 2, 3, 4}, ev.SysEx)
			with++
		default:
			without++
		}
		return false
	})
	assert.GreaterOrEqual(t, in.Stats().SysExInterrupted, with+without) // those of the last round may be there
	r.script(t)
	require.NoError(t, out.SendSysEx(sysex(20, 1)))
	r.run(t, func(ev *engine.Event) bool { return ev.Kind == engine.KindSysEx })
}

// MIM_MOREDATA carries a message like any other, and MIM_ERROR bytes that are none; both are counted.
func TestCase11MoreDataAndErrors(t *testing.T) {
	r := newCase(t, engine.Options{})
	// Channel 1 is ignored, but what is malformed has none.
	in := r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{Channels: 1 << 1}})
	rogue := r.rogue(0)
	rogue.MoreData(3) // channels 0, 1, 2
	rogue.Malformed(2)
	var got []engine.Event
	r.run(t, func(ev *engine.Event) bool {
		got = append(got, *ev)
		return len(got) == 4
	})
	for i, want := range []struct {
		kind    engine.Kind
		message uint64
	}{{engine.KindMessage, 0}, {engine.KindMessage, 2}, {engine.KindMalformed, 0}, {engine.KindMalformed, 1}} {
		assert.Equal(t, want.kind, got[i].Kind)
		assert.Equal(t, engine.SourceMessage(want.message), got[i].Message)
	}
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, [4]uint64{5, 3, 2, 1}, [4]uint64{s.Received, s.MoreData, s.Malformed, s.Filtered})
}

// Messages of any length arrive as they were sent, in order with the others, also if they are longer than all
// buffers together.
func TestCase15SysExLongerThanThePool(t *testing.T) {
	sizes := []int{2, 3, 15, 16, 17, 64, 65, 1000, 30_000, 2}
	r := newRaisedCase(t, engine.Options{}) // the driver waits 10 ms for a buffer
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 32, SysExBufferSize: 64})
	out := r.output(t, 0, engine.OutputOptions{})
	for i, size := range sizes {
		require.NoError(t, out.SendSysEx(sysex(size, i)))
		require.NoError(t, out.Send(engine.Message(engine.ProgramChange|i<<8)))
	}
	n := 0
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindSysExDry { // the wire may be quicker than the buffers come back
			return false
		}
		if n%2 == 0 {
			assert.Equal(t, engine.KindSysEx, ev.Kind)
			assert.Equal(t, sysex(sizes[n/2], n/2), ev.SysEx)
		} else {
			assert.Equal(t, engine.KindMessage, ev.Kind)
			assert.Equal(t, engine.Message(engine.ProgramChange|n/2<<8), ev.Message)
			assert.Nil(t, ev.SysEx)
		}
		n++
		return n == 2*len(sizes)
	})
	s := in.Stats()
	balanced(t, s)
	assert.EqualValues(t, len(sizes), s.SysEx)
	assert.Zero(t, s.SysExCut+s.SysExInterrupted+s.SysExEmpty+s.SysExRefused)
	require.NoError(t, in.Close())
}

func TestCase15SysExLongerThanTheLimit(t *testing.T) {
	for _, size := range []int{16, 1000} {
		t.Run(fmt.Sprintf("buffers of %d", size), func(t *testing.T) {
			r := newCase(t, engine.Options{})
			in := r.input(t, 0, engine.InputOptions{SysExLimit: 100, SysExBufferSize: size})
			out := r.output(t, 0, engine.OutputOptions{})
			require.NoError(t, out.SendSysEx(sysex(101, 0)))
			require.NoError(t, out.SendSysEx(sysex(100, 1)))
			var kinds []engine.Kind
			r.run(t, func(ev *engine.Event) bool {
				assert.Equal(t, sysex(101-len(kinds), len(kinds))[:100], ev.SysEx)
				kinds = append(kinds, ev.Kind)
				return len(kinds) == 2
			})
			assert.Equal(t, []engine.Kind{engine.KindSysExCut, engine.KindSysEx}, kinds)
			assert.EqualValues(t, 1, in.Stats().SysExCut)
		})
	}
}

// Realtime messages that come within a system exclusive message are delivered at once, and do it no harm, however
// many buffers it takes.
func TestCase15SysExWithRealtimeInside(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBufferSize: 64})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 90, LongPause: 200 * time.Millisecond})
	require.NoError(t, out.SendSysEx(sysex(400, 1)))
	realtime := messages(t, "clock start continue stop active-sensing system-reset")
	for _, m := range realtime {
		require.NoError(t, out.Send(m))
	}
	var got []engine.Message
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindMessage {
			assert.Zero(t, in.Stats().SysEx)
			got = append(got, ev.Message)
			return false
		}
		assert.Equal(t, engine.KindSysEx, ev.Kind)
		assert.Equal(t, sysex(400, 1), ev.SysEx)
		return true
	})
	assert.Equal(t, realtime, got)
}

// Any other message ends it: what there was of it is told, and then the message.
func TestCase15SysExCutByANote(t *testing.T) {
	for _, silent := range []bool{false, true} {
		t.Run(map[bool]string{false: "with MIM_LONGERROR", true: "without"}[silent], func(t *testing.T) {
			r := newCase(t, engine.Options{Deadline: 400 * time.Millisecond})
			in := r.input(t, 0, engine.InputOptions{SysExBufferSize: 16})
			out := r.output(t, 0, engine.OutputOptions{LongChunk: 40, LongPause: time.Hour})
			require.NoError(t, out.SendSysEx(sysex(400, 1)))
			require.Eventually(t, func() bool { return out.Stats().SysEx.Bytes == 40 }, hang, time.Millisecond)
			there := 40
			if silent {
				there = 32 // the rest of it is in a buffer that the driver has yet
				r.rogue(0).Data(1)
			} else {
				r.play(t, 0, engine.Source{Count: 1})()
			}
			var kinds []engine.Kind
			r.run(t, func(ev *engine.Event) bool {
				kinds = append(kinds, ev.Kind)
				if ev.Kind == engine.KindSysExInterrupted {
					assert.Equal(t, sysex(400, 1)[:there], ev.SysEx)
					return false
				}
				assert.Equal(t, engine.SourceMessage(0), ev.Message)
				return true
			})
			assert.Equal(t, []engine.Kind{engine.KindSysExInterrupted, engine.KindMessage}, kinds)
			assert.EqualValues(t, 1, in.Stats().SysExInterrupted)
			assert.ErrorIs(t, out.Close(), engine.ErrTimedOut, "it is in a pause")
		})
	}
}

// When a system exclusive message that was cut short is told, the message that cut it is yet to be delivered.
func TestAMessageInHandIsYetToBeDelivered(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 400 * time.Millisecond})
	in := r.input(t, 0, engine.InputOptions{SysExBufferSize: 16})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 40, LongPause: time.Hour})
	require.NoError(t, out.SendSysEx(sysex(400, 1)))
	require.Eventually(t, func() bool { return out.Stats().SysEx.Bytes == 40 }, hang, time.Millisecond)
	r.rogue(0).Data(1)
	var kinds []engine.Kind
	var settled []bool
	r.SetReadDeadline(time.Now().Add(hang))
	for events := make([]engine.Event, 64); !slices.Contains(kinds, engine.KindMessage); {
		n, err := r.ReadInto(events)
		require.NoError(t, err)
		for _, ev := range events[:n] {
			kinds = append(kinds, ev.Kind)
		}
		require.NoError(t, r.Call(func() { settled = append(settled, in.Settled()) }))
	}
	assert.Equal(t, []engine.Kind{engine.KindSysExInterrupted, engine.KindMessage}, kinds)
	assert.Equal(t, []bool{false, true}, settled)
	assert.ErrorIs(t, out.Close(), engine.ErrTimedOut, "it is in a pause")
}

// While nobody polls for a second, the buffers are used up: that is told, what the driver loses meanwhile it
// loses, other messages come through, and what comes when the buffers are back arrives.
func TestCase16PoolDry(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 3, SysExBufferSize: 16})
	out := r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, out.SendSysEx(sysex(40, 1)))
	require.Eventually(t, func() bool { return in.Stats().SysExDry == 1 }, hang, time.Millisecond)
	var lost, notes uint64
	for start := time.Now(); time.Since(start) < time.Second; notes++ {
		require.NoError(t, out.SendSysEx(sysex(200, 2))) // the driver finds no buffer
		require.NoError(t, out.SendNow(numbered(0, int(notes))))
		lost += 200
	}
	require.Eventually(t, func() bool { return in.Stats().Waiting == 3+notes }, hang, time.Millisecond)
	assert.Equal(t, lost, r.loop.Dropped(0))
	var kinds []engine.Kind
	var heard uint64
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind != engine.KindMessage {
			kinds = append(kinds, ev.Kind)
			return false
		}
		assert.Equal(t, numbered(0, int(heard)), ev.Message)
		heard++
		return heard == notes
	})
	assert.Equal(t, []engine.Kind{engine.KindSysEx, engine.KindSysExDry}, kinds)
	require.NoError(t, out.SendSysEx(sysex(20, 3)))
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind != engine.KindSysEx {
			return false
		}
		assert.Equal(t, sysex(20, 3), ev.SysEx)
		return true
	})
}

// A consumer that stalls for 5 s at 10,000 messages a second misses what the ring has no room for. Where and how
// many of what kind is told, and nothing hangs afterwards.
func TestCase17ConsumerStalled(t *testing.T) {
	const count, stalled = 60_000, 50_000
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{Capacity: 256}), r.output(t, 0, engine.OutputOptions{})
	var sender, receiver synth
	// These are ended by what is lost, and by nothing before: by a pedal-up and by all notes off alone.
	held := messages(t, "control-change 1 64 127 note-on 9 1 100")
	for _, m := range held {
		require.NoError(t, out.SendNow(m))
	}
	r.run(t, func(ev *engine.Event) bool {
		sender.hear(ev.Message)
		receiver.hear(ev.Message)
		return ev.Message == held[1]
	})
	wait := r.play(t, 0, engine.Source{Count: count, Interval: 100 * time.Microsecond})
	var next, lost uint64
	ending := false // what the lost messages would have ended
	r.run(t, func(ev *engine.Event) bool {
		for next == 0 && in.Stats().Received < stalled {
			time.Sleep(time.Millisecond)
		}
		switch {
		case ev.Kind == engine.KindGap:
			var by engine.LostBy
			for range ev.Lost {
				m := engine.SourceMessage(next)
				sender.hear(m)
				countKind(&by, m)
				next++
			}
			assert.Equal(t, by, *ev.LostBy)
			lost += ev.Lost
			ending = true
		case ev.Recovered:
			receiver.hear(ev.Message)
		default:
			if ending { // that is over, before anything else can end it
				ending = false
				assert.Zero(t, receiver.hangs(&sender))
			}
			assert.Equal(t, engine.SourceMessage(next), ev.Message)
			sender.hear(ev.Message)
			receiver.hear(ev.Message)
			next++
		}
		return next == count
	})
	assert.Equal(t, uint64(count), wait())
	s := in.Stats()
	assert.Equal(t, lost, s.Dropped.Full)
	assert.GreaterOrEqual(t, lost, uint64(stalled-len(held))-s.Capacity-1)
	assert.Equal(t, s.Capacity, s.HighWater)
}

// countKind counts a message that was lost.
func countKind(by *engine.LostBy, m engine.Message) {
	switch m.Status() &^ 15 {
	case engine.NoteOn, engine.NoteOff:
		by.Notes++
	case engine.ControlChange:
		by.Controllers++
	default:
		by.OtherChannel++
	}
}

// The driver's stamps may wrap and go backwards: they are passed on as they are, and nothing goes by them. Order and
// times are those of the callbacks, also across ports.
func TestCase25DriversClockJumps(t *testing.T) {
	r := newCase(t, engine.Options{Merge: true})
	first, second := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})
	r.script(t, "message cable=0 nth=3 -> stamp to=4294967294", "message cable=0 nth=7 -> stamp by=-100000",
		"message cable=0 nth=9 -> stamp to=1")
	for range 3 { // in turns, so that each pass finds both
		r.play(t, 0, engine.Source{Count: 4})() // whose stamps are 0 to 3, but for the jumps
		r.play(t, 1, engine.Source{Count: 4})()
	}
	var stamps []engine.DriverTime
	var ports []engine.Port
	var last engine.Instant
	r.run(t, func(ev *engine.Event) bool {
		assert.GreaterOrEqual(t, ev.Time, last)
		last = ev.Time
		if ev.Port == first.Port() {
			stamps = append(stamps, ev.Driver)
		}
		if len(ports) == 0 || ports[len(ports)-1] != ev.Port {
			ports = append(ports, ev.Port)
		}
		return first.Stats().Delivered+second.Stats().Delivered == 24
	})
	assert.Equal(t, []engine.DriverTime{
		0, 1, 2, 4294967294,
		4294967291, 4294967292, 4294967293, 4294867294,
		4294867291, 1, 2, 3,
	}, stamps)
	assert.Len(t, ports, 6)
}
