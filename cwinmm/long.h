// A long message on its way through an output: a block of its own, of which the driver is given a
// chunk at a time, and which stays until the driver has given it back. All but onset_long_new is
// for the output's thread.
#ifndef ONSET_LONG_H
#define ONSET_LONG_H

#include <stdbool.h>
#include <stdint.h>

#include "output.h"

struct onset_long {
    struct onset_long *next; // of those that the driver holds (onset_output.held)
    MIDIHDR header;          // of the chunk that is with the driver
    uint32_t length;
    char bytes[];
};

// Makes one of a copy of bytes, within the limit of what they may take. NULL: came says why,
// ONSET_HEAVY or MMSYSERR_NOMEM.
struct onset_long *onset_long_new(struct onset_output *output, const void *bytes, uint32_t length,
                                  int32_t *came);
void onset_long_free(struct onset_output *output, struct onset_long *message);

// What giving the driver a chunk came to.
enum onset_given {
    ONSET_HOME,      // it has been sent and given back
    ONSET_NOT_TAKEN, // it has not been taken
    ONSET_NOT_BACK,  // it has not been given back
};

// Gives the driver the bytes from at on, at most count, unless the output is late, and waits until
// it gives them back: for options.deadline_ns and twice what the bytes take on a DIN line, or until
// the output is late.
enum onset_given onset_long_give(struct onset_output *output, struct onset_long *message,
                                 uint32_t at, uint32_t count);

// Keeps a message that the driver holds. Collect frees those that have come home since.
void onset_long_hold(struct onset_output *output, struct onset_long *message);
void onset_long_collect(struct onset_output *output);

// Waits, at most for_ns, until the driver holds nothing.
void onset_long_collect_all(struct onset_output *output, uint64_t for_ns);

// Long messages that drivers have not given back at their deadline, all of the process together.
uint32_t onset_held(void);

#endif
