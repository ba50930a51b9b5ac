#include "fault.h"

#include <stdint.h>

#define FAULTS 16

static SRWLOCK lock; // over all
static CONDITION_VARIABLE cleared;
static struct fault faults[FAULTS];
static uint32_t count, clearings, struck;

// Has a call do wrong, from the first to the last of the times that it is made from now on.
__declspec(dllexport) void WINAPI
    OnsetFault(UINT id, UINT message, UINT first, UINT last, UINT effect, DWORD value)
{
    AcquireSRWLockExclusive(&lock);
    if (count < FAULTS)
        faults[count++] = (struct fault){id, message, first, last, 0, effect, value};
    ReleaseSRWLockExclusive(&lock);
}

// Has all calls do right, and those that hang go on.
__declspec(dllexport) void WINAPI OnsetNoFaults(void)
{
    AcquireSRWLockExclusive(&lock);
    count = struck = 0;
    clearings++;
    WakeAllConditionVariable(&cleared);
    ReleaseSRWLockExclusive(&lock);
}

// How many have done wrong, or begun to, since.
__declspec(dllexport) DWORD WINAPI OnsetFaultsStruck(void)
{
    AcquireSRWLockExclusive(&lock);
    DWORD now = struck;
    ReleaseSRWLockExclusive(&lock);
    return now;
}

bool fault_of(UINT id, UINT message, struct fault *fault)
{
    bool found = false;
    AcquireSRWLockExclusive(&lock);
    for (uint32_t i = 0; i < count; i++) {
        struct fault *f = &faults[i];
        if (f->id == id && f->message == message && ++f->seen >= f->first && f->seen <= f->last) {
            *fault = *f;
            found = true;
            struck++;
        }
    }
    ReleaseSRWLockExclusive(&lock);
    return found;
}

void fault_hang(void)
{
    AcquireSRWLockExclusive(&lock);
    for (uint32_t now = clearings; now == clearings;)
        SleepConditionVariableSRW(&cleared, &lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&lock);
}
