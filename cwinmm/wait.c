#include "wait.h"

#include "memory.h"

struct onset_waiter *onset_waiter_new(void)
{
    struct onset_waiter *waiter = onset_alloc(sizeof *waiter, ONSET_APART);
    if (waiter)
        waiter->refs = 1;
    return waiter;
}

void onset_waiter_hold(struct onset_waiter *waiter)
{
    onset_hold(&waiter->refs);
}

void onset_waiter_drop(struct onset_waiter *waiter)
{
    if (onset_let_go(&waiter->refs))
        onset_free(waiter);
}

void onset_rouse(struct onset_waiter *waiter)
{
    // A compare and exchange, not an exchange: `claimed` must not be left behind on a sleeper that
    // woke in between, or every notifier would make a system call until its next sleep.
    uint32_t state = ONSET_ASLEEP;
    atomic_compare_exchange_strong(&waiter->state, &state, ONSET_CLAIMED);
    if (state != ONSET_AWAKE)
        onset_wake_one(&waiter->state);
}
