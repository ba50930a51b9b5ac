//go:build cgo && (linux || windows)

package cwinmm

// #include "produce.h"
import "C"

// produce pushes count events, in which n from first on stands in every field, and returns how many
// were not refused; with wait it waits for room. It is here because test files cannot use cgo.
func (r *Ring) produce(first, count uint64, wait bool) uint64 {
	return uint64(C.onset_produce(r.c, C.uint64_t(first), C.uint64_t(count), C.bool(wait)))
}

// push pushes one event, as the callback does one of its kind, and reports whether it was not refused.
func (r *Ring) push(ev Event) bool {
	return bool(C.onset_produce_one(r.c, C.struct_onset_event{
		ticks: C.uint64_t(ev.Ticks), data: C.uint32_t(ev.Data), driver_ms: C.uint32_t(ev.DriverMS)}))
}

// lose has message lost count times, as concurrent callbacks lose theirs.
func (r *Ring) lose(message uint32, count uint64) {
	C.onset_produce_losses(r.c, C.uint32_t(message), C.uint64_t(count))
}

// produceSingly pushes count events and notifies w of each, about when the consumer that took the one
// before is going to sleep.
func (r *Ring) produceSingly(w *Waiter, count uint64) {
	C.onset_produce_singly(r.c, w.c, C.uint64_t(count))
}
