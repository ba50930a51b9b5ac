// The packed event and the single-producer single-consumer ring that carries it from the driver's
// callback to the poller.
//
//   byte 0      head   next slot to write       \ the producer writes these two; the consumer polls
//        8      lost   events refused so far    / them with one cache line
//       16      tail_seen, told                   the producer's own notes
//       32      gaps                              gap records written; the open entry of gap[]
//       40      gone                              1: the device has vanished, says the handle's
//       thread
//   byte 128    tail   next slot to read          the consumer writes, the producer looks when it
//       136     gaps_met                          believes the ring, or gap[], full
//       144     calm   head when everything       the consumer writes, the producer looks before it
//               before it had been handled        begins to route (routes.h)
//       152     older  routes that have been      the consumer looks before it writes calm
//               replaced and not yet freed
//   byte 256    mask, most, soon, refs            constant while events flow and routes stay
//   byte 384    lost_by                           what lost is made of
//   byte 512    gap[0] ...                        what the gap records stand for
//   then        slot 0, slot 1, ...               16 bytes each, four to a cache line
//
// Indices count events since the ring was made; index & mask is the slot, head - tail the number
// waiting. 128 bytes apart, because processors fetch cache lines in adjacent pairs.
//
// "The producer" is whoever holds the input's gate (input.c): one at a time, on any thread. The
// consumer is the poller (ring.go): it reads the same words with sync/atomic, and writes its own
// with internal/release.
//
// Short messages may fill the ring up to most; the slots above are for the events that bring a
// buffer home, which are never refused: two for each buffer, since a gap record may come first.
#ifndef ONSET_RING_H
#define ONSET_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONSET_APART 128

// Puts what a callback runs side by side: after a millisecond of rest, code has to be fetched too.
#define ONSET_HOT __attribute__((hot))

// What an event is, in bits 24 to 27 of its data; above them is the tag of the routes that it has
// been sent along (routes.h), 0: none. Drivers may leave rubbish there; it is cut off.
enum onset_kind {
    ONSET_SHORT = 0,      // MIM_DATA
    ONSET_MORE = 1,       // MIM_MOREDATA: a message like any other, the driver found us slow
    ONSET_MALFORMED = 2,  // MIM_ERROR: the bytes are no valid message
    ONSET_GAP = 3,        // events were lost here; what is in gap[]
    ONSET_LONG = 4,       // MIM_LONGDATA: data holds the buffer's number, and ONSET_DRY
    ONSET_LONG_ERROR = 5, // MIM_LONGERROR: the same
};

#define ONSET_DRY 0x10000 // it was the last buffer that the driver had

static inline enum onset_kind onset_kind_of(uint32_t data)
{
    return (enum onset_kind)(data >> 24 & 0xF);
}

// What a lost event was.
enum onset_loss {
    ONSET_LOST_NOTE,       // note on or off
    ONSET_LOST_CONTROLLER, // control change
    ONSET_LOST_CHANNEL,    // another channel message
    ONSET_LOST_SYSTEM,     // system common or realtime
    ONSET_LOST_MALFORMED,  // MIM_ERROR
    ONSET_LOST_LONG,       // a buffer of a long message
    ONSET_LOSSES,
};

struct onset_event {
    uint64_t ticks;     // the callback's clock reading (clock.h)
    uint32_t data;      // status, data 1, data 2 from the lowest byte up; onset_kind, tag
    uint32_t driver_ms; // WinMM's stamp: milliseconds since midiInStart
};

static_assert(sizeof(struct onset_event) == 16, "four events to a cache line");
static_assert(offsetof(struct onset_event, data) == 8, "ring.go reads data at 8");
static_assert(offsetof(struct onset_event, driver_ms) == 12, "ring.go reads driver_ms at 12");

// What was refused between two gap records, and must not be lost for good: messages that end
// something. Delivered where the gap stands, they leave no note and no pedal hanging. An entry is
// filled while it is the open one, and read when the consumer meets its gap record, or, while the
// ring is empty, before there is one: with exchanges, because it may be being filled. In either
// case it holds nothing that came after the next event, and is not used again before the consumer
// has passed its record.
struct onset_gap {
    _Atomic uint64_t note_off[16][2];       // by channel: bit n: of note n
    _Atomic uint32_t pedal_up;              // bit n: of channel n; control change 64 below 64
    _Atomic uint32_t all_off;               // bit n: of channel n; control change 120, 123 to 127
    _Atomic uint64_t lost_by[ONSET_LOSSES]; // totals when the record was written
    _Atomic uint32_t tags;                  // bit n: there was a short message with tag n
};

