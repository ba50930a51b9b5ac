package control

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine"
)

// Template is messages one after the other.
type Template struct {
	Steps []Step
	Longs []Long // the system exclusive ones: a Step's by Step.Long
	Text  string // what ParseTemplate reads, in one form of writing
}

// ParseTemplate reads messages one after the other, as bytes of two hexadecimal digits ("B0 38 02",
// "F0 7E 7F 09 01 F7"). In place of data bytes may stand a control's value: "value" is it in 7 bits, "msb" and
// "lsb" are the upper and lower half of it in 14. A short message holds one value.
func ParseTemplate(s string) (t Template, err error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return t, errors.New("no bytes: a message such as B0 07 value was expected")
	}
	bytes := make([]byte, len(words))
	for i, w := range words {
		if slot, ok := slots[w]; ok {
			bytes[i] = slot
			continue
		}
		b, err := hex.DecodeString(w)
		if err != nil || len(b) != 1 {
			return t, fmt.Errorf("%q: a byte of two hexadecimal digits, value, msb or lsb was expected", w)
		}
		bytes[i], words[i] = b[0], strings.ToUpper(w)
	}
	t.Text = strings.Join(words, " ")
	for len(words) > 0 {
		var step Step
		var n int
		if words[0] == "F0" {
			var long Long
			long, n, err = parseLong(words, bytes)
			step = long.step(len(t.Longs))
			t.Longs = append(t.Longs, long)
		} else {
			step, n, err = parseStep(words, bytes)
		}
		if err != nil {
			return Template{}, err
		}
		t.Steps = append(t.Steps, step)
		words, bytes = words[n:], bytes[n:]
	}
	return t, nil
}

// slots are the words that stand for a control's value, and what a Long has in their place.
var slots = map[string]byte{"value": slot7, "msb": slotHigh, "lsb": slotLow}

// parseStep reads the short message that words begin with, bytes if they are none of slots, and returns how many
// of them it has.
func parseStep(words []string, bytes []byte) (s Step, n int, err error) {
	status := bytes[0]
	_, isSlot := slots[words[0]]
	switch {
	case isSlot:
		return s, 0, fmt.Errorf("%q: a status byte, 80 to FF, was expected: only data bytes can be values", words[0])
	case status < engine.NoteOff:
		return s, 0, fmt.Errorf("%q: a status byte, 80 to FF, was expected: running status cannot be sent", words[0])
	case status == engine.EndOfSysEx:
		return s, 0, errors.New("F7 ends a system exclusive message, and none has begun with F0")
	}
	s = Step{Base: engine.Message(status), Low: Nowhere, High: Nowhere}
	if err := s.Base.Check(); err != nil {
		return s, 0, err
	}
	n = s.Base.Len()
	if len(words) < n {
		return s, 0, fmt.Errorf("%q: the message needs %d bytes", strings.Join(words, " "), n)
	}
	for i, w := range words[1:n] {
		at := uint8(data1 + 8*i)
		place, source := &s.Low, Value14
		switch w {
		case "value":
			source = Value7
		case "msb":
			place = &s.High
		case "lsb":
		default:
			s.Base |= engine.Message(bytes[1+i]) << at
			continue
		}
		if *place != Nowhere || source != s.Source && (s.Low != Nowhere || s.High != Nowhere) {
			return s, 0, fmt.Errorf("%q: a message holds one value: value, msb, lsb, or msb and lsb", strings.Join(words[:n], " "))
		}
		*place, s.Source = at, source
	}
	return s, n, s.Base.Check()
}
