// Rivals that do it all inside the callback, on the driver's thread.
#ifndef ONSET_CALLBACK_H
#define ONSET_CALLBACK_H

#include "rival.h"

// Calls an exported Go function, as Go libraries on RtMidi do.
struct exported {
    struct rival rival;
    uintptr_t handle; // the Go side's, which onsetRivalDeliver is given
};
const char *exported_open(struct exported *exported, int in, int out, MMRESULT *result);

// rival_send for Go, which cannot call a pointer in a table.
void rival_send_on(const struct rival *rival, uint32_t message);

// Calls midiOutShortMsg first of all, as the shortest program in C would: the floor for what only
// needs to be routed. Its trace has no arrivals.
const char *in_callback_open(struct rival *rival, int in, int out, MMRESULT *result);

#endif
