package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Message is a short MIDI message, as WinMM packs it: the status byte lowest, then data 1 and data 2
// (midiOutShortMsg).
type Message uint32

// The status bytes of MIDI 1.0 (Detailed Specification 4.2, tables I to V). Those of channel messages
// carry the channel, 0 to 15, in their low four bits.
const (
	NoteOff         = 0x80
	NoteOn          = 0x90
	KeyPressure     = 0xA0 // polyphonic key pressure, "aftertouch"
	ControlChange   = 0xB0
	ProgramChange   = 0xC0
	ChannelPressure = 0xD0
	PitchBend       = 0xE0 // data 1 is the low, data 2 the high seven bits; 8192 is the centre

	SysEx         = 0xF0
	QuarterFrame  = 0xF1 // MIDI time code
	SongPosition  = 0xF2 // in MIDI beats of six clocks; low seven bits first
	SongSelect    = 0xF3
	TuneRequest   = 0xF6
	EndOfSysEx    = 0xF7
	Clock         = 0xF8 // 24 a quarter note
	Start         = 0xFA
	Continue      = 0xFB
	Stop          = 0xFC
	ActiveSensing = 0xFE
	SystemReset   = 0xFF
)

// form is how a message is written in words and what follows its status byte.
type form struct {
	word string // empty: undefined, or no short message
	data int    // data bytes
	wide bool   // the two data bytes are one 14-bit value
}

// forms lists the channel messages by the status byte's upper half, 8 to E, then the system messages
// by its lower half.
var forms = [7 + 16]form{
	{"note-off", 2, false},
	{"note-on", 2, false},
	{"key-pressure", 2, false},
	{"control-change", 2, false},
	{"program-change", 1, false},
	{"channel-pressure", 1, false},
	{"pitch-bend", 2, true},

	7 + QuarterFrame&15:  {"quarter-frame", 1, false},
	7 + SongPosition&15:  {"song-position", 2, true},
	7 + SongSelect&15:    {"song-select", 1, false},
	7 + TuneRequest&15:   {"tune-request", 0, false},
	7 + Clock&15:         {"clock", 0, false},
	7 + Start&15:         {"start", 0, false},
	7 + Continue&15:      {"continue", 0, false},
	7 + Stop&15:          {"stop", 0, false},
	7 + ActiveSensing&15: {"active-sensing", 0, false},
	7 + SystemReset&15:   {"system-reset", 0, false},
}

func formOf(status byte) form {
	switch {
	case status < NoteOff:
		return form{}
	case status < SysEx:
		return forms[status>>4-8]
	default:
		return forms[7+status&15]
	}
}

// Status returns the status byte.
func (m Message) Status() byte { return byte(m) }

// Data1 returns the first data byte; 0 where there is none.
func (m Message) Data1() byte { return byte(m >> 8) }

// Data2 returns the second data byte; 0 where there is none.
func (m Message) Data2() byte { return byte(m >> 16) }

// Channel returns the channel, 0 to 15, of a channel message; ok is false for others.
func (m Message) Channel() (channel int, ok bool) {
	return int(m & 15), m.Status() >= NoteOff && m.Status() < SysEx
}

// Len returns how many bytes the message has, 1 to 3; 0 if its status is no short message's.
func (m Message) Len() int {
	f := formOf(m.Status())
	if f.word == "" {
		return 0
	}
	return 1 + f.data
}

// Check says what keeps m from being sent, if anything: a status that is undefined, belongs to sysex
// or is none, or a data byte over 7F. Bytes beyond the message's own do not matter.
func (m Message) Check() error {
	status := m.Status()
	f := formOf(status)
	switch {
	case status < NoteOff:
		return fmt.Errorf("message %s begins with a data byte: a status byte, 80 to FF, must come first (running status cannot be sent)", m.hex(3))
	case status == SysEx || status == EndOfSysEx:
		return fmt.Errorf("%02X belongs to system exclusive and is no short message", status)
	case f.word == "":
		return fmt.Errorf("status %02X is undefined in MIDI 1.0", status)
	}
	for i := 1; i <= f.data; i++ {
		if b := byte(m >> (8 * i)); b > 0x7F {
			return fmt.Errorf("data byte %d of %s (%s) is %02X: at most 7F is possible", i, f.word, m.hex(1+f.data), b)
		}
	}
	return nil
}

