//go:build cgo

package rig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// script has faults happen on the stage's cables from now on.
func script(t *testing.T, loop *engine.Loopback, lines ...string) {
	t.Helper()
	faults, err := engine.ParseFaults(strings.NewReader(strings.Join(lines, "\n")), "faults")
	require.NoError(t, err)
	require.NoError(t, loop.Script(faults))
}

// newEngine is an engine on cables of these names.
func newEngine(t *testing.T, names ...string) (*engine.Engine, *engine.Loopback) {
	t.Helper()
	loop, err := engine.NewLoopback(names...)
	require.NoError(t, err)
	eng, err := engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, eng.Close())
		loop.Close()
	})
	return eng, loop
}

// A list that changes between finding a port and opening it leads to no other.
func TestAChangingListLeadsToNoOtherPort(t *testing.T) {
	for call, way := range map[string]string{"midiInGetDevCaps": "read", "midiOutGetDevCaps": "write"} {
		eng, loop := newEngine(t, "A", "B", "C")
		script(t, loop, call+" cable=2 nth=1 -> replug index=0")
		s, err := rig.Start(eng, parse(t, "[winmidi b]\n"+way+" = B\n"), nil)
		require.NoError(t, err)
		stats := eng.Stats()
		if way == "read" {
			assert.Equal(t, "B", stats.Inputs[0].Info.Name)
		} else {
			assert.Equal(t, "B", stats.Outputs[0].Info.Name)
		}
		require.NoError(t, s.Close())
	}
}

// Instances that name one port share it, also when the list has just been put into another order.
func TestInstancesShareAPortThatHasMoved(t *testing.T) {
	for _, ids := range []bool{true, false} {
		eng, loop := newEngine(t, "Alpha", "Beta", "Gamma")
		if !ids {
			loop.HideIdentities()
		}
		s, err := rig.Start(eng, parse(t, "[winmidi in]\nread = Beta\n[winmidi out]\nwrite = Beta\n"), nil)
		require.NoError(t, err)
		for _, place := range []int{2, 0} {
			require.NoError(t, loop.Replug(0, place, ""))
			name := "[winmidi two]\nread = B\n[winmidi three]\nwrite = Be\n"
			require.NoError(t, s.Replace(parse(t, "[winmidi in]\nread = Beta\n[winmidi out]\nwrite = Beta\n"+name)))
			assert.Equal(t, 2, loop.OpenPorts())
		}
		require.NoError(t, s.Close())
	}
}

// A note that was held when its output went is let go of when that is back: its key's note-off met nobody.
func TestNotesHeldOverALossAreLetGoOf(t *testing.T) {
	s := newStage(t, parse(t, "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\n[map]\n"+
		"in.ch0.note60 > out.ch0.note61\nin.ch0.cc64 > out.ch0.cc64\n"))
	s.send("90 3C 40")
	s.send("B0 40 7F")
	assert.Equal(t, []string{"90 3d 40", "b0 40 7f"}, s.received())
	script(t, s.loop, "midiOutShortMsg cable=1 nth=1 -> NODRIVER")
	s.send("80 3C 00")
	s.awaitPlugged(rig.Gone)
	s.awaitPlugged(rig.Back)
	assert.Equal(t, []string{"80 3d 40", "b0 40 00"}, s.receive(2))
}

// What happens to an output that stays is told while other ports are opened, whatever comes of those.
func TestAFailedReplacementSwallowsNoNotice(t *testing.T) {
	s := newStage(t, parse(t, "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\n"))
	script(t, s.loop, "midiInOpen cable=2 -> hang")
	replaced := make(chan error, 1)
	go func() {
		replaced <- s.session.Replace(parse(t, "[winmidi in]\nread = Second In\n[winmidi out]\nwrite = Probe Out\n[winmidi no]\nread = None\n"))
	}()
	require.Eventually(t, func() bool { return s.loop.Struck() > 0 }, time.Minute, time.Millisecond)
	s.loop.Unplug(probeOut)
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(s.engine.Stats().Outputs, func(o engine.OutputStats) bool { return o.Device.Lost })
	}, time.Minute, time.Millisecond)
	require.NoError(t, s.engine.Call(func() {})) // what there is to tell has been handled
	script(t, s.loop)
	require.Error(t, <-replaced)
	assert.Equal(t, "out Probe Out", s.awaitPlugged(rig.Gone))
}

