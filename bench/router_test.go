package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// source returns the n-th control that the benchmarks map, 0 to 10,000: of control changes those that
// carry no parameter, then of notes and key pressures all, then NRPNs.
func source(n int) (kind string, channel, number int) {
	kind, channel, number = "cc", n%16, n/16
	for _, carrier := range []int{6, 38, 98, 99, 100, 101} {
		if number >= carrier {
			number++
		}
	}
	for _, next := range []string{"note", "pressure", "nrpn"} {
		if number < 128 {
			break
		}
		kind, number = next, number-128
	}
	return kind, channel, number
}

// mappings returns a rig file with n mappings, each from a control of its own.
func mappings(n int) string {
	var s strings.Builder
	s.WriteString("[winmidi in]\nread = 0\n[winmidi out]\nwrite = 0\n[map]\n")
	for i := range n {
		kind, channel, number := source(i)
		fmt.Fprintf(&s, "in.ch%d.%s%d > out.ch%d.%s%d\n", channel, kind, number, 15-channel, kind, number)
	}
	return s.String()
}

func read(tb testing.TB, text string) *rig.Rig {
	tb.Helper()
	r, err := rig.Parse("rig.cfg", func(string) ([]byte, error) { return []byte(text), nil })
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// sum is an output that costs next to nothing and keeps what is sent from being optimised away.
type sum engine.Message

func (s *sum) SendTogether(messages []engine.Message) error {
	for _, m := range messages {
		*s += sum(m)
	}
	return nil
}

func (s *sum) Sent([]engine.Message, engine.Instant) {}

func (s *sum) SendSysEx(bytes []byte) error {
	*s += sum(len(bytes))
	return nil
}

// BenchmarkRoute is a message's way through a rig: decoding, lookup and encoding, down to the call of the
// output. plain is a control change that is mapped to another; unmapped is a channel
// pressure that is not mapped; nrpn is
// four control changes that set one NRPN, which is mapped to another: six messages. Ns/op are of a
// message that comes in.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		r := read(b, mappings(n)+"in.ch15.nrpn5 > out.ch15.nrpn6\n")
		for _, c := range []struct {
			name     string
			messages []engine.Message
		}{
			{"plain", controls(n)},
			{"unmapped", []engine.Message{0x40D0, 0x41D0, 0x42D1, 0x43DF}},
			{"nrpn", []engine.Message{0x0063BF, 0x0562BF, 0x4006BF, 0x0126BF}},
		} {
			b.Run(fmt.Sprintf("%s/%d-mappings", c.name, n), func(b *testing.B) {
				var out sum
				router := rig.NewRouter(r, []rig.Output{nil, &out})
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					router.Route(0, c.messages[i])
					if i++; i == len(c.messages) {
						i = 0
					}
				}
				if out == 0 != (c.name == "unmapped") {
					b.Fatal("what should be sent is not, or the other way round")
				}
			})
		}
	}
}

// controls returns the first n control changes that are mapped, or all.
func controls(n int) []engine.Message {
	var all []engine.Message
	for i := range n {
		kind, channel, number := source(i)
		if kind != "cc" {
			break
		}
		all = append(all, engine.Message(0x400000|number<<8|engine.ControlChange|channel))
	}
	return all
}

// BenchmarkReadRig is reading a rig file of 10,000 mappings, down to its tables.
func BenchmarkReadRig(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"10000-mappings", mappings(10000)},
		{"10000-in-braces", "[winmidi in]\nread = 0\n[winmidi out]\nwrite = 0\n[map]\n" +
			"in.ch{0..15}.{cc,note,pressure}{0..127} > out.ch{15..0}.{note,cc,pressure}{0..127}\nin.ch0.nrpn{0..3855} > out.ch1.rpn{0..3855}\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read(b, c.text)
			}
		})
	}
}
