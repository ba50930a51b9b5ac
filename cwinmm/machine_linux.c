#include "machine.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t onset_slept_ns(void)
{
    // In this order: what comes in between makes it less.
    uint64_t all = read_clock(CLOCK_BOOTTIME), awake = read_clock(CLOCK_MONOTONIC);
    return all > awake ? all - awake : 0;
}

// The rest is done by a system's session manager, if there is one, and by its governors, which
// nobody asks.

onset_grant onset_stay_awake(uintptr_t *request)
{
    *request = 0;
    return ONSET_NO_SUCH;
}

void onset_may_sleep(uintptr_t request)
{
    (void)request;
}

onset_grant onset_unthrottle(bool full_speed)
{
    (void)full_speed;
    return ONSET_NO_SUCH;
}

onset_grant onset_hear_waking(void)
{
    return ONSET_NO_SUCH;
}

uint32_t onset_wakings(void)
{
    return 0;
}
