package control

import (
	"fmt"
	"strconv"
	"strings"
)

// Type is a kind of control.
type Type uint8

// The types. A Pair is the control change n, 0 to 31, with n + 32 as its low seven bits (MIDI 1.0
// Detailed Specification, Control Change: "14-bit"); RPN and NRPN are registered and non-registered
// parameter numbers, on the control changes 6, 38 and 98 to 101.
const (
	Note       Type = iota // a key and its velocity
	Pressure               // polyphonic key pressure
	CC                     // control change
	Pair                   // two control changes as one value
	Program                // program change
	Aftertouch             // channel pressure
	Pitch                  // pitch bend
	RPN
	NRPN
	types = iota
)

// kind is what is known of a Type.
type kind struct {
	name    string
	numbers int  // controls of the type on a channel; 1: the name has no number
	wide    bool // values have 14 bits, else 7
}

// kinds is indexed by Type. No name begins with another that is tried after it (typeOf).
var kinds = [types]kind{
	Note:       {"note", 128, false},
	Pressure:   {"pressure", 128, false},
	CC:         {"cc", 128, false},
	Pair:       {"cc14.", 32, true},
	Program:    {"program", 1, false},
	Aftertouch: {"aftertouch", 1, false},
	Pitch:      {"pitch", 1, true},
	RPN:        {"rpn", 16384, true},
	NRPN:       {"nrpn", 16384, true},
}

// Numbers returns how many controls of the type each channel has: their numbers begin at 0.
func (t Type) Numbers() int { return kinds[t].numbers }

// Max returns the highest raw value, 127 or 16383.
func (t Type) Max() uint16 {
	if kinds[t].wide {
		return 16383
	}
	return 127
}

func (t Type) String() string { return strings.TrimSuffix(kinds[t].name, ".") }

// Control is one control of one MIDI channel. It is comparable.
type Control struct {
	Channel uint8 // 0 to 15
	Type    Type
	Number  uint16 // less than Type.Numbers
}

// String writes c as Parse reads it, as in "ch0.cc7".
func (c Control) String() string {
	k := kinds[c.Type]
	s := "ch" + strconv.Itoa(int(c.Channel)) + "." + k.name
	if k.numbers > 1 {
		s += strconv.Itoa(int(c.Number))
	}
	return s
}

// names lists the types in a form for people.
const names = "cc0 to cc127, note0 to note127, pressure0 to pressure127, aftertouch, pitch, program, rpn0 to rpn16383, nrpn0 to nrpn16383"

// Parse reads a control's name in MIDIMonster's form: "ch0.cc7" or "channel0.cc7". What that leaves
// unread is returned as rest ("bend" of "ch0.pitchbend"); noNumber says that a number is missing, which
// MIDIMonster takes for 0. "cc14.7" is the Pair 7 if pairs is set, else CC 14 and a rest.
func Parse(name string, pairs bool) (c Control, rest string, noNumber bool, err error) {
	s, ok := strings.CutPrefix(name, "ch")
	if !ok {
		return c, "", false, fmt.Errorf("control %q: a name such as ch0.cc7 was expected", name)
	}
	s, _ = strings.CutPrefix(s, "annel")
	channel, s, found, err := number(s, 15)
	if err != nil {
		return c, "", false, fmt.Errorf("control %q: channel %w", name, err)
	}
	noNumber = !found
	s, ok = strings.CutPrefix(s, ".")
	if !ok {
		return c, "", false, fmt.Errorf("control %q: a point was expected after the channel, as in ch0.cc7", name)
	}
	t, s, ok := typeOf(s, pairs)
	if !ok {
		return c, "", false, fmt.Errorf("control %q: unknown type; there are %s", name, names)
	}
	c = Control{Channel: uint8(channel), Type: t}
	if t.Numbers() == 1 {
		return c, s, noNumber, nil
	}
	n, s, found, err := number(s, uint64(t.Numbers()-1))
	if err != nil {
		return c, "", false, fmt.Errorf("control %q: %s %w", name, t, err)
	}
	c.Number = uint16(n)
	return c, s, noNumber || !found, nil
}

func typeOf(s string, pairs bool) (t Type, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(s, kinds[Pair].name); ok && pairs {
		return Pair, rest, true
	}
	for t := range Type(types) {
		if t == Pair {
			continue
		}
		if rest, ok = strings.CutPrefix(s, kinds[t].name); ok {
			return t, rest, true
		}
	}
	return 0, s, false
}

// number reads what strtoul would: spaces and a plus sign may stand before the digits, and where
// there are no digits nothing is read. The error says that it is beyond limit.
func number(s string, limit uint64) (n uint64, rest string, found bool, err error) {
	t := strings.TrimLeft(s, " \t\v\f\r")
	negative := strings.HasPrefix(t, "-")
	t = strings.TrimPrefix(strings.TrimPrefix(t, "-"), "+")
	end := 0
	for end < len(t) && '0' <= t[end] && t[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0, s, false, nil
	}
	n, err = strconv.ParseUint(t[:end], 10, 64)
	if err != nil || n > limit || negative && n > 0 {
		return 0, "", false, fmt.Errorf("%s is out of range: 0 to %d is possible", strings.TrimSpace(s[:len(s)-len(t)+end]), limit)
	}
	return n, t[end:], true, nil
}
