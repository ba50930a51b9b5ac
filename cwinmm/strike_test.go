//go:build cgo && (linux || windows)

package cwinmm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const notReady MMResult = 67

// script has these faults happen.
func (w *wire) script(lines ...string) {
	w.t.Helper()
	faults, err := ParseFaults(strings.NewReader(strings.Join(lines, "\n")), "script")
	require.NoError(w.t, err)
	require.NoError(w.t, w.loop.Script(faults))
}

// begin makes a call on another thread, and returns when a fault has struck it; end waits for its result.
func (w *wire) begin(call cause, argument uint32) (end func() MMResult) {
	w.t.Helper()
	result, before := make(chan MMResult, 1), w.loop.Struck()
	go func() { result <- w.call(call, argument) }()
	require.Eventually(w.t, func() bool { return w.loop.Struck() > before }, time.Minute, time.Millisecond)
	return func() MMResult { return <-result }
}

func (w *wire) names() []string {
	w.t.Helper()
	ins, err := w.loop.Inputs(time.Minute)
	require.NoError(w.t, err)
	outs, err := w.loop.Outputs(time.Minute)
	require.NoError(w.t, err)
	require.Equal(w.t, ins, outs)
	var names []string
	for _, c := range ins {
		names = append(names, c.Name+" "+c.Identity)
	}
	return names
}

func TestEveryCallCanFail(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	for call, word := range causeWords[:onMessage] {
		if cause(call) == callInCount || cause(call) == callOutCount {
			continue // they have no result
		}
		w.script(word + " -> NOMEM")
		assert.Equal(t, mmNoMem, w.call(cause(call), 0), word)
		assert.Equal(t, uint64(1), w.loop.Struck())
	}
	w.script()
	assert.Zero(t, w.loop.Struck())
	assert.Empty(t, w.heard(w.read), "none was carried out")
	assert.Equal(t, []string{"long data 0: F0 01 F7"}, w.send(0xF0, 1, 0xF7))
}

func TestFaultsAreCounted(t *testing.T) {
	w := openWire(t)
	w.script("midiInStart nth=2 -> NOMEM", "midiInStart nth=4..5 -> NOTREADY", "midiInStart nth=7.. cable=0 -> ALLOCATED",
		"midiInStart cable=1 -> BADDEVICEID")
	var results []MMResult
	for range 8 {
		results = append(results, w.call(callInStart, 0))
	}
	assert.Equal(t, []MMResult{0, mmNoMem, 0, notReady, notReady, 0, mmAllocated, mmAllocated}, results)
	assert.Equal(t, []Strike{{"script:1: midiInStart nth=2 -> NOMEM", 1}, {"script:2: midiInStart nth=4..5 -> NOTREADY", 2},
		{"script:3: midiInStart nth=7.. cable=0 -> ALLOCATED", 2}, {"script:4: midiInStart cable=1 -> BADDEVICEID", 0}}, w.loop.Strikes())
	assert.Equal(t, uint64(5), w.loop.Struck())
	w.script()
	assert.Nil(t, w.loop.Strikes())
}

func TestADriverCanPretend(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	w.script("midiInReset -> NOERROR")
	w.do(callInReset, 0)
	assert.Equal(t, stillPlaying, w.call(callInClose, 0)) // for the buffers are there
}

func TestACallCanHang(t *testing.T) {
	for _, how := range []string{"hang", "delay 1h"} {
		w := openWire(t)
		w.script("midiInReset -> "+how, "midiOutPrepareHeader -> "+how, "midiInGetNumDevs -> "+how)
		reset, prepare, list := w.begin(callInReset, 0), w.begin(callOutPrepare, 7), w.begin(callInCount, 0)
		w.lend(8) // holds nobody up
		assert.Empty(t, w.heard(w.read))
		w.script()
		assert.Equal(t, mmNoError, prepare())
		assert.Equal(t, mmNoError, reset()) // and then it is carried out
		assert.Equal(t, MMResult(2), list())
		assert.Equal(t, []string{"long data 0: "}, w.hear(1))
	}
	w := openWire(t)
	w.script("midiInStop -> delay 1ms", "midiInStop -> hang", "midiInStop -> NOMEM", "midiInStop -> NOTREADY")
	end := w.begin(callInStop, 0)
	require.NoError(t, w.loop.Script(Faults{}))
	assert.Equal(t, mmNoMem, end()) // after both
}

