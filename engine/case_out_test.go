//go:build cgo

package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// A driver that blocks takes one call of one sender's. Everybody else goes on at once, and what they send waits in
// the queue, and goes out in order when the driver is back.
func TestCase18ShortMsgBlocks(t *testing.T) {
	r := newCase(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	other := r.output(t, 1, engine.OutputOptions{})
	r.script(t, "midiOutShortMsg cable=0 nth=3 -> delay 5s")
	require.NoError(t, out.SendNow(numbered(0, 0)))
	require.NoError(t, out.SendNow(numbered(0, 1)))
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		assert.NoError(t, out.SendNow(numbered(0, 2)))
	}()
	require.Eventually(t, func() bool { return r.loop.Struck() == 1 }, hang, time.Millisecond)
	within(t, "the others", func() {
		for n := range 100 {
			assert.NoError(t, out.Send(numbered(0, 3+n)))
		}
		assert.NoError(t, other.Send(0xF8))
	})
	select {
	case <-blocked:
		t.Error("the call has returned before the others")
	default:
	}
	s := out.Stats()
	assert.Equal(t, [2]uint64{2, 100}, [2]uint64{s.Sent, s.Queued})
	<-blocked
	want := make([]int, 103)
	for n := range want {
		want[n] = n
	}
	assert.Equal(t, want, numbers(r.receive(t, 103)))
	assert.Equal(t, uint64(1), out.Stats().Moved)
}

// Closing waits for a call that does not return until the deadline: a sender's own, or that of the output's thread.
// Then the driver has what it holds, and the books are closed when it is back.
func TestCase18BlockedAtClose(t *testing.T) {
	for name, c := range map[string]struct {
		fault, says string
		slow        time.Duration
		send        func(*sender) error
	}{
		"send":     {"midiOutShortMsg", "a send did not return", time.Hour, func(out *sender) error { return out.Send(0xF8) }},
		"send now": {"midiOutShortMsg", "a send did not return", 0, func(out *sender) error { return out.SendNow(0xF8) }},
		"queued": {"midiOutShortMsg nth=2", "midiOutShortMsg: the driver did not return", 1, func(out *sender) error {
			assert.NoError(t, out.Send(0xF8)) // which is slow
			return out.Send(0xF8)
		}},
		"long": {"midiOutLongMsg", "midiOutLongMsg: the driver did not return", 0, func(out *sender) error { return out.SendSysEx(sysex(20, 1)) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
			out := r.output(t, 0, engine.OutputOptions{Slow: c.slow})
			r.script(t, c.fault+" -> hang")
			before := r.Stats().Abandoned
			sent := make(chan error)
			go func() { sent <- c.send(out) }()
			require.Eventually(t, func() bool { return r.loop.Struck() == 1 }, hang, time.Millisecond)
			require.NoError(t, out.SendSysEx(sysex(20, 2)))
			within(t, "closing", func() {
				err := out.Close()
				assert.ErrorIs(t, err, engine.ErrTimedOut)
				assert.ErrorContains(t, err, c.says)
			})
			assert.Equal(t, before+1, r.Stats().Abandoned)
			r.script(t)
			require.NoError(t, <-sent)
			require.Eventually(t, func() bool { return r.loop.OpenPorts() == 0 }, hang, time.Millisecond)
			assert.Equal(t, uint64(1), out.Stats().Dropped)
		})
	}
}

