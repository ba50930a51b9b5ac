//go:build cgo && linux

package cwinmm

import "fmt"

// OpenWinMM returns winmm.dll as a driver: not here.
func OpenWinMM() (*Driver, error) {
	return nil, fmt.Errorf("winmm.dll is a part of Windows, here there is the loopback driver: %w", ErrNotSupported)
}
