package engine

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// ParseMessages reads short messages written as words ("note-on 1 60 100", the form of
// Message.String) or as hexadecimal bytes ("90 3C 64" or "903C64"), one after the other, in any
// mixture. The pieces are split at white space. In words, channels run from 1 to 16, 14-bit values
// from 0 to 16383 and all others from 0 to 127. An error says which piece is wrong and what may stand
// there; then no message is returned.
func ParseMessages(pieces ...string) ([]Message, error) {
	p := parser{rest: strings.Fields(strings.Join(pieces, " "))}
	if len(p.rest) == 0 {
		return nil, fmt.Errorf("no message given: write words such as %q or hexadecimal bytes such as %q", "note-on 1 60 100", "90 3C 64")
	}
	var messages []Message
	for len(p.rest) > 0 || len(p.bytes) > 0 {
		m, err := p.message()
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

type parser struct {
	rest  []string
	bytes []byte // of a piece of hexadecimal bytes, not yet read; it may hold several messages
}

func (p *parser) message() (Message, error) {
	if len(p.bytes) == 0 {
		if status, ok := statusOf(p.rest[0]); ok {
			p.rest = p.rest[1:]
			return p.words(status)
		}
	}
	return p.hex()
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

// hex reads one message of hexadecimal bytes, from as many pieces as it takes.
func (p *parser) hex() (Message, error) {
	status, err := p.byte()
	if err != nil {
		return 0, err
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

func (p *parser) byte() (byte, error) {
	if len(p.bytes) == 0 {
		b, err := hex.DecodeString(p.rest[0])
		if err != nil || len(b) == 0 {
			return 0, fmt.Errorf("%q is neither hexadecimal bytes nor a message's name: %s", p.rest[0], names())
		}
		p.bytes, p.rest = b, p.rest[1:]
	}
	b := p.bytes[0]
	p.bytes = p.bytes[1:]
	return b, nil
}

// names lists the messages' names.
func names() string {
	var all []string
	for _, f := range forms {
		if f.word != "" {
			all = append(all, f.word)
		}
	}
	return strings.Join(all, ", ")
}