func TestClosingTheDriverEndsTheScript(t *testing.T) {
	loop, err := NewLoopback("Alpha")
	require.NoError(t, err)
	c := newClient(&loop.Driver)
	defer c.free()
	w := &wire{client: c, t: t, loop: loop}
	w.script("midiInOpen -> hang")
	end := w.begin(callInOpen, 0)
	loop.Close()
	assert.Equal(t, mmNoError, end())
	w.do(callInClose, 0)
}

func TestDoneWithinTheCall(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	w.script("midiOutLongMsg nth=1 -> done-inside")
	w.put(5, 0xF0, 1, 0xF7)
	back := w.heard(w.read)
	require.Len(t, back, 2, "when the call has returned")
	assert.Equal(t, []string{"long data 0: F0 01 F7", "done 5"}, w.hear(2))
	assert.Equal(t, ThreadID(), back[1].thread)
	w.put(5, 0xF6)
	assert.Equal(t, []string{"data F6", "done 5"}, w.hear(2))
}

func TestDoneNever(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	w.script("midiOutLongMsg nth=1 -> no-done")
	w.put(5, 0xF0, 1, 0xF7)
	assert.Equal(t, []string{"long data 0: F0 01 F7"}, w.hear(1))
	assert.Equal(t, []string{"data F6"}, w.send(0xF6)) // another is not held up
	assert.Equal(t, stillPlaying, w.call(callOutUnprepare, 5))
	assert.Equal(t, stillPlaying, w.call(callOutClose, 0))
	w.do(callOutReset, 0)
	assert.Contains(t, w.hear(1), "done 5")
	w.do(callOutClose, 0)
}

func TestTheDriverSaysLateThatItHasClosed(t *testing.T) {
	w := openWire(t)
	w.script("midiInClose -> no-close", "midiInClose -> MIM_CLOSE after=50ms", "midiInClose -> MIM_DATA message=FE after=10ms")
	w.do(callInClose, 0)
	assert.ElementsMatch(t, []string{"data FE", "in close"}, w.hear(2))
	w.do(callInOpen, 0)
	assert.Equal(t, []string{"in open"}, w.hear(1))
	w.script("midiInClose -> no-close", "midiInClose -> MIM_CLOSE after=1h")
	w.do(callInClose, 0)
	w.script()
	assert.Never(t, func() bool { return len(w.heard(w.read)) > 0 }, 50*time.Millisecond, time.Millisecond)
}

func TestACallbackComesDuringACall(t *testing.T) {
	w := openWire(t)
	w.lend(8)
	for _, call := range []cause{callInStop, callInReset, callInClose} {
		w.script(causeWords[call] + " -> MIM_DATA message=903C64")
		w.do(call, 0)
		back := w.heard(w.read)
		assert.Equal(t, []string{"data 643C90"}, w.hear(1))
		assert.NotEqual(t, ThreadID(), back[0].thread)
		if call == callInReset {
			w.hear(1) // the buffer
		}
	}
	assert.Equal(t, []string{"in close"}, w.hear(1))
}

// Who adds a buffer again that has come back empty, without a thought, goes on for ever.
func TestBuffersBounce(t *testing.T) {
	w := openWire(t)
	w.script("midiInAddBuffer nth=1..1000 -> bounce")
	w.again(1 << 20)
	w.lend(8)
	for range 1000 {
		require.Equal(t, []string{"long data 0: "}, w.hear(1))
	}
	assert.Equal(t, []string{"data F6"}, w.send(0xF6))
	assert.Empty(t, w.heard(w.read), "it has come to an end")
	w.again(0)
}

