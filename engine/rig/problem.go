package rig

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Position is a place in a rig file.
type Position struct {
	File   string
	Line   int    // from 1; 0: not in a file, but in an override
	Column int    // from 1, in characters
	Text   string // the line, without what stands around it

	indent int // characters before Text
}

// Problem is something wrong, or suspicious, at a place in a rig file.
type Problem struct {
	Position
	Message string
}

// Error writes p in one line: file, line, column, what is wrong, and the line itself.
func (p Problem) Error() string {
	if p.Line == 0 {
		return visible(strings.TrimPrefix(p.File+": "+p.Message, ": "))
	}
	message := []rune(visible(p.Message))
	if len(message) > 1000 {
		message = append(message[:1000], '…')
	}
	return fmt.Sprintf("%s:%d:%d: %s | %s", p.File, p.Line, p.Column, string(message), excerpt(p.Text, p.Column-p.indent))
}

// Problems are all that is wrong with a rig, in the order of its files and their lines.
type Problems []Problem

// Error writes a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// short returns a name, or the beginning of a long one.
func short(name string) string {
	if runes := []rune(name); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return name
}

// excerpt returns text in one line of at most some 120 characters, from around a column.
func excerpt(text string, column int) string {
	const before, most = 60, 120
	runes := []rune(text)
	head, tail := "", ""
	if len(runes) > most {
		first := min(max(column-1-before, 0), len(runes)-most)
		if first > 0 {
			head = "… "
		}
		if first+most < len(runes) {
			tail = " …"
		}
		runes = runes[first : first+most]
	}
	return head + strings.TrimSpace(visible(string(runes))) + tail
}

// visible writes what a terminal would not show, or obey, as the replacement character.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsGraphic(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
