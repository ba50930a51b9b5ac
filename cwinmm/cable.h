// A virtual cable, for the files that make up the loopback driver: loopback.c (the driver, the
// cable's thread), cable_in.c (the input side) and cable_out.c (the output side).
//
// What is sent waits in the queue, in order. The cable's thread takes it out, tells messages apart
// as the far end of a wire would, and gives them to the input: short ones by its callback, long
// ones in the buffers that it was given.
//
// Locks, in the order in which they are taken:
//   sending  one call on the output side at a time
//   lock     around each callback of the input, so that stopping waits for one in flight, as WinMM
//            does; what a callback may not do with WinMM deadlocks here too
//   brief    moments in which lists of headers change; never held while calling anybody
//   answer   around each MOM_DONE of the cable's thread
#ifndef ONSET_CABLE_H
#define ONSET_CABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "headers.h"
#include "loopback.h"
#include "thread.h"
#include "wait.h"
#include "winmm.h"

#define ONSET_CABLE_QUEUE 4096 // messages between a cable's two sides, long ones counted as one

// What the far end of the wire has of a message that is still crossing.
enum onset_crossing {
    ONSET_IDLE = 0, // nothing
    ONSET_PARTIAL,  // a short message, its first bytes
    ONSET_SYSEX,    // a long message, in the input's first buffer
    ONSET_SKIPPED,  // a long message that nobody gets the rest of
};

struct onset_cable {
    struct onset_loopback *driver;
    uint16_t name[32];
    _Atomic uint64_t linger_ns; // how long slow calls take

    // The input side. in_open, in_serial and unplugged are written under lock and brief, and read
    // under either.
    onset_mutex lock, brief;
    bool in_open, started, unplugged;
    uint32_t in_serial;
    onset_callback callback;
    DWORD_PTR instance;
    uint64_t started_at;
    struct onset_headers buffers; // the first is being filled; taken out under lock too
    // The far end of the wire, under lock.
    enum onset_crossing crossing;
    uint32_t message;         // of PARTIAL, as far as it has come
    uint32_t have, need;      // its data bytes
    uint8_t running;          // the status that data bytes without one belong to; 0: none
    _Atomic uint64_t dropped; // bytes of long messages for which there was no buffer

    // The output side.
    onset_mutex sending, answer;
    bool out_open;
    uint32_t out_serial;
    onset_out_callback out_callback; // NULL: none
    DWORD_PTR out_instance;
    struct onset_trace *sink; // NULL: what is sent goes through the cable
    enum onset_clock sink_clock;
    uint64_t reached; // the row of the message that came last to the sink, and one
    // Headers on their way, under brief. They are numbered in the order in which they are sent, as
    // in the queue; the first has the number answered.
    struct onset_headers longs;
    uint32_t sent, answered;

    // Between them: senders write at put, the cable's thread reads at got. Both count from 0.
    uint64_t queue[ONSET_CABLE_QUEUE]; // short messages; ONSET_ENTRY_LONG and a header's number
    _Atomic uint64_t put, got;

    // The cable's thread.
    struct onset_waiter bell;
    const struct onset_source *_Atomic source;
    _Atomic uint32_t played;  // grows when a source is done
    struct onset_played last; // how it went
    _Atomic bool ending;
};

#define ONSET_ENTRY_LONG (1ull << 32)
#define ONSET_SUNK       (1ull << 33) // a long message that goes nowhere: there is a sink

struct onset_loopback {
    struct onset_driver base;
    uint32_t count;
    _Atomic uint32_t threads;
    struct onset_cable cables[];
};

// Handles: the cable's number from 1 in the low byte, above it how often that side was opened, so
// that a closed handle is known for one. Never NULL.
static inline uintptr_t onset_cable_handle(struct onset_cable *cable, uint32_t serial)
{
    return (uintptr_t)serial << 8 | (uintptr_t)(cable - cable->driver->cables + 1);
}

// Does what a slow driver does.
static inline void onset_cable_linger(struct onset_cable *cable)
{
    uint64_t ns = atomic_load_explicit(&cable->linger_ns, memory_order_relaxed);
    if (ns)
        onset_sleep(ns);
}

// The calls, but for the count of devices and what they can do. cable_in.c.
MMRESULT onset_cable_in_open(struct onset_cable *cable, onset_callback callback, DWORD_PTR instance,
                             HMIDIIN *handle);
MMRESULT onset_cable_in_prepare(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header);
MMRESULT onset_cable_in_unprepare(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header);
MMRESULT onset_cable_in_add_buffer(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header);
MMRESULT onset_cable_in_start(struct onset_cable *cable, HMIDIIN handle);
MMRESULT onset_cable_in_stop(struct onset_cable *cable, HMIDIIN handle);
MMRESULT onset_cable_in_reset(struct onset_cable *cable, HMIDIIN handle);
MMRESULT onset_cable_in_close(struct onset_cable *cable, HMIDIIN handle);
// cable_out.c.
MMRESULT onset_cable_out_open(struct onset_cable *cable, onset_out_callback callback,
                              DWORD_PTR instance, HMIDIOUT *handle);
MMRESULT onset_cable_out_prepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header);
MMRESULT onset_cable_out_unprepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header);
MMRESULT onset_cable_out_short(struct onset_cable *cable, HMIDIOUT handle, DWORD message);
MMRESULT onset_cable_out_long(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header);
MMRESULT onset_cable_out_reset(struct onset_cable *cable, HMIDIOUT handle);
MMRESULT onset_cable_out_close(struct onset_cable *cable, HMIDIOUT handle);

// Pulls the cable out; cable_in.c.
void onset_cable_unplug(struct onset_cable *cable);
bool onset_cable_unplugged(struct onset_cable *cable);

// For the cable's thread. What is to be known of a delivery besides its bytes.
struct onset_delivery {
    const uint32_t *stamp; // NULL: the time since midiInStart
    bool timed;            // note when the last callback was called and when it returned
    enum onset_clock clock;
    uint64_t before, after; // ticks of that clock
};

// Does the input listen?
bool onset_cable_listens(struct onset_cable *cable);
// Gives the input a short message. False: nobody is listening.
bool onset_cable_deliver(struct onset_cable *cable, uint32_t message, struct onset_delivery *how);
// Gives the far end bytes of any messages. False: nobody was listening at the end.
bool onset_cable_feed(struct onset_cable *cable, const uint8_t *bytes, uint32_t count,
                      struct onset_delivery *how);
// Carries the header that a long entry of the queue stands for, and answers.
void onset_cable_carry(struct onset_cable *cable, uint64_t entry);

#endif
