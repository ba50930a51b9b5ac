// The floor: a consumer in C in the place of the poller, on the same callback, ring and wait word.
// What it takes from callback to consumer is what the hand-over to another thread costs in any
// language; benchmarks measure the poller against it.
#ifndef ONSET_FLOOR_H
#define ONSET_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "service.h"
#include "winmm.h"

struct onset_floor;

struct onset_floor_options {
    uint64_t count; // events to receive
    bool spin;      // never sleep; otherwise sleep whenever there is nothing
    enum onset_clock clock;
};

// Opens device id and has a thread of its own receive. NULL: outcome says why; nothing is left
// open.
struct onset_floor *onset_floor_open(struct onset_driver *driver, UINT id,
                                     const struct onset_floor_options *options, int64_t deadline_ns,
                                     struct onset_outcome *outcome);

// Waits until count events have been received, or lost, closes, and writes for each one received
// the ticks from the callback's stamp until the thread had it. Returns their number. Call it once;
// the floor is gone after it.
uint64_t onset_floor_finish(struct onset_floor *floor, uint32_t *latency, int64_t deadline_ns);

#endif
