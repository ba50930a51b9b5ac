//go:build cgo && winmm

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// These tests run the program as processes of their own, through winmm.dll, on the cables of
// cwinmm/wine or ports of these names on a real Windows.

func TestWinMMListCommand(t *testing.T) {
	out, err := onset(t, "list").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `(?m)^\d +Onset Cable 1 +007D`, string(out))
}

func TestWinMMTwoProcesses(t *testing.T) {
	monitor := onset(t, "monitor", "Onset Cable 2", "--count=4")
	var shown bytes.Buffer
	monitor.Stdout = &shown
	stderr, err := monitor.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, monitor.Start())
	ready := make([]byte, len("monitoring"))
	_, err = io.ReadFull(stderr, ready)
	require.NoError(t, err)
	rest := make(chan string)
	go func() {
		text, _ := io.ReadAll(stderr)
		rest <- string(text)
	}()

	// The input is in use now, for every process.
	out, err := onset(t, "monitor", "Onset Cable 2").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "MMSYSERR_ALLOCATED")

	out, err = onset(t, "send", "Onset Cable 2", "note-on 1 60 100", "B0 07 7F", "start", "note-off 1 60 0").CombinedOutput()
	require.NoError(t, err, "%s", out)
	account := <-rest
	require.NoError(t, monitor.Wait())
	var got []string
	for line := range strings.Lines(shown.String()) {
		got = append(got, strings.Join(strings.Fields(line)[4:], " "))
	}
	require.Len(t, got, 4)
	for i, want := range []string{"note-on 1 60 100 90 3C 64 ", "control-change 1 7 127 B0 07 7F ", "start FA ", "note-off 1 60 0 80 3C 00 "} {
		assert.True(t, strings.HasPrefix(got[i], want), got[i])
	}
	assert.Contains(t, account, "4 received = 4 delivered + 0 filtered + 0 dropped")
}

// The program runs a rig that was recorded with MIDIMonster, and does the same: each message that is
// sent in brings out what it brought out there.
func TestWinMMRunsARecordedRig(t *testing.T) {
	for _, name := range []string{"open-loopback", "open-epn", "open-epn-short"} {
		folder := filepath.Join("..", "..", "engine", "rig", "testdata", "conformance", name)
		driver, err := engine.WinMM()
		require.NoError(t, err)
		eng, err := engine.Open(engine.Options{Driver: driver})
		require.NoError(t, err)
		in, err := eng.OpenOutput(engine.Named("Onset Cable 1"), engine.OutputOptions{})
		require.NoError(t, err)
		_, err = eng.OpenInput(engine.Named("Onset Cable 3"), engine.InputOptions{})
		require.NoError(t, err)

		program := onset(t, "run", filepath.Join(folder, "rig.cfg"), "-i", "in.read=Onset Cable 1", "-i", "out.write=Onset Cable 3")
		stderr, err := program.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, program.Start())
		_, err = io.ReadFull(stderr, make([]byte, len("running")))
		require.NoError(t, err)

		want := make(map[int][]string)
		for line := range strings.Lines(text(t, folder, "expect.txt")) {
			var cause int
			_, err := fmt.Sscan(line, &cause)
			require.NoError(t, err)
			_, message, _ := strings.Cut(strings.TrimSpace(line), " ")
			want[cause] = append(want[cause], message)
		}
		n := 0
		eng.SetReadDeadline(time.Now().Add(time.Minute))
		for line := range strings.Lines(text(t, folder, "input.txt")) {
			messages, err := engine.ParseMessages(line)
			require.NoError(t, err)
			require.NoError(t, in.Send(messages[0]))
			for _, m := range want[n] {
				events := make([]engine.Event, 1)
				_, err := eng.ReadInto(events)
				require.NoError(t, err)
				require.Equal(t, m, strings.ToLower(events[0].Message.Hex()), "%s, line %d", name, n)
			}
			n++
		}
		time.Sleep(50 * time.Millisecond)
		eng.SetReadDeadline(time.Unix(1, 0))
		_, err = eng.ReadInto(make([]engine.Event, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing else comes")

		require.NoError(t, program.Process.Kill())
		_ = program.Wait()
		require.NoError(t, eng.Close())
		driver.Close()
	}
}

func text(t *testing.T, folder, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	return string(b)
}

func TestWinMMBadInput(t *testing.T) {
	for _, args := range [][]string{{"send", "Nowhere", "clock"}, {"monitor", "99"}, {"send", "Onset Cable 1", "F4"}, {"send", "", "clock"}} {
		out, err := onset(t, args...).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%v", args)
		assert.Equal(t, 1, exit.ExitCode())
		assert.Regexp(t, `^onset: [^\n]*\n$`, string(out))
	}
}

func TestWinMMDemo(t *testing.T) {
	start := time.Now()
	out, err := onset(t, "demo").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "19 received = 19 delivered")
	t.Logf("demo took %v", time.Since(start))
}

func TestWinMMSendSystemExclusiveCommand(t *testing.T) {
	out, err := onset(t, "send", "Onset Cable 1", "F0", "7E", "7F", "06", "01", "F7", "clock", "sysex 7E 7F 06 01").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Empty(t, string(out))
}