// Where the engine had more to tell than could wait, any output may have gone and be back.
func TestNoNoteHangsWhereALossHasNotBeenTold(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note60 > out.ch0.note61\n"))
	s.send("90 3C 40")
	assert.Equal(t, []string{"90 3d 40"}, s.received())
	require.NoError(t, s.engine.Call(func() {
		s.session.Handle(&engine.Event{Kind: engine.KindGap, Port: engine.NoPort, Lost: 5})
	}))
	assert.Equal(t, []string{"80 3d 40"}, s.receive(1))
	assert.Equal(t, rig.Notice{Kind: rig.Gap, Lost: 5}, <-s.notices)
}

// direct sends note-ons and note-offs until the callback of Probe In sends, and returns when all is handled.
func (s *stage) direct() {
	s.t.Helper()
	for {
		before := s.engine.Stats().Outputs[0].Direct
		s.send("90 01 40")
		s.send("80 01 00")
		if out := s.engine.Stats().Outputs[0]; out.Direct == before+2 && !out.Threaded {
			break
		}
		time.Sleep(10 * time.Millisecond) // or what is repeated seems to go round
	}
	s.received()
}

// unhandled sends messages that the callback of Probe In sends on, and has the program not come to them before then
// is done. count is how many it sends on, also to a driver that refuses them.
func (s *stage) unhandled(count uint64, then func(), messages ...string) {
	s.t.Helper()
	done := func() uint64 {
		out := s.engine.Stats().Outputs[0]
		return out.Sent + out.Failed
	}
	var failed error
	require.NoError(s.t, s.engine.Call(func() {
		before := done()
		for _, m := range messages {
			failed = errors.Join(failed, s.in.SendNow(message(m)))
			s.sent++
		}
		for end := time.Now().Add(10 * time.Second); done() < before+count && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		then()
	}))
	require.NoError(s.t, failed)
}

// awaitGap waits for the notice of a loss.
func (s *stage) awaitGap() (lost uint64) {
	s.t.Helper()
	for {
		select {
		case n := <-s.notices:
			if n.Kind == rig.Gap {
				return n.Lost
			}
		case <-time.After(20 * time.Second):
			require.Fail(s.t, "no such notice")
		}
	}
}

// What the callback has sent, and the program has not come to, is switched off as well.
func TestNotesThatAreNotYetHandledAreSwitchedOff(t *testing.T) {
	const mapping = "in.ch0.note{1..3} > out.ch0.note{1..3}\n"
	for what, end := range map[string]func(s *stage) error{
		"a run ends": func(s *stage) error {
			assert.ErrorIs(s.t, s.end(), context.Canceled)
			return s.session.Close()
		},
		"the session is closed": func(s *stage) error { return s.session.Close() },
		"other mappings": func(s *stage) error {
			return s.session.Replace(parse(s.t, through+"in.ch0.note{1..3} > out.ch0.note{4..6}\n"))
		},
		"another output": func(s *stage) error {
			return s.session.Replace(parse(s.t, strings.ReplaceAll(through, "Probe Out", "Second Out")+mapping))
		},
		"another input": func(s *stage) error {
			return s.session.Replace(parse(s.t, strings.ReplaceAll(through, "Probe In", "Second In")+mapping))
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStage(t, parse(t, through+mapping))
			s.direct()
			ended := make(chan error, 1)
			s.unhandled(2, func() {
				go func() { ended <- end(s) }()
				time.Sleep(10 * time.Millisecond) // it is at it
			}, append(slices.Repeat([]string{"E5 00 40"}, 1000), "90 02 40", "90 03 40")...) // more than a pass of the poller
			require.NoError(t, <-ended)
			assert.Equal(t, []string{"90 02 40", "90 03 40", "80 02 40", "80 03 40"}, s.receive(4))
		})
	}
}

