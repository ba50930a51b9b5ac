#include "machine.h"

#include <stdatomic.h>
#include <windows.h>

onset_grant onset_stay_awake(uintptr_t *request)
{
    static wchar_t why[] = L"MIDI ports are open"; // powercfg /requests shows it
    REASON_CONTEXT reason = {
        .Version = POWER_REQUEST_CONTEXT_VERSION,
        .Flags = POWER_REQUEST_CONTEXT_SIMPLE_STRING,
        .Reason.SimpleReasonString = why,
    };
    // Not SetThreadExecutionState, which ends with the thread that calls it.
    HANDLE handle = PowerCreateRequest(&reason);
    if (handle == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (!PowerSetRequest(handle, PowerRequestSystemRequired)) {
        onset_grant error = GetLastError();
        CloseHandle(handle);
        return error;
    }
    *request = (uintptr_t)handle;
    return ONSET_GRANTED;
}

void onset_may_sleep(uintptr_t request)
{
    PowerClearRequest((HANDLE)request, PowerRequestSystemRequired);
    CloseHandle((HANDLE)request);
}

static bool throttle(ULONG control)
{
    PROCESS_POWER_THROTTLING_STATE state = {
        .Version = PROCESS_POWER_THROTTLING_CURRENT_VERSION,
        .ControlMask = control, // what is ours to say; StateMask 0: not throttled
    };
    return SetProcessInformation(GetCurrentProcess(), ProcessPowerThrottling, &state, sizeof state);
}

onset_grant onset_unthrottle(bool full_speed)
{
    if (!full_speed)
        return throttle(0) ? ONSET_GRANTED : GetLastError();
    if (throttle(PROCESS_POWER_THROTTLING_EXECUTION_SPEED |
                 PROCESS_POWER_THROTTLING_IGNORE_TIMER_RESOLUTION))
        return ONSET_GRANTED;
    // Before Windows 11 there is only the one.
    return throttle(PROCESS_POWER_THROTTLING_EXECUTION_SPEED) ? ONSET_HALF_ONLY : GetLastError();
}

uint64_t onset_slept_ns(void)
{
    // In this order: what comes in between makes it less, as the steps of the first one do.
    uint64_t all_ms = GetTickCount64();
    ULONGLONG awake; // 100 ns
    if (!QueryUnbiasedInterruptTime(&awake) || all_ms <= awake / 10000)
        return 0;
    return (all_ms - awake / 10000) * 1000000;
}

// powrprof.dll (Windows 8), which the program does not need to start.
typedef ULONG CALLBACK hear(PVOID context, ULONG type, PVOID setting);
typedef DWORD WINAPI hear_registering(DWORD flags, HANDLE recipient, PVOID *handle);
struct hear_parameters { // DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS
    hear *callback;
    PVOID context;
};
#define NOTIFY_CALLBACK 2 // DEVICE_NOTIFY_CALLBACK

static _Atomic uint32_t wakings;

static ULONG CALLBACK heard(PVOID context, ULONG type, PVOID setting)
{
    (void)context, (void)setting;
    // The first that is told after each sleep. PBT_APMRESUMESUSPEND may follow, if it was the user
    // who woke the machine.
    if (type == PBT_APMRESUMEAUTOMATIC)
        atomic_fetch_add(&wakings, 1);
    return ERROR_SUCCESS;
}

onset_grant onset_hear_waking(void)
{
    HMODULE powrprof = LoadLibraryExW(L"powrprof.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (!powrprof)
        return GetLastError();
    hear_registering *registering = (hear_registering *)(void *)GetProcAddress(
        powrprof, "PowerRegisterSuspendResumeNotification");
    if (!registering)
        return GetLastError();
    // It stays registered, so that it does not matter when the last call of it comes.
    static struct hear_parameters parameters = {.callback = heard};
    PVOID handle;
    return registering(NOTIFY_CALLBACK, &parameters, &handle);
}

uint32_t onset_wakings(void)
{
    return atomic_load(&wakings);
}
