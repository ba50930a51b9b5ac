//go:build cgo

package engine_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// numbered returns a message on a channel that carries a 14-bit number.
func numbered(channel, n int) engine.Message {
	return engine.Message(engine.NoteOn | channel | n>>7<<8 | n&0x7F<<16)
}

func numberOf(m engine.Message) int { return int(m.Data1())<<7 | int(m.Data2()) }

// receive reads n messages from the engine's inputs.
func (r rig) receive(t *testing.T, n int) []engine.Message {
	t.Helper()
	r.SetReadDeadline(time.Now().Add(time.Minute))
	var got []engine.Message
	events := make([]engine.Event, 64)
	for len(got) < n {
		k, err := r.ReadInto(events)
		require.NoError(t, err, "after %d of %d", len(got), n)
		for _, ev := range events[:k] {
			if ev.Info != nil { // of a port, not from one
				continue
			}
			require.Equal(t, engine.KindMessage, ev.Kind)
			got = append(got, ev.Message)
		}
	}
	return got
}

func TestEveryDefinedMessageTravelsBitForBit(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	for _, m := range defined() {
		require.NoError(t, out.Send(m))
	}
	assert.Empty(t, cmp.Diff(defined(), r.receive(t, len(defined()))))
}

// refused lists what is no short message, and why.
var refused = map[engine.Message]string{
	0xF4: "undefined", 0xF5: "undefined", 0xF9: "undefined", 0xFD: "undefined",
	0x643C: "data byte", 0xF0: "system exclusive", 0xF7: "system exclusive", 0x803C90: "at most 7F",
}

func TestWhatIsNoShortMessageIsNotSent(t *testing.T) {
	r := newRig(t, engine.Options{})
	out := r.output(t, 0, engine.OutputOptions{})
	for m, why := range refused {
		assert.ErrorContains(t, out.Send(m), why)
		assert.ErrorContains(t, out.SendNow(m), why)
	}
	assert.Zero(t, out.Stats().Sent)
}

// A slow driver takes one call of the sender's time; then its output has a thread of its own, until it
// has been calm.
func TestASlowOutputMovesToItsOwnThreadAndBack(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{Slow: 5 * time.Millisecond, Calm: 50 * time.Millisecond})
	r.loop.Slow(0, 20*time.Millisecond)
	var sent []engine.Message
	send := func() {
		m := numbered(0, len(sent))
		sent = append(sent, m)
		require.NoError(t, out.Send(m))
	}
	for range 5 {
		send()
	}
	s := out.Stats()
	assert.True(t, s.Threaded)
	assert.Equal(t, uint64(1), s.Moved)
	assert.NotZero(t, s.Queued, "the sender did not wait")

	r.loop.Slow(0, 0)
	for deadline := time.Now().Add(30 * time.Second); out.Stats().Threaded; {
		require.True(t, time.Now().Before(deadline), "still on its thread: %+v", out.Stats())
		time.Sleep(20 * time.Millisecond)
		send()
	}
	assert.Empty(t, cmp.Diff(sent, r.receive(t, len(sent))))
	s = out.Stats()
	assert.Equal(t, uint64(len(sent)), s.Sent)
	assert.Zero(t, s.Queued)
}

func TestAFullQueueRefusesOrDropsAndCounts(t *testing.T) {
	for _, dropOldest := range []bool{false, true} {
		t.Run(map[bool]string{false: "refuses", true: "drops the oldest"}[dropOldest], func(t *testing.T) {
			r := newRig(t, engine.Options{})
			r.input(t, 0, engine.InputOptions{})
			out := r.output(t, 0, engine.OutputOptions{Slow: time.Millisecond, Capacity: 16, DropOldest: dropOldest})
			r.loop.Slow(0, 30*time.Millisecond)
			const count = 100
			var accepted []engine.Message
			for n := range count {
				err := out.Send(numbered(0, n))
				if err != nil {
					require.ErrorIs(t, err, engine.ErrQueueFull)
					continue
				}
				accepted = append(accepted, numbered(0, n))
			}
			s := out.Stats()
			r.loop.Slow(0, 0)
			if dropOldest {
				assert.Len(t, accepted, count)
				assert.NotZero(t, s.Dropped)
				got := r.receive(t, count-int(s.Dropped))
				assert.Equal(t, numbered(0, count-1), got[len(got)-1])
				assert.IsIncreasing(t, numbers(got))
			} else {
				assert.Equal(t, uint64(count-len(accepted)), s.Refused)
				assert.NotZero(t, s.Refused)
				assert.Empty(t, cmp.Diff(accepted, r.receive(t, len(accepted))))
			}
		})
	}
}

