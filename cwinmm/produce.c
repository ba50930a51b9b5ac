#include "produce.h"

#include "thread.h"

// As the callback pushes (deliver in input.c).
static bool push(struct onset_ring *ring, struct onset_event event)
{
    return onset_ring_push_soon(ring, event) || onset_ring_push(ring, event);
}

uint64_t onset_produce(struct onset_ring *ring, uint64_t first, uint64_t count, bool wait)
{
    uint64_t pushed = 0, tail = 0;
    for (uint64_t n = first; n < first + count; n++) {
        struct onset_event event = {.ticks = n, .data = n & 0xFFFFFF, .driver_ms = (uint32_t)n};
        while (wait && n - tail > ring->mask) {
            onset_pause();
            tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        }
        pushed += push(ring, event);
    }
    return pushed;
}

bool onset_produce_one(struct onset_ring *ring, struct onset_event event)
{
    if (onset_kind_of(event.data) < ONSET_LONG)
        return push(ring, event);
    onset_ring_push_long(ring, event);
    return true;
}

void onset_produce_losses(struct onset_ring *ring, uint32_t message, uint64_t count)
{
    struct onset_gap refused = {0};
    for (; count > 0; count--) {
        onset_gap_note(&refused, message);
        onset_ring_absorb(ring, &refused);
    }
}

void onset_produce_singly(struct onset_ring *ring, struct onset_waiter *waiter, uint64_t count)
{
    uint32_t random = 1;
    for (uint64_t n = 0; n < count; n++) {
        while (n - atomic_load_explicit(&ring->tail, memory_order_acquire) > 0)
            onset_pause();
        random = random * 1664525 + 1013904223; // a plain congruential generator will do
        for (uint32_t i = random >> 24; i > 0; i--)
            onset_pause();
        push(ring, (struct onset_event){.ticks = n});
        onset_notify(waiter);
    }
}
