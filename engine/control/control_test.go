package control_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine/control"
)

func TestNamesAreReadAsMIDIMonsterReadsThem(t *testing.T) {
	for _, c := range []struct {
		name     string
		want     control.Control
		rest     string
		noNumber bool
	}{
		{"ch0.cc7", control.Control{Channel: 0, Type: control.CC, Number: 7}, "", false},
		{"channel15.note127", control.Control{Channel: 15, Type: control.Note, Number: 127}, "", false},
		{"ch1.pressure0", control.Control{Channel: 1, Type: control.Pressure}, "", false},
		{"ch2.aftertouch", control.Control{Channel: 2, Type: control.Aftertouch}, "", false},
		{"ch3.pitch", control.Control{Channel: 3, Type: control.Pitch}, "", false},
		{"ch4.program", control.Control{Channel: 4, Type: control.Program}, "", false},
		{"ch5.rpn16383", control.Control{Channel: 5, Type: control.RPN, Number: 16383}, "", false},
		{"ch6.nrpn128", control.Control{Channel: 6, Type: control.NRPN, Number: 128}, "", false},
		{"ch007.cc007", control.Control{Channel: 7, Type: control.CC, Number: 7}, "", false},
		{"ch \v\f\r+1.cc\t 2", control.Control{Channel: 1, Type: control.CC, Number: 2}, "", false},
		{"ch0.pitchbend", control.Control{Type: control.Pitch}, "bend", false},
		{"ch0.program5", control.Control{Type: control.Program}, "5", false},
		{"ch0.cc7x", control.Control{Type: control.CC, Number: 7}, "x", false},
		{"ch0.cc0x10", control.Control{Type: control.CC}, "x10", false},
		{"ch0.note", control.Control{Type: control.Note}, "", true},
		{"ch.notes", control.Control{Type: control.Note}, "s", true},
		{"ch0.cc14.7", control.Control{Type: control.CC, Number: 14}, ".7", false},
	} {
		got, rest, noNumber, err := control.Parse(c.name, false)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.want, got, c.name)
		assert.Equal(t, c.rest, rest, c.name)
		assert.Equal(t, c.noNumber, noNumber, c.name)
	}
	got, rest, _, err := control.Parse("ch0.cc14.7", true)
	require.NoError(t, err)
	assert.Equal(t, control.Control{Type: control.Pair, Number: 7}, got)
	assert.Empty(t, rest)
}

func TestBadNamesAreToldApart(t *testing.T) {
	for name, want := range map[string]string{
		"":                            `control "": a name such as ch0.cc7 was expected`,
		"cc7":                         `control "cc7": a name such as ch0.cc7 was expected`,
		"ch16.cc7":                    `channel 16 is out of range: 0 to 15 is possible`,
		"ch256.cc7":                   `channel 256 is out of range`,
		"ch-1.cc7":                    `channel -1 is out of range`,
		"ch0.cc128":                   `cc 128 is out of range: 0 to 127 is possible`,
		"ch0.cc-1":                    `cc -1 is out of range`,
		"ch0.nrpn16384":               `nrpn 16384 is out of range: 0 to 16383 is possible`,
		"ch0.rpn99999999999999999999": `rpn 99999999999999999999 is out of range`,
		"ch0":                         `a point was expected after the channel`,
		"chan0.cc7":                   `a point was expected after the channel`,
		"ch0 .cc7":                    `a point was expected after the channel`,
		"ch0. cc7":                    `unknown type; there are cc0 to cc127, note0`,
		"ch0.CC7":                     `unknown type`,
		"ch0.":                        `unknown type`,
	} {
		_, _, _, err := control.Parse(name, false)
		assert.ErrorContains(t, err, want)
	}
	_, _, _, err := control.Parse("ch0.cc14.32", true)
	assert.ErrorContains(t, err, "cc14 32 is out of range: 0 to 31 is possible")
}

func TestEveryControlIsReadAsItIsWritten(t *testing.T) {
	count := 0
	for typ := control.Note; typ <= control.NRPN; typ++ {
		for channel := range uint8(16) {
			for n := range typ.Numbers() {
				c := control.Control{Channel: channel, Type: typ, Number: uint16(n)}
				got, rest, noNumber, err := control.Parse(c.String(), true)
				if err != nil || got != c || rest != "" || noNumber {
					t.Fatalf("%v: %v, rest %q, %v", c, got, rest, err)
				}
				count++
			}
		}
	}
	assert.Equal(t, 16*(3*128+32+3+2*16384), count)
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"ch0.cc7", "channel15.nrpn16383", "ch0.cc14.7", "ch 1.pitchbend", "ch.", "ch0.cc+9"} {
		f.Add(name, true)
		f.Add(name, false)
	}
	f.Fuzz(func(t *testing.T, name string, pairs bool) {
		c, _, _, err := control.Parse(name, pairs)
		if err != nil {
			return
		}
		if c.Channel > 15 || int(c.Number) >= c.Type.Numbers() {
			t.Fatalf("%q: %+v", name, c)
		}
		again, rest, noNumber, err := control.Parse(c.String(), true)
		if err != nil || again != c || rest != "" || noNumber {
			t.Fatalf("%q is %v, which is %v, rest %q, %v", name, c, again, rest, err)
		}
	})
}
