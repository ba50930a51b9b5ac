//go:build cgo

package cwinmm

// #include "winmm.h"
import "C"

// OpenWinMM returns winmm.dll as a driver.
func OpenWinMM() (*Driver, error) {
	d := C.onset_winmm_new()
	if d == nil {
		return nil, &Error{"winmm.dll", mmNoMem}
	}
	return &Driver{c: d}, nil
}
