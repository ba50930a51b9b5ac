package rig

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What the mappings of a rig may name at most, all together.
const (
	maxChannels = 1 << 20
	maxLetters  = 64 << 20 // bytes of the channels' names
)

// expression is the name of a channel, or of several with parts in braces.
type expression struct {
	parts []part
	count int // channels
}

// part is a piece of an expression: a list of texts, or a range of numbers.
type part struct {
	texts []string // empty: a range
	first uint64
	down  bool
	count int
}

// parseExpression reads a name with {1..5}, {5..1} or {a,b,c} in it, any number of them. at is where
// in s an error is.
func parseExpression(s string) (e expression, at int, err error) {
	e.count = 1
	for at < len(s) {
		open := strings.IndexByte(s[at:], '{')
		if open < 0 {
			e.add(s[at:])
			break
		}
		e.add(s[at : at+open])
		at += open
		end := strings.IndexByte(s[at:], '}')
		if end < 0 {
			return e, at, errors.New("{ has no }")
		}
		p, err := parseBraces(s[at+1 : at+end])
		if err != nil {
			return e, at, fmt.Errorf("%s: %w", s[at:at+end+1], err)
		}
		if p.count > maxChannels/e.count {
			return e, at, fmt.Errorf("%s: more than %d channels", s[at:at+end+1], maxChannels)
		}
		if p.count == 1 {
			e.add(p.at(0))
		} else {
			e.count *= p.count
			e.parts = append(e.parts, p)
		}
		at += end + 1
	}
	return e, 0, nil
}

// add adds a text that is in all names.
func (e *expression) add(text string) {
	if last := len(e.parts) - 1; last >= 0 && e.parts[last].count == 1 {
		e.parts[last].texts[0] += text
	} else if text != "" {
		e.parts = append(e.parts, part{texts: []string{text}, count: 1})
	}
}

// parseBraces reads what stands in braces. What comes first, a comma or two points, says whether it is
// a list or a range.
func parseBraces(s string) (part, error) {
	const expected = "a range {1..5} or a list {a,b,c} was expected"
	points, comma := strings.Index(s, ".."), strings.IndexByte(s, ',')
	switch {
	case strings.Contains(s, "{"):
		return part{}, errors.New("braces within braces")
	case comma >= 0 && (points < 0 || comma < points):
		texts := strings.Split(s, ",")
		for _, t := range texts {
			if t == "" {
				return part{}, errors.New("an empty element")
			}
		}
		return part{texts: texts, count: len(texts)}, nil
	case points < 0:
		return part{}, errors.New(expected)
	}
	// Spaces and plus signs are let pass, and nothing before the points is 0, as by MIDIMonster.
	first, err1 := strconv.ParseUint(cmp.Or(strings.TrimLeft(s[:points], "+ \t"), "0"), 10, 64)
	last, err2 := strconv.ParseUint(strings.TrimLeft(s[points+2:], "+ \t"), 10, 64)
	if errors.Is(err1, strconv.ErrSyntax) || errors.Is(err2, strconv.ErrSyntax) {
		return part{}, errors.New(expected)
	}
	low, high := min(first, last), max(first, last)
	if err1 != nil || err2 != nil || high-low >= maxChannels {
		return part{}, fmt.Errorf("more than %d channels", maxChannels)
	}
	return part{first: first, down: first > last, count: int(high-low) + 1}, nil
}

// at returns the n-th of the expression's names, from 0: the rightmost braces vary fastest.
func (e expression) at(n int) string {
	if len(e.parts) == 1 && len(e.parts[0].texts) == 1 {
		return e.parts[0].texts[0]
	}
	texts := make([]string, len(e.parts))
	for i := len(e.parts) - 1; i >= 0; i-- {
		texts[i] = e.parts[i].at(n % e.parts[i].count)
		n /= e.parts[i].count
	}
	return strings.Join(texts, "")
}

func (p part) at(n int) string {
	switch {
	case len(p.texts) > 0:
		return p.texts[n]
	case p.down:
		return strconv.FormatUint(p.first-uint64(n), 10)
	default:
		return strconv.FormatUint(p.first+uint64(n), 10)
	}
}
