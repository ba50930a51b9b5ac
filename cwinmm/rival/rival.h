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

#define RIVAL_BUFFERS 8

// What a rival is given: where messages come from, where they go, who notes it.
struct rival {
    struct onset_driver *driver;
    HMIDIIN in;
    HMIDIOUT out; // NULL: they go nowhere
    struct onset_trace *trace;
    enum onset_clock clock;
    // For long messages, which are not looked at: rivals are measured by the others.
    MIDIHDR headers[RIVAL_BUFFERS];
    char bytes[RIVAL_BUFFERS][256];
    _Atomic bool closing; // the driver gets no buffer back
};

// Opens and starts the input with a callback, after the output if out is not below 0. Returns the
// first call that failed, or NULL.
const char *rival_open(struct rival *rival, int in, int out, onset_callback callback,
                       void *instance, MMRESULT *result);
// Opens the output alone.
const char *rival_open_output(struct rival *rival, int out, MMRESULT *result);
void rival_close(struct rival *rival);

// What a callback does first. True: with a short message. A long one's buffer goes back to the
// driver at once.
static inline bool rival_is_short(struct rival *rival, UINT message, DWORD_PTR param)
{
    if (message == MIM_DATA)
        return true;
    // Relaxed: midiInReset, which comes after it is set, calls on the same thread.
    if ((message == MIM_LONGDATA || message == MIM_LONGERROR) &&
        !atomic_load_explicit(&rival->closing, memory_order_relaxed))
        rival->driver->calls->in_add_buffer(rival->driver, rival->in, (MIDIHDR *)param);
    return false;
}

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
