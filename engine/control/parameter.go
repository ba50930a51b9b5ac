package control

// The control changes that carry parameters (MIDI 1.0, Registered and Non-Registered Parameter
// Numbers).
const (
	dataEntry     = 6
	dataEntryLow  = 38
	dataIncrement = 96
	dataDecrement = 97
	nrpnLow       = 98
	nrpnHigh      = 99
	rpnLow        = 100
	rpnHigh       = 101

	null = 127<<7 | 127 // the number that selects no parameter
)

// carriesParameter reports whether a control change may be part of a parameter's transport.
func carriesParameter(number uint16) bool {
	const below64 = 1<<dataEntry | 1<<dataEntryLow
	const from64 = 1<<(dataIncrement-64) | 1<<(dataDecrement-64) |
		1<<(nrpnLow-64) | 1<<(nrpnHigh-64) | 1<<(rpnLow-64) | 1<<(rpnHigh-64)
	return [2]uint64{below64, from64}[number>>6&1]>>(number&63)&1 != 0
}

// parameter is the RPN or NRPN that a channel has selected, and what has come of its value.
//
// Its rules are MIDIMonster's: both halves of the number must have come since the last change between
// RPN and NRPN; an RPN half of 127 is none; a value is complete with the CC 38 after its CC 6.
type parameter struct {
	number    uint16
	value     uint16
	nrpn      bool
	high, low bool // that half of the number has come and is valid
	begun     bool // CC 6 has come, and CC 38 may complete or refine it
	fine      bool // the value came with a CC 38
}

// receive takes one of the control changes above and reports whether the parameter has a new value.
func (p *parameter) receive(number, value uint16, coarse bool) bool {
	switch number {
	case dataEntry:
		if !p.high || !p.low {
			return false
		}
		p.value = value * 129 // 7 bits spread over 14, until CC 38 brings the low ones
		p.begun, p.fine = true, false
		return coarse
	case dataEntryLow:
		changed := p.begun
		p.value = p.value&^0x7F | value
		p.begun, p.fine = p.begun && coarse, true
		return changed
	case dataIncrement:
		return p.step(+1)
	case dataDecrement:
		return p.step(-1)
	default:
		p.selectHalf(number, value, coarse)
		return false
	}
}

// selectHalf takes half a parameter number.
func (p *parameter) selectHalf(number, value uint16, coarse bool) {
	nrpn := number == nrpnHigh || number == nrpnLow
	if nrpn != p.nrpn {
		p.nrpn, p.high, p.low = nrpn, false, false
	}
	p.begun = false
	valid := nrpn || value != 127
	if number == rpnHigh || number == nrpnHigh {
		p.number, p.high = value<<7|p.number&0x7F, valid
	} else {
		p.number, p.low = p.number&^0x7F|value, valid
	}
	if coarse && nrpn && p.high && p.low && p.number == null {
		p.high, p.low = false, false
	}
}

// step adds to a value that is known: 1 to one of 14 bits, 1 to the upper seven of one that came
// without the low ones.
func (p *parameter) step(by int) bool {
	if !p.begun {
		return false
	}
	if p.fine {
		p.value = uint16(min(max(int(p.value)+by, 0), 16383))
	} else {
		p.value = uint16(min(max(int(p.value>>7)+by, 0), 127)) * 129
	}
	return true
}

// change returns the parameter's value as a Change.
func (p *parameter) change(channel uint8) Change {
	t := RPN
	if p.nrpn {
		t = NRPN
	}
	return Change{Control{channel, t, p.number}, p.value, DefaultRelease}
}
