package rig_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine/control"
	"github.com/onset-midi/onset/engine/rig"
)

// files has rig.Parse read from memory.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[filepath.ToSlash(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// sameRig compares what two rigs say.
var sameRig = cmp.Options{cmpopts.IgnoreUnexported(rig.Rig{}, rig.Instance{}, rig.Mapping{}, rig.Side{}), cmpopts.EquateEmpty()}

const head = "[winmidi in]\nread = In\n[winmidi out]\nwrite = Out\n[loopback mid]\n[map]\n"

func TestARigIsRead(t *testing.T) {
	got := parse(t, `
; a comment
[backend winmidi]
detect=on
list = on

[winmidi in]
source = Launch key = 2
epn-rx = msb
ignore-epn-cc = on
cc14 = on
thru.out = realtime
thru.in = sysex
thru.in = realtime

[winmidi out]
  target	=  1
epn-tx = short
note-off = on
reset = off
message.mode1 = b0 38 02
message.level = B0 07 value
message.pads = f0 47 7f 29 60 00 04 41 08 02 01 f7

[loopback mid]

[map]
in.ch0.cc1 > mid.any name, really
out.mode1<mid.any name, really
in.channel1.note{0..12} <> out.ch2.note{12..0}
`)
	want := &rig.Rig{
		List:   true,
		Detect: true,
		Instances: []rig.Instance{
			{Name: "in", Backend: rig.WinMIDI, Read: "Launch key = 2", Decoder: control.DecoderOptions{Coarse: true, Bare: true, Pairs: true}, Thru: []rig.Thru{{Instance: "out", Realtime: true}, {Instance: "in", Realtime: true, SysEx: true}}},
			{Name: "out", Backend: rig.WinMIDI, Write: "1", Encoder: control.EncoderOptions{Short: true, NoteOff: true}, NoReset: true,
				Named: []rig.Message{{Name: "mode1", Text: "B0 38 02"}, {Name: "level", Text: "B0 07 value"},
					{Name: "pads", Text: "F0 47 7F 29 60 00 04 41 08 02 01 F7"}}},
			{Name: "mid", Backend: rig.Loopback},
		},
		Mappings: []rig.Mapping{
			{Left: rig.Side{Instance: "in", Channel: "ch0.cc1"}, Arrow: rig.Right, Right: rig.Side{Instance: "mid", Channel: "any name, really"}},
			{Left: rig.Side{Instance: "out", Channel: "mode1"}, Arrow: rig.Left, Right: rig.Side{Instance: "mid", Channel: "any name, really"}},
			{Left: rig.Side{Instance: "in", Channel: "channel1.note{0..12}"}, Arrow: rig.Both, Right: rig.Side{Instance: "out", Channel: "ch2.note{12..0}"}},
		},
		Files: []string{"rig.cfg"},
	}
	assert.Empty(t, cmp.Diff(want, got, sameRig, cmpopts.IgnoreFields(rig.Rig{}, "Warnings")))
	assert.Equal(t, []string{
		"rig.cfg:13:1: instance in has no write: what is sent to it is only counted | thru.in = sysex",
		"rig.cfg:30:1: instance in has no write: what is sent to it is only counted | in.channel1.note{0..12} <> out.ch2.note{12..0}",
		"rig.cfg:30:28: instance out has no read: nothing comes from it | in.channel1.note{0..12} <> out.ch2.note{12..0}",
	}, warnings(got))
}

func TestTheExampleInTheREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	before, _, ok := strings.Cut(string(text), "Sections are `[backend NAME]`")
	require.True(t, ok)
	r := parse(t, before[strings.LastIndex(before, "    ; a keyboard's"):])
	assert.Empty(t, r.Warnings)
	assert.Len(t, some(r), 37+1+1+1+1+1)
}

func warnings(r *rig.Rig) []string {
	var all []string
	for _, w := range r.Warnings {
		all = append(all, w.Error())
	}
	return all
}