// A callback is in the midst of sending when the session ends: what it sends is switched off, if it can be known what that
// is, or else whatever it may be.
func TestNotesOfACallbackThatIsHeldUpAreSwitchedOff(t *testing.T) {
	const mapping = "in.ch0.note{1..3} > out.ch0.note{1..3}\n"
	known, unknown := []string{"90 02 40", "80 02 40"}, []string{"90 02 40", "80 01 40", "80 02 40", "80 03 40"}
	for _, c := range []struct {
		runs   bool // until the session is closed
		heldUp time.Duration
		want   []string
	}{
		{false, 20 * time.Millisecond, known},
		{false, 500 * time.Millisecond, unknown},
		{true, 20 * time.Millisecond, known},
		{true, 500 * time.Millisecond, unknown},
	} {
		s := newStage(t, parse(t, through+mapping))
		s.direct()
		script(t, s.loop, "midiOutShortMsg cable=1 nth=1 -> hang")
		played := make(chan error, 1)
		go func() { played <- s.in.SendNow(message("90 02 40")) }()
		require.Eventually(t, func() bool { return s.loop.Struck() > 0 }, 20*time.Second, time.Millisecond)
		time.AfterFunc(c.heldUp, func() { script(t, s.loop) })
		if !c.runs {
			assert.ErrorIs(t, s.end(), context.Canceled)
		}
		require.NoError(t, s.session.Close())
		require.NoError(t, <-played)
		assert.Equal(t, c.want, s.receive(uint64(len(c.want))), "%+v", c)
		assert.Equal(t, s.got, s.out.Stats().Received, "and nothing after it")
	}
}

// The same where the input's device has gone, and is being closed.
func TestALostInputsCallbackThatIsHeldUp(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	script(t, s.loop, "midiOutShortMsg cable=1 nth=1 -> hang")
	var driver sync.WaitGroup
	driver.Go(func() { _ = s.in.SendNow(message("90 02 40")) }) // its device goes
	require.Eventually(t, func() bool { return s.loop.Struck() > 0 }, 20*time.Second, time.Millisecond)
	driver.Go(func() { s.loop.Unplug(probeIn) })
	require.Eventually(t, func() bool { return s.engine.Stats().Inputs[0].Device.Lost }, 20*time.Second, time.Millisecond)
	time.AfterFunc(500*time.Millisecond, func() { script(t, s.loop) })
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	driver.Wait()
	assert.Equal(t, []string{"90 02 40", "80 01 40", "80 02 40", "80 03 40"}, s.receive(4))
}

// What the callback has sent, and nobody handles before the session is closed, is switched off, whatever it may be.
func TestNotesThatNobodyHandlesAreSwitchedOff(t *testing.T) {
	s := newStageThat(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"), func(ctx context.Context, s *stage) error {
		return s.engine.Run(ctx, s.session.Handle)
	})
	s.direct()
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.in.SendNow(message("90 02 40")))
	assert.Equal(t, []string{"90 02 40"}, s.receive(1))
	require.NoError(t, s.session.Close())
	assert.Equal(t, []string{"80 01 40", "80 02 40", "80 03 40"}, s.receive(3))
	assert.Equal(t, s.got, s.out.Stats().Received, "and nothing after it")
}

// What comes when a run has ended, and nobody handles it, leads to nothing, and so there is nothing to be switched off.
func TestWhatComesAfterARunEndsNothing(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	assert.ErrorIs(t, s.end(), context.Canceled)
	for _, m := range []string{"90 02 40", "FE"} {
		require.NoError(t, s.in.SendNow(message(m)))
	}
	require.Eventually(t, func() bool { return s.engine.Stats().Inputs[0].Waiting == 2 }, 20*time.Second, time.Millisecond)
	require.NoError(t, s.session.Close())
	assert.Equal(t, s.got, s.out.Stats().Received)
	assert.ErrorIs(t, s.session.Run(t.Context()), engine.ErrClosed)
}

