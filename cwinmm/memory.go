//go:build cgo && (linux || windows)

package cwinmm

// #include "memory.h"
import "C"

// Blocks returns how many blocks of C memory the whole process has allocated and not freed: for tests that
// nothing is left.
func Blocks() int { return int(C.onset_blocks()) }