func TestWhatIsSuspiciousIsAWarning(t *testing.T) {
	for text, want := range map[string]string{
		"stray = 1\n[loopback l]":                                 "1:1: stray belongs to no section and is ignored",
		"[loopback l]\nread = 1":                                  "2:1: a loopback instance has no options: read is ignored",
		"[backend loopback]\ndetect = on":                         "2:1: the backend loopback has no options: detect is ignored",
		"[backend winmidi]\n  list = yes":                         `2:10: list is on or off: "yes" is taken for off`,
		"[backend winmidi]\ndetect =":                             `2:9: detect is on or off: "" is taken for off`,
		"[winmidi a]\nepn-tx = shor":                              `2:10: epn-tx is short or full: "shor" is taken for full`,
		head + "in.ch0.pitchbend > out.ch0.cc1":                   `7:4: "bend" after ch0.pitch is ignored`,
		head + "in.ch0.cc1 > out.ch0.cc7{1,2}":                    `7:18: control "ch0.cc71"`,
		head + "in.ch0.cc1 > out.ch0.cc7 ; why":                   `7:18: " ; why" after ch0.cc7 is ignored`,
		head + "in.ch0.cc14.2 > out.ch0.cc1":                      `7:4: ".2" after ch0.cc14 is ignored; with cc14 = on it would be two control changes as one value`,
		head + "in.ch0.note > out.ch0.cc1":                        `7:4: control "ch0.note" lacks a number: it is taken for ch0.note0`,
		head + "in.ch0.note1 > in.ch0.cc1":                        `7:16: instance in has no write: what is sent to it is only counted`,
		"[winmidi a]\nthru.b = realtime\n[winmidi b]\nwrite=1":    `2:1: instance a has no read: nothing comes from it`,
		"[winmidi a]\nread = A\nthru.b = realtime\n[winmidi b]\n": `3:1: instance b has no write: what is sent to it is only counted`,
		"[winmidi in]\nread = Gross\xE4\n":                        `2:13: the line begins or ends with bytes that are not UTF-8: they are left out, as by MIDIMonster`,
	} {
		r := parse(t, text)
		if strings.Contains(want, `control "ch0.cc71"`) {
			assert.Empty(t, r.Warnings, "%q: both are in range", text)
			continue
		}
		require.Len(t, r.Warnings, 1, "%q", text)
		assert.Contains(t, r.Warnings[0].Error(), "rig.cfg:"+want, "%q", text)
	}
}

func TestBadInputIsALineEachWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"nonsense":                                `1:1: option = value was expected | nonsense`,
		"[winmidi]":                               `1:1: section [winmidi]: [map], [backend NAME], [include FILE], [winmidi NAME] or [loopback NAME] was expected | [winmidi]`,
		"[ map]":                                  `1:2: no backend ""; there are winmidi and loopback`,
		"[map ]":                                  `1:2: no backend "map"; there are winmidi and loopback`,
		"[artnet net]\nbind = 0\n":                `1:2: no backend "artnet"; there are winmidi and loopback | [artnet net]`,
		"[backend osc]\nx":                        `1:10: no backend "osc"; there are winmidi and loopback`,
		"[winmidi a b]":                           `1:10: instance name "a b": a name without spaces and points was expected`,
		"[winmidi a.b]":                           `1:10: instance name "a.b"`,
		"[winmidi ]":                              `1:10: instance name ""`,
		"[loopback a]\n[winmidi a]\n":             `2:10: instance "a" is there already: rig.cfg, line 1 | [winmidi a]`,
		"[backend winmidi]\ndetekt = on":          `2:1: the backend winmidi has no option "detekt"; there are list and detect | detekt = on`,
		"[winmidi a]\nred = 1":                    `2:1: a winmidi instance has no option "red"; there are read (or source), write`,
		"[winmidi a]\nread":                       `2:1: option = value was expected | read`,
		"[winmidi a]\nread =":                     `2:7: read: the id of an input port or the beginning of its name was expected`,
		"[winmidi a]\nread=1\nsource=1":           `3:1: source: the instance has the input port "1" already`,
		"[winmidi a]\nwrite=1\nwrite=1":           `3:1: write: the instance has the output port "1" already`,
		"[winmidi a]\nmessage.chord=FA":           `2:1: message name "chord": letters, digits, - and _ were expected, not beginning with ch`,
		"[winmidi a]\nmessage.=FA":                `2:1: message name ""`,
		"[winmidi a]\nmessage.a b=FA":             `2:1: message name "a b"`,
		"[winmidi a]\nmessage.x = F0 F7":          `2:13: message x: system exclusive message without a byte between F0 and F7 | message.x = F0 F7`,
		"[winmidi a]\nmessage.x = F0 47 FA":       `2:13: message x: system exclusive byte 3 is FA: data bytes, 00 to 7F, and then F7 must follow F0`,
		"[winmidi a]\nmessage.x = B0 07 00 F0 47": `2:13: message x: system exclusive message of 2 bytes has no end: F7 is missing`,
		"[winmidi a]\nmessage.x=FA\nmessage.x=FC": `3:1: message x is there already`,
		"[winmidi a]\nmessage.x=" + strings.Repeat("FA ", 256): `2:11: message x: 256 messages; at most 255 are possible`,
		"[winmidi a]\nthru.b = real,sysex":                     `2:10: thru.b: realtime, sysex or realtime,sysex was expected`,
		"[winmidi a]\nthru.b = ":                               `2:9: thru.b: realtime, sysex`,
		"[winmidi a]\nthru.b = realtime":                       `2:1: thru.b: no instance "b"; there are a`,
		"[winmidi a]\nthru.b = realtime\n[loopback b]":         `2:1: thru.b: a winmidi instance was expected`,
		head + "in.ch0.cc1":                                    `7:1: a mapping was expected: INSTANCE.CHANNEL > INSTANCE.CHANNEL, or with < or <>`,
		head + "in > out.ch0.cc1":                              `7:1: "in": INSTANCE.CHANNEL was expected`,
		head + "in.ch0.cc1 > out":                              `7:14: "out": INSTANCE.CHANNEL was expected`,
		head + "in.ch0.cc1 >":                                  `7:13: "": INSTANCE.CHANNEL was expected`,
		head + "  no.ch0.cc1 > out.ch0.cc1":                    `7:3: no instance "no"; there are in, out, mid | no.ch0.cc1 > out.ch0.cc1`,
		head + "in.ch0.cc1 <> sub.ch0.cc1":                     `7:15: no instance "sub"; there are in, out, mid`,
		head + "in.ch0.c1 > out.ch0.cc1":                       `7:4: control "ch0.c1": unknown type; there are cc0 to cc127, note0`,
		head + "in.ch0.cc1 > out.ch16.cc1":                     `7:18: control "ch16.cc1": channel 16 is out of range: 0 to 15 is possible`,
		head + "in.ch0.note{0..128} > mid.x":                   `7:4: control "ch0.note128": note 128 is out of range: 0 to 127 is possible`,
		head + "in.ch0.cc{1..5 > mid.x":                        `7:10: { has no } | in.ch0.cc{1..5 > mid.x`,
		head + "in.ch0.cc1 > mid.{a{b}":                        `7:18: {a{b}: braces within braces`,
		head + "in.ch0.cc{} > mid.x":                           `7:10: {}: a range {1..5} or a list {a,b,c} was expected`,
		head + "in.ch0.cc{5} > mid.x":                          `7:10: {5}: a range`,
		head + "in.ch0.cc{1..} > mid.x":                        `7:10: {1..}: a range`,
		head + "in.ch0.cc{a..b} > mid.x":                       `7:10: {a..b}: a range`,
		head + "in.ch0.cc{-1..3} > mid.x":                      `7:10: {-1..3}: a range`,
		head + "in.ch0.cc{1,,2} > mid.x":                       `7:10: {1,,2}: an empty element`,
		head + "in.ch0.cc{1..1000000000000} > mid.x":           `7:10: {1..1000000000000}: more than 1048576 channels`,
		head + "mid.{1..99999999999999999999999} > mid.x":      `7:5: {1..99999999999999999999999}: more than 1048576 channels`,
		head + "mid.{1..1025}{1..1025} > mid.x":                `7:14: {1..1025}: more than 1048576 channels`,
		head + "mid.{1..600000} > mid.x\nmid.{1..600000} > mid.x\nmid.{1..600000} > mid.x": `8:1: the mappings name more than 1048576 channels`,
		head + "in.ch0.cc{1..5} > mid.{1..4}":                                              `7:1: 5 channels cannot be mapped to 4: the same number, or 1, was expected`,
		head + "mid.a > mid.a":                                                             `7:1: loopback channels in a circle: mid.a > mid.a`,
		head + "mid.a > mid.b\nmid.b > mid.c\nin.ch0.cc1 > mid.a\nmid.a < mid.c":           `10:1: loopback channels in a circle: mid.a > mid.b > mid.c > mid.a | mid.a < mid.c`,
		head + "mid.a <> mid.b":                                                            `7:1: loopback channels in a circle: mid.a > mid.b > mid.a`,
		head + "in.ch0.cc1 > mid.a\x00b":                                                   `7:19: a NUL byte: a rig file is text | in.ch0.cc1 > mid.a` + "\uFFFD" + `b`,
		"[include rig.cfg]":                                                                `1:10: rig.cfg includes itself: rig.cfg > rig.cfg | [include rig.cfg]`,
		"\xFF\xFE[\x00m\x00a\x00p\x00]\x00":                                                `1:1: the file is UTF-16: save it as UTF-8`,
		"\xFE\xFF\x00[":                                                                    `1:1: the file is UTF-16: save it as UTF-8`,
		head + "in.ch0.cc{1..2,5} > mid.x":                                                 `7:10: {1..2,5}: a range`,
		"[include ]":                                                                       `1:10: the name of a file was expected`,
		head + "in.ch0.cc200 <> out.ch0.cc1":                                               `7:4: control "ch0.cc200": cc 200 is out of range`,
		head + "mid.{0..199999} > mid.{1..200000}\nmid.{1..200000} > mid.0":                `8:1: loopback channels in a circle: mid.0 > mid.1 > mid.2`,
		head + "mid.{1..1000} <> mid.x":                                                    `7:1: loopback channels in a circle: mid.1 > mid.x > mid.1`,
		head + "mid.{0..98} > mid.{1..99}\nmid.99 > mid.0":                                 `8:1: loopback channels in a circle: mid.0 > mid.1 > mid.2 > mid.3 > mid.4 > mid.5 > mid.6 > mid.7 > mid.8 > mid.9 > … > mid.91 > `,
		head + "mid." + strings.Repeat("a", 60000) + "{1..1000000} > mid.x":                `7:5: the names of the mappings' channels have more than 67108864 bytes`,
		strings.Repeat("[loopback a]\n", 2):                                                `2:11: instance "a" is there already`,
		instances(1001):                                                                    `1001:1: more than 1000 instances`,
		instances(1000) + "[map]\nx.x > a0.a":                                              `1002:1: no instance "x"; there are a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, … | x.x`,
		head + strings.Repeat("z", 60000) + ".a > mid.b":                                   `7:1: no instance "zzzzzzzz`,
		"; " + strings.Repeat("x", 10<<20):                                                 `1:1: the line has 10485762 bytes: at most 65536 are possible | ; xxx`,
		"[map]\n" + strings.Repeat("y", 10<<20):                                            `2:1: the line has 10485760 bytes: at most 65536 are possible`,
		"[winmidi out]\nwrite=O\nmessage.x = FA\n[loopback l]\n[map]\nout.x > l.a":         `6:5: message x can only be a target`,
		"[winmidi out]\nwrite=O\nmessage.x = FA\nmessage.y=FC\n[loopback l]\n[map]\nl.a > out.z": `7:11: control "z": a name such as ch0.cc7 was expected; messages are x, y`,
	} {
		_, err := rig.Parse("rig.cfg", only(text))
		var problems rig.Problems
		shown := text[:min(len(text), 120)]
		require.ErrorAs(t, err, &problems, shown)
		assert.Len(t, problems, 1, shown)
		assert.Contains(t, err.Error(), "rig.cfg:"+want, shown)
		assert.NotContains(t, err.Error(), "\n", shown)
		assert.Less(t, len(err.Error()), 1300, shown)
	}
}

