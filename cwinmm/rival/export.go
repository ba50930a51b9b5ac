//go:build cgo && (linux || windows)

package rival

// #include <stdint.h>
import "C"

import "runtime/cgo"

// onsetRivalDeliver is what the callback of Exported calls.
//
//export onsetRivalDeliver
func onsetRivalDeliver(handle C.uintptr_t, ticks C.uint64_t, message, stamp C.uint32_t) {
	cgo.Handle(handle).Value().(func(uint64, uint32, uint32))(uint64(ticks), uint32(message), uint32(stamp))
}
