//go:build cgo && (linux || windows)

package rival

/*
#include "../clock.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// How long it takes a thread in C to read the clock, in nanoseconds, times count.
static uint64_t read_clock(enum onset_clock clock, uint64_t count) {
    uint64_t start = onset_os_ns();
    for (uint64_t i = 0; i < count; i++) {
        volatile uint64_t now = onset_ticks_after(clock);
        (void)now;
    }
    return onset_os_ns() - start;
}

// Leaf 1 of CPUID says whether there is a hypervisor: bit 31 of ECX, which no processor sets.
static bool is_virtual(void) {
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx >> 31;
#else
    return false;
#endif
}
*/
import "C"

import "github.com/onset-midi/onset/cwinmm"

// StampCost returns how many nanoseconds a thread in C takes to read the clock.
func StampCost(clock cwinmm.Clock) float64 {
	const count = 100_000
	return float64(C.read_clock(C.enum_onset_clock(clock), count)) / count
}

// Virtual reports whether the processor says that it is a virtual machine's. Where it cannot say: false.
func Virtual() bool { return bool(C.is_virtual()) }