// One refusal is one message: its sender is told, it is counted, and the next goes out.
func TestCase18ShortMsgFailsOnce(t *testing.T) {
	r := newCase(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	r.script(t, "midiOutShortMsg nth=2 -> NOTREADY")
	require.NoError(t, out.Send(numbered(0, 0)))
	var refused *engine.DriverError
	require.ErrorAs(t, out.SendNow(numbered(0, 1)), &refused)
	assert.Equal(t, "midiOutShortMsg", refused.Func)
	require.NoError(t, out.Send(numbered(0, 2)))
	assert.Equal(t, []int{0, 2}, numbers(r.receive(t, 2)))
	s := out.Stats()
	assert.Equal(t, [3]uint64{2, 1, 0}, [3]uint64{s.Sent, s.Failed, s.Refused})
	assert.ErrorContains(t, s.LastError, "midiOutShortMsg: MIDIERR_NOTREADY")
}

// Refusals without end are counted, those of queued messages too, hold up nobody, and do not keep the port from
// being closed.
func TestCase18ShortMsgFailsForEver(t *testing.T) {
	r := newCase(t, engine.Options{})
	r.input(t, 1, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{Slow: time.Nanosecond, Calm: time.Hour}) // by its thread
	other := r.output(t, 1, engine.OutputOptions{})
	r.script(t, "midiOutShortMsg cable=0 -> NOMEM")
	const count = 1000
	for n := range count {
		err := out.Send(numbered(0, n))
		if n == 0 {
			assert.ErrorContains(t, err, "MMSYSERR_NOMEM", "the first is sent inline")
		}
	}
	require.NoError(t, other.Send(numbered(0, 7)))
	assert.Equal(t, []int{7}, numbers(r.receive(t, 1)))
	within(t, "closing", func() { assert.NoError(t, out.Close()) })
	s := out.Stats()
	assert.Equal(t, [2]uint64{0, count}, [2]uint64{s.Sent, s.Failed})
	assert.ErrorContains(t, s.LastError, "MMSYSERR_NOMEM")
}

// A driver that is never ready for a long message is asked again until the deadline; then the message has failed,
// and the next one has its turn.
func TestCase19LongMsgNeverReady(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
	r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	r.script(t, "midiOutLongMsg -> NOTREADY")
	require.NoError(t, out.SendSysEx(sysex(20, 1)))
	require.NoError(t, out.Send(numbered(0, 1)))
	assert.Equal(t, []int{1}, numbers(r.receive(t, 1)))
	s := out.Stats()
	assert.Equal(t, engine.OutputSysEx{Failed: 1, Retried: s.SysEx.Retried}, s.SysEx)
	assert.NotZero(t, s.SysEx.Retried)
	assert.ErrorContains(t, s.LastError, "midiOutLongMsg: MIDIERR_NOTREADY")

	// Closing does not wait for its turns.
	for n := range 50 {
		require.NoError(t, out.SendSysEx(sysex(20, n)))
	}
	within(t, "closing", func() { assert.ErrorIs(t, out.Close(), engine.ErrTimedOut) })
	s = out.Stats()
	assert.Equal(t, uint64(51), s.SysEx.Failed+s.SysEx.Dropped)
	assert.Zero(t, s.SysEx.Memory)
}

// MOM_DONE may come before midiOutLongMsg returns, on the thread that sends.
func TestCase20DoneInsideTheCall(t *testing.T) {
	r := newCase(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{SysEx: true}})
	out := r.output(t, 0, engine.OutputOptions{LongChunk: 10})
	r.script(t, "midiOutLongMsg -> done-inside")
	for n := range 20 {
		require.NoError(t, out.SendSysEx(sysex(25, n)))
		require.NoError(t, out.Send(numbered(0, n)))
	}
	r.receive(t, 20)
	s := out.Stats()
	assert.Equal(t, engine.OutputSysEx{Sent: 20, Bytes: 500}, s.SysEx)
	assert.NoError(t, s.LastError)
}

// A driver that does not give a message back keeps it, and its memory: that is counted, and nobody else waits.
// Closing has the driver give it back; if even that does not help, it is given up with the driver.
func TestCase20DoneNever(t *testing.T) {
	for _, reset := range []bool{true, false} {
		t.Run(map[bool]string{true: "until reset", false: "not even at reset"}[reset], func(t *testing.T) {
			r := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
			r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{SysEx: true}})
			out := r.output(t, 0, engine.OutputOptions{})
			faults := []string{"midiOutLongMsg -> no-done"}
			if !reset {
				faults = append(faults, "midiOutReset -> NOERROR")
			}
			r.script(t, faults...)
			held := r.Stats().Held
			require.NoError(t, out.SendSysEx(sysex(20, 1)))
			require.NoError(t, out.Send(numbered(0, 1)))
			assert.Equal(t, []int{1}, numbers(r.receive(t, 1)))
			s := out.Stats()
			assert.Equal(t, engine.OutputSysEx{Failed: 1, Held: 1, Memory: 20}, s.SysEx)
			assert.ErrorIs(t, s.LastError, engine.ErrTimedOut)
			assert.Equal(t, held+1, r.Stats().Held)
			if reset {
				within(t, "closing", func() { assert.NoError(t, out.Close()) })
				assert.Equal(t, held, r.Stats().Held)
				return
			}
			within(t, "closing", func() { assert.ErrorContains(t, out.Close(), "midiOutClose: MIDIERR_STILLPLAYING") })
			assert.Equal(t, held+1, r.Stats().Held)
			assert.Equal(t, 2, r.loop.OpenPorts())
			r.loop.Unplug(0) // which gives everything back
			require.Eventually(t, func() bool { return r.Stats().Held == held && r.loop.OpenPorts() == 0 }, hang, time.Millisecond)
		})
	}
}
