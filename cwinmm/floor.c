#include "floor.h"

#include "input.h"
#include "memory.h"
#include "ring.h"
#include "thread.h"
#include "wait.h"

struct onset_floor {
    struct onset_floor_options options;
    struct onset_ring *ring;
    struct onset_waiter *waiter;
    struct onset_input *input;
    uint64_t received;
    _Atomic uint32_t done; // 1: the thread has ended
    uint32_t latency[];
};

static bool news(struct onset_floor *floor, uint64_t tail, uint64_t lost)
{
    // Seq_cst: read between arm and sleep.
    return atomic_load(&floor->ring->head) != tail || atomic_load(&floor->ring->lost) != lost;
}

static void receive(void *arg)
{
    struct onset_floor *floor = arg;
    struct onset_ring *ring = floor->ring;
    uint64_t tail = 0, lost = 0;
    while (floor->received + lost < floor->options.count) {
        // Before head: the events before a loss are seen with it (onset_ring_refuse).
        lost = atomic_load_explicit(&ring->lost, memory_order_acquire);
        // Acquire: the events below head (onset_ring_publish).
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        for (; tail != head; tail++) {
            struct onset_event event = ring->slots[tail & ring->mask];
            // Release: the slot may be written again (onset_ring_push).
            atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
            if (event.data >> 24 != ONSET_GAP) {
                uint64_t ticks = onset_ticks(floor->options.clock) - event.ticks;
                floor->latency[floor->received++] =
                    ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
            }
        }
        if (floor->options.spin || floor->received + lost >= floor->options.count) {
            onset_pause();
            continue;
        }
        onset_arm(floor->waiter);
        if (!news(floor, tail, lost))
            onset_rest(floor->waiter, ONSET_FOREVER);
        onset_disarm(floor->waiter);
    }
    // Release: what was received (onset_floor_finish).
    atomic_store_explicit(&floor->done, 1, memory_order_release);
    onset_wake_all(&floor->done);
}

static void give_up(struct onset_floor *floor)
{
    onset_ring_drop(floor->ring);
    onset_waiter_drop(floor->waiter);
    onset_free(floor);
}

struct onset_floor *onset_floor_open(struct onset_driver *driver, UINT id,
                                     const struct onset_floor_options *options, int64_t deadline_ns,
                                     struct onset_outcome *outcome)
{
    struct onset_floor *floor = onset_alloc(
        sizeof *floor + options->count * sizeof floor->latency[0], _Alignof(max_align_t));
    struct onset_ring *ring = onset_ring_new(4096); // as an input of the engine has
    struct onset_waiter *waiter = onset_waiter_new();
    if (!floor || !ring || !waiter) {
        *outcome = (struct onset_outcome){"floor", MMSYSERR_NOMEM};
        if (ring)
            onset_ring_drop(ring);
        if (waiter)
            onset_waiter_drop(waiter);
        onset_free(floor);
        return NULL;
    }
    floor->options = *options;
    floor->ring = ring;
    floor->waiter = waiter;
    floor->input =
        onset_input_open(driver, id, ring, waiter, 0, options->clock, deadline_ns, outcome);
    if (!floor->input) {
        give_up(floor);
        return NULL;
    }
    if (!onset_thread_start(receive, floor)) {
        struct onset_outcome ignored = {0};
        if (onset_input_close(floor->input, deadline_ns, &ignored))
            onset_input_release(floor->input);
        *outcome = (struct onset_outcome){"floor", ONSET_NO_THREAD};
        give_up(floor);
        return NULL;
    }
    return floor;
}

uint64_t onset_floor_finish(struct onset_floor *floor, uint32_t *latency, int64_t deadline_ns)
{
    // Acquire: what was received (receive).
    while (!atomic_load_explicit(&floor->done, memory_order_acquire))
        onset_wait(&floor->done, 0, ONSET_FOREVER);
    uint64_t received = floor->received;
    memcpy(latency, floor->latency, received * sizeof latency[0]);
    struct onset_outcome ignored = {0}; // a measurement is not about closing
    if (onset_input_close(floor->input, deadline_ns, &ignored))
        onset_input_release(floor->input);
    give_up(floor);
    return received;
}
