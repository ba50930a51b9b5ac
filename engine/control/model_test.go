package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// plainChannel is what has come of a channel's parameters and pairs; -1 is what has not.
type plainChannel struct {
	kind         control.Type // RPN or NRPN
	halves       [2]int       // of the number, the lower first
	upper, lower int          // of the value
	pairs        map[int]int
}

func newPlainChannel() *plainChannel {
	return &plainChannel{control.RPN, [2]int{-1, -1}, -1, -1, map[int]int{}}
}

// receive returns what a control change changes.
func (p *plainChannel) receive(options control.DecoderOptions, channel, number, value int) (all []control.Change) {
	change := func(typ control.Type, number, raw int) {
		all = append(all, control.Change{
			Control: control.Control{Channel: uint8(channel), Type: typ, Number: uint16(number)}, Raw: uint16(raw), Release: 64,
		})
	}
	parameter := func(raw int) { change(p.kind, p.halves[1]*128+p.halves[0], raw) }
	transport := number == 6 || number == 38 || number >= 98 && number <= 101
	switch {
	case number == 6 && p.selects():
		p.upper, p.lower = value, -1
		if options.Coarse {
			parameter(value * 129)
		}
	case number == 38 && p.upper >= 0:
		p.lower = value
		parameter(p.upper*128 + p.lower)
		if !options.Coarse {
			p.upper = -1
		}
	case number == 96 || number == 97:
		by := 1 - 2*(number-96)
		if !options.Coarse {
			break
		}
		transport = true
		switch {
		case p.upper < 0:
		case p.lower < 0:
			p.upper = min(max(p.upper+by, 0), 127)
			parameter(p.upper * 129)
		default:
			v := min(max(p.upper*128+p.lower+by, 0), 16383)
			p.upper, p.lower = v/128, v%128
			parameter(v)
		}
	case number >= 98 && number <= 101:
		kind := control.NRPN
		if number >= 100 {
			kind = control.RPN
		}
		if kind != p.kind {
			p.kind, p.halves = kind, [2]int{-1, -1}
		}
		p.halves[number%2], p.upper = value, -1
		if options.Coarse && kind == control.NRPN && p.halves == [2]int{127, 127} {
			p.halves = [2]int{-1, -1}
		}
	}
	if options.Pairs && number < 32 {
		p.pairs[number] = value * 128
		change(control.Pair, number, value*128)
	} else if upper, ok := p.pairs[number-32]; options.Pairs && ok && number < 64 {
		p.pairs[number-32] = upper&^127 + value
		change(control.Pair, number-32, upper&^127+value)
	}
	if !options.Bare || !transport {
		change(control.CC, number, value)
	}
	return all
}

// selects reports whether a parameter is selected.
func (p *plainChannel) selects() bool {
	return p.halves[0] >= 0 && p.halves[1] >= 0 && (p.kind == control.NRPN || p.halves[0] != 127 && p.halves[1] != 127)
}

var (
	anyOptions = rapid.Custom(func(t *rapid.T) control.DecoderOptions {
		return control.DecoderOptions{
			Coarse: rapid.Bool().Draw(t, "coarse"), Pairs: rapid.Bool().Draw(t, "pairs"), Bare: rapid.Bool().Draw(t, "bare"),
		}
	})
	// Mostly such as carry parameters or pairs.
	anyNumber = rapid.OneOf(
		rapid.SampledFrom([]int{6, 38, 96, 97, 98, 99, 100, 101}), rapid.SampledFrom([]int{7, 39, 0, 31, 32, 63, 64}), rapid.IntRange(0, 127))
	anyValue = rapid.OneOf(rapid.SampledFrom([]int{0, 1, 127}), rapid.IntRange(0, 127))
)

