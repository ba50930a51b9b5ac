//go:build cgo

package rig_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// stage is a rig running on cables: "Probe In", which the test sends into, "Probe Out" and "Second
// Out", which it listens to, and "Second In".
type stage struct {
	t       *testing.T
	loop    *engine.Loopback
	engine  *engine.Engine // the rig's
	session *rig.Session
	notices chan rig.Notice
	sent    uint64         // into Probe In
	got     uint64         // from Probe Out
	in      *engine.Output // into Probe In
	out     *engine.Input  // from Probe Out
	test    *engine.Engine // the test's own side of the cables
	end     func() error   // ends Run and returns its error
	ended   chan error     // Run's, when it has ended
}

const (
	probeIn = iota
	probeOut
	secondIn
	secondOut
)

func newStage(t *testing.T, r *rig.Rig) *stage {
	t.Helper()
	return newStageThat(t, r, func(ctx context.Context, s *stage) error { return s.session.Run(ctx) })
}

// newStageThat is newStage with another way to run the session.
func newStageThat(t *testing.T, r *rig.Rig, run func(context.Context, *stage) error) *stage {
	t.Helper()
	loop, err := engine.NewLoopback("Probe In", "Probe Out", "Second In", "Second Out")
	require.NoError(t, err)
	s := &stage{t: t, loop: loop, notices: make(chan rig.Notice, 1000)}
	s.engine, err = engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	s.test, err = engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	s.in, err = s.test.OpenOutput(engine.Index(probeIn), engine.OutputOptions{})
	require.NoError(t, err)
	s.out, err = s.test.OpenInput(engine.Index(probeOut), engine.InputOptions{Capacity: 1 << 16, SysExBuffers: 256})
	require.NoError(t, err)
	s.session, err = rig.Start(s.engine, r, s.notices)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s.ended = make(chan error, 1)
	go func() { s.ended <- run(ctx, s) }()
	s.end = func() error {
		cancel()
		return <-s.ended
	}
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, s.session.Close())
		assert.NoError(t, s.engine.Close())
		assert.NoError(t, s.test.Close())
		assert.Zero(t, loop.OpenPorts(), "ports left open")
		loop.Close()
	})
	return s
}

// send sends a message into Probe In and waits until the rig has done with it.
func (s *stage) send(bytes string) {
	s.t.Helper()
	require.NoError(s.t, s.in.Send(message(bytes)))
	s.sent++
	s.handled(s.sent)
}

// handled waits until the rig has done with so many messages.
func (s *stage) handled(count uint64) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.delivered() >= count }, 10*time.Second, 10*time.Microsecond)
	_ = s.session.Stats() // waits for a handler that is busy
}

// received returns the messages that come out of Probe Out: all that the rig has sent, in tests where it
// sends nowhere else.
func (s *stage) received() []string {
	s.t.Helper()
	return s.receive(s.sentOn() - s.got)
}

// sentOn returns how many messages the rig has sent, as far as it has come.
func (s *stage) sentOn() (sent uint64) {
	for _, i := range s.session.Stats().Instances {
		sent += i.Sent
	}
	return sent
}

// receive returns the next messages that come out of Probe Out, waiting for them.
func (s *stage) receive(count uint64) []string {
	s.t.Helper()
	var all []string
	s.test.SetReadDeadline(time.Now().Add(20 * time.Second))
	for uint64(len(all)) < count {
		events := make([]engine.Event, count-uint64(len(all)))
		n, err := s.test.ReadInto(events)
		require.NoError(s.t, err, "after %q", all)
		for _, ev := range events[:n] {
			switch ev.Kind {
			case engine.KindSysEx:
				all = append(all, fmt.Sprintf("% x", ev.SysEx))
			case engine.KindMessage:
				all = append(all, strings.ToLower(ev.Message.Hex()))
			}
		}
	}
	s.got += count
	return all
}

func TestEveryRecordedCaseThroughADriver(t *testing.T) {
	inLanes(t, func(t *testing.T, lane rig.Lane) {
		recordedCases(t, func(t *testing.T, r *rig.Rig) func(string) []string {
			s := newStage(t, in(lane, r))
			return func(bytes string) []string {
				s.send(bytes)
				return s.received()
			}
		})
	})
}

