package control

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine"
)

// ParseTemplate reads short messages one after the other, as bytes of two hexadecimal digits
// ("B0 38 02"). In place of one or two data bytes of each may stand a control's value: "value" is it in
// 7 bits, "msb" and "lsb" are the upper and lower half of it in 14. text is the same in one form of
// writing.
func ParseTemplate(s string) (steps []Step, text string, err error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return nil, "", errors.New("no bytes: a message such as B0 07 value was expected")
	}
	for i, w := range words {
		if !placeholder(w) {
			if b, err := hex.DecodeString(w); err != nil || len(b) != 1 {
				return nil, "", fmt.Errorf("%q: a byte of two hexadecimal digits, value, msb or lsb was expected", w)
			}
			words[i] = strings.ToUpper(w)
		}
	}
	text = strings.Join(words, " ")
	for len(words) > 0 {
		step, n, err := parseStep(words)
		if err != nil {
			return nil, "", err
		}
		steps = append(steps, step)
		words = words[n:]
	}
	return steps, text, nil
}

func placeholder(word string) bool { return word == "value" || word == "msb" || word == "lsb" }

// parseStep reads the message that words begin with and returns how many of them it has.
func parseStep(words []string) (s Step, n int, err error) {
	if placeholder(words[0]) {
		return s, 0, fmt.Errorf("%q: a status byte, 80 to FF, was expected: only data bytes can be values", words[0])
	}
	status, _ := hex.DecodeString(words[0])
	s = Step{Base: engine.Message(status[0]), Low: Nowhere, High: Nowhere}
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
			b, _ := hex.DecodeString(w)
			s.Base |= engine.Message(b[0]) << at
			continue
		}
		if *place != Nowhere || source != s.Source && (s.Low != Nowhere || s.High != Nowhere) {
			return s, 0, fmt.Errorf("%q: a message holds one value: value, msb, lsb, or msb and lsb", strings.Join(words[:n], " "))
		}
		*place, s.Source = at, source
	}
	return s, n, s.Base.Check()
}
