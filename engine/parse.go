package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseAny reads messages written as words ("note-on 1 60 100", the form of AnyMessage.String) or as
// hexadecimal bytes ("90 3C 64" or "903C64"), one after the other, in any mixture. The pieces are split at
// white space. In words, channels run from 1 to 16, 14-bit values from 0 to 16383 and all others from 0 to 127;
// but what follows "sysex" are the message's data bytes, hexadecimal, up to F7 or whatever else is none.
// An error says which piece is wrong and what may stand there; then no message is returned.
func ParseAny(pieces ...string) ([]AnyMessage, error) {
	p := parser{rest: strings.Fields(strings.Join(pieces, " "))}
	if len(p.rest) == 0 {
		return nil, fmt.Errorf("no message given: write words such as %q or hexadecimal bytes such as %q", "note-on 1 60 100", "90 3C 64")
	}
	var messages []AnyMessage
	for len(p.rest) > 0 || len(p.bytes) > 0 {
		m, err := p.message()
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// ParseMessages is ParseAny for short messages only: a system exclusive one is an error.
func ParseMessages(pieces ...string) ([]Message, error) {
	all, err := ParseAny(pieces...)
	if err != nil {
		return nil, err
	}
	messages := make([]Message, len(all))
	for i, m := range all {
		if m.SysEx != nil {
			return nil, fmt.Errorf("message %d is system exclusive: only short messages are possible here", i+1)
		}
		messages[i] = m.Short
	}
	return messages, nil
}

// sysExWord begins a system exclusive message in words.
const sysExWord = "sysex"

type parser struct {
	rest  []string
	bytes []byte // of a piece of hexadecimal bytes, not yet read; it may hold several messages
}

func (p *parser) message() (m AnyMessage, err error) {
	if len(p.bytes) == 0 {
		if p.rest[0] == sysExWord {
			p.rest = p.rest[1:]
			m.SysEx, err = p.sysExWords()
			return m, err
		}
		if status, ok := statusOf(p.rest[0]); ok {
			p.rest = p.rest[1:]
			m.Short, err = p.words(status)
			return m, err
		}
	}
	if b, ok := p.peek(); ok && b == SysEx {
		m.SysEx, err = p.sysExHex()
	} else {
		m.Short, err = p.hex()
	}
	return m, err
}

// statusOf returns the status that a word stands for; of channel messages, that of channel 0.
func statusOf(word string) (status byte, ok bool) {
	for i, f := range forms {
		if f.word != word || word == "" {
			continue
		}
		if i < 7 {
			return byte(8+i) << 4, true
		}
		return SysEx | byte(i-7), true
	}
	return 0, false
}

// words reads the numbers that follow a message's word.
func (p *parser) words(status byte) (Message, error) {
	f := formOf(status)
	m := Message(status)
	if status < SysEx {
		channel, err := p.number(f.word, "channel", 1, 16)
		if err != nil {
			return 0, err
		}
		m |= Message(channel - 1)
	}
	if f.wide {
		value, err := p.number(f.word, "value", 0, 16383)
		return m | Message(value&0x7F)<<8 | Message(value>>7)<<16, err
	}
	for i := range f.data {
		b, err := p.number(f.word, fmt.Sprintf("data byte %d", i+1), 0, 127)
		if err != nil {
			return 0, err
		}
		m |= Message(b) << (8 + 8*i)
	}
	return m, nil
}

func (p *parser) number(word, what string, least, most int) (int, error) {
	if len(p.rest) == 0 {
		return 0, fmt.Errorf("%s: %s is missing: a number from %d to %d", word, what, least, most)
	}
	piece := p.rest[0]
	n, err := strconv.Atoi(piece)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: %s is %q: a number from %d to %d is possible", word, what, piece, least, most)
	}
	p.rest = p.rest[1:]
	return n, nil
}

// hex reads one short message of hexadecimal bytes, from as many pieces as it takes.
func (p *parser) hex() (Message, error) {
	status, err := p.byte()
	if err != nil {
		return 0, err
	}
	switch {
	case status < NoteOff:
		return 0, fmt.Errorf("%02X is a data byte where a message begins: a status byte, 80 to FF, must come first (running status cannot be sent)", status)
	case status == EndOfSysEx:
		return 0, errors.New("F7 ends a system exclusive message, and none has begun with F0")
	}
	data := make([]byte, 0, 2)
	for range formOf(status).data {
		if len(p.bytes) == 0 && len(p.rest) == 0 {
			break // NewMessage says what is missing
		}
		b, err := p.byte()
		if err != nil {
			return 0, err
		}
		data = append(data, b)
	}
	return NewMessage(status, data...)
}

// sysExWords reads what follows "sysex": data bytes, and F7 if it is there.
func (p *parser) sysExWords() ([]byte, error) {
	message := append([]byte{SysEx}, p.data()...)
	if len(message) == 1 {
		return nil, fmt.Errorf("%s: data bytes are missing: hexadecimal, from 00 to 7F", sysExWord)
	}
	if b, ok := p.peek(); ok && b == EndOfSysEx {
		p.bytes = p.bytes[1:]
	}
	message = append(message, EndOfSysEx)
	return message, CheckSysEx(message)
}

// sysExHex reads hexadecimal bytes from F0 to F7.
func (p *parser) sysExHex() ([]byte, error) {
	p.bytes = p.bytes[1:]
	message := append([]byte{SysEx}, p.data()...)
	b, ok := p.peek()
	switch {
	case ok && b == EndOfSysEx:
		p.bytes = p.bytes[1:]
	case ok:
		return nil, fmt.Errorf("system exclusive byte %d is %02X: data bytes, 00 to 7F, and then F7 must follow F0", len(message)+1, b)
	case len(p.rest) > 0:
		return nil, fmt.Errorf("system exclusive byte %d is %q: data bytes, 00 to 7F, and then F7 must follow F0", len(message)+1, p.rest[0])
	default:
		return nil, fmt.Errorf("system exclusive message of %d bytes has no end: F7 is missing", len(message))
	}
	message = append(message, EndOfSysEx)
	return message, CheckSysEx(message)
}

// data reads data bytes until something else comes.
func (p *parser) data() (data []byte) {
	for {
		b, ok := p.peek()
		if !ok || b > 0x7F {
			return data
		}
		data = append(data, b)
		p.bytes = p.bytes[1:]
	}
}

func (p *parser) byte() (byte, error) {
	b, ok := p.peek()
	if !ok {
		return 0, fmt.Errorf("%q is neither hexadecimal bytes nor a message's name: %s", p.rest[0], names())
	}
	p.bytes = p.bytes[1:]
	return b, nil
}

// peek returns the next byte and leaves it first in p.bytes. Not ok: what comes next is not hexadecimal,
// or nothing.
func (p *parser) peek() (b byte, ok bool) {
	if len(p.bytes) == 0 && len(p.rest) > 0 {
		if bytes, err := hex.DecodeString(p.rest[0]); err == nil {
			p.bytes, p.rest = bytes, p.rest[1:]
		}
	}
	if len(p.bytes) == 0 {
		return 0, false
	}
	return p.bytes[0], true
}

// names lists the messages' names.
func names() string {
	var all []string
	for _, f := range forms {
		if f.word != "" {
			all = append(all, f.word)
		}
	}
	return strings.Join(append(all, sysExWord), ", ")
}