// inLanes tests the same in each lane.
func inLanes(t *testing.T, test func(*testing.T, rig.Lane)) {
	for _, lane := range []rig.Lane{rig.PollerLane, rig.DirectLane} {
		t.Run(string(lane), func(t *testing.T) { test(t, lane) })
	}
}

// in has all of a rig's outputs take a lane.
func in(lane rig.Lane, r *rig.Rig) *rig.Rig {
	for i := range r.Instances {
		r.Instances[i].Lane = lane
	}
	return r
}

// delivered returns how many messages the handler has been given.
func (s *stage) delivered() uint64 {
	n := uint64(0)
	for _, in := range s.engine.Stats().Inputs {
		n += in.Delivered - in.SysExEmpty
	}
	return n
}

const through = "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\nreset = off\n[map]\n"

func TestNotesThatAreHeldAreSwitchedOffAtTheEnd(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch{0..15}.note{0..127} > out.ch{0..15}.note{0..127}\nin.ch{0..2}.cc{64,120,123} > out.ch{0..2}.cc{64,120,123}"))
	for _, m := range []string{"90 3C 40", "90 3E 40", "9F 7F 01", "90 3C 00", "B0 40 7F", "90 00 10", "80 00 10", "B0 78 00", "90 40 01",
		"B1 40 7F", "B1 40 00", "92 05 05", "B2 7B 00"} {
		s.send(m)
	}
	s.received()
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	assert.Equal(t, []string{"80 40 40", "b0 40 00", "8f 7f 40"}, s.receive(3))
	assert.NoError(t, s.session.Close(), "again")
}

// Short messages and long ones to one output keep their order, though only the latter are always queued.
func TestSystemExclusiveKeepsItsPlace(t *testing.T) {
	text := strings.Replace(through, "write = Probe Out\n", "write = Probe Out\nmessage.mode1 = F0 47 7F 29 F7 C0 05 F0 7D value F7\n", 1)
	text = strings.Replace(text, "read = Probe In\n", "read = Probe In\nthru.out = realtime,sysex\n", 1)
	s := newStage(t, parse(t, text+"in.ch0.cc1 > out.mode1\nin.ch0.note{0..127} > out.ch0.note{0..127}"))
	for n := range byte(100) {
		require.NoError(t, s.in.Send(engine.Message(0x400090|int(n)<<8)))
		require.NoError(t, s.in.SendSysEx([]byte{0xF0, n, 0xF7}))
		require.NoError(t, s.in.Send(engine.Start))
		require.NoError(t, s.in.Send(engine.Message(0x0001B0|int(n+1)<<16)))
		s.sent += 4
		s.handled(s.sent)
		want := []string{fmt.Sprintf("90 %02x 40", n), fmt.Sprintf("f0 %02x f7", n), "fa",
			"f0 47 7f 29 f7", "c0 05", fmt.Sprintf("f0 7d %02x f7", n+1)}
		require.Equal(t, want, s.received())
	}
}

// What is no whole message is told and counted, and not passed on.
func TestBrokenSystemExclusiveIsToldAndNotPassedOn(t *testing.T) {
	text := strings.Replace(through, "read = Probe In\n", "read = Probe In\nthru.out = sysex\n", 1)
	s := newStage(t, parse(t, text))
	faults, err := engine.ParseFaults(strings.NewReader("message cable=0 nth=1 -> MIM_LONGERROR bytes=3"), "faults")
	require.NoError(t, err)
	require.NoError(t, s.loop.Script(faults))
	s.send("90 01 02")
	assert.Equal(t, rig.Notice{Kind: rig.SysExLoss, Instance: "in", What: engine.KindSysExInterrupted}, <-s.notices)
	for _, kind := range []engine.Kind{engine.KindSysExCut, engine.KindSysExDry} {
		ev := engine.Event{Port: s.engine.Stats().Inputs[0].Port, Kind: kind}
		require.NoError(t, s.engine.Call(func() { s.session.Handle(&ev) }))
		assert.Equal(t, rig.Notice{Kind: rig.SysExLoss, Instance: "in", What: kind}, <-s.notices)
	}
	require.NoError(t, s.in.SendSysEx([]byte{0xF0, 1, 0xF7}))
	assert.Equal(t, []string{"f0 01 f7"}, s.receive(1))
	assert.Equal(t, rig.RouterCounts{Changes: 1, System: 3, Broken: 2}, s.session.Stats().Instances[0].RouterCounts)
}

