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

bool onset_ring_push(struct onset_ring *ring, struct onset_event event)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
    bool gap = lost != ring->told;
    uint64_t most = ring->mask - gap; // waiting now, for this to fit
    if (head - ring->tail_seen > most) {
        // Acquire: the consumer has finished reading the slots below tail (Ring.Next in ring.go).
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen > most) {
            onset_ring_refuse(ring, 1);
            return false;
        }
    }
    if (gap) {
        ring->slots[head++ & ring->mask] = (struct onset_event){
            .ticks = event.ticks,
            .data = (uint32_t)ONSET_GAP << 24,
            .driver_ms = (uint32_t)lost,
        };
        ring->told = lost;
        atomic_store_explicit(&ring->gaps,
                              atomic_load_explicit(&ring->gaps, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    }
    onset_ring_publish(ring, head, event);
    return true;
}
