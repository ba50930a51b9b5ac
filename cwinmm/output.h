// An open output: short messages, sent inline by whoever has them, or by the output's own thread
// while the driver is slow; and long ones, always sent by that thread. Messages to one output never
// overtake each other.
//
// A long message is copied into a block of its own, queued, and sent under the claim, which the
// thread keeps for as long as it takes: so whatever is sent meanwhile is queued behind it. Nothing
// else waits for it. Of what is queued only realtime messages (F8 to FF) are sent between its
// chunks, and only while nothing else stands before them in the queue.
//
// The driver has the block from midiOutLongMsg until it has given it back: it sets MHDR_DONE and
// says MOM_DONE, inside the call or later, on any thread, or never, or after the output was closed.
//   - dwInstance is a token for a place in a table that is never freed, so that MOM_DONE can come
//     at any time and touch nothing that has gone (done.h). It only has the thread look.
//   - The thread alone unprepares and frees, and only what MHDR_DONE says is back and
//     midiOutUnprepareHeader does not call MIDIERR_STILLPLAYING.
//   - What has not come back at its deadline is held: kept, counted, and looked at with each
//     MOM_DONE. Closing has midiOutReset fetch it. What even that does not bring is kept by the
//     thread, which then outlives the closing until the driver gives it back.
#ifndef ONSET_OUTPUT_H
#define ONSET_OUTPUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "clock.h"
#include "done.h"
#include "queue.h"
#include "service.h"
#include "winmm.h"

// What a send came to; a positive value is the MMRESULT the driver refused the message with.
enum {
    ONSET_SENT = 0,    // the driver has it
    ONSET_QUEUED = -1, // the output's thread will send it
    ONSET_FULL = -2,   // refused: the queue is full
    ONSET_HEAVY = -3,  // refused: the long messages there are have too many bytes
    ONSET_STUCK = -4,  // refused: the driver has been in a call for options.deadline_ns
};

// What the long messages of one output may have in bytes, queued and with the driver.
#define ONSET_LONG_MEMORY (32u << 20)

enum onset_lane {
    ONSET_INLINE = 0,   // the driver is quick: send on the caller's thread
    ONSET_THREADED = 1, // it is not: queue, the output's thread sends
};

struct onset_output_options {
    uint32_t capacity; // of the queue, in messages: a power of two of at least 2
    bool drop_oldest;  // when it is full; otherwise the new message is refused
    enum onset_clock clock;
    uint64_t slow_ticks;    // a call that takes longer moves the output to its thread
    uint64_t calm_ticks;    // without a slow call for this long, it comes back
    uint64_t stuck_ticks;   // deadline_ns as ticks; 0: no short message is long
    uint32_t long_chunk;    // bytes of a long message that the driver is given at a time; 0: all
    uint64_t long_pause_ns; // between two chunks
    uint64_t deadline_ns;   // for opening; for a header to come home, at least; and see late
};

// The driver's calls that a message can fail in.
enum onset_out_call { ONSET_SHORT_MSG, ONSET_PREPARE_HEADER, ONSET_LONG_MSG };

struct onset_output {
    // The claim on the driver: 1 while somebody sends; 2 when it is closed, or about to be.
    // With what follows up to sent it is all that a short message takes while nothing is queued:
    // two cache lines.
    _Alignas(ONSET_APART) _Atomic uint32_t claim;
    _Atomic uint32_t claimants; // waiting for it (take)
    _Atomic uint32_t lane;
    _Atomic uint32_t waiting; // messages that somebody has queued, until they are done with
    _Atomic bool gone;        // the device is: what is queued is dropped
    _Atomic bool reset_first; // before closing
    enum onset_clock clock;
    _Atomic uint64_t since; // ticks when the claim's holder called midiOutShortMsg; 0: it has not
    HMIDIOUT handle;        // the claim's holder only
    struct onset_driver *driver;
    MMRESULT (*out_short)(struct onset_driver *, HMIDIOUT, DWORD message); // driver's
    uint64_t slow_ticks, calm_ticks;
    // Counters. sent, failed, slow, moved and direct are written under the claim.
    _Atomic uint64_t sent;
    _Atomic uint64_t direct; // times that a driver's callback has sent
    uint64_t last_slow;      // ticks; the claim's holder only
    _Atomic uint64_t failed, refused, dropped, slow, moved;
    _Atomic uint32_t last_error; // the result; on top, in 8 bits, the onset_out_call
    // What is left of messages that belong together; under the claim, as rest is.
    _Atomic uint32_t left;
    uint32_t rest_end;
    uint32_t rest[ONSET_TOGETHER];
    bool goes_on; // what was got from the queue last: the next belongs to it; under the claim
    struct onset_queue queue;
    // Long messages. The first line is also counted in the counters above.
    _Alignas(ONSET_APART) _Atomic uint64_t long_sent, long_failed, long_refused, long_dropped;
    _Atomic uint64_t long_bytes;   // that the driver has taken and given back
    _Atomic uint64_t long_memory;  // that they have now
    _Atomic uint64_t long_retried; // calls made again
    _Atomic uint32_t long_queued;  // accepted, and none of the first line
    _Atomic uint32_t long_held;
    _Atomic uint32_t long_gone; // grows when one has left the queue and is done with (send_now)
    _Atomic uint32_t dones;     // MOM_DONEs (done.h)
    // The thread's own.
    bool cut;                  // there was no time left for the end of one
    bool closed;               // the handle is
    uint64_t send_by;          // how long it sends when it is closing; 0: it is not
    struct onset_long *held;   // see above
    struct onset_place *place; // for MOM_DONE
    _Alignas(ONSET_APART) struct onset_service service;
    UINT id;
    _Atomic uint32_t refs;
    struct onset_output_options options;
    struct onset_cell cells[];
};

