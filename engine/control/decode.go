package control

import "github.com/onset-midi/onset/engine"

// Change is a control's new value.
type Change struct {
	Control
	Raw     uint16 // 0 to Type.Max
	Release uint8  // velocity that a key was released with; 64 where none came (MIDI 1.0, Note Off)
}

// Normalised returns the value as 0 to 1.
func (c Change) Normalised() float64 { return float64(c.Raw) / float64(c.Type.Max()) }

// Wide returns the value in 14 bits, 0 to 16383, and that of 7 bits is spread over all of them:
// 127 × 129 = 16383, so multiplying by 129 and dividing by it convert exactly as MIDIMonster's
// floating point does (TestConversionIsThatOfFloatingPoint).
func (c Change) Wide() uint16 {
	if kinds[c.Type].wide {
		return c.Raw
	}
	return c.Raw * 129
}

// DefaultRelease is the release velocity where none is known.
const DefaultRelease = 64

// MaxChanges is how many controls one message changes at most: a parameter, a pair and itself.
const MaxChanges = 3

// DecoderOptions say what a Decoder adds to MIDIMonster's behaviour, or leaves out.
type DecoderOptions struct {
	// Coarse accepts parameter values of 7 bits: each CC 6 is a value, which a CC 38 refines; CC 96
	// and 97 step it; NRPN 127/127 selects no parameter, as RPN 127/127 does.
	Coarse bool
	// Pairs has CC n, 0 to 31, and CC n + 32 change Pair n too.
	Pairs bool
	// Bare leaves out the control changes that carry parameters: 6, 38 and 98 to 101; with Coarse
	// 96 and 97.
	Bare bool
}

// Decoder tells which controls an input's messages change. It has the state of that input's
// parameters and pairs, so there is one for each. It is for one goroutine. The zero value with
// Options set is ready.
type Decoder struct {
	Options    DecoderOptions
	parameters [16]parameter
	pairs      [16][32]pair
}

// Reset forgets half-received parameters and pairs, as after a loss.
func (d *Decoder) Reset() {
	d.parameters = [16]parameter{}
	d.pairs = [16][32]pair{}
}

// Decode puts what m changes into changes and returns the number: 0 for system messages. A parameter
// comes before the pair and this before the control change that completed it.
func (d *Decoder) Decode(m engine.Message, changes *[MaxChanges]Change) int {
	channel := m.Status() & 15
	data1, data2 := uint16(m.Data1()&0x7F), uint16(m.Data2()&0x7F)
	c := &changes[0]
	switch m.Status() &^ 15 {
	case engine.NoteOn:
		*c = Change{Control{channel, Note, data1}, data2, DefaultRelease}
	case engine.NoteOff:
		*c = Change{Control{channel, Note, data1}, 0, uint8(data2)}
	case engine.ControlChange:
		return d.controlChange(channel, data1, data2, changes)
	case engine.KeyPressure:
		*c = Change{Control{channel, Pressure, data1}, data2, DefaultRelease}
	case engine.PitchBend:
		*c = Change{Control{channel, Pitch, 0}, data2<<7 | data1, DefaultRelease}
	case engine.ProgramChange:
		*c = Change{Control{channel, Program, 0}, data1, DefaultRelease}
	case engine.ChannelPressure:
		*c = Change{Control{channel, Aftertouch, 0}, data1, DefaultRelease}
	default:
		return 0
	}
	return 1
}

func (d *Decoder) controlChange(channel uint8, number, value uint16, changes *[MaxChanges]Change) int {
	n := 0
	carries := carriesParameter(number, d.Options.Coarse)
	if carries && d.parameters[channel].receive(number, value, d.Options.Coarse) {
		changes[n] = d.parameters[channel].change(channel)
		n++
	}
	if d.Options.Pairs && number < 64 {
		if p := &d.pairs[channel][number%32]; p.receive(number, value) {
			changes[n] = Change{Control{channel, Pair, number % 32}, p.value, DefaultRelease}
			n++
		}
	}
	if carries && d.Options.Bare {
		return n
	}
	changes[n] = Change{Control{channel, CC, number}, value, DefaultRelease}
	return n + 1
}

// pair is what has come of a Pair.
type pair struct {
	value uint16
	begun bool // its high bits have come
}

// receive takes one of its control changes and reports whether the pair has a new value. The high
// bits set the low ones to 0; the low bits may then come alone, any number of times (MIDI 1.0,
// Control Change).
func (p *pair) receive(number, value uint16) bool {
	if number < 32 {
		*p = pair{value << 7, true}
	} else {
		p.value = p.value&^0x7F | value
	}
	return p.begun
}