// Messages that belong together are dropped together, or arrive with nothing in between.
func TestWhatBelongsTogetherIsDroppedTogether(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{Slow: time.Millisecond, Capacity: 16, DropOldest: true})
	r.loop.Slow(0, 5*time.Millisecond)
	accepted := 0
	for n := 0; out.Stats().Dropped < 20; n++ {
		require.Less(t, n, 10_000)
		time.Sleep(100 * time.Microsecond)
		err := out.SendTogether([]engine.Message{numbered(0, n), numbered(1, n), numbered(2, n)}[:1+n%3])
		if err == nil {
			accepted += 1 + n%3
		} else { // those before are being sent, which are not dropped in their midst
			require.ErrorIs(t, err, engine.ErrQueueFull)
		}
	}
	r.loop.Slow(0, 0)
	got := r.receive(t, accepted-int(out.Stats().Dropped))
	for len(got) > 0 {
		n := numberOf(got[0])
		for i := range min(1+n%3, len(got)) {
			require.Equal(t, numbered(i, n), got[i], "%d together; before the others: %v", 1+n%3, got)
		}
		got = got[min(1+n%3, len(got)):]
	}
}

func numbers(messages []engine.Message) []int {
	all := make([]int, len(messages))
	for i, m := range messages {
		all[i] = numberOf(m)
	}
	return all
}

// Many senders collide on an output that is quick, or now quick and now slow: each sender's messages
// arrive in its order.
func TestMessagesToOneOutputDoNotOvertakeEachOther(t *testing.T) {
	const senders, each = 8, 2000
	for _, slow := range []bool{false, true} {
		t.Run(map[bool]string{false: "quick", true: "now quick, now slow"}[slow], func(t *testing.T) {
			r := newRig(t, engine.Options{})
			r.input(t, 0, engine.InputOptions{Capacity: 1 << 15})
			options := engine.OutputOptions{Slow: time.Minute, Capacity: 64}
			if slow {
				options.Slow, options.Calm = 100*time.Microsecond, 2*time.Millisecond
				r.loop.Slow(0, 200*time.Microsecond)
			}
			out := r.output(t, 0, options)
			var all sync.WaitGroup
			for channel := range senders {
				all.Go(func() {
					for n := range each {
						send := out.Send
						if n%97 == channel {
							send = out.SendNow
						}
						for errors.Is(send(numbered(channel, n)), engine.ErrQueueFull) {
							runtime.Gosched()
						}
					}
				})
			}
			stop := make(chan struct{})
			all.Go(func() {
				for slow {
					time.Sleep(5 * time.Millisecond)
					r.loop.Slow(0, 0)
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
					r.loop.Slow(0, 200*time.Microsecond)
				}
			})
			var next [senders]int
			for _, m := range r.receive(t, senders*each) {
				channel, _ := m.Channel()
				require.Equal(t, next[channel], numberOf(m), "channel %d", channel)
				next[channel]++
			}
			close(stop)
			all.Wait()
			s := out.Stats()
			assert.Equal(t, uint64(senders*each), s.Sent)
			assert.Equal(t, slow, s.Moved > 0)
		})
	}
}

// A message that comes while another is being sent waits in the queue, and goes out without a further
// send.
func TestAMessageBehindASlowCallIsSent(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{Slow: time.Minute})
	r.loop.Slow(0, 50*time.Millisecond)
	var first sync.WaitGroup
	first.Go(func() { assert.NoError(t, out.SendNow(numbered(0, 1))) })
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, out.Send(numbered(0, 2)))
	assert.Equal(t, []engine.Message{numbered(0, 1), numbered(0, 2)}, r.receive(t, 2))
	first.Wait()
}

func TestClosingAnOutputSendsWhatIsQueued(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{Slow: time.Millisecond})
	r.loop.Slow(0, 10*time.Millisecond)
	var sent []engine.Message
	for n := range 10 {
		sent = append(sent, numbered(0, n))
		require.NoError(t, out.Send(sent[n]))
	}
	require.NotZero(t, out.Stats().Queued)
	require.NoError(t, out.Close())
	require.NoError(t, out.Close())
	assert.Empty(t, cmp.Diff(sent, r.receive(t, len(sent))))
	assert.Equal(t, uint64(len(sent)), out.Stats().Sent)
	assert.ErrorIs(t, out.Send(sent[0]), os.ErrClosed)
	assert.ErrorIs(t, out.SendNow(sent[0]), os.ErrClosed)
}

// The same where the output's thread has not begun yet.
func TestClosingAnOutputAtOnceSendsWhatIsQueued(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	for range 200 {
		out := r.output(t, 0, engine.OutputOptions{Slow: time.Nanosecond})
		for n := range 4 {
			require.NoError(t, out.Send(numbered(0, n)))
		}
		require.NoError(t, out.Close())
		require.Equal(t, []int{0, 1, 2, 3}, numbers(r.receive(t, 4)))
	}
}

func TestClosingAnOutputWhileOthersSend(t *testing.T) {
	r := newRig(t, engine.Options{})
	for range 50 {
		out := r.output(t, 0, engine.OutputOptions{})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					err := out.Send(numbered(0, 0))
					if errors.Is(err, os.ErrClosed) {
						return
					}
					if err != nil {
						assert.ErrorIs(t, err, engine.ErrQueueFull)
					}
				}
			})
		}
		time.Sleep(100 * time.Microsecond)
		require.NoError(t, out.Close())
		all.Wait()
	}
}