// Opens device id. The caller owns one reference, the output's thread another; it keeps one of
// driver too. NULL: outcome says why; if the driver has not returned in time, onset_place_pending
// says of token whether it is still in its call.
struct onset_output *onset_output_open(struct onset_driver *driver, UINT id,
                                       const struct onset_output_options *options,
                                       struct onset_outcome *outcome, uint32_t *token);

// Sends up to ONSET_TOGETHER messages one after the other with nothing in between, without waiting
// for anything but the driver's own calls, and that only while the output is known to be quick.
// What it came to is that of the last that the driver refused. Any thread but those of drivers.
int32_t onset_output_send(struct onset_output *output, const uint32_t *messages, uint32_t count);

// Has the processor fetch what sending takes, while there is something else to do. NULL: nothing.
static inline void onset_output_approach(struct onset_output *output)
{
    __builtin_prefetch(output, 1);
    __builtin_prefetch((char *)output + 64, 1);
}

// As onset_output_send, for a driver's callback at ticks: it frees nothing, and an output that
// refuses a message is moved to its thread as one that is slow. False: it has gone, or is closed.
bool onset_output_route(struct onset_output *output, const uint32_t *messages, uint32_t count,
                        uint64_t ticks);

// Queues a long message: bytes, which are copied. ONSET_QUEUED, ONSET_FULL, ONSET_HEAVY,
// ONSET_STUCK or MMSYSERR_NOMEM. Any thread.
int32_t onset_output_send_long(struct onset_output *output, const void *bytes, uint32_t length);

// Sends on this thread, after everything that was queued before, however long the driver takes.
// Returns its result; MMSYSERR_INVALHANDLE if the output is closed first. Any thread but the
// driver's.
MMRESULT onset_output_send_now(struct onset_output *output, uint32_t message);

// Says whether closing resets the device first, which turns off all its notes. It does not, at
// first. Any thread.
void onset_output_reset_first(struct onset_output *output, bool reset);

// Has a call told that the device has gone? Any thread.
bool onset_output_gone(struct onset_output *output);
// The device has gone, says somebody else. Any thread.
void onset_output_lose(struct onset_output *output);

// The call that the driver has been in for longer than options.deadline_ns; NULL: it is not. Any
// thread.
const char *onset_output_stuck(struct onset_output *output);

// Sends what is queued, as far as there is time, and closes, once. Nobody begins to send any more;
// who is stuck in a send holds it up. False: abandoned after deadline_ns.
bool onset_output_close(struct onset_output *output, int64_t deadline_ns,
                        struct onset_outcome *outcome);
// Once it is closed or abandoned: do its counters stand still?
bool onset_output_settled(struct onset_output *output);
void onset_output_hold(struct onset_output *output);
void onset_output_drop(struct onset_output *output);

// For the thread: has it no more time to send? Half of options.deadline is for that once it has
// been told to close, the other half for closing.
bool onset_output_late(struct onset_output *output);

struct onset_output_counts {
    uint64_t sent, failed, refused, dropped, slow, moved, direct;
    uint64_t long_sent, long_failed, long_refused, long_dropped;
    uint64_t long_bytes, long_memory, long_retried;
    uint32_t queued, long_queued, long_held;
    const char *last_call; // NULL: no message has failed
    uint32_t last_error;
    enum onset_lane lane;
};
struct onset_output_counts onset_output_counts(struct onset_output *output);

#endif
