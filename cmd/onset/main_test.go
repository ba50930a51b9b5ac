//go:build cgo

package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// command runs a command line on cables that the test holds on to. events plays a part while it runs.
func command(t *testing.T, events func(*engine.Loopback), args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	loop, err := engine.NewLoopback("Loopback A", "Loopback B")
	require.NoError(t, err)
	defer loop.Close()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, driver: func(string) (engine.Driver, error) { return borrowed{loop}, nil }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if events != nil {
			events(loop)
		}
	}()
	code = p.run(ctx, args)
	<-done
	assert.NoError(t, ctx.Err(), "it should have ended by itself")
	assert.Zero(t, loop.OpenPorts(), "ports left open")
	return code, out.String(), errs.String()
}

// borrowed is a driver that the program may close and the test goes on using.
type borrowed struct{ *engine.Loopback }

// Close ends the script of faults, as closing a Loopback does.
func (b borrowed) Close() { _ = b.Script(engine.Faults{}) }

// onLoop runs a command line on cables that the test has open itself.
func onLoop(t *testing.T, loop *engine.Loopback, args ...string) (code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, driver: func(string) (engine.Driver, error) { return borrowed{loop}, nil }}
	code = p.run(t.Context(), args)
	return code, errs.String()
}

func waitForPorts(loop *engine.Loopback, n int) {
	waitFor(func() bool { return loop.OpenPorts() >= n })
}

func waitFor(f func() bool) {
	for !f() {
		time.Sleep(time.Millisecond)
	}
}

func TestList(t *testing.T) {
	code, stdout, stderr := command(t, nil, "list")
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Regexp(t, `(?s)^input +name +manufacturer.*\n0 +Loopback A +FFFF +0001 +1\.0\n1 +Loopback B.*\n\noutput .*\n1 +Loopback B +FFFF +0002 +1\.0\n$`, stdout)
}

func TestMonitorShowsWhatArrives(t *testing.T) {
	code, stdout, stderr := command(t, func(loop *engine.Loopback) {
		waitForPorts(loop, 2)
		_, _ = loop.Play(1, engine.Source{Count: 2})
		_, _ = loop.Play(0, engine.Source{Count: 5000})
	}, "monitor", "Loopback A", "1", "--count=3")
	assert.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 3)
	event := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{6}  Loopback [AB] +note-off [123] [012] 0 +8[012] 0[012] 00 +\d+\.\d µs$`)
	for _, line := range lines {
		assert.Regexp(t, event, line)
	}
	assert.Contains(t, stderr, "Loopback B: 2 received = ")
}

func TestMonitorEndsWhenItIsInterrupted(t *testing.T) {
	loop, err := engine.NewLoopback("Loopback A")
	require.NoError(t, err)
	defer loop.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitForPorts(loop, 1)
		cancel()
	}()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, driver: func(string) (engine.Driver, error) { return borrowed{loop}, nil }}
	assert.Zero(t, p.run(ctx, []string{"monitor", "0"}), errs.String())
	assert.Zero(t, loop.OpenPorts())
}

func TestMonitorWaitsForAPortThatVanishes(t *testing.T) {
	code, stdout, stderr := command(t, func(loop *engine.Loopback) {
		waitForPorts(loop, 2)
		for loop.Calls(0) == 0 { // until it is open in full
			_, _ = loop.Play(0, engine.Source{Count: 1})
			time.Sleep(time.Millisecond)
		}
		loop.Unplug(0)
		waitFor(func() bool { return loop.OpenPorts() == 1 })
		_ = loop.Replug(0, 1, "2- Loopback A")
		waitForPorts(loop, 2)
		for loop.OpenPorts() == 2 {
			_, _ = loop.Play(0, engine.Source{Count: 1})
			time.Sleep(time.Millisecond)
		}
	}, "monitor", "Loopback A", "Loopback B", "--count=3")
	assert.Zero(t, code, stderr)
	assert.Regexp(t, `(?s)  Loopback A +note-off .*  Loopback A +port lost; waiting for it .*`+
		`  2- Loopback A +port found .*  2- Loopback A +port open again .*  2- Loopback A +note-off `, stdout)
	assert.Regexp(t, `  Loopback A +input 0 has gone `, stdout)
	assert.Regexp(t, `  2- Loopback A +output 1 is new `, stdout)
	assert.Regexp(t, `\n2- Loopback A: \d+ received = `, stderr)
}

func TestSend(t *testing.T) {
	for _, args := range [][]string{
		{"send", "Loopback B", "note-on", "1", "60", "100", "80 3C 00"},
		{"send", "1", "--driver=loopback", "--", "903C64803C00"},
		{"send", "1", "F0", "7E", "7F", "06", "01", "F7", "clock"},
		{"send", "1", "sysex 7E 7F 06 01"},
	} {
		code, stdout, stderr := command(t, nil, args...)
		assert.Zero(t, code, stderr)
		assert.Empty(t, stdout+stderr)
	}
}

func TestDemoEndsByItself(t *testing.T) {
	code, stdout, stderr := command(t, nil, "demo")
	assert.Zero(t, code, stderr)
	assert.Contains(t, stdout, "note-on 1 60 96")
	assert.Contains(t, stdout, "19 received = 19 delivered + 0 filtered + 0 dropped")
}

func TestBadInputIsOneLineAndLeavesNothingOpen(t *testing.T) {
	const exist = `; there are 0 "Loopback A", 1 "Loopback B"`
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"monitor", "Nowhere"}, `no input port "Nowhere"` + exist},
		{[]string{"monitor", "0", "2"}, `no input port "2"` + exist},
		{[]string{"monitor", ""}, `empty input port name` + exist},
		{[]string{"monitor", "0", "0"}, `input port 0 "Loopback A": midiInOpen: MMSYSERR_ALLOCATED: the device is already in use`},
		{[]string{"monitor"}, `expected "<port> ..."`},
		{[]string{"send", "Nowhere", "clock"}, `no output port "Nowhere"` + exist},
		{[]string{"send", "", "clock"}, `empty output port name` + exist},
		{[]string{"send", "0", "clack"}, `"clack" is neither hexadecimal bytes nor a message's name`},
		{[]string{"send", "0", "90", "3C"}, `note-on (90) needs 2 data bytes, not 1`},
		{[]string{"send", "0", "F4"}, `status F4 is undefined`},
		{[]string{"send", "0", "F0", "7E"}, `system exclusive message of 2 bytes has no end: F7 is missing`},
		{[]string{"send", "0", "F0 01 90 F7"}, `system exclusive byte 3 is 90`},
		{[]string{"send", "0", "F0 01 F7", "3C 64"}, `3C is a data byte where a message begins: a status byte, 80 to FF, must come first (running status cannot be sent)`},
		{[]string{"send", "0", "90 3C 64 3D 64"}, `3D is a data byte where a message begins`},
		{[]string{"send", "0", "90 3C 80"}, `data byte 2 of note-on (90 3C 80) is 80: at most 7F is possible`},
		{[]string{"send", "0", "F7"}, `F7 ends a system exclusive message, and none has begun with F0`},
		{[]string{"send", "0"}, `expected "<message> ..."`},
		{[]string{"--driver=alsa", "list"}, `--driver must be one of "winmm","loopback" but got "alsa"`},
		{[]string{"play"}, `unexpected argument play`},
		{[]string{"bo\ngus"}, `unexpected argument bo; gus`},
		{[]string{}, `expected one of`},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := command(t, nil, c.args...)
			assert.Equal(t, 1, code)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^onset: [^\n]*\n$`, stderr)
			assert.Contains(t, stderr, c.want)
		})
	}
}
