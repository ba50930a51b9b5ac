#include "clock.h"

#include <windows.h>

uint64_t onset_os_ticks(void)
{
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    return (uint64_t)now.QuadPart;
}

uint64_t onset_os_ns(void)
{
    LARGE_INTEGER hz;
    QueryPerformanceFrequency(&hz);
    uint64_t ticks = onset_os_ticks(), second = (uint64_t)hz.QuadPart;
    return ticks / second * 1000000000u + ticks % second * 1000000000u / second;
}
