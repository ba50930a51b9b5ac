package rig

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/sys/windows"
)

// decode returns a line as text: UTF-8, or else what it is in the system's ANSI code page, in which
// MIDIMonster compares it with the names of devices.
func decode(line []byte) (string, error) {
	if utf8.Valid(line) {
		return string(line), nil
	}
	wide := make([]uint16, len(line)) // no code page needs more units than bytes
	n, err := windows.MultiByteToWideChar(0, 0, &line[0], int32(len(line)), &wide[0], int32(len(wide)))
	if err != nil {
		return "", fmt.Errorf("neither UTF-8 nor of code page %d: %w", windows.GetACP(), err)
	}
	return windows.UTF16ToString(wide[:n]), nil
}
