//go:build cgo

package rig_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

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

// chooser chooses at random, of n from 0 on.
type chooser interface{ IntN(n int) int }

// randomRig returns the text of a rig with random mappings from In, that two instances read, to an output, some by
// channels of a loopback instance, which may lead to further ones. With several, there are controls that come in
// several messages.
func randomRig(r chooser, several bool) string {
	onOff := func(option string) string {
		if r.IntN(2) == 0 {
			return option + "\n"
		}
		return ""
	}
	text := "[winmidi in]\nread = Probe In\n" + onOff("cc14 = on") + onOff("ignore-epn-cc = on") + onOff("epn-rx = msb") +
		onOff("thru.out = realtime") +
		"[winmidi twin]\nread = Probe In\n" + onOff("ignore-epn-cc = on") +
		"[winmidi out]\nwrite = Probe Out\n" + onOff("note-off = on") + onOff("epn-tx = short") +
		"message.m = B0 07 value C1 05 F3 lsb E2 lsb msb\nmessage.n = 90 3C 7F\n" +
		"[loopback l]\n[map]\n"
	source := func() string {
		channel := r.IntN(2)
		if several && r.IntN(2) == 0 {
			return fmt.Sprintf("ch0.%s", []string{"rpn0", "rpn1", "cc14.0", "cc14.6", "cc0", "cc6", "cc38"}[r.IntN(7)])
		}
		switch r.IntN(8) {
		case 0, 1:
			return fmt.Sprintf("ch%d.note%d", channel, r.IntN(3))
		case 2, 3:
			return fmt.Sprintf("ch%d.cc%d", channel, []int{0, 1, 6, 32, 38, 96, 100, 120}[r.IntN(8)])
		case 4:
			return fmt.Sprintf("ch%d.pressure%d", channel, r.IntN(2))
		case 5:
			return fmt.Sprintf("ch%d.program", channel)
		case 6:
			return fmt.Sprintf("ch%d.aftertouch", channel)
		default:
			return fmt.Sprintf("ch%d.pitch", channel)
		}
	}
	for range r.IntN(30) {
		from := []string{"in", "twin"}[r.IntN(2)] + "." + source()
		to := "out." + source()
		switch r.IntN(8) {
		case 0:
			to = "out.m"
		case 1:
			to = "out.n"
		case 2:
			to = fmt.Sprintf("out.ch0.nrpn%d", r.IntN(2000))
		case 3:
			x := r.IntN(4)
			via := fmt.Sprintf("l.x%d", x)
			text += from + " > " + via + "\n"
			if from = via; x < 3 && r.IntN(2) == 0 {
				to = fmt.Sprintf("l.x%d", x+1+r.IntN(3-x))
			}
		}
		text += from + " > " + to + "\n"
	}
	return text
}

// randomInput returns a message of those that randomRig maps, or of others.
func randomInput(r chooser) engine.Message {
	pack := func(status, channel, a, b int) engine.Message { return engine.Message(status | channel | a<<8 | b<<16) }
	value := []int{0, 1, 63, 64, 127, r.IntN(128)}[r.IntN(6)]
	switch channel := r.IntN(3); r.IntN(10) {
	case 0, 1:
		return pack(0x90, channel, r.IntN(4), value)
	case 2:
		return pack(0x80, channel, r.IntN(4), value)
	case 3, 4:
		return pack(0xB0, channel, []int{0, 1, 6, 32, 38, 96, 100, 101, 120}[r.IntN(9)], value)
	case 5:
		return pack(0xA0, channel, r.IntN(3), value)
	case 6:
		return pack(0xC0, channel, value, 0)
	case 7:
		return pack(0xD0, channel, value, 0)
	case 8:
		return pack(0xE0, channel, r.IntN(128), value)
	default:
		return []engine.Message{0xF8, 0xFA, 0x05F1, 0x0102F2, 0x07F3, 0xF6, 0xFE}[r.IntN(7)]
	}
}

// Whatever the rig and whatever comes, the callback sends the same bytes as the program does, and in the same order.
func TestBothLanesSendTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	direct := 0
	for n := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, n))
		text := randomRig(random, n%4 == 0) // what shares an output with such controls is not direct
		var input []engine.Message
		for range 100 {
			input = append(input, randomInput(random))
		}
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
				continue
			}
			require.Equal(t, want, got, "%s", text)
			direct += int(s.engine.Stats().Outputs[0].Direct)
		}
	}
	assert.NotZero(t, direct)
	t.Logf("%d times the callback has sent", direct)
}
