package rig_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// recorder is an output that writes down what it is sent.
type recorder struct {
	name string
	sent *[]string
}

func (r recorder) Send(m engine.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	*r.sent = append(*r.sent, r.name+strings.ToLower(m.Hex()))
	return nil
}

func (r recorder) SendTogether(messages []engine.Message) error {
	for _, m := range messages {
		if err := r.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (recorder) Sent([]engine.Message, engine.Instant) {}

func (r recorder) SendSysEx(bytes []byte) error {
	if err := engine.CheckSysEx(bytes); err != nil {
		return err
	}
	*r.sent = append(*r.sent, fmt.Sprintf("%s% x", r.name, bytes))
	return nil
}

// table is a rig whose outputs write down what they are sent, with the instance's name if there are
// several.
type table struct {
	*rig.Rig
	*rig.Router
	sent []string
}

func parse(t *testing.T, text string) *rig.Rig {
	t.Helper()
	r, err := rig.Parse("rig.cfg", only(text))
	require.NoError(t, err)
	return r
}

// only has rig.Parse read text under any name.
func only(text string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(text), nil }
}

func newTable(r *rig.Rig) *table {
	t := &table{Rig: r}
	outputs := make([]rig.Output, len(r.Instances))
	for i, instance := range r.Instances {
		if instance.Write != "" {
			outputs[i] = recorder{"", &t.sent}
			if instance.Name != "out" {
				outputs[i] = recorder{instance.Name + " ", &t.sent}
			}
		}
	}
	t.Router = rig.NewRouter(r, outputs)
	return t
}

// route returns what a message, in hexadecimal bytes, at the first instance leads to.
func (t *table) route(bytes string) []string {
	t.sent = nil
	t.Route(0, message(bytes))
	return t.sent
}

// message reads up to three bytes, valid or not.
func message(text string) engine.Message {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	var m engine.Message
	for i, b := range bytes {
		m |= engine.Message(b) << (8 * i)
	}
	return m
}

// recordedCases checks what MIDIMonster was seen to do: testdata/conformance/README.md. play returns what
// a rig sends for a message.
func recordedCases(t *testing.T, play func(*testing.T, *rig.Rig) func(bytes string) []string) {
	cases, err := filepath.Glob("testdata/conformance/*/rig.cfg")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, file := range cases {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			r, err := rig.Load(file)
			require.NoError(t, err)
			sent := play(t, r)
			var got []string
			for i, line := range lines(t, filepath.Join(folder, "input.txt")) {
				for _, m := range sent(line) {
					got = append(got, fmt.Sprint(i, " ", m))
				}
			}
			assert.Empty(t, cmp.Diff(lines(t, filepath.Join(folder, "expect.txt")), got))
		})
	}
}

func TestEveryRecordedCase(t *testing.T) {
	recordedCases(t, func(_ *testing.T, r *rig.Rig) func(string) []string { return newTable(r).route })
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\r", "")), "\n")
}