// Events that come before the session knows their input wait for it, with their bytes: the engine's own are used
// again meanwhile.
func TestSystemExclusiveDuringAReplacementIsKept(t *testing.T) {
	s := newStage(t, parse(t, through))
	in, err := s.test.OpenOutput(engine.Index(secondIn), engine.OutputOptions{})
	require.NoError(t, err)
	faults, err := engine.ParseFaults(strings.NewReader("midiOutOpen cable=3 -> hang"), "faults")
	require.NoError(t, err)
	require.NoError(t, s.loop.Script(faults))
	replaced := make(chan error)
	go func() {
		replaced <- s.session.Replace(parse(t, through+"[winmidi second]\nread=Second In\nthru.out=sysex\n[winmidi last]\nwrite=Second Out"))
	}()
	var want []string
	for n := range byte(100) {
		bytes := []byte{0xF0, n, n, 0xF7}
		want = append(want, fmt.Sprintf("% x", bytes))
		require.Eventually(t, func() bool { return len(s.engine.Stats().Inputs) == 2 }, 10*time.Second, time.Millisecond)
		require.NoError(t, in.SendSysEx(bytes))
		s.handled(uint64(n) + 1)
	}
	require.NoError(t, s.loop.Script(engine.Faults{}))
	require.NoError(t, <-replaced)
	assert.Equal(t, want, s.receive(100))
}

func TestOutputsAreResetUnlessTheRigSaysOtherwise(t *testing.T) {
	s := newStage(t, parse(t, strings.ReplaceAll(through, "reset = off\n", "")+"in.ch0.note1 > out.ch0.note1"))
	s.send("90 01 40")
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	got := s.receive(1 + 1 + 2064)
	assert.Equal(t, []string{"90 01 40", "80 01 40", "80 00 40"}, got[:3], "what is held goes first")
	assert.Equal(t, "bf 40 00", got[2065])
}

// What is queued for a slow output is sent before it is closed, also what had only just arrived.
func TestWhatHasArrivedIsSentBeforeTheEnd(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch{0..15}.cc{0..127} > out.ch{0..15}.cc{0..127}"))
	s.loop.Slow(probeOut, 2*time.Millisecond)
	for i := range 100 {
		require.NoError(t, s.in.Send(message(fmt.Sprintf("B0 07 %02X", i))))
	}
	require.Eventually(t, func() bool { return s.engine.Stats().Inputs[0].Received == 100 }, 10*time.Second, time.Millisecond)
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	assert.Equal(t, "b0 07 63", s.receive(100)[99])
}

func TestInstancesShareAPort(t *testing.T) {
	s := newStage(t, parse(t, "[winmidi a]\nread = 0\n[winmidi b]\nread = Probe\n[winmidi c]\nwrite = Probe Out\n[winmidi d]\nwrite = 1\n[map]\na.ch0.cc1 > c.ch0.cc2\nb.ch0.cc1 > d.ch0.cc3"))
	s.send("B0 01 05")
	assert.Equal(t, []string{"b0 02 05", "b0 03 05"}, s.received())
}

func TestPortsThatAreMissingAreNamedTogether(t *testing.T) {
	loop, err := engine.NewLoopback("Left", "Right")
	require.NoError(t, err)
	defer loop.Close()
	eng, err := engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	_, err = rig.Start(eng, parse(t, "[winmidi a]\nread = Left\nwrite = Up\n[winmidi b]\nread = 7\nwrite = Right"), nil)
	assert.EqualError(t, err, "instance a: no output port \"Up\"; there are 0 \"Left\", 1 \"Right\"\ninstance b: no input port \"7\"; there are 0 \"Left\", 1 \"Right\"")
	assert.Zero(t, loop.OpenPorts())
	assert.NoError(t, eng.Close())
}

