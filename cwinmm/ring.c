#include "ring.h"

#include "memory.h"

struct onset_ring *onset_ring_new(uint64_t capacity, uint64_t buffers)
{
    uint64_t slots = 2;
    while (slots < capacity + 2 * buffers)
        slots *= 2;
    size_t size = sizeof(struct onset_ring) + slots * sizeof(struct onset_event);
    struct onset_ring *ring = onset_alloc(size, ONSET_APART);
    if (ring) {
        ring->mask = slots - 1;
        ring->most = ring->soon = capacity;
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

static enum onset_loss loss_of(uint32_t data)
{
    enum onset_kind kind = onset_kind_of(data);
    if (kind == ONSET_MALFORMED)
        return ONSET_LOST_MALFORMED;
    if (kind >= ONSET_LONG)
        return ONSET_LOST_LONG;
    switch (data >> 4 & 0xF) {
    case 0x8:
    case 0x9:
        return ONSET_LOST_NOTE;
    case 0xB:
        return ONSET_LOST_CONTROLLER;
    case 0xF:
        return ONSET_LOST_SYSTEM;
    default:
        return ONSET_LOST_CHANNEL;
    }
}

// Keeps what a refused message ends. Release, here and below: who takes a bit with an exchange
// (Ring.take in ring.go, onset_ring_absorb) comes after whoever set it.
static void keep_end(struct onset_gap *gap, uint32_t data)
{
    enum onset_kind kind = onset_kind_of(data);
    uint32_t status = data >> 4 & 0xF, channel = data & 0xF;
    uint32_t data1 = data >> 8 & 0x7F, data2 = data >> 16 & 0x7F;
    if (kind != ONSET_SHORT && kind != ONSET_MORE)
        return;
    bool pedal = status == 0xB && data1 == 64 && data2 < 64;
    // All sound off, and the messages that are all notes off as well (MIDI 1.0, Channel Mode).
    bool all = status == 0xB && (data1 == 120 || data1 >= 123);
    // A note on with velocity 0 is a note off (MIDI 1.0, Note-On).
    bool note = status == 0x8 || (status == 0x9 && data2 == 0);
    // Before what it is of, so that who takes that finds it (Ring.take).
    atomic_fetch_or_explicit(&gap->tags, 1u << (data >> 28), memory_order_release);
    if (note)
        atomic_fetch_or_explicit(&gap->note_off[channel][data1 / 64], 1ull << data1 % 64,
                                 memory_order_release);
    if (pedal)
        atomic_fetch_or_explicit(&gap->pedal_up, 1u << channel, memory_order_release);
    if (all)
        atomic_fetch_or_explicit(&gap->all_off, 1u << channel, memory_order_release);
}

// Under the gate there is one writer: no locked instruction needed.
static void add(_Atomic uint64_t *counter, uint64_t n, memory_order order)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, order);
}

// The entry of what is lost now.
static struct onset_gap *open_gap(struct onset_ring *ring)
{
    return &ring->gap[atomic_load_explicit(&ring->gaps, memory_order_relaxed) % ONSET_GAPS];
}

void onset_ring_refuse(struct onset_ring *ring, uint32_t data)
{
    keep_end(open_gap(ring), data);
    // Release: a consumer that counts it (Ring.Lost in ring.go) also sees what it ends, and every
    // event published before it.
    add(&ring->lost_by[loss_of(data)], 1, memory_order_release);
    // Release: a consumer that sees this total (Ring.Look in ring.go) also sees what it is made of,
    // and every event published before it, and so tells the loss behind them.
    add(&ring->lost, 1, memory_order_release);
}

void onset_gap_note(struct onset_gap *refused, uint32_t data)
{
    keep_end(refused, data);
    // Release: the bit above is taken by whoever takes this count (onset_ring_absorb).
    atomic_fetch_add_explicit(&refused->lost_by[loss_of(data)], 1, memory_order_release);
}

