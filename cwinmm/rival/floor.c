#include "floor.h"

#include "../thread.h"

void floor_receive(struct floor *floor)
{
    struct onset_ring *ring = floor->ring;
    struct onset_waiter *waiter = floor->waiter;
    uint64_t tail = 0, gaps = 0;
    while (!atomic_load_explicit(&waiter->command, memory_order_relaxed)) {
        // Acquire: the events below head (onset_ring_publish).
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail != head) {
            for (; tail != head; tail++) {
                struct onset_event event = ring->slots[tail & ring->mask];
                // Release: the slot may be written again (onset_ring_push).
                atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
                if (onset_kind_of(event.data) == ONSET_GAP)
                    // Release: its entry may be used again (gap_fits in ring.c).
                    atomic_store_explicit(&ring->gaps_met, ++gaps, memory_order_release);
                if (onset_kind_of(event.data) >= ONSET_LONG)
                    floor->give_back(floor->input, event.data & 0xFF);
                if (onset_kind_of(event.data) > ONSET_MORE)
                    continue;
                rival_arrive(&floor->rival, event.driver_ms, event.ticks);
                rival_send(&floor->rival, event.data & 0xFFFFFF);
            }
            continue;
        }
        if (floor->spin) {
            onset_pause();
            continue;
        }
        onset_arm(waiter);
        // Seq_cst: read between arm and sleep.
        if (atomic_load(&ring->head) == tail && !atomic_load(&waiter->command))
            floor->wait(&waiter->state, ONSET_ASLEEP, ONSET_FOREVER);
        onset_disarm(waiter);
    }
}
