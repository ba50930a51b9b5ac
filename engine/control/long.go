package control

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine"
)

// Long is a system exclusive message of a Template, from F0 to F7. Where a control's value goes it has one of
// the bytes below, which no such message has there.
type Long []byte

const (
	slot7    = 0x80 // the value in 7 bits
	slotHigh = 0x81 // the upper half of it in 14
	slotLow  = 0x82 // the lower half
)

// parseLong reads the system exclusive message that words, and their bytes, begin with, and returns how many of
// them it has.
func parseLong(words []string, bytes []byte) (l Long, n int, err error) {
	for n = 1; n < len(words); n++ {
		if _, ok := slots[words[n]]; ok || bytes[n] < engine.NoteOff {
			continue
		}
		switch {
		case bytes[n] != engine.EndOfSysEx:
			return nil, 0, fmt.Errorf("system exclusive byte %d is %s: data bytes, 00 to 7F, and then F7 must follow F0", n+1, words[n])
		case n == 1:
			return nil, 0, errors.New("system exclusive message without a byte between F0 and F7")
		}
		return bytes[:n+1], n + 1, nil
	}
	return nil, 0, fmt.Errorf("system exclusive message of %d bytes has no end: F7 is missing", n)
}

// step returns the step of the message that has a number among a Template's.
func (l Long) step(number int) Step {
	s := Step{Base: engine.SysEx | engine.Message(number)<<8, Source: Value14, Low: Nowhere, High: Nowhere}
	for _, b := range l {
		if b > 0x7F && b < engine.SysEx {
			s.Low = 0 // it varies
		}
	}
	return s
}

// Long returns the number of the system exclusive message that the step makes; ok is false if it makes a
// short one.
func (s Step) Long() (number uint32, ok bool) {
	return uint32(s.Base) >> 8, s.Base.Status() == engine.SysEx
}

// Renumbered returns the step of the same message with another number, up to 2^24-1.
func (s Step) Renumbered(number uint32) Step {
	s.Base = engine.SysEx | engine.Message(number)<<8
	return s
}

// Append appends the message with the values in it to a slice, and returns that.
func (l Long) Append(to []byte, v *Values) []byte {
	for _, b := range l {
		switch b {
		case slot7:
			b = byte(v[Value7] & 0x7F)
		case slotHigh:
			b = byte(v[Value14] >> 7 & 0x7F)
		case slotLow:
			b = byte(v[Value14] & 0x7F)
		}
		to = append(to, b)
	}
	return to
}

// String writes the message as ParseTemplate reads it.
func (l Long) String() string {
	words := make([]string, len(l))
	for i, b := range l {
		words[i] = fmt.Sprintf("%02X", b)
		for word, slot := range slots {
			if b == slot {
				words[i] = word
			}
		}
	}
	return strings.Join(words, " ")
}
