package engine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// defined lists a message of every status that MIDI 1.0 defines for short messages.
func defined() []engine.Message {
	var all []engine.Message
	for status := engine.Message(0x80); status < 0xF0; status++ {
		m := status | 0x01<<8
		if kind := status & 0xF0; kind != engine.ProgramChange && kind != engine.ChannelPressure {
			m |= 0x7F << 16
		}
		all = append(all, m)
	}
	return append(all, 0x7AF1, 0x7F01F2, 0x7FF3, 0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF)
}

func TestEveryDefinedMessageIsReadBackAsWritten(t *testing.T) {
	for _, m := range defined() {
		assert.NoError(t, m.Check())
		for _, text := range []string{m.String(), m.Hex(), strings.ToLower(strings.ReplaceAll(m.Hex(), " ", ""))} {
			got, err := engine.ParseMessages(text)
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff([]engine.Message{m}, got), text)
		}
	}
}

func TestMessagesInWords(t *testing.T) {
	for text, want := range map[string]engine.Message{
		"note-off 1 0 0":         0x000080,
		"note-on 1 60 100":       0x643C90,
		"key-pressure 16 127 1":  0x017FAF,
		"control-change 2 7 127": 0x7F07B1,
		"program-change 3 5":     0x0005C2,
		"channel-pressure 4 99":  0x0063D3,
		"pitch-bend 5 8192":      0x4000E4,
		"pitch-bend 5 16383":     0x7F7FE4,
		"quarter-frame 33":       0x0021F1,
		"song-position 129":      0x0101F2,
		"song-select 9":          0x0009F3,
		"tune-request":           0xF6,
		"clock":                  0xF8,
		"start":                  0xFA,
		"continue":               0xFB,
		"stop":                   0xFC,
		"active-sensing":         0xFE,
		"system-reset":           0xFF,
	} {
		got, err := engine.ParseMessages(strings.Fields(text)...)
		require.NoError(t, err)
		assert.Empty(t, cmp.Diff([]engine.Message{want}, got), text)
		assert.Equal(t, text, want.String())
	}
	assert.Equal(t, "undefined F4 00 00", engine.Message(0xF4).String())
}

func TestSeveralMessagesInOneLine(t *testing.T) {
	got, err := engine.ParseMessages("903C64803C00", "clock", "B0", "07 7F C0", "05", "start")
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff([]engine.Message{0x643C90, 0x003C80, 0xF8, 0x7F07B0, 0x05C0, 0xFA}, got))
}

func TestWhatIsNoMessageIsAnErrorThatSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no message given",
		"  ":                          "no message given",
		"90 3C":                       "note-on (90) needs 2 data bytes, not 1",
		"90 3C 80":                    "data byte 2 of note-on (90 3C 80) is 80: at most 7F is possible",
		"C0 FF":                       "data byte 1 of program-change (C0 FF) is FF",
		"3C 64":                       "begins with a data byte",
		"90 3C 64 3C 64":              "begins with a data byte",
		"F0":                          "system exclusive",
		"F7":                          "system exclusive",
		"F4":                          "status F4 is undefined in MIDI 1.0",
		"F5":                          "status F5 is undefined in MIDI 1.0",
		"F9":                          "status F9 is undefined in MIDI 1.0",
		"FD":                          "status FD is undefined in MIDI 1.0",
		"9":                           `"9" is neither`,
		"note on 1 60 100":            `"note" is neither hexadecimal bytes nor a message's name: note-off, note-on,`,
		"note-on":                     "note-on: channel is missing: a number from 1 to 16",
		"note-on 0 60 100":            `note-on: channel is "0"`,
		"note-on 17 60 100":           `note-on: channel is "17"`,
		"note-on 1 128 100":           `note-on: data byte 1 is "128": a number from 0 to 127 is possible`,
		"note-on 1 60":                "note-on: data byte 2 is missing",
		"note-on 1 60 x":              `note-on: data byte 2 is "x"`,
		"pitch-bend 1 16384":          `pitch-bend: value is "16384": a number from 0 to 16383 is possible`,
		"note-on 1 60 99999999999999": "from 0 to 127",
	} {
		got, err := engine.ParseMessages(text)
		assert.ErrorContains(t, err, want, "%q", text)
		assert.Nil(t, got)
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err := engine.NewMessage(engine.Clock, 1)
	assert.ErrorContains(t, err, "clock (F8) needs 0 data bytes, not 1")
	_, err = engine.NewMessage(engine.NoteOn, 1, 2, 3)
	assert.ErrorContains(t, err, "note-on (90) needs 2 data bytes, not 3")
}

// Whatever is accepted can be sent, and is read back from both of its forms.
func FuzzParseMessages(f *testing.F) {
	for _, seed := range []string{"note-on 1 60 100", "903C64803C00 f8", "F4", "pitch-bend 16 16383 C0 05", "90 3", "note-on 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := engine.ParseMessages(text)
		if err != nil {
			return
		}
		var words, bytes []string
		for _, m := range got {
			require.NoError(t, m.Check())
			words, bytes = append(words, m.String()), append(bytes, m.Hex())
		}
		for _, form := range [][]string{words, bytes} {
			again, err := engine.ParseMessages(form...)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
