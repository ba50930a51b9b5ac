//go:build cgo && (linux || windows)

package cwinmm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// MOM_DONE for an output that has been closed touches nothing, not even the output that has its place by then: it
// is counted. So is one whose token has never been given out.
func TestMOMDoneThatNobodyWaitsForIsCounted(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	out := w.openOutput(OutputOptions{}, 5*time.Second)
	token := out.token()
	before := StaleDones()
	sayDone(token)
	assert.Equal(t, before, StaleDones(), "it is open")
	w.close(out)
	require.Eventually(t, func() bool { // when its thread has gone
		sayDone(token)
		return StaleDones() > before
	}, time.Minute, time.Millisecond)

	// There are 256 places, used in turn: one of these has the first one's.
	open := func() *Output {
		out, err := OpenOutput(&w.loop.Driver, 0, OutputOptions{Capacity: 16, SlowTicks: 1 << 62}, 5*time.Second)
		require.NoError(t, err)
		return out
	}
	before = StaleDones()
	for n := range uint64(257) {
		out := open()
		sayDone(token)
		assert.Equal(t, before+1+n, StaleDones())
		assert.NotEqual(t, token, out.token())
		w.close(out)
	}

	out = open()
	before = StaleDones()
	for place := range uint64(256) {
		sayDone(0xABCDEF<<8 | place)
	}
	assert.Equal(t, before+256, StaleDones())
	require.NoError(t, out.SendLong(sysEx(6, 1)))
	assert.Equal(t, []string{"long data 0: F0 01 01 01 01 F7"}, w.hear(1))
	assert.Equal(t, LongCounts{Sent: 1, Bytes: 6}, until(t, out, idle).Long)
	w.close(out)
}

// MOM_DONE says that it is time to look, and no more: said too early or again, it gives no message back. Not
// even where midiOutUnprepareHeader lets the message go.
func TestMOMDoneTooEarlyGivesNothingBack(t *testing.T) {
	for name, faults := range map[string][]string{
		"the driver refuses to let it go": nil,
		"the driver lets it go":           {"midiOutUnprepareHeader -> NOERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWire(t)
			w.lend(8, 8, 8)
			out := w.openOutput(OutputOptions{}, 300*time.Millisecond)
			release := w.block(out)
			w.script(faults...)
			for n := range uint64(2) {
				require.NoError(t, out.SendLong(sysEx(6, byte(n))))
				until(t, out, func(n OutputCounts) bool { return n.Queued == 1 })
				sayDone(out.token())
				sayDone(out.token())
				until(t, out, func(c OutputCounts) bool { return c.Long.Held == n+1 }) // the first one too
			}
			assert.Equal(t, LongCounts{Failed: 2, Held: 2, Memory: 12}, out.Counts().Long)
			w.script()
			release()
			assert.Equal(t, []string{"long data 0: F0 00 00 00 00 F7", "long data 1: F0 01 01 01 01 F7"}, w.hear(2))
			assert.Equal(t, LongCounts{Failed: 2}, until(t, out, func(n OutputCounts) bool { return n.Long.Held == 0 }).Long)
			sayDone(out.token())
			require.NoError(t, out.SendLong(sysEx(6, 2)))
			assert.Equal(t, []string{"long data 2: F0 02 02 02 02 F7"}, w.hear(1))
			assert.Equal(t, LongCounts{Failed: 2, Sent: 1, Bytes: 6}, until(t, out, idle).Long)
			w.close(out)
		})
	}
}

// A driver that has said that a message is done, and will not let go of it, has it yet.
func TestWhatTheDriverDoesNotLetGoOfIsKept(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	out := w.openOutput(OutputOptions{}, 300*time.Millisecond)
	w.script("midiOutUnprepareHeader -> STILLPLAYING")
	require.NoError(t, out.SendLong(sysEx(6, 1)))
	assert.Equal(t, []string{"long data 0: F0 01 01 01 01 F7"}, w.hear(1))
	n := until(t, out, func(n OutputCounts) bool { return n.Long.Held == 1 })
	assert.Equal(t, LongCounts{Failed: 1, Held: 1, Memory: 6}, n.Long)
	require.ErrorIs(t, n.LastError, ErrTimedOut)
	w.script()
	require.NoError(t, out.SendLong(sysEx(6, 2))) // has it looked at again
	n = until(t, out, func(n OutputCounts) bool { return n.Long.Held == 0 && n.Long.Sent == 1 })
	assert.Equal(t, LongCounts{Failed: 1, Sent: 1, Bytes: 6}, n.Long)
	w.close(out)
}
