//go:build cgo && (linux || windows)

package cwinmm

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	unprepared   MMResult = 64
	stillPlaying MMResult = 65
	invalidParam MMResult = 11
)

var callbacks = map[uint32]string{
	0x3C1: "in open", 0x3C2: "in close", 0x3C3: "data", 0x3C4: "long data", 0x3C5: "error", 0x3C6: "long error",
	0x3C7: "out open", 0x3C8: "out close", 0x3C9: "done", 0x3CC: "more data",
}

// wire is a client with both sides of cable 0 of a loopback driver open. Header 7 is for sending.
type wire struct {
	client
	t    *testing.T
	loop *Loopback
	read int // of what was heard
}

func openWire(t *testing.T) *wire {
	t.Helper()
	runtime.LockOSThread() // so that the test knows its thread again
	t.Cleanup(runtime.UnlockOSThread)
	loop, err := NewLoopback("Alpha", "Beta")
	require.NoError(t, err)
	w := &wire{client: newClient(&loop.Driver), t: t, loop: loop}
	t.Cleanup(func() { // the tests close what they test closing
		w.hold(false)
		assert.NoError(t, loop.Script(Faults{}))
		w.call(callInReset, 0)
		w.call(callInClose, 0)
		w.call(callOutReset, 0)
		w.call(callOutClose, 0)
		assert.Zero(t, loop.OpenHandles())
		loop.Close()
		w.free()
	})
	w.do(callInOpen, 0)
	w.do(callOutOpen, 0)
	w.do(callInStart, 0)
	assert.Equal(t, []string{"in open", "out open"}, w.hear(2))
	return w
}

func (w *wire) do(call cause, argument uint32) {
	w.t.Helper()
	require.Equal(w.t, mmNoError, w.call(call, argument))
}

// lend gives the driver headers from 0 on with buffers of these sizes.
func (w *wire) lend(sizes ...int) {
	w.t.Helper()
	for i, size := range sizes {
		w.size(uint32(i), size)
		w.do(callInPrepare, uint32(i))
		w.do(callInAddBuffer, uint32(i))
	}
}

// put sends bytes with a header and does not wait.
func (w *wire) put(header uint32, bytes ...byte) {
	w.t.Helper()
	copy(w.size(header, len(bytes)), bytes)
	w.do(callOutPrepare, header)
	w.do(callOutLong, header)
}

// send sends bytes and returns what was heard until they were gone.
func (w *wire) send(bytes ...byte) []string {
	w.t.Helper()
	w.put(7, bytes...)
	var all []string
	for {
		all = append(all, w.hear(1)...)
		if last := len(all) - 1; all[last] == "done 7" {
			w.do(callOutUnprepare, 7)
			return all[:last]
		}
	}
}

// hear waits for the next n callbacks.
func (w *wire) hear(n int) []string {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.heard(w.read)) >= n }, time.Minute, time.Millisecond)
	all := w.heard(w.read)[:n]
	w.read += n
	var words []string
	for _, h := range all {
		words = append(words, w.word(h))
	}
	return words
}

// word writes a callback as a word and what came with it.
func (w *wire) word(h heard) string {
	word := callbacks[h.message]
	switch word {
	case "data", "more data", "error":
		return fmt.Sprintf("%s %X", word, h.param)
	case "long data", "long error":
		assert.Equal(w.t, uint32(1|2), h.flags, "a header that came back is done and prepared, and not in a queue")
		return fmt.Sprintf("%s %d: % X", word, h.param, w.bytes(h.param, h.bytes))
	case "done":
		assert.Equal(w.t, uint32(1|2), h.flags)
		return fmt.Sprintf("%s %d", word, h.param)
	}
	return word
}

func TestALongMessageFillsTheBuffersInTheirOrder(t *testing.T) {
	w := openWire(t)
	w.lend(4, 3, 8, 2, 8)
	assert.Equal(t, []string{"long data 0: F0 01 02 03", "long data 1: 04 05 06", "long data 2: 07 F7"},
		w.send(0xF0, 1, 2, 3, 4, 5, 6, 7, 0xF7))
	assert.Equal(t, []string{"long data 3: F0 F7"}, w.send(0xF0, 0xF7)) // no empty one after a full one
	assert.Equal(t, []string{"long data 4: F0 09 F7"}, w.send(0xF0, 9, 0xF7))
}

func TestPiecesOfALongMessageArriveAsOne(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	assert.Empty(t, w.send(0xF0, 1))
	w.do(callOutShort, 0xF8)
	assert.Equal(t, []string{"data F8"}, w.hear(1))
	assert.Equal(t, []string{"data FE"}, w.send(2, 0xFE, 3))
	assert.Equal(t, []string{"long data 0: F0 01 02 03 F7"}, w.send(0xF7))
	assert.Empty(t, w.send(0xF0, 4))
	w.do(callOutShort, 0xF7)
	assert.Equal(t, []string{"long data 1: F0 04 F7"}, w.hear(1))
}

