// An open input: the callback that WinMM calls and the thread that opens and closes the handle.
//
// Inputs live in a table that is never freed, and WinMM is given a token for one, not its address:
// a callback that comes after the end finds its token out of date and touches nothing.
//
// The token is also the resting value of the input's gate, which lets one compare-and-exchange
// answer all of a callback's questions: is this still the same opening, is it not closing, is no
// other callback inside?
//
//   gate:  token            open, nobody inside        token + BUSY    a callback is inside
//          token + SHUT     closing                    another + SHUT  closed for good
//   token: bits 31..10 the opening's number, 9..2 the slot, 1..0 zero
//
// The holder of the gate is the ring's producer. The closer takes the gate as a callback would and
// never gives it back, so once it has it, no callback is in the ring or will be.
#ifndef ONSET_INPUT_H
#define ONSET_INPUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "clock.h"
#include "pool.h"
#include "ring.h"
#include "routes.h"
#include "service.h"
#include "wait.h"
#include "winmm.h"

#define ONSET_INPUTS 256

enum { ONSET_BUSY = 1, ONSET_SHUT = 2 };

// Of an input's way: it has routes. A hint: whoever does not see it finds them all the same.
#define ONSET_ROUTED 0x100

// Of an input's routes: there is more to ask before they are run, by whoever holds the gate.
#define ONSET_LOOK 1

struct onset_input {
    // What a callback touches, of which the usual one does the first cache line.
    _Alignas(ONSET_APART) _Atomic uint32_t gate;
    _Atomic uint32_t way; // enum onset_clock, and ONSET_ROUTED; read before the gate is passed
    uint32_t filter;      // bit n: messages of channel n; bit 16+n: status F0+n; are not delivered
    _Atomic uintptr_t routes;         // struct onset_routes *, 0: none; and ONSET_LOOK
    struct onset_output *_Atomic aim; // one that routes may lead to: not to be read (approach)
    struct onset_ring *ring;
    struct onset_waiter *waiter;
    struct onset_pool *pool;
    struct onset_route_counts routing;
    _Atomic uint64_t filtered;
    _Atomic uint64_t more;      // MIM_MOREDATA
    _Atomic uint64_t malformed; // MIM_ERROR
    _Atomic uint64_t dry;       // times that the driver was left without a buffer
    // Rare: each written by any callback, without the gate.
    _Atomic uint32_t vanished;   // the token of the opening whose device has gone
    _Atomic uint64_t late;       // refused: came while closing; never reset
    _Atomic uint64_t emptied;    // buffers that came back empty while closing; never reset
    _Atomic uint64_t stale;      // came for an earlier opening of this slot; never reset
    _Atomic uint64_t concurrent; // refused: another callback held the gate too long
    _Atomic uint64_t folded;     // how many of those are among the ring's losses
    struct onset_gap refused;    // what they were, until the thread adds them to the ring's losses
    // The handle's thread.
    bool raise;
    int64_t grace_ns; // how long closing waits for what the driver is late with, each time
    // The opener's and the closer's.
    uint64_t late_before;                 // late when it was opened
    _Atomic uint64_t late_told;           // how many of late are in the counts of an opening
    struct onset_routes *_Atomic retired; // routes that a callback may be running yet
    bool spent;                           // the driver kept a buffer: this slot is not used again
    _Atomic uint64_t unqueued;            // buffers that the driver did not take back
    struct onset_service service;
    struct onset_driver *driver;
    UINT id;
};

struct onset_input_options {
    uint32_t filter; // as in struct onset_input
    enum onset_clock clock;
    bool raise; // the thread's priority: a driver that waits for a buffer loses what comes
};

// Opens device id, gives it the pool's buffers and starts it. Events go to ring, which has room for
// those buffers; waiter is notified after each and commanded when the device vanishes. The input
// keeps a reference of each, and of driver, until it is closed. NULL: outcome says which call
// failed and how; nothing is left open, but a driver that has not returned within deadline_ns may
// still be in its call, as onset_input_pending(*token) says.
struct onset_input *onset_input_open(struct onset_driver *driver, UINT id, struct onset_ring *ring,
                                     struct onset_pool *pool, struct onset_waiter *waiter,
                                     const struct onset_input_options *options, int64_t deadline_ns,
                                     struct onset_outcome *outcome, uint32_t *token);

// The call that the thread, which gives the driver its buffers, has been in for longer than
// limit_ns; NULL: it is not.
const char *onset_input_stuck(struct onset_input *input, uint64_t limit_ns);

// For the consumer, while the input is open: it is done with a buffer, and the driver may have it
// again.
void onset_input_return(struct onset_input *input, uint32_t number);

// Has short messages sent along other routes from now on; NULL: along none. It waits for nobody.
// The routes are the input's to free, with those before: the handle's thread does when no callback
// can be running them. From one thread at a time, while the input is open and not being closed.
void onset_input_route(struct onset_input *input, struct onset_routes *routes);

// Is the driver still in an open that has been abandoned, or in closing what it opened after all?
bool onset_input_pending(uint32_t token);

struct onset_input_counts {
    uint64_t filtered, more, malformed, late, concurrent, folded, dry, unqueued;
    uint64_t routed, unsent, looped;
    uint32_t loop;
};
struct onset_input_counts onset_input_counts(struct onset_input *input);

// Closes it, once, and makes counts its last ones. True: closed, no callback publishes any more;
// onset_input_release ends it. False: abandoned after deadline_ns; do not touch it again.
bool onset_input_close(struct onset_input *input, int64_t deadline_ns,
                       struct onset_outcome *outcome, struct onset_input_counts *counts);
void onset_input_release(struct onset_input *input);

// Callbacks for openings that had ended or been abandoned, all inputs of the process together.
uint64_t onset_stale_callbacks(void);

// Buffers that came back empty because their input was being closed, the same.
uint64_t onset_emptied_buffers(void);

#endif
