// The clock every event is stamped with. Go reads the same counter (engine/internal/tick), which
// decides once for the process which one it is and calibrates it. All inline, for rival/, which is
// linked apart.
#ifndef ONSET_CLOCK_H
#define ONSET_CLOCK_H

#include <stdint.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum onset_clock {
    ONSET_CLOCK_OS = 0,  // CLOCK_MONOTONIC in ns; QueryPerformanceCounter
    ONSET_CLOCK_TSC = 1, // the processor's time-stamp counter, where it is invariant
};

#ifdef _WIN32
static inline uint64_t onset_os_ticks(void)
{
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    return (uint64_t)now.QuadPart;
}

// The same clock in nanoseconds.
static inline uint64_t onset_os_ns(void)
{
    LARGE_INTEGER hz;
    QueryPerformanceFrequency(&hz);
    uint64_t ticks = onset_os_ticks(), second = (uint64_t)hz.QuadPart;
    return ticks / second * 1000000000u + ticks % second * 1000000000u / second;
}
#else
static inline uint64_t onset_os_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t onset_os_ns(void)
{
    return onset_os_ticks();
}
#endif

static inline uint64_t onset_ticks(enum onset_clock clock)
{
#if defined(__x86_64__)
    if (clock == ONSET_CLOCK_TSC)
        return __rdtsc();
#endif
    return onset_os_ticks();
}

// As onset_ticks, but not read before the loads that precede it in the program are done: what Go
// reads, and so what a consumer in C reads to be compared with it.
static inline uint64_t onset_ticks_after(enum onset_clock clock)
{
#if defined(__x86_64__)
    _mm_lfence();
#endif
    return onset_ticks(clock);
}

#endif
