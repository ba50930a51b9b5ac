#define _GNU_SOURCE
#include "clock.h"

#include <time.h>

uint64_t onset_os_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t onset_os_ns(void)
{
    return onset_os_ticks();
}