// Whatever comes on two channels, in whatever order, with resets between: the decoder says what a plain record of what has
// come does.
func TestParametersAndPairsFromAnyStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := control.Decoder{Options: anyOptions.Draw(t, "options")}
		plain := [2]*plainChannel{newPlainChannel(), newPlainChannel()}
		receive := func(t *rapid.T, number int) {
			channel := rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "channel")
			value := anyValue.Draw(t, "value")
			require.Equal(t, plain[channel].receive(d.Options, channel, number, value),
				changes(&d, message(byte(0xB0+channel), byte(number), byte(value))))
		}
		t.Repeat(map[string]func(*rapid.T){
			"number": func(t *rapid.T) { receive(t, rapid.IntRange(98, 101).Draw(t, "number")) },
			"both halves": func(t *rapid.T) {
				n := rapid.SampledFrom([]int{98, 100}).Draw(t, "number")
				receive(t, n+1)
				receive(t, n)
			},
			"value": func(t *rapid.T) { receive(t, rapid.SampledFrom([]int{6, 38}).Draw(t, "number")) },
			"step":  func(t *rapid.T) { receive(t, rapid.SampledFrom([]int{96, 97}).Draw(t, "number")) },
			"any":   func(t *rapid.T) { receive(t, anyNumber.Draw(t, "number")) },
			"reset": func(*rapid.T) {
				d.Reset()
				plain = [2]*plainChannel{newPlainChannel(), newPlainChannel()}
			},
		})
	})
}

// What is written for a control is read as that control with that value, whatever has come before and comes between on
// another channel.
func TestWhatIsEncodedIsDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := control.Decoder{Options: anyOptions.Draw(t, "options")}
		d.Options.Pairs = true
		options := control.EncoderOptions{Short: rapid.Bool().Draw(t, "short"), NoteOff: rapid.Bool().Draw(t, "note-off")}
		noise := func(channel byte) {
			for range rapid.IntRange(0, 2).Draw(t, "others") {
				d.Decode(message(0xB0+channel, byte(anyNumber.Draw(t, "number")), byte(anyValue.Draw(t, "value"))))
			}
		}
		noise(0)
		c := control.Control{Type: control.Type(rapid.IntRange(int(control.Note), int(control.NRPN)).Draw(t, "type"))}
		c.Number = uint16(rapid.IntRange(0, c.Type.Numbers()-1).Draw(t, "number"))
		// Halves of 127 are of no RPN, and those of NRPN 127/127 none of a coarse one.
		if c.Type == control.RPN && (c.Number>>7 == 127 || c.Number&127 == 127) || c.Type == control.NRPN && c.Number == 16383 {
			c.Number = 0
		}
		// A control change of a parameter's or a pair's number is none of its own with Bare.
		if c.Type == control.CC && !d.Options.Delivers(c.Number) {
			c.Number = 7
		}
		raw := uint16(rapid.IntRange(0, int(c.Type.Max())).Draw(t, "value"))
		wide := control.Change{Control: c, Raw: raw}.Wide()
		steps, under, threshold := control.Encode(c, options)
		if wide < threshold {
			steps = under
		}
		values := control.NewValues(wide, 64)
		var got []uint16
		for _, s := range steps {
			noise(1)
			for _, change := range changes(&d, s.Message(&values)) {
				if change.Control == c {
					got = append(got, change.Raw)
				}
			}
		}
		require.NotEmpty(t, got, "%v", c)
		require.Equal(t, raw, got[len(got)-1], "%v", c)
		require.LessOrEqual(t, len(got), 2, "%v: %v", c, got)
	})
}

// Nothing that a program can be given makes the decoder return what is no control.
func TestAnyBytesGiveControls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := control.Decoder{Options: anyOptions.Draw(t, "options")}
		for _, m := range rapid.SliceOf(rapid.Uint32()).Draw(t, "messages") {
			for _, c := range changes(&d, engine.Message(m)) {
				require.Less(t, c.Channel, uint8(16))
				require.Less(t, int(c.Number), c.Type.Numbers())
				require.LessOrEqual(t, c.Raw, c.Type.Max())
			}
		}
	})
}
