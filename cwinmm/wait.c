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