func TestReplacingARigLosesNothing(t *testing.T) {
	const mapping = "in.ch{0..15}.cc{0..127} > out.ch{0..15}.cc{0..127}\nin.ch{0..15}.note{0..127} > out.ch{0..15}.note{0..127}\n" +
		"in.ch{0..15}.pressure{0..127} > out.ch{0..15}.pressure{0..127}\nin.ch{0..15}.{program,pitch,aftertouch} > out.ch{0..15}.{program,pitch,aftertouch}\n"
	rigs := []*rig.Rig{
		parse(t, through+mapping),
		parse(t, through+mapping+"in.ch0.rpn5 > out.ch0.rpn6\n[winmidi more]\nread = Second In\nwrite = Second Out"),
	}
	s := newStage(t, rigs[0])
	const count = 10000
	played := make(chan error, 1)
	go func() {
		_, err := s.loop.Play(probeIn, engine.Source{Count: count, Interval: 100 * time.Microsecond})
		played <- err
	}()
	replaced := 0
	for done := false; !done; replaced++ {
		require.NoError(t, s.session.Replace(rigs[(replaced+1)%2]))
		select {
		case err := <-played:
			require.NoError(t, err)
			done = true
		default:
		}
	}
	assert.Greater(t, replaced, 3)
	s.handled(count)
	got := s.received()
	require.Len(t, got, count)
	for n, m := range got {
		want := engine.SourceMessage(uint64(n))
		if want.Status() < engine.NoteOn {
			want |= engine.NoteOn
			want &= 0x00FFFF // velocity 0
		}
		if strings.ToLower(want.Hex()) != m {
			t.Fatalf("message %d: %s instead of %s", n, m, want.Hex())
		}
	}
	for _, in := range s.engine.Stats().Inputs {
		assert.Zero(t, in.Dropped.Total())
	}
}

func TestReplacingKeepsWhatStays(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.rpn1 > out.ch0.cc1\nin.ch0.note{1..3} > out.ch0.note{1..3}\nin.ch{0,1}.cc64 > out.ch{0,1}.cc64"))
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40", "90 01 40", "90 02 40", "90 03 40", "B0 40 7F", "B1 40 7F"} {
		s.send(m)
	}
	s.received()
	open := s.engine.Stats().Inputs[0].Port
	next := strings.ReplaceAll(through, "read = Probe In", "read = 0")
	require.NoError(t, s.session.Replace(parse(t, next+"in.ch0.rpn1 > out.ch0.cc1\n")))
	assert.Equal(t, []string{"80 01 40", "80 02 40", "80 03 40", "b0 40 00", "b1 40 00"}, s.receive(5), "what nothing ends any more")
	require.NoError(t, s.session.Replace(parse(t, through+"in.ch0.rpn1 > out.ch0.cc1\nin.ch0.note{1..3} > out.ch0.note{1..3}\nin.ch{0,1}.cc64 > out.ch{0,1}.cc64")))
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40", "90 01 40", "90 02 40", "90 03 40", "B0 40 7F", "B1 40 7F"} {
		s.send(m)
	}
	s.receive(5)
	require.NoError(t, s.session.Replace(parse(t, through+"in.ch0.rpn1 > out.ch0.cc1\nin.ch0.note{1,3} > out.ch0.note{1,2}\nin.ch1.cc64 > out.ch1.cc64\nin.ch0.cc65 > out.ch0.cc64")))
	assert.Equal(t, []string{"80 02 40", "80 03 40", "b0 40 00"}, s.receive(3), "also what another key ends now")
	s.got -= 8 // which no mapping sent
	s.send("B0 26 00")
	assert.Equal(t, []string{"b0 01 3f"}, s.received(), "a parameter that was half received")
	assert.Equal(t, open, s.engine.Stats().Inputs[0].Port, "the port stayed open")
}

func TestReplacingChangesOptions(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.cc7 > out.ch0.cc1"))
	s.send("B0 07 40")
	assert.Equal(t, []string{"b0 01 40"}, s.received())
	require.NoError(t, s.session.Replace(parse(t, strings.ReplaceAll(through, "read", "cc14 = on\nread")+"in.ch0.cc14.7 > out.ch0.pitch")))
	s.send("B0 07 40")
	assert.Equal(t, []string{"e0 00 40"}, s.received())
}