func TestAStatusByteEndsALongMessage(t *testing.T) {
	w := openWire(t)
	w.lend(8, 2, 8, 8, 8)
	assert.Equal(t, []string{"long error 0: F0 01", "data 643C90"}, w.send(0xF0, 1, 0x90, 0x3C, 0x64))
	assert.Equal(t, []string{"long data 1: F0 02"}, w.send(0xF0, 2))
	w.do(callOutShort, 0x643C80)
	assert.Equal(t, []string{"long error 2: ", "data 643C80"}, w.hear(2))
	assert.Equal(t, []string{"long error 3: F0 03", "long data 4: F0 04 F7"}, w.send(0xF0, 3, 0xF0, 4, 0xF7))
}

func TestSeveralMessagesInOneHeader(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	assert.Equal(t, []string{
		"data 643C90", "data 3C90", "data 7C5", "data F6", "data 20C0", "long data 0: F0 F7", "data 403F2", "data 1F1",
	}, w.send(0x90, 0x3C, 0x64, 0x3C, 0x00, 0xC5, 7, 0xF6, 0xC0, 0x20, 0xF0, 0xF7, 0xF2, 3, 4, 0xF1, 1))
}

func TestBytesThatAreNoMessageAreAnError(t *testing.T) {
	w := openWire(t)
	assert.Equal(t, []string{"error 5", "error F7", "error 3C90", "data 10C0", "error 90", "error F7"},
		w.send(5, 0xF7, 0x90, 0x3C, 0xC0, 0x10, 0x90, 0xF7))
	assert.Empty(t, w.send(0xE0, 1))
	w.do(callOutShort, 0x643C90)
	assert.Equal(t, []string{"error 1E0", "data 643C90"}, w.hear(2))
}

func TestWithoutABufferALongMessageIsDroppedAndCounted(t *testing.T) {
	w := openWire(t)
	assert.Equal(t, []string{"data 643C90"}, w.send(0xF0, 1, 2, 0xF7, 0x90, 0x3C, 0x64))
	assert.Equal(t, uint64(4), w.loop.Dropped(0))
	w.lend(2, 4)
	assert.Equal(t, []string{"long data 0: F0 01", "long data 1: 02 03 04 05"}, w.send(0xF0, 1, 2, 3, 4, 5, 6, 0xF7))
	assert.Equal(t, uint64(6), w.loop.Dropped(0))

	w.lend(2) // comes home while the rest waits
	w.again(9)
	w.put(7, slices.Concat([]byte{0xF0}, make([]byte, 18), []byte{0xF7})...)
	w.hear(10)
	assert.Equal(t, uint64(6), w.loop.Dropped(0))
}

func TestNobodyListeningIsNotCounted(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	w.do(callInStop, 0)
	assert.Empty(t, w.send(0xF0, 1, 2))
	w.do(callInStart, 0)
	assert.Equal(t, []string{"long data 0: F0 05 F7"}, w.send(0xF0, 5, 0xF7))
	assert.Zero(t, w.loop.Dropped(0))
}

func TestStoppingLeavesTheBuffersAndResettingDoesNot(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8, 8, 8)
	assert.Empty(t, w.send(0xF0, 1))
	w.do(callInStop, 0)
	assert.Equal(t, []string{"long error 0: F0 01"}, w.hear(1))
	assert.Equal(t, stillPlaying, w.call(callInClose, 0))
	w.do(callInStart, 0)
	assert.Equal(t, []string{"data 643C90"}, w.send(2, 0xF7, 0x90, 0x3C, 0x64)) // the rest is nothing by itself
	assert.Equal(t, []string{"long data 1: F0 03 F7"}, w.send(0xF0, 3, 0xF7))
	assert.Empty(t, w.send(0xF0, 4))
	assert.Equal(t, stillPlaying, w.call(callInUnprepare, 2))

	w.do(callInReset, 0)
	back := w.heard(w.read)
	assert.Equal(t, []string{"long error 2: F0 04", "long data 3: "}, w.hear(2))
	assert.Equal(t, []uint64{ThreadID(), ThreadID()}, []uint64{back[0].thread, back[1].thread})
	assert.Empty(t, w.send(0xF0, 5, 0xF7)) // it has stopped, too
	w.do(callInUnprepare, 2)
	w.do(callInClose, 0)
	assert.Equal(t, []string{"in close"}, w.hear(1))
	assert.Equal(t, mmInvalHandle, w.call(callInReset, 0))
}

// As with WinMM: who adds a buffer again when it comes home from a reset is given it again.
func TestABufferThatIsAddedWithinAResetComesBackAgain(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	w.again(1000)
	w.do(callInReset, 0)
	assert.Len(t, w.heard(w.read), 1002)
	w.do(callInClose, 0)
}