func instances(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "[loopback a%d]\n", i)
	}
	return s.String()
}

func TestProblemsAreToldUpToANumber(t *testing.T) {
	_, err := rig.Parse("rig.cfg", only("[map]\n"+strings.Repeat("x\n", 5000)))
	assert.Equal(t, 999, strings.Count(err.Error(), "\n"))
}

func TestAFileThatIncludesItselfUnderAnotherName(t *testing.T) {
	_, err := rig.Parse("./rig.cfg", files{"rig.cfg": "[include ./sub/../rig.cfg]"}.read)
	assert.EqualError(t, err, "rig.cfg:1:10: rig.cfg includes itself: rig.cfg > rig.cfg | [include ./sub/../rig.cfg]")
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := rig.Parse("rig.cfg", files{
		"rig.cfg":      "[winmidi in]\nread=In\nfoo=1\n[artnet x]\nbind = y\n[include sub/more.cfg]\nin.ch0.cc200 > x.1.1\nin.ch0.cc1 > in.ch16.cc1\n",
		"sub/more.cfg": "\n\n[loopback in]\n\n[map]\nin.ch0.cc1 > nowhere.a",
	}.read)
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 6)
	more := filepath.FromSlash("sub/more.cfg")
	for i, begin := range []string{
		`rig.cfg:3:1: a winmidi instance has no option "foo"`,
		`rig.cfg:4:2: no backend "artnet"`,
		`rig.cfg:7:4: control "ch0.cc200"`,
		`rig.cfg:8:17: control "ch16.cc1"`,
		more + `:3:11: instance "in" is there already: rig.cfg, line 1`,
		more + `:6:14: no instance "nowhere"; there are in`,
	} {
		assert.True(t, strings.HasPrefix(lines[i], begin), lines[i])
	}
}

