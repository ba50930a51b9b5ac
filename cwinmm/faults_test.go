package cwinmm

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadingFaults(t *testing.T) {
	const always = math.MaxUint64
	faults, err := ParseFaults(strings.NewReader("\uFEFF; comment\r\n"+
		"midiInOpen cable=0 nth=1 -> ALLOCATED ; comment\r\n"+
		"nth=2..4 midiInReset\t->\tMMSYSERR_NODRIVER\n"+
		"\n"+
		"midiInClose -> MIDIERR_STILLPLAYING\n"+
		"midiOutShortMsg cable=254 nth=100.. -> delay 5s\n"+
		"midiOutLongMsg -> NOERROR\n"+
		"midiOutGetNumDevs nth=3 -> hang\n"+
		"midiInReset -> storm 7\n"+
		"at=2s cable=0 -> unplug\n"+
		"cable=1 at=1m -> replug index=3 name=\"2- \u266A; Onset\" id=x\n"+
		"midiOutClose -> replug\n"+
		"message -> MIM_ERROR message=F1 after=1ms\n"+
		"midiInStop -> MIM_MOREDATA\n"+
		"midiInStop -> MIM_LONGERROR bytes=3\n"+
		"message -> stamp to=4294967295\n"+
		"message -> stamp by=-5 after=2h\n"+
		"midiInClose -> MIM_CLOSE\n"+
		"message -> suspend 8h after=1s"), "f")
	require.NoError(t, err)
	want := []fault{
		{callInOpen, 0, 1, 1, 0, effectReturn, 4, 0, 0, "", "", "f:2"},
		{callInReset, -1, 2, 4, 0, effectReturn, 6, 0, 0, "", "", "f:3"},
		{callInClose, -1, 1, always, 0, effectReturn, 65, 0, 0, "", "", "f:5"},
		{callOutShort, 254, 100, always, 0, effectDelay, 5e9, 0, 0, "", "", "f:6"},
		{callOutLong, -1, 1, always, 0, effectReturn, 0, 0, 0, "", "", "f:7"},
		{callOutCount, -1, 3, 3, 0, effectHang, 0, 0, 0, "", "", "f:8"},
		{callInReset, -1, 1, always, 0, effectStorm, 7, 0, 0, "", "", "f:9"},
		{onTime, 0, 1, always, 2 * time.Second, effectUnplug, 0, 0, 0, "", "", "f:10"},
		{onTime, 1, 1, always, time.Minute, effectReplug, 3, 0, 0, "2- \u266A; Onset", "x", "f:11"},
		{callOutClose, -1, 1, always, 0, effectReplug, math.MaxInt32, 0, 0, "", "", "f:12"},
		{onMessage, -1, 1, always, time.Millisecond, effectTell, 0, 0x3C5, 0xF1, "", "", "f:13"},
		{callInStop, -1, 1, always, 0, effectTell, 0, 0x3CC, 0x403C90, "", "", "f:14"},
		{callInStop, -1, 1, always, 0, effectTellLong, 3, 0x3C6, 0, "", "", "f:15"},
		{onMessage, -1, 1, always, 0, effectStampTo, math.MaxUint32, 0, 0, "", "", "f:16"},
		{onMessage, -1, 1, always, 2 * time.Hour, effectStampBy, -5, 0, 0, "", "", "f:17"},
		{callInClose, -1, 1, always, 0, effectTell, 0, 0x3C2, 0x403C90, "", "", "f:18"},
		{onMessage, -1, 1, always, time.Second, effectSuspend, int64(8 * time.Hour), 0, 0, "", "", "f:19"},
	}
	assert.Empty(t, cmp.Diff(want, faults.list, cmp.AllowUnexported(fault{})))
}

func TestEveryFaultIsInItsPlace(t *testing.T) {
	for on, word := range causeWords {
		faults, err := ParseFaults(strings.NewReader(word+" -> hang"), "f")
		require.NoError(t, err)
		assert.Equal(t, cause(on), faults.list[0].on, word)
	}
	for word, want := range map[string]effect{
		"done-inside": effectDoneInside, "no-done": effectNoDone, "no-close": effectNoClose, "bounce": effectBounce,
		"MIM_DATA": effectTell, "MIM_LONGDATA": effectTellLong,
	} {
		on := map[string]string{"no-close": "midiInClose", "bounce": "midiInAddBuffer"}[word]
		if on == "" {
			on = "midiOutLongMsg"
		}
		faults, err := ParseFaults(strings.NewReader(on+" -> "+word), "f")
		require.NoError(t, err)
		assert.Equal(t, want, faults.list[0].effect, word)
	}
}

