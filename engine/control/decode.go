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
	switch c.Type {
	case Note, Pressure, CC, Program, Aftertouch:
		return c.Raw * 129
	}
	return c.Raw
}

// DefaultRelease is the release velocity where none is known.
const DefaultRelease = 64

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

// Delivers reports whether a control change of a number counts by itself, whatever else it is part of.
func (o DecoderOptions) Delivers(number uint16) bool {
	return !o.Bare || !carriesParameter(number) || !o.Coarse && (number == dataIncrement || number == dataDecrement)
}

// Decoder tells which controls an input's messages change. It has the state of that input's
// parameters and pairs, so there is one for each. It is for one goroutine. The zero value with
// Options set is ready.
type Decoder struct {
	Options    DecoderOptions
	parameters [16]parameter
	pairs      [16][32]pair
	changes    [2]Change // that the last message completed
	completed  int       // how many of them
}

// Reset forgets half-received parameters and pairs, as after a loss.
func (d *Decoder) Reset() {
	d.parameters = [16]parameter{}
	d.pairs = [16][32]pair{}
}

// Decode returns the change that m itself is; ok is false if it is none, as a system message. With
// completed, it has completed others, which come before it: see Completed.
func (d *Decoder) Decode(m engine.Message) (c Change, ok, completed bool) {
	channel := m.Status() & 15
	data1, data2 := uint16(m.Data1()&0x7F), uint16(m.Data2()&0x7F)
	switch m.Status() &^ 15 {
	case engine.NoteOn:
		return Change{Control{channel, Note, data1}, data2, DefaultRelease}, true, false
	case engine.NoteOff:
		return Change{Control{channel, Note, data1}, 0, uint8(data2)}, true, false
	case engine.ControlChange:
		c = Change{Control{channel, CC, data1}, data2, DefaultRelease}
		if carriesParameter(data1) || d.Options.Pairs {
			ok, completed = d.assemble(c)
			return c, ok, completed
		}
		return c, true, false
	case engine.KeyPressure:
		return Change{Control{channel, Pressure, data1}, data2, DefaultRelease}, true, false
	case engine.PitchBend:
		return Change{Control{channel, Pitch, 0}, data2<<7 | data1, DefaultRelease}, true, false
	case engine.ProgramChange:
		return Change{Control{channel, Program, 0}, data1, DefaultRelease}, true, false
	case engine.ChannelPressure:
		return Change{Control{channel, Aftertouch, 0}, data1, DefaultRelease}, true, false
	}
	return c, false, false
}

// Completed returns what the last message completed: a parameter, then a pair. It is valid until the
// next Decode.
func (d *Decoder) Completed() []Change { return d.changes[:d.completed] }

// assemble takes a control change as part of a parameter and of a pair. own: it counts by itself too.
func (d *Decoder) assemble(c Change) (own, completed bool) {
	d.completed = 0
	own = true
	if carriesParameter(c.Number) && (d.Options.Coarse || c.Number != dataIncrement && c.Number != dataDecrement) {
		p := &d.parameters[c.Channel&15]
		if p.receive(c.Number, c.Raw, d.Options.Coarse) {
			d.complete(p.change(c.Channel))
		}
		own = d.Options.Delivers(c.Number)
	}
	if d.Options.Pairs && c.Number < 64 {
		number := c.Number % 32
		if p := &d.pairs[c.Channel&15][number]; p.receive(c.Number, c.Raw) {
			d.complete(Change{Control{c.Channel, Pair, number}, p.value, DefaultRelease})
		}
	}
	return own, d.completed > 0
}

func (d *Decoder) complete(c Change) {
	d.changes[d.completed] = c
	d.completed++
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
