package control

import (
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine"
)

// Source is what a Step puts into its message.
type Source uint8

// The sources, as indices into what Values.
const (
	Value7  Source = iota // the value in 7 bits
	Value14               // the value in 14 bits
	Release               // the release velocity
)

// Nowhere is a Step's Low or High for bits that go nowhere.
const Nowhere = 32

// Step makes one message. A short one is Base with the low seven bits of the source at bit Low, and those above
// at bit High. A system exclusive one is kept elsewhere, by its number: Long. It holds no pointers, and is laid out
// alike for C: 8 bytes.
type Step struct {
	Base   engine.Message
	Source Source
	Low    uint8
	High   uint8
	_      uint8
}

// Values are what Steps put into messages, indexed by Source.
type Values [4]uint32

// NewValues makes the Values of a value in 14 bits.
func NewValues(wide uint16, release uint8) Values {
	return Values{Value7: uint32(wide / 129), Value14: uint32(wide), Release: uint32(release)}
}

// Message returns the step's message, if that is short.
func (s Step) Message(v *Values) engine.Message {
	x := uint64(v[s.Source&3])
	return s.Base | engine.Message(x&0x7F<<(s.Low&63)|x>>7<<(s.High&63))
}

// Varies reports whether the message has a value in it.
func (s Step) Varies() bool { return s.Low != Nowhere || s.High != Nowhere }

// String writes the message, if that is short, as ParseTemplate reads it; the release velocity is "release".
func (s Step) String() string {
	words := make([]string, s.Base.Len())
	for i := range words {
		words[i] = fmt.Sprintf("%02X", byte(s.Base>>(8*i)))
	}
	low, high := "lsb", "msb"
	switch s.Source {
	case Value7:
		low = "value"
	case Release:
		low = "release"
	}
	if i := int(s.Low / 8); i < len(words) {
		words[i] = low
	}
	if i := int(s.High / 8); i < len(words) {
		words[i] = high
	}
	return strings.Join(words, " ")
}

const (
	data1 = 8 // bits of the data bytes in a Message
	data2 = 16
)

// EncoderOptions say how an output's controls are written.
type EncoderOptions struct {
	Short   bool // leave out the parameter null after an RPN or NRPN
	NoteOff bool // let go of keys with real note-offs, with release velocity, not with velocity 0
}

// Encode returns the steps that set c, and those to take instead for values under a threshold, in 14
// bits, if there are such.
func Encode(c Control, options EncoderOptions) (steps, under []Step, threshold uint16) {
	channel := engine.Message(c.Channel)
	number := engine.Message(c.Number)
	plain := func(status engine.Message) []Step {
		return []Step{{Base: status | channel | number<<data1, Source: Value7, Low: data2, High: Nowhere}}
	}
	cc := func(n, value engine.Message) Step {
		return Step{Base: engine.ControlChange | channel | n<<data1 | value<<data2, Low: Nowhere, High: Nowhere}
	}
	low := func(n engine.Message) Step {
		return Step{Base: engine.ControlChange | channel | n<<data1, Source: Value14, Low: data2, High: Nowhere}
	}
	high := func(n engine.Message) Step {
		return Step{Base: engine.ControlChange | channel | n<<data1, Source: Value14, Low: Nowhere, High: data2}
	}
	switch c.Type {
	case Note:
		if options.NoteOff {
			off := Step{Base: engine.NoteOff | channel | number<<data1, Source: Release, Low: data2, High: Nowhere}
			return plain(engine.NoteOn), []Step{off}, 129 // the least that is not velocity 0
		}
		return plain(engine.NoteOn), nil, 0
	case Pressure:
		return plain(engine.KeyPressure), nil, 0
	case CC:
		return plain(engine.ControlChange), nil, 0
	case Program:
		return []Step{{Base: engine.ProgramChange | channel, Source: Value7, Low: data1, High: Nowhere}}, nil, 0
	case Aftertouch:
		return []Step{{Base: engine.ChannelPressure | channel, Source: Value7, Low: data1, High: Nowhere}}, nil, 0
	case Pitch:
		return []Step{{Base: engine.PitchBend | channel, Source: Value14, Low: data1, High: data2}}, nil, 0
	case Pair:
		return []Step{high(number), low(number + 32)}, nil, 0
	}
	numberHigh, numberLow := engine.Message(rpnHigh), engine.Message(rpnLow)
	if c.Type == NRPN {
		numberHigh, numberLow = nrpnHigh, nrpnLow
	}
	steps = []Step{cc(numberHigh, number>>7), cc(numberLow, number&0x7F), high(dataEntry), low(dataEntryLow)}
	if !options.Short {
		steps = append(steps, cc(rpnHigh, 127), cc(rpnLow, 127))
	}
	return steps, nil, 0
}
