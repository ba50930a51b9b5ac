//go:build cgo && (linux || windows)

package rival

// #include "drain.h"
import "C"

import "github.com/onset-midi/onset/cwinmm"

// Fill is a producer in C: it pushes count events into a ring that no driver fills, as fast as the consumer
// makes room. The data of the n-th is n, modulo 2^24.
func Fill(ring *cwinmm.Ring, count uint32) {
	C.drain_fill((*C.struct_onset_ring)(ring.Pointer()), C.uint32_t(count))
}

// Take is a consumer in C, in the place of Ring.Look and Ring.Next: it takes count events, spinning, and
// returns the sum of their data. A ring that it has taken from is lost to the other.
func Take(ring *cwinmm.Ring, count uint32) uint64 {
	return uint64(C.drain_take((*C.struct_onset_ring)(ring.Pointer()), C.uint32_t(count)))
}
