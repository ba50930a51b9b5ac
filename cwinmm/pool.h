// The buffers that an input's driver fills with system exclusive messages.
//
//   service thread ── midiInAddBuffer ──▶ driver ── MIM_LONGDATA ──▶ ring ──▶ consumer
//         ▲                                  │                                   │ reads the bytes
//         ├──────────── strays ◀─────────────┘                                   │
//         └──────────── the way home: a small ring of buffer numbers ◀───────────┘
//
// A buffer is with the driver, in the input's ring, with the consumer, or on one of the two ways
// back. Strays are buffers that came back and could not be put into the ring. Only the service
// thread gives the driver buffers: doing that in a callback can loop for ever (midiInReset returns
// them all), and the poller may not wait for a driver.
#ifndef ONSET_POOL_H
#define ONSET_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "service.h"
#include "winmm.h"

#define ONSET_BUFFERS 256 // in a pool, at most

struct onset_pool {
    uint32_t count, size; // buffers, and bytes in each
    MIDIHDR *headers;     // dwUser: the number
    _Atomic uint32_t refs;
    // The service thread's own.
    uint32_t prepared;                    // the first so many
    bool kept;                            // the driver did not give all back
    uint64_t refused[ONSET_BUFFERS / 64]; // bit n: buffer n; the driver did not take it
    uint64_t home_read;
    // Touched by callbacks.
    _Alignas(ONSET_APART) _Atomic uint32_t away; // buffers that the driver has
    _Atomic uint64_t strays[ONSET_BUFFERS / 64]; // bit n: buffer n
    // The way home. The consumer writes.
    _Alignas(ONSET_APART) _Atomic uint64_t home_written;
    uint8_t home[ONSET_BUFFERS];
};

static_assert(offsetof(struct onset_pool, home_written) % ONSET_APART == 0, "a line of its own");

// Makes a pool of 1 to ONSET_BUFFERS buffers, memory that has been touched. NULL: no memory. The
// caller owns one reference.
struct onset_pool *onset_pool_new(uint32_t count, uint32_t size);
void onset_pool_hold(struct onset_pool *pool);
void onset_pool_drop(struct onset_pool *pool); // the last one frees it, but for kept ones

// For the consumer: it is done with a buffer. The input's thread has to be told.
void onset_pool_return(struct onset_pool *pool, uint32_t number);

// For a callback: the driver has given a buffer back. True: it has none left.
static inline bool onset_pool_came_back(struct onset_pool *pool)
{
    // Acq_rel: whoever sees none away (onset_pool_await) sees all that was done with them.
    return atomic_fetch_sub_explicit(&pool->away, 1, memory_order_acq_rel) == 1;
}

// For a callback: the buffer does not go into the ring. The input's thread has to be told.
static inline void onset_pool_stray(struct onset_pool *pool, uint32_t number)
{
    // Seq_cst: seen by a thread that looks between arm and sleep (onset_pool_next).
    atomic_fetch_or(&pool->strays[number / 64], 1ull << number % 64);
}

// The rest is for the input's thread.

// Prepares all buffers and gives them to the driver. service->call says which call failed.
MMRESULT onset_pool_fill(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                         struct onset_service *service);
// Gives the driver those that have come home. False: none had. failed counts refusals; a buffer
// that the driver refuses is tried again when another has come home.
bool onset_pool_refill(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                       struct onset_service *service, _Atomic uint64_t *failed);
// Waits until the driver has given all back, but no longer than limit_ns: then they are kept.
void onset_pool_await(struct onset_pool *pool, int64_t limit_ns);
// Takes back what fill prepared. Where the driver keeps one, the pool's memory is kept for good.
MMRESULT onset_pool_empty(struct onset_pool *pool, struct onset_driver *driver, HMIDIIN in,
                          struct onset_service *service);

// Pools in the whole process whose driver kept a buffer.
uint32_t onset_kept_pools(void);

#endif
