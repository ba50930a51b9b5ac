package rig

import (
	"fmt"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// decode returns a line of a file that is not UTF-8 as what it is in the system's ANSI code page, in
// which MIDIMonster compares it with the names of devices.
func decode(line []byte) (string, error) {
	wide := make([]uint16, len(line)) // no code page needs more units than bytes
	n, err := windows.MultiByteToWideChar(0, 0, &line[0], int32(len(line)), &wide[0], int32(len(wide)))
	if err != nil {
		return "", fmt.Errorf("not UTF-8, and not of code page %d: %w", windows.GetACP(), err)
	}
	return string(utf16.Decode(wide[:n])), nil
}
