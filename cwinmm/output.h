// An open output: short messages, sent inline by whoever has them, or by the output's own thread
// while the driver is slow. Messages to one output never overtake each other.
#ifndef ONSET_OUTPUT_H
#define ONSET_OUTPUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "clock.h"
#include "service.h"
#include "winmm.h"

// What a send came to; a positive value is the MMRESULT the driver refused the message with.
enum {
    ONSET_SENT = 0,    // the driver has it
    ONSET_QUEUED = -1, // the output's thread will send it
    ONSET_FULL = -2,   // refused: the queue is full
};

enum onset_lane {
    ONSET_INLINE = 0,   // the driver is quick: send on the caller's thread
    ONSET_THREADED = 1, // it is not: queue, the output's thread sends
};

struct onset_output_options {
    uint32_t capacity; // of the queue, in messages: a power of two of at least 2
    bool drop_oldest;  // when it is full; otherwise the new message is refused
    enum onset_clock clock;
    uint64_t slow_ticks; // a call that takes longer moves the output to its thread
    uint64_t calm_ticks; // without a slow call for this long, it comes back
};

struct onset_cell {
    _Atomic uint32_t turn;
    uint32_t message;
};

struct onset_output {
    // The claim on the driver: 1 while somebody is in its midiOutShortMsg.
    _Alignas(ONSET_APART) _Atomic uint32_t claim;
    _Atomic uint32_t claimants; // waiting for it (onset_output_send_now)
    _Atomic uint32_t lane;
    uint64_t last_slow; // ticks; the claim's holder only, as the handle is
    HMIDIOUT handle;
    // Counters, each written by any sender.
    _Atomic uint64_t sent, failed, refused, dropped, slow, moved;
    _Atomic uint32_t last_error;
    _Atomic bool reset_first; // before closing
    // The queue: bounded, any number of writers; read under the claim, or to drop the oldest.
    _Alignas(ONSET_APART) _Atomic uint32_t put;
    _Alignas(ONSET_APART) _Atomic uint32_t got;
    _Alignas(ONSET_APART) struct onset_service service;
    struct onset_driver *driver;
    UINT id;
    _Atomic uint32_t refs;
    struct onset_output_options options;
    struct onset_cell queue[];
};

// Opens device id. The caller owns one reference, the output's thread another; it keeps one of
// driver too. NULL: outcome says why.
struct onset_output *onset_output_open(struct onset_driver *driver, UINT id,
                                       const struct onset_output_options *options,
                                       int64_t deadline_ns, struct onset_outcome *outcome);

// Sends without waiting for anything but the driver's own call, and that only while the output is
// known to be quick. Any thread.
int32_t onset_output_send(struct onset_output *output, uint32_t message);

// Sends on this thread, after everything that was queued before, however long the driver takes.
// Returns its result. Any thread but the driver's.
MMRESULT onset_output_send_now(struct onset_output *output, uint32_t message);

// Says whether closing resets the device first, which turns off all its notes. It does not, at
// first. Any thread.
void onset_output_reset_first(struct onset_output *output, bool reset);

// Sends what is queued and closes, once, when nobody is in a send any more. False: abandoned after
// deadline_ns.
bool onset_output_close(struct onset_output *output, int64_t deadline_ns,
                        struct onset_outcome *outcome);
void onset_output_drop(struct onset_output *output);

struct onset_output_counts {
    uint64_t sent, failed, refused, dropped, slow, moved;
    uint32_t queued, last_error;
    enum onset_lane lane;
};
struct onset_output_counts onset_output_counts(struct onset_output *output);

#endif