#define ONSET_GAPS 64

struct onset_ring {
    _Alignas(ONSET_APART) _Atomic uint64_t head;
    _Atomic uint64_t lost;
    uint64_t tail_seen;    // tail as it was when last looked at
    uint64_t told;         // how much of lost the gap records written so far stand for
    _Atomic uint64_t gaps; // gap records written; modulo ONSET_GAPS, the open entry
    _Atomic uint32_t gone; // 1: the device has vanished; written by the handle's thread
    _Alignas(ONSET_APART) _Atomic uint64_t tail;
    _Atomic uint64_t gaps_met; // gap records that the consumer is done with
    _Atomic uint64_t calm;
    _Atomic uint32_t older;
    _Alignas(ONSET_APART) uint64_t mask;
    uint64_t most;         // waiting, for a short message to be refused
    _Atomic uint64_t soon; // the same, for onset_ring_push_soon to refuse it: most or 0
    _Atomic uint32_t refs;
    _Alignas(ONSET_APART) _Atomic uint64_t lost_by[ONSET_LOSSES]; // together never less than lost
    _Alignas(ONSET_APART) struct onset_gap gap[ONSET_GAPS];
    _Alignas(ONSET_APART) struct onset_event slots[];
};

static_assert(offsetof(struct onset_ring, lost) == 8, "ring.go reads lost at 8");
static_assert(offsetof(struct onset_ring, gaps) == 32, "ring.go reads gaps at 32");
static_assert(offsetof(struct onset_ring, gone) == 40, "ring.go reads gone at 40");
static_assert(offsetof(struct onset_ring, tail) == ONSET_APART, "ring.go writes tail at 128");
static_assert(offsetof(struct onset_ring, gaps_met) == ONSET_APART + 8, "ring.go writes it at 136");
static_assert(offsetof(struct onset_ring, calm) == ONSET_APART + 16, "ring.go writes it at 144");
static_assert(offsetof(struct onset_ring, older) == ONSET_APART + 24, "ring.go reads older at 152");
static_assert(offsetof(struct onset_ring, lost_by) == 3 * ONSET_APART, "ring.go reads it at 384");
static_assert(offsetof(struct onset_ring, gap) == 4 * ONSET_APART, "ring.go reads gap at 512");
static_assert(offsetof(struct onset_gap, pedal_up) == 256, "ring.go takes it at 256");
static_assert(offsetof(struct onset_gap, lost_by) == 264, "ring.go reads it at 264");
static_assert(offsetof(struct onset_gap, tags) == 312, "ring.go takes it at 312");

// Makes a ring in which capacity short messages may wait, at least 2, and above them the events of
// so many buffers. NULL: no memory. The caller owns the first reference.
struct onset_ring *onset_ring_new(uint64_t capacity, uint64_t buffers);
static inline struct onset_event *onset_ring_slots(struct onset_ring *ring)
{
    return ring->slots; // cgo knows no flexible array members
}

void onset_ring_hold(struct onset_ring *ring);
void onset_ring_drop(struct onset_ring *ring); // the last one frees it

// Counts an event that is not published; the caller holds the gate. data: as in an event.
void onset_ring_refuse(struct onset_ring *ring, uint32_t data);

// The same without the gate, in two steps: anybody notes it apart, and later somebody who has the
// gate adds what is noted to the ring's losses, and learns how many events that were.
void onset_gap_note(struct onset_gap *refused, uint32_t data);
uint64_t onset_ring_absorb(struct onset_ring *ring, struct onset_gap *refused);

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

// The same for an event that brings a buffer home: there is always room.
void onset_ring_push_long(struct onset_ring *ring, struct onset_event event);

// Says whether onset_ring_push_soon may do anything.
static inline void onset_ring_hurry(struct onset_ring *ring, bool hurry)
{
    // Release: who may again finds the routes gone, for which it might not (onset_ring_push_soon).
    atomic_store_explicit(&ring->soon, hurry ? ring->most : 0, memory_order_release);
}

// As onset_ring_push as long as nothing is lost and the ring is not believed full. False: it is not
// so, or onset_ring_hurry has forbidden it, and nothing has happened.
static inline bool onset_ring_push_soon(struct onset_ring *ring, struct onset_event event)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
    // Acquire: no routes, when there are none any more (onset_ring_hurry); the gate passes it on.
    uint64_t soon = atomic_load_explicit(&ring->soon, memory_order_acquire);
    if (lost != ring->told || head - ring->tail_seen >= soon)
        return false;
    onset_ring_publish(ring, head, event);
    return true;
}

#endif