// What half a parameter has come on one port says nothing of another.
func TestReplacingAPortForgetsWhatCameOnIt(t *testing.T) {
	const mapping = "in.ch0.rpn1 > out.ch0.cc1\nin.ch0.cc38 > out.ch0.cc2"
	s := newStage(t, parse(t, strings.ReplaceAll(through, "Probe In", "Second In")+mapping))
	second, err := s.test.OpenOutput(engine.Index(secondIn), engine.OutputOptions{})
	require.NoError(t, err)
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40"} {
		require.NoError(t, second.Send(message(m)))
	}
	s.handled(3)
	require.NoError(t, s.session.Replace(parse(t, through+mapping)))
	s.send("B0 26 00")
	assert.Equal(t, []string{"b0 02 00"}, s.received())
}

// Inputs deliver as soon as they are open, before the session can know them: these events wait for it.
func TestEventsDuringAReplacementAreNotLost(t *testing.T) {
	var many strings.Builder // to take its time
	for i := range 300 {
		fmt.Fprintf(&many, "[winmidi w%d]\nread = %0*d\n", i, i+2, secondIn)
	}
	with, without := parse(t, many.String()+through), parse(t, through)
	s := newStage(t, without)
	for range 20 {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					_, err := s.loop.Play(secondIn, engine.Source{Count: 1})
					assert.NoError(t, err)
				}
			}
		}()
		require.NoError(t, s.session.Replace(with))
		close(stop)
		<-stopped
		// Where the ring was full meanwhile, the ends of lost notes are told behind it.
		var in engine.InputStats
		require.Eventually(t, func() bool {
			inputs := s.engine.Stats().Inputs
			in = inputs[len(inputs)-1]
			return in.Waiting == 0 && s.session.Stats().Instances[0].Changes == in.Delivered+in.Recovered
		}, 10*time.Second, time.Millisecond)
		assert.Equal(t, "Second In", in.Info.Name)
		assert.NotZero(t, in.Delivered)
		require.NoError(t, s.session.Replace(without))
	}
}

func TestReplacingOpensAndCloses(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note1 > out.ch0.note1"))
	s.send("90 01 40")
	assert.Equal(t, 4, s.loop.OpenPorts())
	require.NoError(t, s.session.Replace(parse(t, "[winmidi in]\nread=Probe In\n[winmidi out]\nwrite = Second Out\nreset=off\n")))
	assert.Equal(t, 4, s.loop.OpenPorts())
	assert.Equal(t, []string{"90 01 40", "80 01 40"}, s.receive(2), "the note on the output that is closed is off")
	err := s.session.Replace(parse(t, "[winmidi in]\nread=Second In\n[winmidi out]\nwrite = Third Out\n"))
	assert.ErrorContains(t, err, `instance out: no output port "Third Out"; there are`)
	assert.Equal(t, 4, s.loop.OpenPorts(), "as it was")
	require.NoError(t, s.session.Replace(parse(t, through+"in.ch0.note1 > out.ch0.note1")))
	s.send("90 01 40")
	assert.Equal(t, []string{"90 01 40"}, s.receive(1))
}

func TestDetectTellsOfEachChange(t *testing.T) {
	s := newStage(t, parse(t, "[backend winmidi]\ndetect=on\n"+through))
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40", "B0 26 00", "F8", "E0 00 40"} {
		s.send(m)
	}
	var got []string
	for len(s.notices) > 0 {
		n := <-s.notices
		got = append(got, fmt.Sprintf("%s.%v %f", n.Instance, n.Change.Control, n.Change.Normalised()))
	}
	assert.Equal(t, []string{"in.ch0.cc101 0.000000", "in.ch0.cc100 0.007874", "in.ch0.cc6 0.503937",
		"in.ch0.rpn1 0.500031", "in.ch0.cc38 0.000000", "in.ch0.pitch 0.500031"}, got)
}

// Nobody takes the notices: what does not fit is counted.
func TestNoticesThatDoNotFitAreCounted(t *testing.T) {
	s := newStage(t, parse(t, "[backend winmidi]\ndetect=on\n"+through))
	fit := cap(s.notices)
	_, err := s.loop.Play(probeIn, engine.Source{Count: uint64(fit) + 5})
	require.NoError(t, err)
	s.handled(uint64(fit) + 5)
	assert.GreaterOrEqual(t, s.session.Stats().Dropped, uint64(5))
}

