//go:build cgo

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// Each command that opens ports meets the faults, and tells at its end how often each has happened.
func TestFaultsHappenToEveryCommand(t *testing.T) {
	folder := newFolder(t)
	rigFile := write(t, folder, "rig.cfg", through)
	for _, c := range []struct {
		faults string
		args   []string
		code   int
		want   []string // of stderr's lines, from somewhere on
	}{
		{"midiInGetDevCaps cable=1 nth=2.. -> NODRIVER\n; comment\nmidiOutOpen -> hang", []string{"list"}, 0,
			[]string{":1: midiInGetDevCaps cable=1 nth=2.. -> NODRIVER: never", ":3: midiOutOpen -> hang: never"}},
		{"midiOutShortMsg nth=2.. -> NOTREADY", []string{"send", "0", "clock", "start", "stop"}, 1,
			[]string{":1: midiOutShortMsg nth=2.. -> NOTREADY: once", "onset: message 2 of 3 (start): output port 0 \"Loopback A\": midiOutShortMsg: MIDIERR_NOTREADY"}},
		{"midiInOpen cable=0 -> ALLOCATED ; somebody else has it", []string{"monitor", "0"}, 1,
			[]string{":1: midiInOpen cable=0 -> ALLOCATED ; somebody else has it: once", "onset: input port 0 \"Loopback A\": midiInOpen: MMSYSERR_ALLOCATED"}},
		{"midiInStart -> MIM_DATA message=FA", []string{"monitor", "0", "1", "--count=2"}, 0,
			[]string{":1: midiInStart -> MIM_DATA message=FA: 2 times"}},
		{"midiOutOpen -> NODRIVER", []string{"run", rigFile}, 1,
			[]string{":1: midiOutOpen -> NODRIVER: once", "onset: instance out: output port 1 \"Loopback B\": midiOutOpen: MMSYSERR_NODRIVER"}},
		{"midiOutOpen -> BADDEVICEID", []string{"bench", "thru", "--out=0", "--in=1"}, 1,
			[]string{":1: midiOutOpen -> BADDEVICEID: once", "onset: "}},
	} {
		file := write(t, folder, "faults.txt", c.faults)
		code, _, stderr := command(t, nil, append([]string{"--driver=loopback", "--faults", file}, c.args...)...)
		assert.Equal(t, c.code, code, stderr)
		lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
		require.GreaterOrEqual(t, len(lines), len(c.want), stderr)
		for i, line := range lines[len(lines)-len(c.want):] {
			assert.True(t, strings.HasPrefix(strings.TrimPrefix(line, file), c.want[i]), "%v: %q", c.args, lines)
		}
	}
}

func TestFaultsThatCannotBe(t *testing.T) {
	folder := newFolder(t)
	good := write(t, folder, "good.txt", "midiInOpen -> hang")
	bad := write(t, folder, "bad.txt", "midiInOpen -> hang\nmidiInOpn -> hang\n")
	for want, args := range map[string][]string{
		bad + `:2: "midiInOpn" where one of at=DURATION, midiInGetNumDevs, `: {"--faults", bad, "list"},
		filepath.Join(folder, "none.txt") + ": ":                             {"--faults", filepath.Join(folder, "none.txt"), "list"},
		folder + ": ":                                                        {"--faults", folder, "list"},
		": cable 2: from 0 to 1 are possible":                                {"--faults", write(t, folder, "cable.txt", "midiInOpen cable=2 -> hang"), "list"},
		"--faults: only virtual cables go wrong at will: --driver loopback was expected, not winmm": {"--driver=winmm", "--faults", good, "list"},
		"--faults: check opens no ports that could go wrong":                                        {"--faults", good, "check", "rig.cfg"},
		"--faults: demo opens no ports that could go wrong":                                         {"--faults", good, "demo"},
		"--faults: bench run opens no ports that could go wrong":                                    {"--faults", good, "bench"},
		"--faults: bench compare opens no ports that could go wrong":                                {"--faults", good, "bench", "compare", "a", "b"},
	} {
		code, stdout, stderr := command(t, nil, append([]string{"--driver=loopback"}, args...)...)
		assert.Equal(t, 1, code, args)
		assert.Empty(t, stdout)
		assert.Regexp(t, `^onset: [^\n]*\n$`, stderr)
		assert.Contains(t, stderr, want)
	}
}

// A driver that does not return can be rehearsed, and left.
func TestSendIsInterruptedWhileTheDriverIsStuck(t *testing.T) {
	loop, err := engine.NewLoopback("Loopback A")
	require.NoError(t, err)
	defer loop.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for loop.Struck() == 0 {
			waitForPorts(loop, 1)
		}
		cancel()
	}()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, driver: func(string) (engine.Driver, error) { return borrowed{loop}, nil }}
	file := write(t, newFolder(t), "faults.txt", "midiOutShortMsg nth=2 -> hang")
	assert.Equal(t, 1, p.run(ctx, []string{"--driver=loopback", "--faults", file, "send", "0", "start", "clock", "stop"}))
	assert.Contains(t, errs.String(), "midiOutShortMsg nth=2 -> hang: once\n")
	assert.Contains(t, errs.String(), "onset: interrupted after 1 of 3 messages; output port 0 \"Loopback A\": a send did not return: midiOutShortMsg: the driver did not return in time\n")
}
