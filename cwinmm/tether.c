#include "tether.h"

bool onset_tether_begin(struct onset_tether *tether)
{
    return onset_affinity_keep(&tether->affinity) && onset_thread_refer(&tether->thread);
}

// Changes the state once nobody is freeing, and returns what it was.
static uint32_t settle(struct onset_tether *tether, uint32_t next)
{
    uint32_t state = atomic_load_explicit(&tether->state, memory_order_relaxed);
    // Acquire: a callback's system call is over (onset_tether_free). Release: a callback that frees
    // finds what begin wrote.
    while (state & ONSET_FREEING ||
           !atomic_compare_exchange_weak_explicit(&tether->state, &state, next,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
        if (state & ONSET_FREEING)
            onset_sleep(20000); // the callback may have been preempted, by this very thread
        state = atomic_load_explicit(&tether->state, memory_order_relaxed);
    }
    return state;
}

bool onset_tether_narrow(struct onset_tether *tether, uint32_t processor)
{
    // Before the call, which may not return before it has been freed.
    settle(tether, ONSET_NARROWING);
    bool kept = onset_affinity_narrow(&tether->affinity, processor);
    if (!(settle(tether, kept ? ONSET_KEPT : 0) & ONSET_FREED))
        return kept;
    // Freed before it was kept, or after.
    onset_affinity_widen(&tether->affinity);
    settle(tether, kept ? ONSET_FREED : 0);
    return kept;
}

void onset_tether_widen(struct onset_tether *tether)
{
    onset_affinity_widen(&tether->affinity);
    settle(tether, 0); // after the call: until then it can be freed
}

void onset_tether_end(struct onset_tether *tether)
{
    onset_tether_widen(tether);
    onset_thread_forget(tether->thread);
}

void onset_tether_free(struct onset_tether *tether)
{
    // Relaxed: what has to be seen is by the exchange below.
    uint32_t state = atomic_load_explicit(&tether->state, memory_order_relaxed);
    if (!(state & (ONSET_NARROWING | ONSET_KEPT)) || state & ONSET_FREEING)
        return;
    // Acquire: what begin wrote (settle). Who fails has nothing to do: another callback is freeing,
    // or the sleeper runs.
    if (!atomic_compare_exchange_strong_explicit(&tether->state, &state, state | ONSET_FREEING,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    onset_affinity_widen_other(&tether->affinity, tether->thread);
    // Release: the call comes before whatever the sleeper does next (settle). Only the sleeper
    // changes the state besides, and it waits.
    atomic_store_explicit(&tether->state, (state & ONSET_NARROWING) | ONSET_FREED,
                          memory_order_release);
}