// booked checks that every message accepted is accounted for.
func booked(t *testing.T, out *engine.Output, accepted int) {
	t.Helper()
	s := out.Stats()
	assert.Equal(t, uint64(accepted), s.Sent+s.Failed+s.Dropped+s.Queued, "%+v", s)
}

func TestSystemExclusiveIsSentAndCounted(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{SysEx: true}})
	out := r.output(t, 0, engine.OutputOptions{})
	bytes := []byte{0xF0, 1, 2, 0xF7}
	require.NoError(t, out.SendSysEx(bytes))
	bytes[0] = 0 // it has been copied
	require.NoError(t, out.SendNow(0x643C90))
	s := out.Stats()
	assert.Equal(t, uint64(2), s.Sent)
	assert.Equal(t, engine.OutputSysEx{Sent: 1, Bytes: 4}, s.SysEx)
	booked(t, out, 2)
	assert.Equal(t, []engine.Message{0x643C90}, r.receive(t, 1))

	for bytes := range badSysEx {
		assert.Error(t, out.SendSysEx([]byte(bytes)))
	}
	assert.Equal(t, s, out.Stats())
	require.NoError(t, out.Close())
	require.ErrorIs(t, out.SendSysEx([]byte{0xF0, 1, 0xF7}), os.ErrClosed)
	assert.Equal(t, s, out.Stats())
}

// Between chunks of a long message realtime messages pass it, as long as nothing else is before them; a message that
// is given whole they follow.
func TestRealtimeGoesOutBetweenChunks(t *testing.T) {
	for chunk, want := range map[int][]engine.Message{
		20: {engine.Clock, engine.Start, engine.SysEx, 0x643C90, engine.Clock},
		0:  {engine.SysEx, engine.Clock, engine.Start, 0x643C90, engine.Clock},
	} {
		r := newRig(t, engine.Options{})
		r.input(t, 0, engine.InputOptions{})
		out := r.output(t, 0, engine.OutputOptions{LongChunk: chunk})
		r.script(t, "midiOutLongMsg nth=1 -> hang")
		require.NoError(t, out.SendSysEx(sysex(100, 1)))
		require.Eventually(t, func() bool { return r.loop.Struck() == 1 }, 10*time.Second, time.Millisecond)
		for _, m := range []engine.Message{engine.Clock, engine.Start, 0x643C90, engine.Clock} {
			require.NoError(t, out.Send(m))
		}
		assert.Zero(t, out.Stats().Sent)
		r.script(t) // which lets the call return
		var got []engine.Message
		r.run(t, func(ev *engine.Event) bool {
			if ev.Kind == engine.KindSysEx {
				assert.Equal(t, sysex(100, 1), ev.SysEx)
				got = append(got, engine.SysEx)
			} else {
				got = append(got, ev.Message)
			}
			return len(got) == 5
		})
		assert.Equal(t, want, got, "chunks of %d", chunk)
		booked(t, out, 5)
	}
}

func TestSystemExclusiveDoesNotAllocate(t *testing.T) {
	r := newRig(t, engine.Options{})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 100})
	bytes := make([]byte, 1000)
	bytes[0], bytes[len(bytes)-1] = 0xF0, 0xF7
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if out.SendSysEx(bytes) != nil || out.SendNow(0xF8) != nil {
			t.Error("not sent")
		}
	}))
	assert.Equal(t, engine.OutputSysEx{Sent: 101, Bytes: 101_000}, out.Stats().SysEx)
}

// The driver's refusal of a long message does not reach its sender; it is counted, and kept.
func TestARefusedSystemExclusiveMessageIsCounted(t *testing.T) {
	r := newRig(t, engine.Options{})
	out := r.output(t, 0, engine.OutputOptions{})
	r.loop.Unplug(0)
	require.NoError(t, out.SendSysEx([]byte{0xF0, 1, 0xF7}))
	require.ErrorIs(t, out.SendNow(0xF8), engine.ErrNoDevice)
	s := out.Stats()
	assert.Equal(t, engine.OutputSysEx{Failed: 1}, s.SysEx)
	assert.ErrorIs(t, s.LastError, engine.ErrNoDevice)
	booked(t, out, 2)
}

func TestOutputOptionsAreChecked(t *testing.T) {
	r := newRig(t, engine.Options{})
	for want, options := range map[string]engine.OutputOptions{
		"output capacity 17":                   {Capacity: 17},
		"slow -1ns, calm 1ns":                  {Slow: -1, Calm: 1},
		"long pause -1ns: times":               {LongPause: -1},
		"long chunk of -1 bytes: from 1":       {LongChunk: -1},
		"long chunk of 16777217 bytes: from 1": {LongChunk: engine.MaxSysEx + 1},
	} {
		_, err := r.OpenOutput(engine.Index(0), options)
		assert.ErrorContains(t, err, want)
	}
	out := r.output(t, 0, engine.OutputOptions{LongChunk: engine.MaxSysEx, LongPause: time.Hour})
	require.NoError(t, out.SendSysEx([]byte{0xF0, 1, 0xF7}))
	require.NoError(t, out.SendNow(0xF8))
}
