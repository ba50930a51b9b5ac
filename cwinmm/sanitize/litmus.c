// Two threads at the moment that decides about a wake-up, again and again: a producer publishes and
// looks whether the poller sleeps, a poller says that it does and looks for what was published. If
// neither sees the other, a wake-up is lost, and the program fails. With the product's own
// functions, optimised, without a tool that slows down: what is missing here is a fence, and what
// shows it is the processor's store buffer.
//     litmus SECONDS    at most, and at most a million meetings for each
#include "consumer.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

struct meeting {
    _Atomic bool over;
    struct onset_ring *ring;
    struct onset_waiter *waiter;
    // What each has done, and what the producer saw.
    _Alignas(ONSET_APART) _Atomic uint64_t producer;
    _Alignas(ONSET_APART) _Atomic uint64_t poller;
    _Alignas(ONSET_APART) _Atomic bool awake;
};

// Waits for the other; between two processors that is not for long.
static void meet(_Atomic uint64_t *mine, _Atomic uint64_t *other, uint64_t round)
{
    atomic_store_explicit(mine, round, memory_order_release);
    for (uint32_t looks = 0; atomic_load_explicit(other, memory_order_acquire) < round; looks++)
        if (looks > 2000)
            onset_yield(); // it is not running
}

// The two do not come out of a meeting at the same moment.
static void doze(uint32_t *state)
{
    for (uint32_t i = test_draw(state, 200); i > 0; i--)
        __asm__ volatile("");
}

static void *produce(void *arg)
{
    struct meeting *m = arg;
    uint32_t state = 1;
    for (uint64_t n = 0; !atomic_load_explicit(&m->over, memory_order_relaxed); n++) {
        struct onset_event event = {.ticks = n};
        meet(&m->producer, &m->poller, 2 * n + 1);
        doze(&state);
        onset_ring_push(m->ring, event);
        bool awake = onset_is_awake(m->waiter);
        atomic_store_explicit(&m->awake, awake, memory_order_relaxed);
        meet(&m->producer, &m->poller, 2 * n + 2);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct meeting m = {.ring = onset_ring_new(64, 0), .waiter = onset_waiter_new()};
    if (!m.ring || !m.waiter)
        return 2;
    struct consumer c = {.ring = m.ring};
    uint32_t state = 2;
    uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
    uint64_t start = onset_os_ns(), now = start, lost = 0, n = 0;
    pthread_t producer;
    if (pthread_create(&producer, NULL, produce, &m) != 0)
        return 2;
    for (bool over = false; !over; n++) {
        meet(&m.poller, &m.producer, 2 * n + 1);
        doze(&state);
        onset_arm(m.waiter);
        bool news = consumer_news(&c);
        now = onset_os_ns();
        over = now - start >= seconds * 1000000000 || n >= seconds * 1000000;
        // Before the meeting, which the producer looks after.
        atomic_store_explicit(&m.over, over, memory_order_relaxed);
        meet(&m.poller, &m.producer, 2 * n + 2);
        if (!news && atomic_load_explicit(&m.awake, memory_order_relaxed)) {
            lost++;
            break;
        }
        onset_disarm(m.waiter);
        consumer_look(&c);
        consumer_next(&c);
    }
    printf("litmus: %llu meetings, %llu wake-ups lost (%.1f s)\n", (unsigned long long)n,
           (unsigned long long)lost, (double)(now - start) / 1e9);
    return lost > 0;
}
