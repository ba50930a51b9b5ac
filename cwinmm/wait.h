// Sleeping until a word changes, and the hand-shake by which a thread sleeps only when there is
// nothing to do and is woken without a system call when it does not sleep.
#ifndef ONSET_WAIT_H
#define ONSET_WAIT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"
#include "tether.h"
#include "thread.h"

#define ONSET_FOREVER (-1)

// Sleeps while *word is expected, at most timeout_ns nanoseconds (ONSET_FOREVER: no limit). May
// return early for no reason. False: the time is up. WaitOnAddress; futex.
bool onset_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void onset_wake_one(_Atomic uint32_t *word);
void onset_wake_all(_Atomic uint32_t *word);

enum onset_sleep {
    ONSET_AWAKE = 0,
    ONSET_ASLEEP = 1,
    ONSET_CLAIMED = 2, // somebody has taken on the waking, but may have been preempted before it
};

// A waiter is one sleeper and any number of notifiers.
//
//   sleeper:   state = asleep (seq_cst); read, seq_cst, everything it could be woken for;
//              nothing there: onset_wait(&state, asleep); state = awake
//   notifier:  publish (release); onset_notify: fence (seq_cst); state not awake: claim it, wake
//
// Either the sleeper sees what was published or the notifier sees it asleep: a seq_cst store and a
// seq_cst load on one side, a fence between store and load on the other. A release store followed
// by an acquire load would not do.
struct onset_waiter {
    _Alignas(ONSET_APART) _Atomic uint32_t state;
    _Atomic uint32_t command; // grows when the sleeper has something to look up besides its rings
    _Atomic uint32_t refs;
    _Atomic uint32_t waker; // the processor that the sleeper was last woken from
    struct onset_tether tether;
};

static_assert(offsetof(struct onset_waiter, waker) == 12, "waiter.go reads waker at 12");
static_assert(offsetof(struct onset_waiter, tether.state) == 16, "waiter.go reads its state at 16");
static_assert(offsetof(struct onset_waiter, state) == 0, "waiter.go stores state at 0");
static_assert(offsetof(struct onset_waiter, command) == 4, "waiter.go reads command at 4");

struct onset_waiter *onset_waiter_new(void); // NULL: no memory; the caller owns one reference
void onset_waiter_hold(struct onset_waiter *waiter);
void onset_waiter_drop(struct onset_waiter *waiter);

// The first of notifying; call after publishing. True: the sleeper is awake, and there is nothing
// more to do.
static inline bool onset_is_awake(struct onset_waiter *waiter)
{
    // Pairs with the sleeper's seq_cst store of asleep (Waiter.Arm in waiter.go, onset_arm below).
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&waiter->state, memory_order_relaxed) == ONSET_AWAKE;
}

// The second, for a sleeper that is not. After it the sleeper has to be woken, with
// onset_wake_one(&waiter->state). That uses the address alone, so it may come when the waiter is
// gone.
static inline void onset_claim(struct onset_waiter *waiter)
{
    // Relaxed: a hint.
    atomic_store_explicit(&waiter->waker, onset_processor(), memory_order_relaxed);
    // A compare and exchange, not an exchange: `claimed` must not be left behind on a sleeper that
    // woke in between, or every notifier would make a system call until its next sleep.
    uint32_t state = ONSET_ASLEEP;
    atomic_compare_exchange_strong(&waiter->state, &state, ONSET_CLAIMED);
}

// Call after publishing.
static inline void onset_notify(struct onset_waiter *waiter)
{
    if (onset_is_awake(waiter))
        return;
    onset_claim(waiter);
    onset_wake_one(&waiter->state);
}

// Has the sleeper look up what it was told apart from its rings.
static inline void onset_command(struct onset_waiter *waiter)
{
    atomic_fetch_add_explicit(&waiter->command, 1, memory_order_release);
    onset_notify(waiter);
}

// The sleeper's side, for sleepers in C: arm, look (with seq_cst loads), sleep if there is nothing,
// disarm.
static inline void onset_arm(struct onset_waiter *waiter)
{
    atomic_store(&waiter->state, ONSET_ASLEEP);
}

// Sleeps while armed and not notified; as onset_wait.
static inline bool onset_rest(struct onset_waiter *waiter, int64_t timeout_ns)
{
    return onset_wait(&waiter->state, ONSET_ASLEEP, timeout_ns);
}

static inline void onset_disarm(struct onset_waiter *waiter)
{
    atomic_store_explicit(&waiter->state, ONSET_AWAKE, memory_order_relaxed);
}

#endif
