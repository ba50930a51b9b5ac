//go:build !windows

package rig

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decode returns a line as text: UTF-8, or else what it is in code page 1252, the ANSI code page of
// most Windows systems.
func decode(line []byte) (string, error) {
	if utf8.Valid(line) {
		return string(line), nil
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(line)
	return string(text), err
}
