#include "drain.h"

#include "../thread.h"

void drain_fill(struct onset_ring *ring, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++)
        while (!onset_ring_push_soon(ring, (struct onset_event){.data = n & 0xFFFFFF})) {
            onset_pause();
            // Acquire: the consumer has read the slots below tail (drain_take; Ring.Next).
            ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        }
}

uint64_t drain_take(struct onset_ring *ring, uint32_t count)
{
    uint64_t sum = 0;
    // Relaxed: the consumer's own.
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), end = tail + count;
    while (tail != end) {
        // Acquire: the events below head (onset_ring_publish).
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail == head)
            onset_pause();
        for (; tail != head && tail != end; tail++) {
            struct onset_event event = ring->slots[tail & ring->mask];
            // Release: the slot may be written again (drain_fill).
            atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
            if (onset_kind_of(event.data) != ONSET_GAP)
                sum += event.data;
        }
    }
    return sum;
}
