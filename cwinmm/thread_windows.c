#include "thread.h"

#include "clock.h"
#include "memory.h"

#include <stdlib.h>

struct start {
    void (*run)(void *);
    void *arg;
};

static DWORD WINAPI begin(LPVOID arg)
{
    struct start start = *(struct start *)arg;
    onset_free(arg);
    start.run(start.arg);
    return 0;
}

bool onset_thread_start(void (*run)(void *), void *arg)
{
    struct start *start = onset_alloc(sizeof *start, _Alignof(max_align_t));
    if (!start)
        return false;
    *start = (struct start){run, arg};
    HANDLE thread = CreateThread(NULL, 0, begin, start, 0, NULL);
    if (!thread) {
        onset_free(start);
        return false;
    }
    CloseHandle(thread);
    return true;
}

uint64_t onset_thread_id(void)
{
    return GetCurrentThreadId();
}

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2
#endif

void onset_sleep(uint64_t ns)
{
    // Sleep's steps are up to 15.6 ms; this timer's (since Windows 10 1803) about 0.5 ms.
    HANDLE timer =
        CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    LARGE_INTEGER due = {.QuadPart = -(LONGLONG)(ns / 100)}; // 100 ns units, negative: from now
    if (timer && SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE))
        WaitForSingleObject(timer, INFINITE);
    else
        Sleep((DWORD)(ns / 1000000));
    if (timer)
        CloseHandle(timer);
}

void onset_sleep_until(uint64_t os_ns)
{
    for (uint64_t now = onset_os_ns(); now < os_ns; now = onset_os_ns())
        onset_sleep(os_ns - now);
}

void onset_yield(void)
{
    SwitchToThread();
}

uint64_t onset_thread_cpu_ns(void)
{
    FILETIME created, ended, kernel, user;
    if (!GetThreadTimes(GetCurrentThread(), &created, &ended, &kernel, &user))
        return 0;
    uint64_t high = (uint64_t)kernel.dwHighDateTime + user.dwHighDateTime;
    return ((high << 32) + kernel.dwLowDateTime + user.dwLowDateTime) * 100;
}

// Within the thread's processor group: 64 of them.
bool onset_thread_pin(int processor)
{
    DWORD_PTR process, all;
    if (processor >= (int)(8 * sizeof all) ||
        !GetProcessAffinityMask(GetCurrentProcess(), &process, &all))
        return false;
    DWORD_PTR mask = processor < 0 ? process : (DWORD_PTR)1 << processor;
    return SetThreadAffinityMask(GetCurrentThread(), mask) != 0;
}

uint32_t onset_processor(void)
{
    return GetCurrentProcessorNumber();
}

bool onset_affinity_keep(struct onset_affinity *affinity)
{
    DWORD_PTR process, all;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &all))
        return false;
    // There is no asking: setting it says what it was.
    affinity->mask = SetThreadAffinityMask(GetCurrentThread(), process);
    onset_affinity_widen(affinity);
    return affinity->mask != 0;
}

bool onset_affinity_narrow(const struct onset_affinity *affinity, uint32_t processor)
{
    return processor < 8 * sizeof affinity->mask && affinity->mask >> processor & 1 &&
           onset_thread_pin((int)processor);
}

void onset_affinity_widen(const struct onset_affinity *affinity)
{
    onset_affinity_widen_other(affinity, GetCurrentThread());
}

bool onset_thread_refer(onset_thread *thread)
{
    HANDLE process = GetCurrentProcess();
    return DuplicateHandle(process, GetCurrentThread(), process, thread, 0, FALSE,
                           DUPLICATE_SAME_ACCESS);
}

void onset_thread_forget(onset_thread thread)
{
    CloseHandle(thread);
}

void onset_affinity_widen_other(const struct onset_affinity *affinity, onset_thread thread)
{
    if (affinity->mask)
        SetThreadAffinityMask(thread, affinity->mask);
}

typedef HANDLE(WINAPI *set_task)(LPCWSTR name, LPDWORD index);
typedef BOOL(WINAPI *revert_task)(HANDLE task);

// avrt.dll is looked up when it is wanted: not every edition of Windows carries it.
static FARPROC avrt(const char *name)
{
    HMODULE dll = LoadLibraryExW(L"avrt.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    return dll ? GetProcAddress(dll, name) : NULL;
}

enum onset_priority onset_thread_raise(bool busy, uintptr_t *task)
{
    (void)busy; // Windows takes care of the others itself
    DWORD index = 0;
    set_task set = (set_task)(void *)avrt("AvSetMmThreadCharacteristicsW");
    *task = set ? (uintptr_t)set(L"Pro Audio", &index) : 0;
    if (*task)
        return ONSET_PRIORITY_PRO_AUDIO;
    if (SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL))
        return ONSET_PRIORITY_TIME_CRITICAL;
    return ONSET_PRIORITY_NORMAL;
}

void onset_thread_lower(enum onset_priority granted, uintptr_t task)
{
    if (granted == ONSET_PRIORITY_PRO_AUDIO) {
        revert_task revert = (revert_task)(void *)avrt("AvRevertMmThreadCharacteristics");
        if (revert)
            revert((HANDLE)task);
    } else if (granted == ONSET_PRIORITY_TIME_CRITICAL) {
        SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_NORMAL);
    }
}
