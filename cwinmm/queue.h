// The queue of an output: bounded, any number of writers. Messages that belong together (a
// parameter's control changes, a named message's) are put into it with nothing in between, and are
// dropped from it together or not at all.
//
// It is read under the output's claim, or, without it, to drop what is oldest.
#ifndef ONSET_QUEUE_H
#define ONSET_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

struct onset_long;

struct onset_item {
    uint32_t message;            // if it is short; ONSET_GOES_ON and so on above its bytes
    struct onset_long *long_one; // NULL: it is short
};

#define ONSET_GOES_ON  0x80000000u // what follows belongs to it
#define ONSET_BELONGS  0x40000000u // it belongs to what is before it
#define ONSET_BYTES    0xFFFFFFu   // the message itself
#define ONSET_TOGETHER 255         // most messages that belong together

struct onset_cell {
    _Atomic uint32_t turn;
    _Atomic uint32_t message;
    struct onset_long *_Atomic long_one;
};

struct onset_queue {
    _Alignas(ONSET_APART) _Atomic uint32_t put;
    _Alignas(ONSET_APART) _Atomic uint32_t got;
    uint32_t mask;
    struct onset_cell *cells;
};

// cells: room for capacity of them, a power of two; they are the caller's.
void onset_queue_make(struct onset_queue *queue, struct onset_cell *cells, uint32_t capacity);

// Puts count items, which belong together. False: there is no room for all of them. Any thread.
bool onset_queue_put(struct onset_queue *queue, const struct onset_item *items, uint32_t count);

// What to get, if it is the next.
enum onset_wanted { ONSET_ANY, ONSET_ANY_SHORT, ONSET_ANY_REALTIME };
bool onset_wants(enum onset_wanted wanted, struct onset_item item);

// Gets one item. False: it is empty, or the next is not wanted, or its writer has not yet filled
// it. Under the claim.
bool onset_queue_get(struct onset_queue *queue, enum onset_wanted wanted, struct onset_item *item);

// Gets all that belong together, at most ONSET_TOGETHER, and says how many. 0: the next is not
// wanted, or the claim's holder is in the midst of them. Any thread.
uint32_t onset_queue_get_all(struct onset_queue *queue, enum onset_wanted wanted,
                             struct onset_item *items);

// Is there an item that onset_queue_get would get, of any kind? Any thread.
bool onset_queue_ready(struct onset_queue *queue);
// Is the next one a long message? Any thread.
bool onset_queue_long_is_next(struct onset_queue *queue);
uint32_t onset_queue_length(struct onset_queue *queue);

#endif