func TestALossIsToldAndForgetsHalfAParameter(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.rpn1 > out.ch0.cc1"))
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40"} {
		s.send(m)
	}
	require.NoError(t, s.engine.Call(func() { // nobody drains the ring meanwhile
		_, err := s.loop.Play(probeIn, engine.Source{Count: 10000})
		require.NoError(t, err)
	}))
	n := <-s.notices
	assert.Equal(t, rig.Gap, n.Kind)
	assert.Greater(t, n.Lost, uint64(1000))
	s.sent = s.delivered()
	s.send("B0 26 00")
	assert.Empty(t, s.received())
}

// awaitPlugged waits for a notice of a port, and returns whose it is.
func (s *stage) awaitPlugged(kind rig.NoticeKind) string {
	s.t.Helper()
	for {
		select {
		case n := <-s.notices:
			if n.Kind == kind {
				return n.Instance + " " + n.Port.Name
			}
		case <-time.After(20 * time.Second):
			require.Fail(s.t, "no such notice")
		}
	}
}

// A device that goes leaves no note sounding and no half a parameter, and is waited for.
func TestARigWaitsForItsInput(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note60 > out.ch0.note61\nin.ch0.rpn1 > out.ch0.cc1\nin.ch0.cc2 > out.ch0.cc3"))
	for _, m := range []string{"90 3C 40", "B0 65 00", "B0 64 01", "B0 06 40"} {
		s.send(m)
	}
	assert.Equal(t, []string{"90 3d 40"}, s.received())
	s.loop.Unplug(probeIn)
	assert.Equal(t, "in Probe In", s.awaitPlugged(rig.Gone))
	require.Eventually(t, func() bool { return s.sentOn() >= 2 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, []string{"90 3d 00"}, s.received())

	require.NoError(t, s.loop.Replug(probeIn, 3, "2- Probe In"))
	assert.Equal(t, "in 2- Probe In", s.awaitPlugged(rig.Found))
	assert.Equal(t, "in 2- Probe In", s.awaitPlugged(rig.Back))
	require.Eventually(t, func() bool { return s.in.SendNow(message("B0 26 00")) == nil }, 20*time.Second, time.Millisecond)
	require.NoError(t, s.in.SendNow(message("B0 02 05")))
	require.Eventually(t, func() bool { return s.sentOn() >= 3 }, 10*time.Second, time.Millisecond) // also when a callback has
	assert.Equal(t, []string{"b0 03 05"}, s.received())
}

// An output that goes is waited for as well, and the rig goes on.
func TestARigWaitsForItsOutput(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.cc1 > out.ch0.cc2"))
	s.loop.Unplug(probeOut)
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Gone))
	require.NoError(t, s.loop.Replug(probeOut, 0, "Probe Out"))
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Back))
	require.Eventually(t, func() bool { return !s.out.Stats().Device.Lost }, 20*time.Second, time.Millisecond)
	s.send("B0 01 05")
	assert.Equal(t, []string{"b0 02 05"}, s.received())
}

// A note that sounds when its output goes is switched off when that is back, also if its key has been played meanwhile.
func TestANoteThatIsPlayedWhileItsOutputIsAway(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{0..127} > out.ch0.note{0..127}"))
	for note := range 20 { // the later ones by the callback
		s.send(fmt.Sprintf("90 %02X 40", note))
	}
	s.loop.Unplug(probeOut)
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Gone))
	s.send("90 13 40")
	s.send("80 13 40")
	require.NoError(t, s.loop.Replug(probeOut, 0, "Probe Out"))
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Back))
	// The far end may not have been there yet to hear it.
	sent := func() bool { return s.engine.Stats().Outputs[0].Sent == 40 }
	require.Eventually(t, sent, 10*time.Second, time.Millisecond, "20 note-ons, 20 note-offs")
}

// An input that has gone does not keep the rest from being replaced.
func TestReplacingWhileAnInputHasGone(t *testing.T) {
	const second = "[winmidi second]\nread = Second In\n"
	s := newStage(t, parse(t, second+through+"in.ch0.cc1 > out.ch0.cc2"))
	s.loop.Unplug(secondIn)
	assert.Equal(t, "second Second In", s.awaitPlugged(rig.Gone))
	require.NoError(t, s.session.Replace(parse(t, second+through+"in.ch0.cc1 > out.ch0.cc3")))
	s.send("B0 01 05")
	assert.Equal(t, []string{"b0 03 05"}, s.received())
	require.NoError(t, s.session.Replace(parse(t, through+"in.ch0.cc1 > out.ch0.cc4")))
	s.send("B0 01 05")
	assert.Equal(t, []string{"b0 04 05"}, s.received())
}

