//go:build !cgo || !(linux || windows)

// Package rival is what Onset is measured against. There is none in this build.
package rival

import "github.com/onset-midi/onset/cwinmm"

// Setup is what every rival is given.
type Setup struct {
	Driver    *cwinmm.Driver
	In, Out   int
	Trace     *cwinmm.Trace
	Clock     cwinmm.Clock
	Processor int
	Raise     bool
}

// Rival is one at work.
type Rival interface {
	Priority() string
	Processor() int
	Drained() bool
	Close() error
}

// Handler is what Exported calls.
type Handler func(ticks uint64, message, stamp uint32)

// Floor fails in this build.
func Floor(Setup, bool) (Rival, error) { return nil, cwinmm.ErrNotSupported }

// Datagram fails in this build.
func Datagram(Setup) (Rival, error) { return nil, cwinmm.ErrNotSupported }

// InCallback fails in this build.
func InCallback(Setup) (Rival, error) { return nil, cwinmm.ErrNotSupported }

// Exported fails in this build.
func Exported(Setup, Handler) (Rival, error) { return nil, cwinmm.ErrNotSupported }

// StampCost returns 0 in this build.
func StampCost(cwinmm.Clock) float64 { return 0 }

// Virtual returns false in this build.
func Virtual() bool { return false }
