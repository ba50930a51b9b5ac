//go:build cgo

package engine_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// midi10 returns the messages of MIDI 1.0 that have words, as words and bytes, and the statuses that are undefined.
func midi10(t *testing.T) (messages [][2]string, undefined []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/midi-1.0.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		words, bytes, ok := strings.Cut(line, "|")
		if !ok {
			continue
		}
		words, bytes = strings.TrimSpace(words), strings.TrimSpace(bytes)
		if words == "undefined" {
			status, err := hex.DecodeString(bytes)
			require.NoError(t, err)
			undefined = append(undefined, status[0])
			continue
		}
		channels := strings.Count(words, "N")*15 + 1
		for channel := range channels {
			messages = append(messages, [2]string{
				strings.Replace(words, "N", strconv.Itoa(channel+1), 1),
				strings.Replace(bytes, "n", fmt.Sprintf("%X", channel), 1),
			})
		}
	}
	require.Len(t, messages, 16*(17+9)+8+6+5)
	require.Len(t, undefined, 4)
	return messages, undefined
}

// Each message is what its words and its bytes say, and comes out of a cable as it went in, sent in order with
// the others or at once.
func TestEveryMessageOfTheMIDITables(t *testing.T) {
	messages, undefined := midi10(t)
	for _, way := range []string{"queued", "now"} {
		t.Run(way, func(t *testing.T) {
			r := newRig(t, engine.Options{})
			r.input(t, 0, engine.InputOptions{})
			out := r.output(t, 0, engine.OutputOptions{})
			send := out.Send
			if way == "now" {
				send = out.SendNow
			}
			for _, m := range messages {
				for _, text := range m {
					all, err := engine.ParseAny(text)
					require.NoError(t, err, text)
					require.Len(t, all, 1, text)
					assert.Equal(t, m, [2]string{all[0].String(), all[0].Hex()})
					if all[0].SysEx != nil {
						require.NoError(t, out.SendSysEx(all[0].SysEx), text)
					} else {
						require.NoError(t, send(all[0].Short), text)
					}
				}
			}
			n := 0
			r.run(t, func(ev *engine.Event) bool {
				want := messages[n/2]
				got := engine.AnyMessage{Short: ev.Message, SysEx: ev.SysEx}
				assert.Equal(t, want, [2]string{got.String(), got.Hex()})
				assert.Equal(t, strings.HasPrefix(want[0], "sysex"), ev.Kind == engine.KindSysEx, want[0])
				n++
				return n == 2*len(messages)
			})
			for _, status := range undefined {
				m := engine.Message(status)
				want := fmt.Sprintf("status %02X is undefined in MIDI 1.0", status)
				assert.EqualError(t, send(m), want)
				_, err := engine.NewMessage(status)
				assert.EqualError(t, err, want)
				_, err = engine.ParseAny(m.Hex()[:2])
				assert.EqualError(t, err, want)
			}
			s := out.Stats()
			assert.EqualValues(t, 2*len(messages), s.Sent)
			assert.Zero(t, s.Failed+s.Refused+s.Dropped)
		})
	}
}

// A driver may deliver what MIDI 1.0 leaves undefined, or bytes that belong to system exclusive: that arrives as it is,
// and is not sent on by mistake.
func TestUndefinedMessagesArriveAsTheyAre(t *testing.T) {
	_, undefined := midi10(t)
	for _, status := range append(undefined, engine.EndOfSysEx) {
		r := newRig(t, engine.Options{})
		in := r.input(t, 0, engine.InputOptions{})
		out := r.output(t, 0, engine.OutputOptions{})
		faults, err := engine.ParseFaults(strings.NewReader(
			fmt.Sprintf("message nth=1 -> MIM_DATA message=%02X", status)), "faults")
		require.NoError(t, err)
		require.NoError(t, r.loop.Script(faults))
		require.NoError(t, out.Send(engine.Start))
		var got []engine.Message
		r.run(t, func(ev *engine.Event) bool {
			assert.Equal(t, engine.KindMessage, ev.Kind)
			got = append(got, ev.Message)
			return len(got) == 2
		})
		assert.Equal(t, []engine.Message{engine.Start, engine.Message(status)}, got)
		assert.Error(t, out.Send(got[1]))
		balanced(t, in.Stats())
	}
}

// What is no message is refused with what is wrong, whichever way it is sent, and nothing of it goes out.
func TestMalformedMessagesAreRefusedAtTheAPI(t *testing.T) {
	made := func(status byte, data ...byte) func(*engine.Output) error {
		return func(out *engine.Output) error {
			m, err := engine.NewMessage(status, data...)
			if err == nil {
				err = out.Send(m)
			}
			return err
		}
	}
	short := func(m engine.Message) func(*engine.Output) error {
		return func(out *engine.Output) error { return out.Send(m) }
	}
	now := func(m engine.Message) func(*engine.Output) error {
		return func(out *engine.Output) error { return out.SendNow(m) }
	}
	long := func(bytes ...byte) func(*engine.Output) error {
		return func(out *engine.Output) error { return out.SendSysEx(bytes) }
	}
	const (
		running = "begins with a data byte: a status byte, 80 to FF, must come first (running status cannot be sent)"
		belongs = " belongs to system exclusive and is no short message"
	)
	r := newRig(t, engine.Options{})
	out := r.output(t, 0, engine.OutputOptions{})
	for _, c := range []struct {
		send func(*engine.Output) error
		want string
	}{
		{short(0x643C), "message 3C 64 00 " + running},
		{now(0x643C), "message 3C 64 00 " + running},
		{made(0x3C, 0x64), "message 3C 64 00 " + running},
		{short(0), "message 00 00 00 " + running},
		{long(0x01, 0xF7), "system exclusive byte 1 of 2 is 01: F0 must come first"},
		{made(0x90, 0x3C), "note-on (90) needs 2 data bytes, not 1"},
		{made(0x90), "note-on (90) needs 2 data bytes, not 0"},
		{made(0xC5), "program-change (C5) needs 1 data bytes, not 0"},
		{made(0xF2, 1), "song-position (F2) needs 2 data bytes, not 1"},
		{made(0xC5, 1, 2), "program-change (C5) needs 1 data bytes, not 2"},
		{made(0x90, 1, 2, 3), "note-on (90) needs 2 data bytes, not 3"},
		{made(0xF8, 0), "clock (F8) needs 0 data bytes, not 1"},
		{short(0x803C90), "data byte 2 of note-on (90 3C 80) is 80: at most 7F is possible"},
		{now(0x00FFB0), "data byte 1 of control-change (B0 FF 00) is FF: at most 7F is possible"},
		{made(0xF1, 0xF8), "data byte 1 of quarter-frame (F1 F8) is F8: at most 7F is possible"},
		{short(0xF7), "F7" + belongs},
		{made(0xF7), "F7" + belongs},
		{long(0xF7), "system exclusive byte 1 of 1 is F7: F0 must come first"},
		{short(0xF701F0), "F0" + belongs},
		{now(0xF0), "F0" + belongs},
		{made(0xF0, 1, 0xF7), "F0" + belongs},
		{long(0x90, 0x3C, 0x64), "system exclusive byte 1 of 3 is 90: F0 must come first"},
		{long(0xF0, 1), "system exclusive byte 2 of 2 is 01: F7 must come last"},
		{long(0xF0, 0xF8, 0xF7), "system exclusive byte 2 of 3 is F8: between F0 and F7 at most 7F is possible"},
	} {
		assert.EqualError(t, c.send(out), c.want)
	}
	assert.Zero(t, out.Stats().Sent)
}
