// The clock every event is stamped with. Go reads the same counter (engine/internal/tick), which
// decides once for the process which one it is and calibrates it.
#ifndef ONSET_CLOCK_H
#define ONSET_CLOCK_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum onset_clock {
    ONSET_CLOCK_OS = 0,  // CLOCK_MONOTONIC in ns; QueryPerformanceCounter
    ONSET_CLOCK_TSC = 1, // the processor's time-stamp counter, where it is invariant
};

uint64_t onset_os_ticks(void); // clock_linux.c, clock_windows.c
uint64_t onset_os_ns(void);    // the same clock in nanoseconds

static inline uint64_t onset_ticks(enum onset_clock clock)
{
#if defined(__x86_64__)
    if (clock == ONSET_CLOCK_TSC)
        return __rdtsc();
#endif
    return onset_os_ticks();
}

#endif