func TestAStormOfBuffers(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	w.script("midiInReset nth=1 -> storm 1000")
	w.again(1 << 20)
	w.do(callInReset, 0)
	assert.Len(t, w.heard(w.read), 1000)
	assert.Equal(t, uint64(1000), w.loop.Readded(0))
	w.again(0)
	assert.Equal(t, stillPlaying, w.call(callInClose, 0))
	w.do(callInReset, 0)
	w.do(callInClose, 0)
	assert.Equal(t, uint64(1000), w.loop.Readded(0))
}

func TestADeviceComesBack(t *testing.T) {
	w := openWire(t)
	assert.Equal(t, []string{`Alpha \\?\onset#cable#0`, `Beta \\?\onset#cable#1`}, w.names())
	w.script("midiInStop nth=1 -> unplug", "midiInStop nth=2 -> replug")
	assert.Equal(t, mmNoDriver, w.call(callInStop, 0))
	assert.Equal(t, []string{"in close"}, w.hear(1))
	assert.Equal(t, []string{`Beta \\?\onset#cable#1`}, w.names())
	assert.Equal(t, mmNoDriver, w.call(callInStop, 0))
	assert.Equal(t, []string{`Beta \\?\onset#cable#1`, `Alpha \\?\onset#cable#0`}, w.names())

	// What was open stays dead, and is in nobody's way.
	for _, call := range []cause{callInStart, callInAddBuffer, callOutShort, callOutReset, callOutLong} {
		assert.Equal(t, mmNoDriver, w.call(call, 0), causeWords[call])
	}
	again := &wire{client: newClient(&w.loop.Driver), t: t, loop: w.loop}
	defer again.free()
	again.do(callInOpen, 1)
	again.do(callOutOpen, 1)
	again.do(callInStart, 0)
	again.hear(2)
	assert.Equal(t, []string{"data F6"}, again.send(0xF6))
	assert.Equal(t, 4, w.loop.OpenHandles())
	assert.Equal(t, mmNoDriver, w.call(callInClose, 0))
	assert.Equal(t, mmNoDriver, w.call(callOutClose, 0))
	assert.Equal(t, mmInvalHandle, w.call(callInClose, 0))
	assert.Equal(t, mmInvalHandle, w.call(callOutClose, 0))
	assert.Empty(t, w.heard(w.read))
	again.do(callInClose, 0)
	again.do(callOutClose, 0)

	w.script(`midiInStop -> replug index=0 name="2- Alpha" id="else"`)
	w.call(callInStop, 0)
	assert.Equal(t, []string{"2- Alpha else", `Beta \\?\onset#cable#1`}, w.names())
}

// Headers that were on their way when the device went come back.
func TestUnpluggingWithHeadersOnTheirWay(t *testing.T) {
	w := openWire(t)
	w.script("midiOutLongMsg nth=1 -> no-done", "message nth=2 -> hang", "midiOutShortMsg nth=2 -> unplug")
	w.put(5, 0xF6)
	w.do(callOutShort, 0xF8)
	assert.Equal(t, []string{"data F6", "data F8"}, w.hear(2))
	w.put(6, 0xF6) // the cable's thread hangs
	assert.Equal(t, mmNoDriver, w.call(callOutShort, 0xF8))
	assert.Equal(t, []string{"in close", "done 5", "done 6"}, w.hear(3))
}

func TestMessagesSetFaultsOff(t *testing.T) {
	w := openWire(t)
	w.script("message cable=0 nth=3 -> unplug", "message nth=2 -> hang")
	played := make(chan uint64)
	go func() { played <- w.loop.Play(0, Source{Count: 100}) }()
	assert.Equal(t, []string{"data 80", "data 181"}, w.hear(2))
	w.script("message cable=0 nth=3 -> unplug")
	assert.Equal(t, uint64(5), <-played)
	w.hear(3)
	assert.Equal(t, []string{"in close"}, w.hear(1))
	assert.Empty(t, w.heard(w.read))
}

