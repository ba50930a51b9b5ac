// One sleeper, several that wake it: each gives it one event at a time, at about the moment when it
// goes to sleep. No sleep has a limit that it needs.
#include "consumer.h"
#include "test.h"

#include <stdio.h>

enum { RINGS = 3 };

struct bed {
    struct onset_waiter *waiter;
    struct consumer rings[RINGS];
    uint64_t count;
    _Atomic uint32_t over; // producers that are done
};

struct waker {
    struct bed *bed;
    struct onset_ring *ring;
    uint32_t state;
};

static void doze(uint32_t *state)
{
    for (uint32_t i = test_draw(state, 256); i > 0; i--)
        onset_pause();
}

static void *wake(void *arg)
{
    struct waker *waker = arg;
    struct onset_ring *ring = waker->ring;
    for (uint64_t n = 0; n < waker->bed->count; n++) {
        while (atomic_load_explicit(&ring->tail, memory_order_acquire) != n)
            test_pause();
        doze(&waker->state);
        CHECK(onset_ring_push(ring, (struct onset_event){.ticks = n}));
        onset_notify(waker->bed->waiter);
        if (n % 16 == 0)
            onset_command(waker->bed->waiter);
    }
    atomic_fetch_add(&waker->bed->over, 1);
    onset_command(waker->bed->waiter);
    return NULL;
}

// Takes what there is. False: nothing.
static bool pass(struct bed *bed)
{
    bool any = false;
    for (int i = 0; i < RINGS; i++) {
        struct consumer *c = &bed->rings[i];
        for (uint64_t waiting = consumer_look(c); waiting > 0; waiting--) {
            uint64_t expected = c->next;
            CHECK(consumer_next(c).ticks == expected);
            any = true;
        }
    }
    return any;
}

static bool news(struct bed *bed, uint32_t command)
{
    bool any = atomic_load(&bed->waiter->command) != command;
    for (int i = 0; i < RINGS; i++)
        any |= consumer_news(&bed->rings[i]);
    return any;
}

static uint64_t sleep_and_wake(struct bed *bed)
{
    uint64_t sleeps = 0;
    for (;;) {
        uint32_t command = atomic_load(&bed->waiter->command);
        bool over = atomic_load(&bed->over) == RINGS;
        if (pass(bed))
            continue;
        if (over)
            return sleeps;
        onset_arm(bed->waiter);
        if (!news(bed, command)) {
            sleeps++;
            CHECK(onset_rest(bed->waiter, TEST_DEADLINE_NS)); // a wake-up has been lost
        }
        onset_disarm(bed->waiter);
    }
}

void test_sleep(void)
{
    struct bed bed = {.waiter = onset_waiter_new(), .count = test_share(20000)};
    struct waker wakers[RINGS];
    pthread_t threads[RINGS];
    CHECK(bed.waiter);
    for (uint32_t i = 0; i < RINGS; i++) {
        bed.rings[i].ring = onset_ring_new(2, 0);
        CHECK(bed.rings[i].ring);
        wakers[i] = (struct waker){&bed, bed.rings[i].ring, i};
        threads[i] = test_start(wake, &wakers[i]);
    }
    uint64_t sleeps = sleep_and_wake(&bed);
    for (int i = 0; i < RINGS; i++) {
        test_join(threads[i]);
        CHECK(bed.rings[i].next == bed.count);
        onset_ring_drop(bed.rings[i].ring);
    }
    onset_waiter_drop(bed.waiter);
    printf("sleep: %llu events, %llu sleeps", RINGS * (unsigned long long)bed.count,
           (unsigned long long)sleeps);
}
