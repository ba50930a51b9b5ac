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
		"3C 64":                       "3C is a data byte where a message begins: a status byte, 80 to FF, must come first (running status cannot be sent)",
		"90 3C 64 3D 64":              "3D is a data byte where a message begins",
		"clock 01":                    "01 is a data byte where a message begins",
		"note-on 1 60 100 64":         "64 is a data byte where a message begins",
		"F0":                          "system exclusive",
		"F7":                          "system exclusive",
		"F0 01 F7":                    "message 1 is system exclusive: only short messages are possible here",
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

func TestSystemExclusiveInWordsAndBytes(t *testing.T) {
	long := func(bytes ...byte) engine.AnyMessage { return engine.AnyMessage{SysEx: bytes} }
	short := func(m engine.Message) engine.AnyMessage { return engine.AnyMessage{Short: m} }
	for text, want := range map[string][]engine.AnyMessage{
		"F0 7E 7F 06 01 F7":              {long(0xF0, 0x7E, 0x7F, 6, 1, 0xF7)},
		"f07e7f0601f7":                   {long(0xF0, 0x7E, 0x7F, 6, 1, 0xF7)},
		"sysex 7E 7F 06 01":              {long(0xF0, 0x7E, 0x7F, 6, 1, 0xF7)},
		"sysex 7E7F 0601F7":              {long(0xF0, 0x7E, 0x7F, 6, 1, 0xF7)},
		"F0F7":                           {long(0xF0, 0xF7)},
		"clock sysex 01 note-on 1 60 1":  {short(0xF8), long(0xF0, 1, 0xF7), short(0x013C90)},
		"sysex 01 sysex 02 F7 F003F7 F8": {long(0xF0, 1, 0xF7), long(0xF0, 2, 0xF7), long(0xF0, 3, 0xF7), short(0xF8)},
		"sysex 0190 3C 64":               {long(0xF0, 1, 0xF7), short(0x643C90)},
	} {
		got, err := engine.ParseAny(text)
		require.NoError(t, err, text)
		assert.Empty(t, cmp.Diff(want, got), text)
	}
	for text, want := range map[string]string{
		"F0 7E 7F 06 01":        "system exclusive message of 5 bytes has no end: F7 is missing",
		"F0 7E 90 3C 64 F7":     "system exclusive byte 3 is 90: data bytes, 00 to 7F, and then F7 must follow F0",
		"F0 7E F8 F7":           "system exclusive byte 3 is F8",
		"F0 7E clock F7":        `system exclusive byte 3 is "clock"`,
		"F0 7E 1 F7":            `system exclusive byte 3 is "1"`,
		"F0 01 F7 3C 64":        "3C is a data byte where a message begins",
		"F7":                    "F7 ends a system exclusive message, and none has begun with F0",
		"F0 01 F7 F7":           "F7 ends a system exclusive message",
		"sysex":                 "sysex: data bytes are missing: hexadecimal, from 00 to 7F",
		"sysex F0 01 F7":        "sysex: data bytes are missing",
		"sysex F7":              "sysex: data bytes are missing",
		"sysex 01 F8 02":        "02 is a data byte where a message begins",
		"sysex 01 2":            `"2" is neither hexadecimal bytes nor a message's name: note-off`,
		"sysex 01 7G":           `"7G" is neither hexadecimal bytes nor a message's name: note-off`,
		"note-on 1 60 F0 01 F7": `note-on: data byte 2 is "F0"`,
	} {
		got, err := engine.ParseAny(text)
		assert.ErrorContains(t, err, want, "%q", text)
		assert.Nil(t, got)
	}
	for text, m := range map[string]engine.AnyMessage{
		"sysex 7E 7F 06 01": long(0xF0, 0x7E, 0x7F, 6, 1, 0xF7),
		"F0 F7":             long(0xF0, 0xF7),
		"F0 01":             long(0xF0, 1),
		"note-on 1 60 100":  short(0x643C90),
	} {
		assert.Equal(t, text, m.String())
	}
	assert.Equal(t, "F0 01 F7", long(0xF0, 1, 0xF7).Hex())
	assert.Equal(t, "90 3C 64", short(0x643C90).Hex())
}

// badSysEx lists what is no whole system exclusive message, and what is said of it.
var badSysEx = map[string]string{
	"":                 "no bytes: F0 must come first",
	"\x7E\x7F\xF7":     "byte 1 of 3 is 7E: F0 must come first",
	"\xF7":             "byte 1 of 1 is F7: F0 must come first",
	"\xF0":             "byte 1 of 1 is F0: F7 must come last",
	"\xF0\x01\x02":     "byte 3 of 3 is 02: F7 must come last",
	"\xF0\x01\x80\xF7": "byte 3 of 4 is 80: between F0 and F7 at most 7F is possible",
	"\xF0\xF8\xF7":     "byte 2 of 3 is F8",
	"\xF0\xF0\xF7":     "byte 2 of 3 is F0",
	"\xF0\xF7\x01\xF7": "byte 2 of 4 is F7",
	"\xF0\x01\x90":     "byte 3 of 3 is 90",
}

func TestWhatIsNoWholeSystemExclusiveMessageIsAnError(t *testing.T) {
	for bytes, want := range badSysEx {
		assert.ErrorContains(t, engine.CheckSysEx([]byte(bytes)), "system exclusive ")
		assert.ErrorContains(t, engine.CheckSysEx([]byte(bytes)), want)
	}
	assert.NoError(t, engine.CheckSysEx([]byte{0xF0, 0xF7}))
	assert.NoError(t, engine.CheckSysEx([]byte{0xF0, 0, 0x7F, 0xF7}))
	longest := make([]byte, engine.MaxSysEx)
	longest[0], longest[len(longest)-1] = 0xF0, 0xF7
	assert.NoError(t, engine.CheckSysEx(longest))
	assert.ErrorContains(t, engine.CheckSysEx(append(longest, 0xF7)), "of 16777217 bytes: at most 16777216 are possible")
}

// Whatever a driver calls with can be shown; what is a message is read back as it is shown.
func FuzzMessage(f *testing.F) {
	for _, seed := range []uint32{0x643C90, 0x80, 0xF8, 0x05F1, 0x7F7FF2, 0xF0, 0xF4, 0xFF90FF, 0xDEADBEEF, 0} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word uint32) {
		m := engine.Message(word)
		shown, hex := m.String(), m.Hex()
		require.NotEmpty(t, shown)
		if m.Check() != nil {
			return
		}
		for _, form := range []string{shown, hex} {
			again, err := engine.ParseMessages(form)
			require.NoError(t, err)
			// Drivers may leave rubbish behind a message.
			require.Equal(t, []engine.Message{m & (1<<(8*m.Len()) - 1)}, again)
		}
	})
}

// Whatever is accepted can be sent, and is read back from both of its forms.
func FuzzParseMessages(f *testing.F) {
	for _, seed := range []string{"note-on 1 60 100", "903C64803C00 f8", "F4", "pitch-bend 16 16383 C0 05", "90 3", "note-on 1", "F0 7E 7F F7 F8", "sysex 01 02", "sysex F7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := engine.ParseAny(text)
		if err != nil {
			return
		}
		var words, bytes []string
		for _, m := range got {
			if m.SysEx != nil {
				require.NoError(t, engine.CheckSysEx(m.SysEx))
			} else {
				require.NoError(t, m.Short.Check())
			}
			words, bytes = append(words, m.String()), append(bytes, m.Hex())
		}
		for _, form := range [][]string{words, bytes} {
			again, err := engine.ParseAny(form...)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
