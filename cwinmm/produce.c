#include "produce.h"

#include "thread.h"

uint64_t onset_produce(struct onset_ring *ring, uint64_t first, uint64_t count, bool wait)
{
    uint64_t pushed = 0, tail = 0;
    for (uint64_t n = first; n < first + count; n++) {
        struct onset_event event = {.ticks = n, .data = n & 0xFFFFFF, .driver_ms = (uint32_t)n};
        while (wait && n - tail > ring->mask) {
            onset_pause();
            tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        }
        pushed += onset_ring_push(ring, event);
    }
    return pushed;
}
