#include "wait.h"

#include <windows.h>
#include <synchapi.h>

bool onset_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    DWORD limit = INFINITE;
    if (timeout_ns >= 0) {
        int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        limit = ms < (int64_t)INFINITE ? (DWORD)ms : INFINITE - 1;
    }
    return WaitOnAddress((volatile VOID *)word, &expected, sizeof expected, limit) ||
           GetLastError() != ERROR_TIMEOUT;
}

void onset_wake_one(_Atomic uint32_t *word)
{
    WakeByAddressSingle((PVOID)word);
}

void onset_wake_all(_Atomic uint32_t *word)
{
    WakeByAddressAll((PVOID)word);
}
