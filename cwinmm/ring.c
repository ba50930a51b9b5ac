#include "ring.h"

#include "memory.h"

struct onset_ring *onset_ring_new(uint64_t capacity)
{
    size_t size = sizeof(struct onset_ring) + capacity * sizeof(struct onset_event);
    struct onset_ring *ring = onset_alloc(size, ONSET_APART);
    if (ring) {
        ring->mask = capacity - 1;
        ring->refs = 1;
    }
    return ring;
}

void onset_ring_hold(struct onset_ring *ring)
{
    onset_hold(&ring->refs);
}

void onset_ring_drop(struct onset_ring *ring)
{
    if (onset_let_go(&ring->refs))
        onset_free(ring);
}