func TestRouting(t *testing.T) {
	for name, c := range map[string]struct {
		text string // after head
		in   string
		want []string
	}{
		"fan-out in the order of the file": {
			"in.ch0.cc1 > out.ch0.cc2\nin.ch0.cc1 > out.ch0.cc1\nout.ch0.note5 < in.ch0.cc1", "B0 01 40",
			[]string{"b0 02 40", "b0 01 40", "90 05 40"}},
		"a mapping given twice counts once": {
			"in.ch0.cc1 > out.ch0.cc2\nin.ch0.cc1 > out.ch0.cc3\nout.ch0.cc2 < in.channel0.cc01", "B0 01 40",
			[]string{"b0 02 40", "b0 03 40"}},
		"a way twice counts twice": {
			"in.ch0.cc1 > mid.{a,b}\nmid.{a,b} > mid.c\nmid.c > out.ch0.cc2", "B0 01 40",
			[]string{"b0 02 40", "b0 02 40"}},
		"by pass, then in the order of the file": {
			"mid.a > mid.b\nin.ch0.cc1 > mid.a\nmid.b > out.ch0.cc3\nmid.a > out.ch0.cc2\nin.ch0.cc1 > out.ch0.cc1", "B0 01 40",
			[]string{"b0 01 40", "b0 02 40", "b0 03 40"}},
		"in the order in which channels are reached": {
			"in.ch0.cc1 > mid.b\nin.ch0.cc1 > mid.a\nmid.a > out.ch0.cc1\nmid.b > out.ch0.cc2", "B0 01 40",
			[]string{"b0 02 40", "b0 01 40"}},
		"an output is no input": {
			"in.ch0.cc1 > out.ch0.cc2\nout.ch0.cc2 > out.ch0.cc3", "B0 01 40",
			[]string{"b0 02 40"}},
		"the rightmost braces vary fastest": {
			"in.ch0.note{10..13} > out.ch{1,2}.cc{7,8}", "90 0C 05",
			[]string{"b2 07 05"}},
		"a range from nothing begins at 0": {"in.ch0.cc{..2} > out.ch0.note{ 5..+7}", "B0 00 05", []string{"90 05 05"}},
		"one to many":                      {"in.ch0.cc1 > out.ch0.{note5,pitch}", "B0 01 7F", []string{"90 05 7f", "e0 7f 7f"}},
		"many to one":                      {"in.ch{0..15}.cc{0..127} > out.ch0.program", "BA 77 05", []string{"c0 05"}},
		"there and back is no circle":      {"in.ch0.cc1 <> mid.a\nmid.a > out.ch0.cc2", "B0 01 40", []string{"b0 02 40"}},
		"nothing":                          {"in.ch0.cc1 > out.ch0.cc2", "B0 02 40", nil},
		"passes of two changes at once are merged": {
			"in.ch0.cc7 > mid.a\nmid.a > out.ch0.cc1\nin.ch0.cc7 > out.ch0.cc2\nin.ch0.note1 > mid.a", "B0 07 01",
			[]string{"b0 02 01", "b0 01 01"}},
	} {
		assert.Equal(t, c.want, newTable(parse(t, head+c.text)).route(c.in), name)
	}
}

// A CC 38 that completes a parameter changes two controls: those that are mapped directly come first,
// whichever of the two they are of.
func TestPassesOfAParameterAndItsControlChange(t *testing.T) {
	table := newTable(parse(t, head+"in.ch0.rpn1 > mid.a\nmid.a > out.ch0.cc3\nin.ch0.cc38 > out.ch0.cc2\nin.ch0.rpn1 > out.ch0.cc1"))
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40"} {
		assert.Empty(t, table.route(m))
	}
	assert.Equal(t, []string{"b0 01 3f", "b0 02 00", "b0 03 3f"}, table.route("B0 26 00"))
}

func TestLongChains(t *testing.T) {
	var text strings.Builder
	const length = 50000
	for i := range length {
		fmt.Fprintf(&text, "mid.%d > mid.%d\n", i, i+1)
	}
	table := newTable(parse(t, head+text.String()+fmt.Sprintf("in.ch0.cc1 > mid.0\nmid.%d > out.ch0.cc2", length)))
	assert.Equal(t, []string{"b0 02 05"}, table.route("B0 01 05"))
}

// Thirty diamonds one after the other would reach a billion channels.
func TestMappingsThatMultiplyAreRefused(t *testing.T) {
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "mid.%d > mid.%d{a,b}\nmid.%d{a,b} > mid.%d\n", i, i, i, i+1)
	}
	_, err := rig.Parse("rig.cfg", only(head+text.String()+"in.ch0.cc1 > mid.0\nmid.30 > out.ch0.cc1"))
	assert.ErrorContains(t, err, "the mappings multiply: their controls reach more than 4194304 channels")
}