// Nor does it lead to anything when the rig has been replaced since, and it has been seen that nothing waits.
func TestAReplacementAfterARunSendsNothing(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Replace(parse(t, through+"in.ch0.note{1..3} > out.ch0.note{4..6}\n")))
	s.engine.SetReadDeadline(time.Unix(1, 0))
	_, err := s.engine.ReadInto(make([]engine.Event, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, s.in.SendNow(message("90 02 40")))
	require.Eventually(t, func() bool { return s.engine.Stats().Inputs[0].Waiting == 1 }, 20*time.Second, time.Millisecond)
	require.NoError(t, s.session.Close())
	assert.Equal(t, s.got, s.out.Stats().Received)
}

// Several note-offs are refused, and the program comes to none of them before all are.
func TestSeveralNoteOffsThatAreRefused(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	for _, m := range []string{"90 01 40", "90 02 40", "90 03 40"} {
		s.send(m)
	}
	s.received()
	script(t, s.loop, "midiOutShortMsg cable=1 nth=1..3 -> NOTREADY")
	s.unhandled(3, func() {}, "80 01 00", "80 02 00", "80 03 00")
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	assert.Equal(t, []string{"80 01 40", "80 02 40", "80 03 40"}, s.receive(3))
}

// The program misses messages that the callback has sent: nothing is sent twice.
func TestANoteOffThatWasSentAndThenLost(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	s.send("90 02 40")
	s.unhandled(1, func() {}, append(slices.Repeat([]string{"E5 00 40"}, 10000), "80 02 00")...)
	assert.Greater(t, s.awaitGap(), uint64(1000))
	s.sent = s.delivered()
	s.send("90 01 40")
	s.send("80 01 00")
	assert.Equal(t, []string{"90 02 40", "90 02 00", "90 01 40", "90 01 00"}, s.receive(4))
}

// A note-on that the callback has sent and the program misses: the note is switched off at the end. So is what else may
// have been begun.
func TestANoteOnThatWasSentAndThenLost(t *testing.T) {
	const mapping = "in.ch0.note{1..3} > out.ch0.note{1..3}\nin.ch0.cc64 > out.ch0.cc64\nin.ch0.aftertouch > out.ch0.note4\n"
	for _, lost := range [][]string{{"90 02 40"}, {"90 02 40", "80 02 00", "90 02 40"}, {"D0 40"}} {
		s := newStage(t, parse(t, through+mapping))
		s.direct()
		s.unhandled(uint64(len(lost)), func() {}, append(slices.Repeat([]string{"E5 00 40"}, 10000), lost...)...)
		s.awaitGap()
		s.receive(uint64(len(lost)))
		s.sent = s.delivered()
		s.send("90 03 40")
		s.send("80 03 00")
		assert.ErrorIs(t, s.end(), context.Canceled)
		require.NoError(t, s.session.Close())
		assert.Equal(t, []string{"90 03 40", "90 03 00", "80 01 40", "80 02 40", "80 04 40", "b0 40 00"}, s.receive(6), lost)
	}
}

// The same while the rig is replaced: the notes are ended that the routes before may have begun, and no others.
func TestANoteOnThatIsLostWhileTheRigIsReplaced(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1,2} > out.ch0.note{1,2}\n"))
	s.direct()
	replaced := make(chan error, 1)
	s.unhandled(1, func() {
		go func() {
			replaced <- s.session.Replace(parse(t, through+"in.ch0.note{1,2} > out.ch0.note{3,4}\n"))
		}()
		time.Sleep(10 * time.Millisecond) // it comes next, before what is waiting
	}, append(slices.Repeat([]string{"E5 00 40"}, 10000), "90 02 40")...)
	require.NoError(t, <-replaced)
	s.awaitGap()
	assert.Equal(t, []string{"90 02 40", "80 01 40", "80 02 40"}, s.receive(3))
	assert.ErrorIs(t, s.end(), context.Canceled)
	require.NoError(t, s.session.Close())
	assert.Equal(t, s.got, s.out.Stats().Received, "and nothing after it")
}