func TestOnlyOneRunAtATime(t *testing.T) {
	s := newStage(t, parse(t, through))
	s.send("B0 01 05") // it is running
	assert.ErrorIs(t, s.session.Run(t.Context()), engine.ErrBusy)
	assert.ErrorIs(t, s.end(), context.Canceled, "the first goes on")
}

// While a run ends, and handles what had arrived, the rig may still be replaced and looked at.
func TestReplacingWhileARunEnds(t *testing.T) {
	const mapping = "in.ch{0..15}.cc{0..127} > out.ch{0..15}.cc{0..127}"
	rigs := []*rig.Rig{parse(t, through+mapping), parse(t, through+mapping+"\nin.ch0.rpn1 > out.ch0.cc1")}
	for range 5 {
		s := newStage(t, rigs[0])
		played := make(chan error, 1)
		go func() {
			_, err := s.loop.Play(probeIn, engine.Source{Count: 100000})
			played <- err
		}()
		s.handled(10)
		var busy sync.WaitGroup
		busy.Go(func() {
			for i := range 20 {
				assert.NoError(t, s.session.Replace(rigs[i%2]))
				_ = s.session.Stats()
			}
		})
		assert.ErrorIs(t, s.end(), context.Canceled)
		busy.Wait()
		require.NoError(t, s.session.Close())
		require.NoError(t, s.engine.Close())
		require.NoError(t, <-played)
	}
}

func TestStatsWhileTheEngineIsClosed(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch{0..15}.cc{0..127} > out.ch{0..15}.cc{0..127}"))
	played := make(chan error, 1)
	go func() {
		_, err := s.loop.Play(probeIn, engine.Source{Count: 100000})
		played <- err
	}()
	s.handled(10)
	var closing sync.WaitGroup
	closing.Go(func() { assert.NoError(t, s.engine.Close()) })
	for range 100 {
		_ = s.session.Stats()
	}
	closing.Wait()
	require.NoError(t, <-played)
}

func TestASessionInAProgramsOwnRun(t *testing.T) {
	loop, err := engine.NewLoopback("Probe In", "Probe Out", "Own")
	require.NoError(t, err)
	defer loop.Close()
	eng, err := engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	own, err := eng.OpenInput(engine.Named("Own"), engine.InputOptions{})
	require.NoError(t, err)
	s, err := rig.Start(eng, parse(t, through+"in.ch0.cc1 > out.ch0.cc2"), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var got []engine.Port
	ended := make(chan error)
	go func() {
		ended <- eng.Run(ctx, func(ev *engine.Event) {
			s.Handle(ev)
			if got = append(got, ev.Port); len(got) == 20 {
				cancel()
			}
		})
	}()
	_, err = loop.Play(2, engine.Source{Count: 10})
	require.NoError(t, err)
	_, err = loop.Play(0, engine.Source{Count: 10})
	require.NoError(t, err)
	assert.ErrorIs(t, <-ended, context.Canceled)
	assert.Equal(t, 10, len(slices.DeleteFunc(got, func(p engine.Port) bool { return p == own.Port() })))
	assert.EqualValues(t, 10, s.Stats().Instances[0].Changes)
	require.NoError(t, eng.Close())
	assert.ErrorIs(t, s.Replace(parse(t, through)), engine.ErrClosed)
	assert.EqualValues(t, 10, s.Stats().Instances[0].Changes, "after the engine is closed")
	assert.NoError(t, s.Close())
	assert.True(t, errors.Is(s.Replace(parse(t, through)), engine.ErrClosed))
}

func TestSleepOfTheMachineIsANotice(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note0 > out.ch0.note0"))
	resumed := engine.Event{Kind: engine.KindResumed, Port: engine.NoPort}
	require.NoError(t, s.engine.Call(func() { s.session.Handle(&resumed) }))
	assert.Equal(t, rig.Notice{Kind: rig.Resumed}, <-s.notices)
	s.send("90 00 10") // it goes on
	assert.Equal(t, []string{"90 00 10"}, s.received())
}