func TestAdditions(t *testing.T) {
	const text = `
[winmidi in]
read = In
cc14 = on
thru.out = realtime
thru.plain = realtime
[winmidi out]
write = Out
note-off = on
cc14 = on
message.mode1 = B0 38 02 F6
message.level = B0 07 value B0 08 msb
[winmidi plain]
write = Plain
[map]
in.ch0.note60 > out.ch1.note61
in.ch0.note60 > plain.ch1.note61
in.ch0.cc1 > out.mode1
in.ch0.cc1 > out.level
in.ch1.pitch > out.mode1
in.ch0.cc14.7 > out.ch0.cc14.8
in.ch0.cc14.7 > out.ch0.pitch
`
	table := newTable(parse(t, text))
	for in, want := range map[string][]string{
		"90 3C 05": {"91 3d 05", "plain 91 3d 05"},
		"90 3C 00": {"81 3d 40", "plain 91 3d 00"},
		"80 3C 21": {"81 3d 21", "plain 91 3d 00"},
		"B0 01 00": {"b0 07 00", "b0 08 00"},
		"B0 01 01": {"b0 38 02", "f6", "b0 07 01", "b0 08 01"},
		"E1 01 00": {"b0 38 02", "f6"},
		"E1 00 00": nil,
		"F8":       {"f8", "plain f8"},
		"F2 01 02": {"f2 01 02", "plain f2 01 02"},
		"F3 07":    {"f3 07", "plain f3 07"},
		"F6":       nil,
	} {
		assert.Equal(t, want, table.route(in), in)
	}
	assert.Equal(t, []string{"b0 08 40", "b0 28 00", "e0 00 40"}, table.route("B0 07 40"))
	assert.Equal(t, []string{"b0 08 40", "b0 28 05", "e0 05 40"}, table.route("B0 27 05"))
}

// A driver may leave rubbish in the bytes that a message does not use.
func TestBytesBeyondAMessageAreNotPassedOn(t *testing.T) {
	table := newTable(parse(t, "[winmidi in]\nread=1\nwrite=1\nthru.in = realtime\n[map]\nin.ch0.program > in.ch0.cc1"))
	for in, want := range map[string]string{"F8 55 66": "in f8", "F3 05 66": "in f3 05", "C0 05 66": "in b0 01 05"} {
		assert.Equal(t, []string{want}, table.route(in))
	}
}

// Named messages may hold system exclusive ones, among others and with values in them; a thru passes on those that
// arrive.
func TestSystemExclusiveIsRouted(t *testing.T) {
	table := newTable(parse(t, `
[winmidi in]
read = In
thru.out = realtime,sysex
thru.plain = sysex
thru.quiet = realtime
[winmidi out]
write = Out
message.mode1 = F0 47 7F 29 60 00 04 41 08 02 01 F7
message.both = B0 38 02 F0 01 F7 F0 02 F7 C0 05
message.volume = F0 7F 7F 04 01 lsb msb F7 F0 7D value F7
[winmidi plain]
write = Plain
thru.out = sysex
[winmidi quiet]
write = Quiet
[map]
in.ch0.cc1 > out.mode1
in.ch0.cc1 > out.both
in.ch0.pitch > out.volume
`))
	for in, want := range map[string][]string{
		"B0 01 00": nil,
		"B0 01 01": {"f0 47 7f 29 60 00 04 41 08 02 01 f7", "b0 38 02", "f0 01 f7", "f0 02 f7", "c0 05"},
		"E0 05 40": {"f0 7f 7f 04 01 05 40 f7", "f0 7d 3f f7"},
		"E0 00 00": {"f0 7f 7f 04 01 00 00 f7", "f0 7d 00 f7"},
		"F8":       {"f8", "quiet f8"},
	} {
		assert.Equal(t, want, table.route(in), in)
	}
	table.sent = nil
	table.RouteSysEx(0, []byte{0xF0, 0x7E, 1, 0xF7})
	assert.Equal(t, []string{"f0 7e 01 f7", "plain f0 7e 01 f7"}, table.sent)
	table.Broken(0)
	table.RouteSysEx(0, []byte{0xF0, 0x90, 0xF7})
	assert.Equal(t, rig.RouterCounts{Changes: 4, System: 4, Broken: 1}, table.Counts(0))
	assert.Equal(t, rig.RouterCounts{Sent: 11, Failed: 1}, table.Counts(1))
	assert.Equal(t, rig.RouterCounts{Sent: 1, Failed: 1}, table.Counts(2))
}