uint64_t onset_ring_absorb(struct onset_ring *ring, struct onset_gap *refused)
{
    struct onset_gap *gap = open_gap(ring);
    uint64_t n[ONSET_LOSSES], sum = 0;
    // Before what they end, which whoever counts has noted first (onset_gap_note).
    for (int i = 0; i < ONSET_LOSSES; i++) {
        n[i] = atomic_exchange_explicit(&refused->lost_by[i], 0, memory_order_acquire);
        sum += n[i];
    }
    for (int channel = 0; channel < 16; channel++)
        for (int half = 0; half < 2; half++)
            atomic_fetch_or_explicit(&gap->note_off[channel][half],
                                     atomic_exchange_explicit(&refused->note_off[channel][half], 0,
                                                              memory_order_acquire),
                                     memory_order_release);
    atomic_fetch_or_explicit(&gap->tags,
                             atomic_exchange_explicit(&refused->tags, 0, memory_order_acquire),
                             memory_order_release);
    atomic_fetch_or_explicit(&gap->pedal_up,
                             atomic_exchange_explicit(&refused->pedal_up, 0, memory_order_acquire),
                             memory_order_release);
    atomic_fetch_or_explicit(&gap->all_off,
                             atomic_exchange_explicit(&refused->all_off, 0, memory_order_acquire),
                             memory_order_release);
    // As in onset_ring_refuse: they are counted after what they end.
    for (int i = 0; i < ONSET_LOSSES; i++)
        add(&ring->lost_by[i], n[i], memory_order_release);
    add(&ring->lost, sum, memory_order_release);
    return sum;
}

// Writes a gap record at head, for all that is lost and not told.
static void write_gap(struct onset_ring *ring, uint64_t head, uint64_t ticks)
{
    struct onset_gap *gap = open_gap(ring);
    for (int i = 0; i < ONSET_LOSSES; i++)
        atomic_store_explicit(&gap->lost_by[i],
                              atomic_load_explicit(&ring->lost_by[i], memory_order_relaxed),
                              memory_order_relaxed); // head's release publishes them
    ring->slots[head & ring->mask] =
        (struct onset_event){.ticks = ticks, .data = (uint32_t)ONSET_GAP << 24};
    ring->told = atomic_load_explicit(&ring->lost, memory_order_relaxed);
    // Relaxed: the consumer only counts them (Input.sum in input.go).
    add(&ring->gaps, 1, memory_order_relaxed);
}

// Is there a free entry for what is lost after the next gap record?
static bool gap_fits(struct onset_ring *ring)
{
    uint64_t next = atomic_load_explicit(&ring->gaps, memory_order_relaxed) + 1;
    // Acquire: the consumer has taken everything from the entry (Ring.Meet in ring.go).
    return next - atomic_load_explicit(&ring->gaps_met, memory_order_acquire) < ONSET_GAPS;
}

static bool untold(const struct onset_ring *ring)
{
    return atomic_load_explicit(&ring->lost, memory_order_relaxed) != ring->told;
}

ONSET_HOT bool onset_ring_push(struct onset_ring *ring, struct onset_event event)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    bool gap = untold(ring);
    uint64_t most = ring->most - gap; // waiting, for this to fit no more
    if (head - ring->tail_seen >= most)
        // Acquire: the consumer has finished reading the slots below tail (Ring.Next in ring.go).
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - ring->tail_seen >= most || (gap && !gap_fits(ring))) {
        onset_ring_refuse(ring, event.data);
        return false;
    }
    if (gap)
        write_gap(ring, head++, event.ticks);
    onset_ring_publish(ring, head, event);
    return true;
}

void onset_ring_push_long(struct onset_ring *ring, struct onset_event event)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    // Without a free entry the loss is told a little later, by the next gap record.
    if (untold(ring) && gap_fits(ring))
        write_gap(ring, head++, event.ticks);
    onset_ring_publish(ring, head, event);
}