func TestHeadersHaveRules(t *testing.T) {
	w := openWire(t)
	for _, side := range []struct{ prepare, add, unprepare cause }{
		{callInPrepare, callInAddBuffer, callInUnprepare}, {callOutPrepare, callOutLong, callOutUnprepare},
	} {
		w.size(0, 0)
		assert.Equal(t, invalidParam, w.call(side.prepare, 0))
		copy(w.size(0, 2), []byte{0xF0, 0xF7})
		assert.Equal(t, unprepared, w.call(side.add, 0))
		w.do(side.prepare, 0)
		w.do(side.prepare, 0) // twice is once
		assert.Equal(t, uint32(2), w.flags(0))
		w.do(side.unprepare, 0)
		w.do(side.unprepare, 0)
		assert.Zero(t, w.flags(0))
	}
	w.lend(8)
	assert.Equal(t, uint32(2|4), w.flags(0))
	assert.Equal(t, stillPlaying, w.call(callInAddBuffer, 0))
	assert.Equal(t, stillPlaying, w.call(callInUnprepare, 0))
	w.do(callInReset, 0)
	assert.Equal(t, uint32(1|2), w.flags(0))
	w.do(callInAddBuffer, 0)
	assert.Equal(t, uint32(2|4), w.flags(0), "it is not done any more")
}

func TestResettingAnOutputGivesBackWhatWaits(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	w.hold(true)
	w.do(callOutShort, 0xF8)
	assert.Equal(t, []string{"data F8"}, w.hear(1)) // and the cable's thread stays there
	w.put(5, 0xF0, 1, 0xF7)
	w.put(6, 0xF0, 2, 0xF7)
	assert.Equal(t, stillPlaying, w.call(callOutUnprepare, 5))
	assert.Equal(t, stillPlaying, w.call(callOutLong, 6))
	assert.Equal(t, stillPlaying, w.call(callOutClose, 0))
	w.do(callOutReset, 0)
	assert.Equal(t, ThreadID(), w.heard(w.read)[1].thread)
	assert.Equal(t, []string{"done 5", "done 6"}, w.hear(2))
	w.put(6, 0xF0, 3, 0xF7)
	w.hold(false)
	off := w.hear(16*128 + 16)
	assert.Equal(t, []string{"data 400080", "data 40BF"}, []string{off[0], off[len(off)-1]})
	assert.NotEqual(t, ThreadID(), w.heard(w.read)[0].thread)
	assert.Equal(t, []string{"long data 0: F0 03 F7", "done 6"}, w.hear(2))
	w.do(callOutClose, 0)
	assert.Equal(t, []string{"out close"}, w.hear(1))
}

func TestUnpluggingGivesEverythingBack(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	assert.Empty(t, w.send(0xF0, 1))
	w.loop.Unplug(0)
	assert.Equal(t, []string{"long error 0: F0 01", "long data 1: ", "in close"}, w.hear(3))
	w.size(7, 3)
	w.do(callOutPrepare, 7)
	assert.Equal(t, mmNoDriver, w.call(callOutLong, 7))
	assert.Equal(t, mmNoDriver, w.call(callInAddBuffer, 0))
	assert.Equal(t, mmNoDriver, w.call(callInReset, 0))
	assert.Equal(t, mmNoDriver, w.call(callInClose, 0))
	assert.Equal(t, mmNoDriver, w.call(callOutReset, 0))
	w.do(callOutClose, 0)
	assert.Zero(t, w.loop.OpenHandles())
}

// A trace plays long messages too, and a sink notes which came.
func TestLongRowsOfATrace(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8, 8)
	trace, err := NewTrace(4)
	require.NoError(t, err)
	defer trace.Free()
	copy(trace.Message, []uint32{RowLong<<24 | 3, 0x000190, RowLong<<24 | 10, RowLong<<24 | 2})
	assert.Equal(t, uint64(4), w.loop.Perform(0, trace, Performance{Processor: -1}).Delivered)
	first := w.heard(w.read)[0]
	assert.Equal(t, []string{"long data 0: F0 00 F7", "data 190", "long data 1: F0 00 00 00 00 00 00 00", "long data 2: 00 F7"}, w.hear(4))
	assert.Equal(t, uint32(0), first.stamp)
	assert.Equal(t, uint64(2), w.loop.Dropped(0))
	assert.NotZero(t, trace.Left[2])
	assert.LessOrEqual(t, trace.Sent[2], trace.Left[2])

	w.loop.Sink(0, trace, 0)
	assert.Empty(t, w.send(0xF0, 0, 0xF7))
	assert.Empty(t, w.send(0xF0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF7))
	assert.NotZero(t, trace.Reached[0])
	assert.NotZero(t, trace.Reached[2])
	assert.Zero(t, trace.Reached[3])
	w.loop.Sink(0, nil, 0)
}