// An error says what was found and what may stand there.
func TestWhatIsNoFaultIsAnError(t *testing.T) {
	for line, want := range map[string][]string{
		"midiInOpen":                                       {`no "->"`, "midiInOpen"},
		"-> hang":                                          {"nothing", "at=DURATION", "midiInOpen", "message"},
		"midiInOpne -> hang":                               {`"midiInOpne"`, "midiInOpen"},
		"midiInOpen midiInClose -> hang":                   {`"midiInClose"`, "cable="},
		"midiInOpen ->":                                    {"nothing", "midiInOpen", "ALLOCATED", "unplug"},
		"midiInOpen -> ALOCATED":                           {`"ALOCATED"`, "ALLOCATED", "delay"},
		"midiInOpen -> storm 3":                            {`"storm"`, "midiInOpen", "ALLOCATED"},
		"midiInOpen -> hang 3":                             {"hang", `"3"`, "nothing else"},
		"midiInOpen -> ALLOCATED cable=0":                  {"ALLOCATED", `"cable=0"`},
		"midiInGetNumDevs -> NODRIVER":                     {`"NODRIVER"`, "delay, hang"},
		"midiInGetNumDevs -> unplug":                       {`"unplug"`, "delay, hang"},
		"midiInGetNumDevs cable=0 -> hang":                 {`"cable=0"`, "nth="},
		"message -> NODRIVER":                              {`"NODRIVER"`, "message", "unplug"},
		"at=1s cable=0 -> hang":                            {`"hang"`, "unplug"},
		"at=1s -> unplug":                                  {"at", "cable=N"},
		"at=1s cable=0 nth=2 -> unplug":                    {`"nth=2"`, "cable="},
		"at=1s cable=0 -> unplug after=1s":                 {`"after=1s"`},
		"at=-1s cable=0 -> unplug":                         {`"-1s"`, "250ms"},
		"midiInOpen cable=255 -> hang":                     {`"255"`, "0 to 254"},
		"midiInOpen cable=0 cable=1 -> hang":               {"cable", "twice"},
		"midiInOpen nth=0 -> hang":                         {`"0"`, "N..M"},
		"midiInOpen nth=3..2 -> hang":                      {`"3..2"`, "N..M"},
		"midiInOpen nth=.. -> hang":                        {`".."`, "N..M"},
		"midiInOpen -> delay":                              {"delay", "5s"},
		"midiInOpen -> delay 5":                            {`"5"`, "5s"},
		"midiInOpen -> suspend":                            {"suspend", "8h"},
		"midiInReset -> storm many":                        {`"many"`, "0 to"},
		"message -> stamp":                                 {"to=N", "by=N"},
		"message -> stamp to=1 by=1":                       {"to=N", "by=N"},
		"message -> stamp to=-1":                           {`"-1"`, "0 to 4294967295"},
		"message -> MIM_DATA message=9":                    {`"9"`, "903C40"},
		"message -> MIM_DATA bytes=9":                      {`"bytes=9"`, "message="},
		"message -> MIM_LONGDATA bytes=-1":                 {`"-1"`, "0 to"},
		"message -> replug index=255":                      {`"255"`, "0 to 254"},
		`message -> replug name=""`:                        {`""`, "1 to 31"},
		`message -> replug name="a`:                        {"quotation mark"},
		"message -> replug name=a\x00":                     {"U+0000"},
		"message -> replug name=\xFF":                      {"UTF-8"},
		"message -> replug id=" + strings.Repeat("x", 256): {"1 to 255"},
	} {
		_, err := ParseFaults(strings.NewReader("\n"+line), "f")
		require.Error(t, err, line)
		for _, part := range append(want, "f:2: ") {
			assert.ErrorContains(t, err, part, line)
		}
	}
	_, err := ParseFaults(strings.NewReader("x\nmidiInOpen -> hang\ny\n"), "f")
	require.ErrorContains(t, err, "f:1: ")
	assert.ErrorContains(t, err, "f:3: ") // all at once
	_, err = ParseFaults(strings.NewReader(strings.Repeat("midiInOpen -> hang\n", 1001)), "f")
	assert.ErrorContains(t, err, "at most 1000")
	_, err = ParseFaults(strings.NewReader(strings.Repeat(";", 1<<20+1)), "f")
	assert.ErrorContains(t, err, "1048576")
}

func FuzzParseFaults(f *testing.F) {
	for _, seed := range []string{
		"midiInOpen cable=0 nth=1 -> ALLOCATED ; comment",
		"midiInReset nth=2..4 -> storm 7\nmidiInClose nth=3.. -> delay 5s",
		"at=2s cable=0 -> replug index=0 name=\"2- Onset\" id=x",
		"message -> stamp by=-5 after=1s\nmessage -> MIM_DATA message=903C40",
		"-> ->\n\"\xFF;=..",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		faults, err := ParseFaults(strings.NewReader(text), "f")
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				at, _, _ := strings.Cut(strings.TrimPrefix(line, "f:"), ":")
				number, err := strconv.Atoi(at)
				assert.NoError(t, err, line)
				assert.True(t, number >= 1 && number <= strings.Count(text, "\n")+1, line)
			}
			assert.Empty(t, faults.list)
		}
		for _, f := range faults.list {
			assert.True(t, f.first >= 1 && f.first <= f.last, "%+v", f)
			assert.True(t, f.cable >= -1 && f.cable < 255 && (f.cable >= 0 || f.on != onTime), "%+v", f)
			assert.GreaterOrEqual(t, f.after, time.Duration(0))
			assert.True(t, len(f.name) <= 31*4 && len(f.id) <= 255*4, "%+v", f)
		}
	})
}
