// The floor: a consumer in C in the place of the poller, on the same callback, ring and wait word.
// What it takes from callback to consumer is what the hand-over to another thread costs in any
// language.
#ifndef ONSET_FLOOR_H
#define ONSET_FLOOR_H

#include "../input.h"
#include "../wait.h"
#include "rival.h"

struct floor {
    struct rival rival;
    struct onset_ring *ring;
    struct onset_waiter *waiter;
    bool (*wait)(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns); // onset_wait
    void (*give_back)(struct onset_input *input, uint32_t buffer); // onset_input_return
    struct onset_input *input;
    bool spin; // never sleep; otherwise sleep whenever there is nothing
};

// Receives on the calling thread until the waiter is told a command.
void floor_receive(struct floor *floor);

#endif
