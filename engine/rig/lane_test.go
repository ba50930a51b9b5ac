//go:build cgo

package rig_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// Which lane a mapping takes is told, and why it is not the direct one.
func TestRoutesSayWhichLaneTheyTake(t *testing.T) {
	r := parse(t, `
[winmidi in]
read = In
thru.sys = realtime,sysex
[winmidi plain]
write = Plain
[winmidi epn]
write = Epn
[winmidi named]
write = Named
message.dump = F0 7D F7
[winmidi slow]
write = Slow
lane = poller
[winmidi sys]
write = Sys
[winmidi again]
read = In
[loopback l]
[map]
in.ch0.cc1 > plain.ch0.cc1
in.ch0.cc2 > l.a
l.a > plain.ch0.nrpn5
in.ch0.cc1 > epn.ch0.cc1
again.ch0.rpn1 > epn.ch0.cc1
in.ch0.cc1 > named.dump
in.ch0.cc2 > named.ch0.cc2
in.ch0.cc1 > slow.ch0.cc1
`)
	var got []string
	for route := range r.Routes() {
		if !strings.HasPrefix(route.From, "in.F") || route.From == "in.F8" {
			got = append(got, strings.TrimSpace(fmt.Sprintln(route.From, ">", route.To, route.Lane, route.Why)))
		}
	}
	assert.Equal(t, []string{
		"in.ch0.cc1 > plain.ch0.cc1 direct",
		"in.ch0.cc1 > epn.ch0.cc1 poller again.ch0.rpn1 comes in several messages",
		"in.ch0.cc1 > named.dump poller named.dump is system exclusive",
		"in.ch0.cc1 > slow.ch0.cc1 poller lane = poller",
		"in.ch0.cc2 > named.ch0.cc2 poller named.dump is system exclusive",
		"in.ch0.cc2 > plain.ch0.nrpn5 direct",
		"in.F8 > sys (thru) poller system exclusive messages are passed on",
		"again.ch0.rpn1 > epn.ch0.cc1 poller again.ch0.rpn1 comes in several messages",
	}, got)
}

func TestAnUnknownLaneIsAProblem(t *testing.T) {
	_, err := rig.Parse("rig.cfg", only("[winmidi out]\nwrite = 1\nlane = fast\n"))
	assert.ErrorContains(t, err, `rig.cfg:3:8: lane "fast": direct, poller or auto was expected`)
}

// Whatever the rig and whatever comes, the callback sends the same bytes as the program does, and in the same order.
func TestBothLanesSendTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	direct := uint64(0)
	for n := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, n))
		text := randomRig(random, n%4 == 0) // what shares an output with such controls is not direct
		var input []engine.Message
		for range 100 {
			input = append(input, randomInput(random))
		}
		direct += bothLanesSend(t, text, input)
	}
	assert.NotZero(t, direct)
	t.Logf("%d times the callback has sent", direct)
}

// bothLanesSend sees that a rig sends the same in both lanes, and returns how often the callback has.
func bothLanesSend(t *testing.T, text string, input []engine.Message) (direct uint64) {
	t.Helper()
	var want []string
	for _, lane := range []rig.Lane{rig.PollerLane, rig.DirectLane} {
		s := newStage(t, in(lane, parse(t, text)))
		for i, m := range input {
			require.NoError(t, s.in.SendNow(m))
			if i%7 == 0 { // now and then it has handled all
				s.handled(uint64(i + 1))
			}
		}
		s.handled(uint64(len(input)))
		got := s.received()
		if lane == rig.PollerLane {
			want = got
		} else {
			require.Equal(t, want, got, "%s", text)
			direct = s.engine.Stats().Outputs[0].Direct
		}
	}
	return direct
}

// From each kind of control to each kind of message, each with the values at which something changes: whatever the
// program sends, the callback has sent the same.
func TestBothLanesSendTheSameForEachKindOfMapping(t *testing.T) {
	text := "[winmidi in]\nread = Probe In\n[winmidi out]\nwrite = Probe Out\nnote-off = on\n" +
		"message.needs = 90 3C 7F\nmessage.takes = B0 07 value C1 05 E2 lsb msb\n[map]\n"
	sources := []string{"note1", "cc1", "pressure1", "program", "aftertouch", "pitch"}
	targets := []string{"out.ch0.note9", "out.ch1.cc9", "out.ch2.pressure9", "out.ch3.program", "out.ch4.aftertouch", "out.ch5.pitch",
		"out.ch6.nrpn9", "out.needs", "out.takes"}
	var input []engine.Message
	for i, to := range targets {
		for _, from := range sources {
			text += fmt.Sprintf("in.ch%d.%s > %s\n", i, from, to) // a channel for each target
		}
		for _, status := range []engine.Message{
			engine.NoteOn, engine.NoteOff, engine.ControlChange, engine.KeyPressure, engine.ProgramChange, engine.ChannelPressure, engine.PitchBend,
		} {
			for _, value := range []engine.Message{0, 1, 63, 64, 127} {
				m := status | engine.Message(i) | 1<<8 | value<<16
				if m.Len() == 2 {
					m = status | engine.Message(i) | value<<8
				}
				input = append(input, m)
			}
		}
	}
	poller, direct := newStage(t, in(rig.PollerLane, parse(t, text))), newStage(t, in(rig.DirectLane, parse(t, text)))
	count := func() uint64 { return direct.engine.Stats().Outputs[0].Direct }
	for _, m := range input {
		poller.send(m.Hex())
		want := poller.received()
		for tries := 0; ; tries++ { // a pause of the machine makes an output look slow, for a second
			before := count()
			direct.send(m.Hex())
			require.Equal(t, want, direct.received(), m.Hex())
			if len(want) == 0 || count() > before {
				break
			}
			require.Less(t, tries, 2000, m.Hex())
			time.Sleep(10 * time.Millisecond)
		}
	}
}