// NewMessage makes a message of a status and the data bytes that MIDI 1.0 gives it, no more and no
// fewer.
func NewMessage(status byte, data ...byte) (Message, error) {
	m := Message(status)
	for i, b := range data[:min(len(data), 2)] {
		m |= Message(b) << (8 + 8*i)
	}
	if err := m.Check(); err != nil {
		return 0, err
	}
	if f := formOf(status); len(data) != f.data {
		return 0, fmt.Errorf("%s (%02X) needs %d data bytes, not %d", f.word, status, f.data, len(data))
	}
	return m, nil
}

// hex writes the first n bytes.
func (m Message) hex(n int) string {
	bytes := [3]byte{m.Status(), m.Data1(), m.Data2()}
	return fmt.Sprintf("% X", bytes[:n])
}

// Hex writes m's bytes as in "90 3C 64"; all three if its status does not say how many it has.
func (m Message) Hex() string {
	if n := m.Len(); n > 0 {
		return m.hex(n)
	}
	return m.hex(3)
}

// String writes m in the words that ParseMessages reads, as in "note-on 1 60 100": channels from 1
// to 16, everything else as in the bytes.
func (m Message) String() string {
	f := formOf(m.Status())
	if f.word == "" {
		return "undefined " + m.Hex()
	}
	words := []string{f.word}
	if channel, ok := m.Channel(); ok {
		words = append(words, strconv.Itoa(channel+1))
	}
	switch {
	case f.wide:
		words = append(words, strconv.Itoa(int(m.Data2())<<7|int(m.Data1())))
	case f.data == 2:
		words = append(words, strconv.Itoa(int(m.Data1())), strconv.Itoa(int(m.Data2())))
	case f.data == 1:
		words = append(words, strconv.Itoa(int(m.Data1())))
	}
	return strings.Join(words, " ")
}

// MaxSysEx is how many bytes a system exclusive message may have, from F0 to F7: 16 MiB.
const MaxSysEx = 16 << 20

// CheckSysEx says what keeps bytes from being sent as a system exclusive message, if anything: it is one
// whole message, F0, any number of data bytes, F7, of at most MaxSysEx bytes. No other message may stand in
// it, nor a realtime one.
func CheckSysEx(bytes []byte) error {
	n := len(bytes)
	switch {
	case n == 0:
		return errors.New("system exclusive message of no bytes: F0 must come first")
	case n > MaxSysEx:
		return fmt.Errorf("system exclusive message of %d bytes: at most %d are possible", n, MaxSysEx)
	case bytes[0] != SysEx:
		return fmt.Errorf("system exclusive byte 1 of %d is %02X: F0 must come first", n, bytes[0])
	}
	for i, b := range bytes[1:] {
		if b > 0x7F && (b != EndOfSysEx || i+2 < n) {
			return fmt.Errorf("system exclusive byte %d of %d is %02X: between F0 and F7 at most 7F is possible", i+2, n, b)
		}
	}
	if last := bytes[n-1]; last != EndOfSysEx {
		return fmt.Errorf("system exclusive byte %d of %d is %02X: F7 must come last", n, n, last)
	}
	return nil
}

// AnyMessage is a short message or a system exclusive one.
type AnyMessage struct {
	Short Message // if SysEx is nil
	SysEx []byte  // from F0 to F7
}

// String writes m in the words that ParseAny reads: "sysex" and the bytes between F0 and F7, hexadecimal, as
// in "sysex 7E 7F 06 01"; or as Message.String does. What is no whole system exclusive message, or has nothing
// between F0 and F7, is written as Hex does.
func (m AnyMessage) String() string {
	switch {
	case m.SysEx == nil:
		return m.Short.String()
	case len(m.SysEx) < 3 || CheckSysEx(m.SysEx) != nil:
		return m.Hex()
	}
	return fmt.Sprintf("%s % X", sysExWord, m.SysEx[1:len(m.SysEx)-1])
}

// Hex writes m's bytes as in "F0 7E 7F 06 01 F7".
func (m AnyMessage) Hex() string {
	if m.SysEx == nil {
		return m.Short.Hex()
	}
	return fmt.Sprintf("% X", m.SysEx)
}
