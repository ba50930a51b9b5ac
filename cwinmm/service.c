#include "service.h"

#include "thread.h"

static _Atomic uint32_t abandoned, left_open;

void onset_note(struct onset_outcome *outcome, const char *call, MMRESULT result)
{
    if (result != MMSYSERR_NOERROR && !outcome->call)
        *outcome = (struct onset_outcome){call, result};
}

// Waits until the phase is no longer from. At the deadline the phase becomes ABANDONED, unless the
// thread was quicker after all. Returns the phase that ended the wait.
static uint32_t leave(struct onset_service *service, uint32_t from, int64_t deadline_ns)
{
    uint64_t due_ns = onset_os_ns() + (uint64_t)deadline_ns;
    for (;;) {
        // Acquire: the outcome, written before the phase (tell).
        uint32_t phase = atomic_load_explicit(&service->phase, memory_order_acquire);
        if (phase != from)
            return phase;
        uint64_t now_ns = onset_os_ns();
        if (now_ns < due_ns) {
            onset_wait(&service->phase, from, (int64_t)(due_ns - now_ns));
            continue;
        }
        atomic_fetch_add(&abandoned, 1); // before the thread can take it back (tell)
        if (atomic_compare_exchange_strong(&service->phase, &phase, ONSET_ABANDONED))
            return ONSET_ABANDONED;
        atomic_fetch_sub(&abandoned, 1);
    }
}

// Moves on from a phase and tells those who wait for it. False: they no longer do.
static bool tell(struct onset_service *service, uint32_t from, uint32_t to)
{
    if (!atomic_compare_exchange_strong(&service->phase, &from, to))
        return false;
    onset_wake_all(&service->phase);
    return true;
}

// The call that an abandoned thread is in.
static struct onset_outcome stuck(struct onset_service *service)
{
    // Relaxed: a name in the program's text.
    const char *call = atomic_load_explicit(&service->call, memory_order_relaxed);
    return (struct onset_outcome){call ? call : "driver", ONSET_TIMED_OUT};
}

bool onset_service_start(struct onset_service *service, void (*run)(void *), void *arg,
                         int64_t deadline_ns, struct onset_outcome *outcome)
{
    service->outcome = (struct onset_outcome){0};
    service->call = NULL;
    service->since = 0;
    if (!onset_thread_start(run, arg)) {
        *outcome = (struct onset_outcome){"open", ONSET_NO_THREAD};
        atomic_store(&service->phase, ONSET_FAILED);
        return false;
    }
    uint32_t phase = leave(service, ONSET_OPENING, deadline_ns);
    *outcome = phase == ONSET_ABANDONED ? stuck(service) : service->outcome;
    return phase == ONSET_OPEN;
}

bool onset_service_stop(struct onset_service *service, int64_t deadline_ns,
                        struct onset_outcome *outcome)
{
    atomic_store(&service->phase, ONSET_CLOSING);
    onset_notify(&service->bell);
    uint32_t phase = leave(service, ONSET_CLOSING, deadline_ns);
    *outcome = phase == ONSET_ABANDONED ? stuck(service) : service->outcome;
    return phase == ONSET_CLOSED;
}

bool onset_service_opened(struct onset_service *service)
{
    return tell(service, ONSET_OPENING, service->outcome.call ? ONSET_FAILED : ONSET_OPEN);
}

bool onset_service_closed(struct onset_service *service)
{
    return tell(service, ONSET_CLOSING, ONSET_CLOSED);
}

void onset_service_back(void)
{
    atomic_fetch_sub(&abandoned, 1);
}

void onset_service_left(MMRESULT closed)
{
    if (closed != MMSYSERR_NOERROR && !onset_means_gone(closed))
        atomic_fetch_add(&left_open, 1);
}

uint32_t onset_left_open(void)
{
    return atomic_load(&left_open);
}

uint32_t onset_abandoned(void)
{
    return atomic_load(&abandoned);
}
