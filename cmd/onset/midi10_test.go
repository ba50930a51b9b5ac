//go:build cgo

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// midi10 returns the messages of MIDI 1.0, on channel 16 if they have one, as words and bytes. Words for what is
// undefined are "undefined".
func midi10(t *testing.T) (messages [][2]string) {
	t.Helper()
	text, err := os.ReadFile("../../engine/testdata/midi-1.0.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if words, bytes, ok := strings.Cut(line, "|"); ok {
			messages = append(messages, [2]string{
				strings.Replace(strings.TrimSpace(words), "N", "16", 1),
				strings.Replace(strings.TrimSpace(bytes), "n", "F", 1),
			})
		}
	}
	require.Greater(t, len(messages), 40)
	return messages
}

// Words and bytes are sent as they are, and what is undefined is refused.
func TestSendEveryMessageOfTheMIDITables(t *testing.T) {
	loop, err := engine.NewLoopback("Loopback A", "Loopback B")
	require.NoError(t, err)
	defer loop.Close()
	eng, err := engine.Open(engine.Options{Driver: loop, NormalPriority: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, eng.Close()) }()
	in, err := eng.OpenInput(engine.Index(1), engine.InputOptions{})
	require.NoError(t, err)

	args := []string{"send", "Loopback B"}
	var want []string
	for _, m := range midi10(t) {
		if m[0] == "undefined" {
			code, stderr := onLoop(t, loop, "send", "1", m[1])
			assert.Equal(t, 1, code)
			assert.Equal(t, fmt.Sprintf("onset: status %s is undefined in MIDI 1.0\n", m[1]), stderr)
			continue
		}
		args = append(args, m[0], m[1])
		want = append(want, m[1], m[1])
	}
	code, stderr := onLoop(t, loop, args...)
	assert.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	assert.Equal(t, want, hear(t, eng, len(want)))
	assert.Zero(t, in.Stats().Dropped.Total())
}

// The same as named messages of a rig.
func TestRunEveryMessageOfTheMIDITables(t *testing.T) {
	folder := newFolder(t)
	ports := strings.TrimSuffix(through, "[map]\n")
	var named, mappings strings.Builder
	var want []string
	for i, m := range midi10(t) {
		if m[0] == "undefined" {
			file := write(t, folder, "undefined.cfg", ports+"message.m = "+m[1]+"\n")
			code, _, stderr := command(t, nil, "check", file)
			assert.Equal(t, 1, code)
			assert.Equal(t, fmt.Sprintf("onset: %s:6:13: message m: status %[2]s is undefined in MIDI 1.0 | message.m = %[2]s\n", file, m[1]), stderr)
			continue
		}
		fmt.Fprintf(&named, "message.m%d = %s\n", i, m[1])
		fmt.Fprintf(&mappings, "in.ch0.cc1 > out.m%d\n", i)
		want = append(want, m[1])
	}
	r := run(t, write(t, folder, "rig.cfg", ports+named.String()+"[map]\n"+mappings.String()))
	require.NoError(t, r.in.Send(0x0101B0))
	assert.Equal(t, want, hear(t, r.test, len(want)))
}
