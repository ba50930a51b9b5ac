//go:build !windows

package rig

import (
	"golang.org/x/text/encoding/charmap"
)

// decode returns a line of a file that is not UTF-8 as what it is in code page 1252, the ANSI code page
// of most Windows systems.
func decode(line []byte) (string, error) {
	text, err := charmap.Windows1252.NewDecoder().Bytes(line)
	return string(text), err
}
