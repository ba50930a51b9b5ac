// The ring's consumer in C: Look, Next, Meet, Lost, News and Calm of ring.go, line by line, for
// tools that do not see what Go does. Where that has a stronger order than it needs, this has what
// it needs.
#ifndef CONSUMER_H
#define CONSUMER_H

#include <string.h>

#include "../ring.h"

struct ends {
    uint64_t note_off[16][2];
    uint32_t pedal_up, all_off;
};

struct consumer {
    struct onset_ring *ring;
    uint64_t next, end, met, lost_seen, told;
    uint64_t told_by[ONSET_LOSSES];
};

static inline uint64_t consumer_look(struct consumer *c)
{
    // Acquire, both: pairs with onset_ring_refuse and onset_ring_publish.
    c->lost_seen = atomic_load_explicit(&c->ring->lost, memory_order_acquire);
    c->end = atomic_load_explicit(&c->ring->head, memory_order_acquire);
    return c->end - c->next;
}

static inline bool consumer_news(struct consumer *c)
{
    // Seq_cst: between arm and sleep.
    return atomic_load(&c->ring->lost) > c->told || atomic_load(&c->ring->head) != c->next;
}

static inline struct onset_event consumer_next(struct consumer *c)
{
    struct onset_event event = c->ring->slots[c->next & c->ring->mask];
    c->next++;
    // Release: the slot may be written again (onset_ring_push).
    atomic_store_explicit(&c->ring->tail, c->next, memory_order_release);
    return event;
}

static inline void consumer_take(struct onset_gap *gap, struct ends *ends)
{
    // Acquire: pairs with keep_end.
    for (int channel = 0; channel < 16; channel++)
        for (int half = 0; half < 2; half++)
            ends->note_off[channel][half] |=
                atomic_exchange_explicit(&gap->note_off[channel][half], 0, memory_order_acquire);
    ends->pedal_up |= atomic_exchange_explicit(&gap->pedal_up, 0, memory_order_acquire);
    ends->all_off |= atomic_exchange_explicit(&gap->all_off, 0, memory_order_acquire);
    atomic_exchange_explicit(&gap->tags, 0, memory_order_acquire);
}

// Returns how many are told that were not.
static inline uint64_t consumer_tell(struct consumer *c, const uint64_t total[ONSET_LOSSES])
{
    uint64_t before = c->told;
    for (int i = 0; i < ONSET_LOSSES; i++) {
        if (total[i] > c->told_by[i]) {
            c->told += total[i] - c->told_by[i];
            c->told_by[i] = total[i];
        }
    }
    return c->told - before;
}

static inline void consumer_read(_Atomic uint64_t *words, uint64_t total[ONSET_LOSSES])
{
    for (int i = 0; i < ONSET_LOSSES; i++)
        // Acquire: pairs with onset_ring_refuse.
        total[i] = atomic_load_explicit(&words[i], memory_order_acquire);
}

// After a gap record: adds what it tells to ends, and returns how many.
static inline uint64_t consumer_meet(struct consumer *c, struct ends *ends)
{
    struct onset_gap *gap = &c->ring->gap[c->met % ONSET_GAPS];
    uint64_t total[ONSET_LOSSES];
    consumer_take(gap, ends);
    consumer_read(gap->lost_by, total);
    uint64_t n = consumer_tell(c, total);
    c->met++;
    // Release: the entry has been read (gap_fits).
    atomic_store_explicit(&c->ring->gaps_met, c->met, memory_order_release);
    return n;
}

// The same for a loss followed by silence.
static inline uint64_t consumer_lost(struct consumer *c, struct ends *ends)
{
    uint64_t total[ONSET_LOSSES];
    if (c->next != c->end || c->lost_seen <= c->told)
        return 0;
    consumer_read(c->ring->lost_by, total);
    // Acquire: pairs with onset_ring_publish.
    if (atomic_load_explicit(&c->ring->head, memory_order_acquire) != c->end)
        return 0;
    consumer_take(&c->ring->gap[c->met % ONSET_GAPS], ends);
    return consumer_tell(c, total);
}

// All that was seen has been handled.
static inline void consumer_calm(struct consumer *c)
{
    // Release: what was sent comes before what a callback sends (route in input.c).
    atomic_store_explicit(&c->ring->calm, c->next, memory_order_release);
}

#endif
