// What Onset is measured against: other ways from a driver's callback to a consumer. All write the
// same trace. They reach the driver through the seam's table and call nothing of the core's, so
// that this package links by itself.
#ifndef ONSET_RIVAL_H
#define ONSET_RIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "../clock.h"
#include "../trace.h"
#include "../winmm.h"

// What a rival is given: where messages come from, where they go, who notes it.
struct rival {
    struct onset_driver *driver;
    HMIDIIN in;
    HMIDIOUT out; // NULL: they go nowhere
    struct onset_trace *trace;
    enum onset_clock clock;
};

// Opens and starts the input with a callback, after the output if out is not below 0. Returns the
// first call that failed, or NULL.
const char *rival_open(struct rival *rival, int in, int out, onset_callback callback,
                       void *instance, MMRESULT *result);
// Opens the output alone.
const char *rival_open_output(struct rival *rival, int out, MMRESULT *result);
void rival_close(struct rival *rival);

// Sends a message on, if it is to go anywhere.
static inline void rival_send(const struct rival *rival, uint32_t message)
{
    if (rival->out)
        rival->driver->calls->out_short(rival->driver, rival->out, message);
}

// What a consumer does first with a message. row: its number.
static inline void rival_arrive(const struct rival *rival, uint64_t row, uint64_t entered)
{
    uint64_t now = onset_ticks_after(rival->clock);
    if (row < rival->trace->count) {
        rival->trace->entered[row] = entered;
        rival->trace->arrived[row] = now;
    }
}

#endif