func TestTheDriverSpeaksOfItsOwnAccord(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8, 2, 8)
	for _, c := range []struct{ event, heard string }{
		{"MIM_ERROR", "error 403C90"},
		{"MIM_MOREDATA message=F8", "more data F8"},
		{"MIM_DATA message=C101", "data 1C1"},
		{"MIM_LONGERROR bytes=3", "long error 0: F0 01 02"},
		{"MIM_LONGERROR", "long error 1: "},
		{"MIM_LONGDATA bytes=7", "long data 2: F0 01"}, // no more than there is room for
		{"MIM_LONGDATA", "long data 3: "},
		{"MIM_CLOSE", "in close"},
		{"MIM_CLOSE", "in close"},
	} {
		w.script("at=0s cable=0 -> " + c.event)
		assert.Equal(t, []string{c.heard}, w.hear(1))
		assert.Equal(t, uint64(1), w.loop.Struck())
	}
	w.script("midiInStart -> MIM_LONGDATA", "midiInStart cable=1 -> MIM_CLOSE") // no buffer, not that cable
	w.do(callInStart, 0)
	assert.Empty(t, w.heard(w.read))
	assert.Equal(t, uint64(1), w.loop.Struck())

	w.script("at=0s cable=1 -> MIM_DATA", "at=0s cable=1 -> MIM_LONGDATA", "at=0s cable=1 -> MIM_CLOSE") // not open
	require.Eventually(t, func() bool { return w.loop.Struck() == 3 }, time.Minute, time.Millisecond)
	assert.Empty(t, w.heard(w.read))
}

// A long message that is crossing is cut off where its buffer comes back.
func TestABufferComesBackHalfFull(t *testing.T) {
	w := openWire(t)
	w.lend(8, 8)
	assert.Empty(t, w.send(0xF0, 5))
	w.script("midiInStart -> MIM_LONGERROR bytes=1")
	w.do(callInStart, 0)
	assert.Equal(t, []string{"long error 0: F0"}, w.hear(1))
	assert.Empty(t, w.send(6, 0xF7))
	assert.Equal(t, []string{"long data 1: F0 07 F7"}, w.send(0xF0, 7, 0xF7))
}

func TestStampsJump(t *testing.T) {
	w := openWire(t)
	w.script("message nth=2 -> stamp to=4294967295", "message nth=4 -> stamp by=-3")
	assert.Equal(t, uint64(6), w.loop.Play(0, Source{Count: 6})) // whose stamps are its messages' numbers
	var stamps []uint32
	for _, h := range w.heard(w.read) {
		stamps = append(stamps, h.stamp)
	}
	assert.Equal(t, []uint32{0, 1, 4294967295, 0, 4294967294, 4294967295}, stamps)
}

func TestACableThatThereIsNot(t *testing.T) {
	w := openWire(t)
	faults, err := ParseFaults(strings.NewReader("\nmidiInOpen cable=2 -> hang"), "script")
	require.NoError(t, err)
	assert.EqualError(t, w.loop.Script(faults), "script:2: cable 2: from 0 to 1 are possible")
}

// A buffer that is given back while its input is being closed goes to nobody: the input may be another's by then.
func TestNoBufferIsReturnedWhileClosing(t *testing.T) {
	w := openWire(t)
	waiter, err := NewWaiter()
	require.NoError(t, err)
	defer waiter.Close()
	in, err := OpenInput(&w.loop.Driver, 1, waiter, InputOptions{Capacity: 16, Buffers: 1, Size: 16}, time.Minute)
	require.NoError(t, err)
	defer in.Free()
	w.script("midiInReset cable=1 -> hang")
	closed := make(chan error)
	go func() { closed <- in.Close(time.Minute) }()
	require.Eventually(t, func() bool { return w.loop.Struck() == 1 }, time.Minute, time.Millisecond)
	in.Return(0)
	assert.Zero(t, in.pool.home_written)
	w.script()
	assert.NoError(t, <-closed)
}