func TestWhatCannotBeSentIsCounted(t *testing.T) {
	r := parse(t, "[winmidi in]\nread=1\n[winmidi out]\nwrite=1\n[map]\nin.ch0.rpn1 > in.ch0.nrpn1\nin.ch0.cc{1,38} > out.ch0.cc1")
	router := rig.NewRouter(r, []rig.Output{nil, refusing{}})
	for _, m := range []string{"B0 65 00", "B0 64 01", "B0 06 40", "B0 26 01", "B0 01 01", "FE"} {
		router.Route(0, message(m))
	}
	assert.Equal(t, rig.RouterCounts{Changes: 6, System: 1, Unsent: 6}, router.Counts(0))
	assert.Equal(t, rig.RouterCounts{Failed: 2}, router.Counts(1))

	r = parse(t, "[winmidi in]\nread=1\nthru.in=sysex\nmessage.m=F0 01 F7\n[map]\nin.ch0.cc1 > in.m")
	for _, c := range []struct {
		out  rig.Output
		want rig.RouterCounts
	}{
		{nil, rig.RouterCounts{Changes: 1, System: 1, Unsent: 2}},
		{refusing{}, rig.RouterCounts{Changes: 1, System: 1, Failed: 2}},
	} {
		router = rig.NewRouter(r, []rig.Output{c.out})
		router.Route(0, message("B0 01 01"))
		router.RouteSysEx(0, []byte{0xF0, 1, 0xF7})
		assert.Equal(t, c.want, router.Counts(0))
	}
}

type refusing struct{}

func (refusing) SendTogether([]engine.Message) error   { return engine.ErrQueueFull }
func (refusing) Sent([]engine.Message, engine.Instant) {}
func (refusing) SendSysEx([]byte) error                { return engine.ErrQueueFull }

func TestRoutesSayWhatTheRigDoes(t *testing.T) {
	r := parse(t, "[winmidi in]\nread=1\nthru.out=realtime,sysex\n[winmidi out]\nwrite=1\nnote-off=on\nmessage.go=FA f0 7d value f7\nmessage.on=F0 47 01 F7\n[loopback l]\n[map]\n"+
		"in.ch1.nrpn300 > l.a\nl.a > l.b\nl.b > out.ch0.note1\nin.ch0.cc1 > out.go\nin.ch0.cc2 > out.on\nin.ch0.pitch > out.ch0.pitch\nin.ch0.pitch > out.ch1.program")
	var got []string
	for route := range r.Routes() {
		if !strings.Contains(route.To, "thru") || strings.Contains(route.From, "F2") || strings.Contains(route.From, "F0") {
			got = append(got, fmt.Sprint(route.From, " > ", route.To, ": ", route.Messages, ", ", route.Over))
		}
	}
	assert.Equal(t, []string{
		"in.ch0.cc1 > out.go: FA F0 7D value F7, 0",
		"in.ch0.cc2 > out.on: F0 47 01 F7, 0",
		"in.ch0.pitch > out.ch0.pitch: E0 lsb msb, 0",
		"in.ch0.pitch > out.ch1.program: C1 value, 0",
		"in.ch1.nrpn300 > out.ch0.note1: 90 01 value or 80 01 release, 2",
		"in.F0 > out (thru): F0 ... F7, 0",
		"in.F2 > out (thru): F2 lsb msb, 0",
	}, got)
}

func TestRoutingDoesNotAllocate(t *testing.T) {
	r := parse(t, "[winmidi in]\nread = In\nthru.out = sysex\n[winmidi out]\nwrite = Out\nmessage.m = F0 7D 01 value F7 F0 7D F7\n[map]\n"+
		"in.ch0.cc1 > out.ch0.{cc2,nrpn3,pitch}\nin.ch0.cc1 > out.m\nin.ch0.rpn1 > out.ch0.cc1\nin.ch0.cc38 > out.ch0.cc1")
	router := rig.NewRouter(r, []rig.Output{nil, refusing{}})
	messages := []engine.Message{message("B0 01 05"), message("B0 65 00"), message("B0 64 01"), message("B0 06 05"), message("B0 26 05"), message("F8")}
	long := []byte{0xF0, 1, 0xF7}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, m := range messages {
			router.Route(0, m)
		}
		router.RouteSysEx(0, long)
	}))
}