// An input in the midst of a flood goes with a rig: nothing that it has begun sounds on.
func TestNoNoteHangsWhenAnInputGoesInAFlood(t *testing.T) {
	const second = "[winmidi in]\nread = Second In\n[winmidi out]\nwrite = Probe Out\nreset = off\n"
	with := parse(t, through+"in.ch{0..15}.note{0..127} > out.ch{0..15}.note{0..127}\n")
	for range 5 {
		s := newStage(t, with)
		played := make(chan error, 1)
		go func() {
			_, err := s.loop.Play(probeIn, engine.Source{Count: 20_000, Interval: 10 * time.Microsecond})
			played <- err
		}()
		require.Eventually(t, func() bool { return s.engine.Stats().Inputs[0].Routed > 1000 }, 20*time.Second, 100*time.Microsecond)
		require.NoError(t, s.session.Replace(parse(t, second)))
		require.NoError(t, <-played)
		var out engine.OutputStats
		require.Eventually(t, func() bool {
			out = s.engine.Stats().Outputs[0]
			return out.Queued == 0 && s.out.Stats().Received == out.Sent
		}, 20*time.Second, time.Millisecond)
		held := map[string]bool{} // by channel and key
		for _, m := range s.receive(out.Sent) {
			bytes := message(m)
			key := fmt.Sprint(bytes.Status()&15, bytes.Data1())
			if held[key] = bytes.Status() >= engine.NoteOn && bytes.Data2() > 0; !held[key] {
				delete(held, key)
			}
		}
		assert.Empty(t, held)
	}
}

// The callback of an input that goes sends nothing more, as soon as the rig is another.
func TestAnInputThatGoesSendsNoMore(t *testing.T) {
	s := newStage(t, parse(t, through+"in.ch0.note{1..3} > out.ch0.note{1..3}\n"))
	s.direct()
	held, release, replaced := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var calls sync.WaitGroup
	calls.Go(func() {
		assert.NoError(t, s.engine.Call(func() {
			assert.NoError(t, s.in.SendNow(message("E5 00 40"))) // it is not closed before that is handled
			close(held)
			<-release
		}))
	})
	<-held
	go func() {
		replaced <- s.session.Replace(parse(t, "[winmidi two]\nread = Second In\n[winmidi out]\nwrite = Probe Out\nreset = off\n"))
	}()
	time.Sleep(50 * time.Millisecond) // it comes next
	calls.Go(func() {
		for sent := false; !sent; {
			assert.NoError(t, s.engine.Call(func() {
				if s.session.Stats().Instances[0].Name == "two" {
					assert.NoError(t, s.in.SendNow(message("90 02 40")))
					sent = true
				}
			}))
		}
	})
	time.Sleep(10 * time.Millisecond) // and then this
	close(release)
	calls.Wait()
	require.NoError(t, <-replaced)
	assert.Equal(t, s.got, s.out.Stats().Received)
}

// An event that comes late, of routes that have been replaced, ends no note that another key holds by the new ones.
func TestALateEventEndsNoNoteOfAnother(t *testing.T) {
	const ports = "[winmidi two]\nread = Second In\n" + through
	s := newStage(t, parse(t, ports+"in.ch0.note1 > out.ch0.note1\nin.ch0.note2 > out.ch0.note9\n"))
	second, err := s.test.OpenOutput(engine.Index(secondIn), engine.OutputOptions{})
	require.NoError(t, err)
	s.direct()
	script(t, s.loop, "midiOutShortMsg cable=1 nth=1 -> hang")
	require.NoError(t, s.in.Send(message("90 02 40")))
	require.Eventually(t, func() bool { return s.loop.Struck() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, s.session.Replace(parse(t, ports+"in.ch0.note1 > out.ch0.note1\ntwo.ch0.note5 > out.ch0.note9\n")))
	require.NoError(t, second.SendNow(message("90 05 40")))
	s.sent++
	s.handled(s.sent) // that of the second
	script(t, s.loop)
	s.sent++
	s.handled(s.sent)
	require.NoError(t, second.SendNow(message("80 05 00")))
	assert.Equal(t, []string{"90 09 40", "90 09 40", "90 09 00"}, s.receive(3))
}