func TestIncludes(t *testing.T) {
	got, err := rig.Parse("rigs/rig.cfg", files{
		"rigs/rig.cfg":         "[include parts/ports.cfg]\n[include parts\\maps.cfg]\nin.ch0.cc2 > out.ch0.cc2\n",
		"rigs/parts/ports.cfg": "[winmidi in]\nread=In\n[include out.cfg]\nepn-tx = short\n",
		"rigs/parts/out.cfg":   "[winmidi out]\nwrite=Out\n",
		"rigs/parts/maps.cfg":  "[map]\nin.ch0.cc1 > out.ch0.cc1",
	}.read)
	require.NoError(t, err)
	assert.Equal(t, "[winmidi in]\nread = In\n\n[winmidi out]\nwrite = Out\nepn-tx = short\n\n[map]\nin.ch0.cc1 > out.ch0.cc1\nin.ch0.cc2 > out.ch0.cc2\n",
		got.String(), "a section goes on from file to file")
	for i, want := range []string{"rigs/rig.cfg", "rigs/parts/ports.cfg", "rigs/parts/out.cfg", "rigs/parts/maps.cfg"} {
		assert.Equal(t, want, filepath.ToSlash(got.Files[i]))
	}
}

func TestIncludesThatCannotBe(t *testing.T) {
	chain := make(files)
	for i := range 40 {
		chain[fmt.Sprintf("%d.cfg", i)] = fmt.Sprintf("[include %d.cfg]", i+1)
	}
	double := make(files)
	for i := range 31 {
		double[fmt.Sprintf("%d.cfg", i)] = fmt.Sprintf("[include %d.cfg]\n[include %d.cfg]", i+1, i+1)
	}
	double["31.cfg"] = ""
	for want, f := range map[string]files{
		"31.cfg:1:10: files include each other more than 32 deep | [include 32.cfg]":   chain,
		"more than 1000 files are included":                                            double,
		"0.cfg:1:10: cannot be included: open gone.cfg: file does not exist":           {"0.cfg": "[include gone.cfg]"},
		"b.cfg:1:10: 0.cfg includes itself: 0.cfg > b.cfg > 0.cfg | [include ./0.cfg]": {"0.cfg": "[include b.cfg]", "b.cfg": "[include ./0.cfg]"},
	} {
		_, err := rig.Parse("0.cfg", f.read)
		assert.ErrorContains(t, err, want)
	}
	deepest := files{"31.cfg": "[loopback l]"}
	for i := range 31 {
		deepest[fmt.Sprintf("%d.cfg", i)] = fmt.Sprintf("[include %d.cfg]", i+1)
	}
	_, err := rig.Parse("0.cfg", deepest.read)
	assert.NoError(t, err, "32 deep")
	_, err = rig.Parse("gone.cfg", deepest.read)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOverridesWinOverTheFile(t *testing.T) {
	const text = "[winmidi in]\nread = A\nepn-tx = short\nmessage.m = FA\nthru.in = realtime\n[loopback l]\n"
	override := func(s string) rig.Override {
		parse := rig.OverrideInstance
		if strings.HasPrefix(s, "winmidi.") || strings.HasPrefix(s, "osc.") {
			parse = rig.OverrideBackend
		}
		o, err := parse(s)
		require.NoError(t, err)
		return o
	}
	got, err := rig.Parse("rig.cfg", only(text),
		override("winmidi.detect=on"), override("in.source=C"), override("in.source = B=1.5"), override("in.epn-tx=full"),
		override("in.write=1"), override("in.message.m=FC"), override("in.thru.in=sysex"))
	require.NoError(t, err)
	assert.Equal(t, "[backend winmidi]\ndetect = on\n\n[winmidi in]\nread = B=1.5\nwrite = 1\nmessage.m = FC\nthru.in = sysex\n\n[loopback l]\n\n[map]\n", got.String())

	for s, want := range map[string]string{
		"on.read=1":       `override on.read=1: no instance "on"; there are in, l`,
		"in.red=1":        `override in.red=1: a winmidi instance has no option "red"`,
		"in.read=":        `override in.read=: read: the id of an input port`,
		"winmidi.dtect=1": `override winmidi.dtect=1: the backend winmidi has no option "dtect"`,
		"osc.detect=on":   `override osc.detect=on: no backend "osc"; there are winmidi and loopback`,
	} {
		_, err := rig.Parse("rig.cfg", only(text), override(s))
		assert.ErrorContains(t, err, want)
	}
	for _, s := range []string{"", "in", "in.read", "read=1", "in=a.b"} {
		_, err := rig.OverrideInstance(s)
		assert.EqualError(t, err, fmt.Sprintf("override %q: INSTANCE.option=value was expected", s))
	}
	_, err = rig.OverrideInstance("in.read=a\nb")
	assert.EqualError(t, err, `override "in.read=a\nb": one line of text of at most 65536 bytes was expected`)
	_, err = rig.OverrideBackend("detect=on")
	assert.EqualError(t, err, `override "detect=on": BACKEND.option=value was expected`)
}

func TestLineEndsAreAcceptedAsByMIDIMonster(t *testing.T) {
	const text = "[winmidi in]\nread = Gerät\n[map]\nin.ch0.cc1 > in.ch0.cc2\n"
	want := parse(t, text)
	for name, variant := range map[string]string{
		"CRLF":                   strings.ReplaceAll(text, "\n", "\r\n"),
		"byte order mark":        "\uFEFF" + text,
		"tabs and more":          strings.ReplaceAll(text, "\n", "\t\x01\x7F \u00A0\n\v\x02"),
		"NUL at the ends":        strings.ReplaceAll(text, "\n", "\x00\r\n\x00"),
		"bytes that are no text": strings.ReplaceAll(text, "\n", "\x80\xFF\xA0\r\n"),
		"no last line end":       strings.TrimSuffix(text, "\n"),
		"blank lines":            strings.ReplaceAll(text, "\n", "\n\n \n;[map]\n"),
		"code page 1252":         strings.ReplaceAll(text, "ä", "\xE4"),
	} {
		got := parse(t, variant)
		assert.Empty(t, cmp.Diff(want, got, sameRig, cmpopts.IgnoreFields(rig.Rig{}, "Warnings")), name)
	}
}

// In a file that is not UTF-8 letters outside ASCII are letters at the ends of lines too.
func TestAFileInTheANSICodePage(t *testing.T) {
	got := parse(t, "[winmidi in]\r\nread = Ger\xE4t Men\xFC\r\n[loopback \xE9]\r\n[map]\r\nin.ch0.cc1 > \xE9.\xE8\r\n\xE9.\xE8 > in.ch0.cc2\xA0\r\n")
	assert.Equal(t, "[winmidi in]\nread = Gerät Menü\n\n[loopback é]\n\n[map]\nin.ch0.cc1 > é.è\né.è > in.ch0.cc2\n", got.String())
	assert.Len(t, some(got), 1)
}

// What is accepted is not too long to be read again when it is printed.
func TestTheLongestLines(t *testing.T) {
	const words = "[loopback a]\n[map]\n"
	longest := strings.Repeat("x", 65536-len("a. > a.y"))
	r := parse(t, words+"a."+longest+" > a.y")
	assert.Empty(t, cmp.Diff(r, parse(t, r.String()), sameRig))
	for _, text := range []string{
		words + "a." + longest + "x>a.y",
		"[winmidi \xE9]\nread=" + strings.Repeat("\xE9", 40000),
		"[winmidi a]\nread=" + strings.Repeat("x", 65536-len("read=")),
	} {
		_, err := rig.Parse("rig.cfg", only(text))
		assert.ErrorContains(t, err, "bytes: at most 65536 are possible")
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	_, err := rig.Parse("rig.cfg", only("\uFEFF\t[loopback Gerät]\n[map]\nGerät.ä > Gerät.ch{1..2\n"))
	assert.EqualError(t, err, "rig.cfg:3:19: { has no } | Gerät.ä > Gerät.ch{1..2")
	_, err = rig.Parse("rig.cfg", only("\uFEFF\t[loopbeck Gerät]\n"))
	assert.EqualError(t, err, `rig.cfg:1:3: no backend "loopbeck"; there are winmidi and loopback | [loopbeck Gerät]`)
}

func TestALongLineIsShownInPart(t *testing.T) {
	long := "[map]\n" + strings.Repeat("a", 300) + ".x > " + strings.Repeat("b", 300) + ".y"
	_, err := rig.Parse("rig.cfg", only(long))
	require.Error(t, err)
	for _, line := range strings.Split(err.Error(), "\n") {
		_, shown, _ := strings.Cut(line, " | ")
		assert.LessOrEqual(t, len([]rune(shown)), 124)
	}
	_, err = rig.Parse("rig.cfg", only("[map]\n\x1B[2Jclear"))
	assert.NotContains(t, err.Error(), "\x1B", "nothing that a terminal would obey")
}

// Whatever is accepted is printed as a rig that is read as the same, and does the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		head + "in.ch{0..3}.note{60,62} <> out.ch1.cc{8..1}\nmid.x > out.ch0.pitch\nin.ch0.rpn5 > mid.x",
		"[backend winmidi]\r\ndetect = on\r\n[winmidi a]\r\nread = 0\r\nwrite = x\r\nmessage.m = B0 07 value F0 7D msb F7\r\nthru.a = realtime , sysex\r\n[map]\r\na.ch0.cc1 > a.m",
		"\uFEFF[include rig.cfg]\n[loopback ;l]\n[map]\n;l.a > ;l.b\n[loopback [x]\n",
		"[loopback >b]\n[loopback a]\n[map]\na.x >> >b.y\na.1 >< a.2",
		"a = b\n[winmidi x]\nread = Ger\xE4t\xFF\nnote-off=on\ncc14=on\n[map]\nx.ch0.cc14.3 > x.ch1.nrpn{0..9}",
	} {
		f.Add([]byte(seed), "x.read=2")
	}
	f.Fuzz(func(t *testing.T, text []byte, s string) {
		if bytes.Count(text, []byte("{")) > 3 {
			return // much expansion takes time and shows nothing
		}
		var overrides []rig.Override
		if o, err := rig.OverrideInstance(s); err == nil {
			overrides = append(overrides, o)
		}
		read := func(name string) ([]byte, error) {
			if name == "rig.cfg" {
				return text, nil
			}
			return nil, fs.ErrNotExist
		}
		first, err := rig.Parse("rig.cfg", read, overrides...)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if line == "" || len(line) > 4096 {
					t.Fatalf("error of %d bytes: %.200q", len(line), line)
				}
			}
			return
		}
		second, err := rig.Parse("rig.cfg", only(first.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		first.Files, second.Files, first.Warnings, second.Warnings = nil, nil, nil, nil
		if diff := cmp.Diff(first, second, sameRig); diff != "" {
			t.Fatalf("%s\n%s", diff, first)
		}
		if a, b := fmt.Sprint(some(first)), fmt.Sprint(some(second)); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}

// some returns the first routes of a rig.
func some(r *rig.Rig) (routes []rig.Route) {
	for route := range r.Routes() {
		if routes = append(routes, route); len(routes) == 1000 {
			break
		}
	}
	return routes
}
