package control_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// written returns the messages that set a control, as in "B0 07 40".
func written(t *testing.T, name string, wide uint16, options control.EncoderOptions) string {
	t.Helper()
	c, _, _, err := control.Parse(name, true)
	require.NoError(t, err)
	steps, under, threshold := control.Encode(c, options)
	if wide < threshold {
		steps = under
	}
	return sent(t, control.Template{Steps: steps}, wide, 33)
}

func sent(t *testing.T, template control.Template, wide uint16, release uint8) string {
	t.Helper()
	values := control.NewValues(wide, release)
	var all []string
	for _, s := range template.Steps {
		if number, ok := s.Long(); ok {
			long := template.Longs[number].Append(nil, &values)
			require.NoError(t, engine.CheckSysEx(long))
			all = append(all, fmt.Sprintf("% X", long))
			continue
		}
		m := s.Message(&values)
		require.NoError(t, m.Check())
		all = append(all, m.Hex())
	}
	return strings.Join(all, " ")
}

func TestEachControlIsPackedAsMIDIMonsterDoes(t *testing.T) {
	for name, want := range map[string]string{
		"ch1.note60":     "91 3C 3F",
		"ch2.pressure60": "A2 3C 3F",
		"ch3.cc7":        "B3 07 3F",
		"ch4.program":    "C4 3F",
		"ch5.aftertouch": "D5 3F",
		"ch6.pitch":      "E6 00 40",
		"ch7.rpn257":     "B7 65 02 B7 64 01 B7 06 40 B7 26 00 B7 65 7F B7 64 7F",
		"ch8.nrpn16383":  "B8 63 7F B8 62 7F B8 06 40 B8 26 00 B8 65 7F B8 64 7F",
		"ch9.cc14.7":     "B9 07 40 B9 27 00",
	} {
		assert.Equal(t, want, written(t, name, 8192, control.EncoderOptions{}), name)
	}
	assert.Equal(t, "90 00 00", written(t, "ch0.note0", 128, control.EncoderOptions{}))
	assert.Equal(t, "BF 63 00 BF 62 05 BF 06 7F BF 26 7F", written(t, "ch15.nrpn5", 16383, control.EncoderOptions{Short: true}))
}

func TestRealNoteOffs(t *testing.T) {
	options := control.EncoderOptions{NoteOff: true}
	assert.Equal(t, "90 3C 01", written(t, "ch0.note60", 129, options))
	assert.Equal(t, "80 3C 21", written(t, "ch0.note60", 128, options), "what is velocity 0 in seven bits")
	assert.Equal(t, "B0 07 00", written(t, "ch0.cc7", 0, options))
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"B0 38 02":                      "B0 38 02",
		"b0 07 value":                   "B0 07 3F",
		"E1 lsb msb":                    "E1 05 40",
		"E1 msb lsb":                    "E1 40 05",
		"90 value 7f":                   "90 3F 7F",
		"C0 value  FA":                  "C0 3F FA",
		"B0 06 msb B0 26 lsb F2 00 lsb": "B0 06 40 B0 26 05 F2 00 05",

		"F0 47 7f 29 60 00 04 41 08 02 01 F7":        "F0 47 7F 29 60 00 04 41 08 02 01 F7",
		"f0 7F 7F 04 01 lsb msb f7":                  "F0 7F 7F 04 01 05 40 F7",
		"F8 F0 7D value value msb F7 FA F0 7E F7 F6": "F8 F0 7D 3F 3F 40 F7 FA F0 7E F7 F6",
	} {
		template, err := control.ParseTemplate(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, sent(t, template, 64<<7|5, 0), text)
		var parts []string
		for _, s := range template.Steps {
			if number, ok := s.Long(); ok {
				parts = append(parts, template.Longs[number].String())
			} else {
				parts = append(parts, s.String())
			}
		}
		assert.Equal(t, template.Text, strings.Join(parts, " "))
		assert.Equal(t, strings.Join(strings.Fields(strings.ToUpper(text)), " "), strings.ToUpper(template.Text))
	}
	for text, want := range map[string]string{
		"":               "no bytes",
		"B0 07":          `"B0 07": the message needs 3 bytes`,
		"B0 07 100":      `"100": a byte of two hexadecimal digits, value, msb or lsb was expected`,
		"B0 7 01":        `"7": a byte`,
		"B0 07 80":       `data byte 2 of control-change (B0 07 80) is 80: at most 7F is possible`,
		"07 40":          `"07": a status byte, 80 to FF, was expected: running status cannot be sent`,
		"value 07 40":    `"value": a status byte, 80 to FF, was expected`,
		"F4":             `status F4 is undefined`,
		"B0 07 01 08 02": `"08": a status byte, 80 to FF, was expected: running status cannot be sent`,
		"F0 47":          `system exclusive message of 2 bytes has no end: F7 is missing`,
		"F0":             `system exclusive message of 1 bytes has no end: F7 is missing`,
		"F0 F7":          `system exclusive message without a byte between F0 and F7`,
		"F0 47 90 F7":    `system exclusive byte 3 is 90: data bytes, 00 to 7F, and then F7 must follow F0`,
		"F0 47 F8 F7":    `system exclusive byte 3 is F8: data bytes`,
		"F0 47 F0 F7":    `system exclusive byte 3 is F0: data bytes`,
		"F0 47 7F7F F7":  `"7F7F": a byte of two hexadecimal digits`,
		"F0 47 lbs F7":   `"lbs": a byte of two hexadecimal digits`,
		"F7":             `F7 ends a system exclusive message, and none has begun with F0`,
		"F0 47 F7 F7":    `F7 ends a system exclusive message`,
		"90 value msb":   `a message holds one value`,
		"90 value value": `a message holds one value`,
		"90 msb msb":     `a message holds one value`,
	} {
		_, err := control.ParseTemplate(text)
		assert.ErrorContains(t, err, want, text)
	}
}

// Whatever is accepted is made of messages that can be sent, whatever the value, and is read back from its text.
func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"b0 07 value", "E1 lsb msb C0  05", "F8 F0 7D value msb lsb F7 FA", "F0 F7", "90 value msb", "F0 47 90 F7", "07 40"} {
		f.Add(seed, uint16(8197), uint8(64))
	}
	f.Fuzz(func(t *testing.T, text string, wide uint16, release uint8) {
		template, err := control.ParseTemplate(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := control.ParseTemplate(template.Text)
		require.NoError(t, err, template.Text)
		require.Equal(t, template, again)
		values := control.NewValues(wide&0x3FFF, release&0x7F)
		for _, s := range template.Steps {
			if number, ok := s.Long(); ok {
				require.NoError(t, engine.CheckSysEx(template.Longs[number].Append(nil, &values)))
			} else {
				require.NoError(t, s.Message(&values).Check())
			}
		}
	})
}

// C reads steps too.
func TestAStepIsEightBytesWithoutPointers(t *testing.T) {
	step := reflect.TypeFor[control.Step]()
	assert.EqualValues(t, 8, step.Size())
	for i := range step.NumField() {
		kind := step.Field(i).Type.Kind()
		assert.True(t, kind == reflect.Uint8 || kind == reflect.Uint32, step.Field(i).Name)
	}
}
