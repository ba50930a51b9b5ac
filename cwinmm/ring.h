// The packed event and the single-producer single-consumer ring that carries it from the driver's
// callback to the poller.
//
//   byte 0      head   next slot to write       \ the producer writes these two; the consumer polls
//        8      lost   events refused so far    / them with one cache line; the handle's thread
//                                                 adds to lost too
//       16      tail_seen, told, gaps             the producer's own notes
//       40      gone                              1: the device has vanished, says that thread
//   byte 128    tail   next slot to read          the consumer writes, the producer looks when it
//                                                 believes the ring full
//   byte 256    mask, refs                        constant while events flow
//   byte 384    slot 0, slot 1, ...               16 bytes each, four to a cache line
//
// Indices count events since the ring was made; index & mask is the slot, head - tail the number
// waiting. 128 bytes apart, because processors fetch cache lines in adjacent pairs.
//
// "The producer" is whoever holds the input's gate (input.c): one at a time, on any thread. The
// consumer is the poller (ring.go): it reads the same words with sync/atomic.
#ifndef ONSET_RING_H
#define ONSET_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONSET_APART 128

// What an event is, in the top byte of its data. Drivers may leave rubbish there; it is cut off.
enum onset_kind {
    ONSET_SHORT = 0,     // MIM_DATA
    ONSET_MORE = 1,      // MIM_MOREDATA: a message like any other, the driver found us slow
    ONSET_MALFORMED = 2, // MIM_ERROR: the bytes are no valid message
    ONSET_GAP = 3,       // events were lost here; driver_ms is the total lost so far, modulo 2^32
};

struct onset_event {
    uint64_t ticks;     // the callback's clock reading (clock.h)
    uint32_t data;      // status, data 1, data 2 from the lowest byte up; onset_kind on top
    uint32_t driver_ms; // WinMM's stamp: milliseconds since midiInStart
};

static_assert(sizeof(struct onset_event) == 16, "four events to a cache line");
static_assert(offsetof(struct onset_event, data) == 8, "ring.go reads data at 8");
static_assert(offsetof(struct onset_event, driver_ms) == 12, "ring.go reads driver_ms at 12");

struct onset_ring {
    _Alignas(ONSET_APART) _Atomic uint64_t head;
    _Atomic uint64_t lost;
    uint64_t tail_seen;    // tail as it was when last looked at
    uint64_t told;         // what the gap records written so far add up to
    _Atomic uint64_t gaps; // gap records written
    _Atomic uint32_t gone; // 1: the device has vanished; written by the handle's thread
    _Alignas(ONSET_APART) _Atomic uint64_t tail;
    _Alignas(ONSET_APART) uint64_t mask;
    _Atomic uint32_t refs;
    _Alignas(ONSET_APART) struct onset_event slots[];
};

static_assert(offsetof(struct onset_ring, lost) == 8, "ring.go reads lost at 8");
static_assert(offsetof(struct onset_ring, gaps) == 32, "ring.go reads gaps at 32");
static_assert(offsetof(struct onset_ring, gone) == 40, "ring.go reads gone at 40");
static_assert(offsetof(struct onset_ring, tail) == ONSET_APART, "ring.go writes tail at 128");
static_assert(offsetof(struct onset_ring, slots) == 3 * ONSET_APART, "ring.go reads slots at 384");

// Makes a ring of capacity events, a power of two of at least 2. NULL: no memory. The caller owns
// the first reference.
struct onset_ring *onset_ring_new(uint64_t capacity);
void onset_ring_hold(struct onset_ring *ring);
void onset_ring_drop(struct onset_ring *ring); // the last one frees it

// Counts events that did not get in. Any thread that keeps the ring alive, gate or no gate.
static inline void onset_ring_refuse(struct onset_ring *ring, uint64_t events)
{
    // Release: a consumer that sees this total (Ring.Look in ring.go) also sees every event
    // published before it, and so tells the loss behind them.
    atomic_fetch_add_explicit(&ring->lost, events, memory_order_release);
}

static inline void onset_ring_publish(struct onset_ring *ring, uint64_t head,
                                      struct onset_event event)
{
    ring->slots[head & ring->mask] = event;
    // Release: the slots are written before they can be seen (Ring.Look in ring.go acquires).
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

// Publishes one event; the caller holds the gate. False: full, counted as lost. The first event
// after a loss goes in together with a gap record before it, or not at all.
bool onset_ring_push(struct onset_ring *ring, struct onset_event event);

// The same as long as nothing is lost and the ring is not believed full. False: it is not so, and
// nothing has happened.
static inline bool onset_ring_push_soon(struct onset_ring *ring, struct onset_event event)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
    if (lost != ring->told || head - ring->tail_seen > ring->mask)
        return false;
    onset_ring_publish(ring, head, event);
    return true;
}

#endif
