// A driver handle's own thread: it alone opens and closes the handle, so that the driver's slow and
// stuck calls hold up nobody else. Whoever waits for it has a deadline; past that the thread is
// abandoned, and cleans up by itself should the driver ever return. What it calls while nobody
// waits can be seen from outside, with how long it has taken (onset_service_stuck).
#ifndef ONSET_SERVICE_H
#define ONSET_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "wait.h"
#include "winmm.h"

enum onset_phase {
    ONSET_FREE = 0,
    ONSET_OPENING,   // the thread is in the driver's open
    ONSET_FAILED,    // it did not open; outcome says why; the thread is gone
    ONSET_OPEN,      //
    ONSET_CLOSING,   // the thread has been told to close
    ONSET_CLOSED,    // outcome says how it went; the thread is gone
    ONSET_ABANDONED, // the opener's or closer's deadline passed
};

// How opening or closing went: the first WinMM call that failed, or NULL.
struct onset_outcome {
    const char *call;
    uint32_t result;
};

struct onset_service {
    struct onset_waiter bell;     // what the thread sleeps on
    _Atomic uint32_t phase;       // what the others wait on
    struct onset_outcome outcome; // written by the thread before FAILED and CLOSED
    const char *_Atomic call;     // the driver's function that the thread is in, or was last
    _Atomic uint64_t since;       // when it called that, in ns of the system's clock; 0: see idle
};

// Notes a call that failed, if it is the first.
void onset_note(struct onset_outcome *outcome, const char *call, MMRESULT result);

// For the opener, once phase is OPENING: starts the thread and waits until it has opened or failed.
// True: open. False: failed (the thread no longer touches arg) or abandoned (it still may), as the
// phase says.
bool onset_service_start(struct onset_service *service, void (*run)(void *), void *arg,
                         int64_t deadline_ns, struct onset_outcome *outcome);

// For the closer, one of them, once: has the thread close and waits until it has. False: abandoned.
bool onset_service_stop(struct onset_service *service, int64_t deadline_ns,
                        struct onset_outcome *outcome);

// For the thread: the driver has returned from opening or closing. False: nobody waits any more;
// the thread undoes what is left and frees what it was given.
bool onset_service_opened(struct onset_service *service);
bool onset_service_closed(struct onset_service *service);

// For the thread: it was abandoned and is about to end.
void onset_service_back(void);

// For the thread: what closing the handle came to, in the end. Counts one that is still open.
void onset_service_left(MMRESULT closed);

// Handles in the whole process that their driver has refused to close.
uint32_t onset_left_open(void);

// Threads in the whole process that were abandoned and have not come back.
uint32_t onset_abandoned(void);

// For the thread: names the driver's function that it is about to call.
static inline void onset_service_calling(struct onset_service *service, const char *call)
{
    // Relaxed, both: a name in the program's text. Who reads them meanwhile may name this call in
    // place of one that has just returned after all (onset_service_stuck).
    atomic_store_explicit(&service->since, onset_os_ns(), memory_order_relaxed);
    atomic_store_explicit(&service->call, call, memory_order_relaxed);
}

// For the thread: it is in none, and may wait.
static inline void onset_service_idle(struct onset_service *service)
{
    atomic_store_explicit(&service->since, 0, memory_order_relaxed);
}

// The driver's function that the thread has been in for longer than limit_ns; NULL: it is not.
static inline const char *onset_service_stuck(struct onset_service *service, uint64_t limit_ns)
{
    uint64_t since = atomic_load_explicit(&service->since, memory_order_relaxed);
    if (!since || (int64_t)(onset_os_ns() - since) <= (int64_t)limit_ns)
        return NULL;
    return atomic_load_explicit(&service->call, memory_order_relaxed);
}

// For the thread: has it been told to close?
static inline bool onset_service_stopping(struct onset_service *service)
{
    // Seq_cst: read between arm and sleep. Pairs with the store in onset_service_stop.
    uint32_t phase = atomic_load(&service->phase);
    return phase == ONSET_CLOSING || phase == ONSET_ABANDONED;
}

#endif
