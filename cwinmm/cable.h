// A virtual cable, for the files that make up the loopback driver: loopback.c (the driver, the
// cable's thread), cable_in.c (the input side), cable_out.c (the output side) and faults.c (what
// goes wrong).
//
// What is sent waits in the queue, in order. The cable's thread takes it out, tells messages apart
// as the far end of a wire would, and gives them to the input: short ones by its callback, long
// ones in the buffers that it was given.
//
// Locks, in the order in which they are taken:
//   answer   around each MOM_DONE that is not told within a call
//   sending  one call on the output side at a time
//   lock     around each callback of the input, so that stopping waits for one in flight, as WinMM
//            does; what a callback may not do with WinMM deadlocks here too
//   brief    moments in which lists of headers change; never held while calling anybody
//   list     the driver's: the list of devices, scripts
#ifndef ONSET_CABLE_H
#define ONSET_CABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "faults.h"
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

enum { ONSET_GHOSTS = 8 };

// Who has a side of a cable open.
struct onset_side {
    bool open;
    uint32_t serial; // how often it was opened
    // Serials of handles that are open and whose device has gone; another has come in its place. 0:
    // none.
    uint32_t ghosts[ONSET_GHOSTS];
};

struct onset_cable {
    struct onset_loopback *driver;
    uint16_t name[32], id[ONSET_IDENTITY]; // under list; the interface id
    _Atomic uint64_t linger_ns;            // how long slow calls take

    // The input side. in, unplugged, callback and instance are written under lock and brief, and
    // read under either.
    onset_mutex lock, brief;
    struct onset_side in;
    bool started, unplugged;
    onset_callback callback;
    DWORD_PTR instance;
    uint64_t started_at;
    bool stamp_set; // a fault: the next stamp is stamp_to
    uint32_t stamp_to;
    uint32_t stamp_offset;        // what is added to each stamp
    uint64_t told;                // callbacks of the cable's own
    _Atomic uint64_t calls;       // callbacks with a message or a buffer, faults' too
    _Atomic uint64_t readded;     // buffers that were added while all were being given back
    bool giving_back;             // under brief
    struct onset_headers buffers; // the first is being filled; taken out under lock too
    // The far end of the wire, under lock.
    enum onset_crossing crossing;
    uint32_t message;         // of PARTIAL, as far as it has come
    uint32_t have, need;      // its data bytes
    uint8_t running;          // the status that data bytes without one belong to; 0: none
    _Atomic uint64_t dropped; // bytes of long messages for which there was no buffer

    // The output side.
    onset_mutex sending, answer;
    struct onset_side out;           // under brief, as the next two
    onset_out_callback out_callback; // NULL: none
    DWORD_PTR out_instance;
    struct onset_trace *sink; // NULL: what is sent goes through the cable
    enum onset_clock sink_clock;
    uint64_t reached; // the row of the message that came last to the sink, and one
    // Headers on their way, under brief. They are numbered in the order in which they are sent, as
    // in the queue; the first has the number answered.
    struct onset_headers longs;
    uint32_t sent, answered;
    uint32_t muted;            // when answered comes to this, its sender tells MOM_DONE itself
    struct onset_headers kept; // carried, but a fault keeps them

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
#define ONSET_KEEP       (1ull << 34) // one that is carried and not given back

struct onset_loopback {
    struct onset_driver base;
    _Atomic uint32_t threads; // those that use it; the last one out frees it
    // What goes wrong; NULL: nothing.
    struct onset_faults *_Atomic faults;
    _Atomic uint64_t slept_ns;    // by faults
    struct onset_faults *scripts; // all there were, under list: somebody may still be in one
    onset_mutex list;
    uint32_t listed; // devices
    uint8_t order[ONSET_CABLES];
    uint32_t count;
    struct onset_cable cables[];
};

static inline struct onset_loopback *onset_loopback(struct onset_driver *driver)
{
    return (struct onset_loopback *)driver;
}

// For a thread that has been counted in threads and is about to end.
void onset_loopback_leave(struct onset_loopback *driver);

// Handles: the cable's number from 1 in the low byte, above it how often that side was opened, so
// that a closed handle is known for one. Never NULL.
static inline uintptr_t onset_cable_handle(struct onset_cable *cable, uint32_t serial)
{
    return (uintptr_t)serial << 8 | (uintptr_t)(cable - cable->driver->cables + 1);
}

enum onset_found { ONSET_NOT_OPEN, ONSET_LIVE, ONSET_GHOST };
enum onset_found onset_side_find(struct onset_cable *cable, const struct onset_side *side,
                                 uintptr_t handle);
// Forgets a ghost.
void onset_side_forget(struct onset_side *side, uintptr_t handle);
// Makes an open handle a ghost.
void onset_side_haunt(struct onset_side *side);
uint32_t onset_side_handles(const struct onset_side *side);

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
MMRESULT onset_cable_in_reset(struct onset_cable *cable, HMIDIIN handle,
                              const struct onset_strike *strike);
MMRESULT onset_cable_in_close(struct onset_cable *cable, HMIDIIN handle,
                              const struct onset_strike *strike);
// cable_out.c.
MMRESULT onset_cable_out_open(struct onset_cable *cable, onset_out_callback callback,
                              DWORD_PTR instance, HMIDIOUT *handle);
MMRESULT onset_cable_out_prepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header);
MMRESULT onset_cable_out_unprepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header);
MMRESULT onset_cable_out_short(struct onset_cable *cable, HMIDIOUT handle, DWORD message);
MMRESULT onset_cable_out_long(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header,
                              const struct onset_strike *strike);
MMRESULT onset_cable_out_reset(struct onset_cable *cable, HMIDIOUT handle);
MMRESULT onset_cable_out_close(struct onset_cable *cable, HMIDIOUT handle);

// Pulls the cable out, but for its place in the list; cable_in.c, cable_out.c.
void onset_cable_unplug_in(struct onset_cable *cable);
void onset_cable_unplug_out(struct onset_cable *cable);
// Puts it back: the handles that are open stay dead.
void onset_cable_replug(struct onset_cable *cable);

// What faults make of a call; cable is NULL where the call is for no device. faults.c.
struct onset_strike onset_strike_any(struct onset_loopback *driver, struct onset_cable *cable,
                                     enum onset_call call);
static inline struct onset_strike onset_strike(struct onset_loopback *driver,
                                               struct onset_cable *cable, enum onset_call call)
{
    // Acquire: the script (onset_loopback_script).
    if (!atomic_load_explicit(&driver->faults, memory_order_acquire))
        return (struct onset_strike){0};
    return onset_strike_any(driver, cable, call);
}

// What faults make of it that the cable's thread has told count messages. No lock is held.
void onset_strike_messages_any(struct onset_cable *cable, uint64_t count);
static inline void onset_strike_messages(struct onset_cable *cable, uint64_t count)
{
    // Acquire: as above.
    if (count && atomic_load_explicit(&cable->driver->faults, memory_order_acquire))
        onset_strike_messages_any(cable, count);
}

// For midiInAddBuffer, when it is done.
void onset_bounce(struct onset_cable *cable, const struct onset_strike *strike);

// For faults; cable_in.c. Whose callback an input has.
struct onset_listener {
    HMIDIIN handle; // NULL: not open
    onset_callback callback;
    DWORD_PTR instance;
};
struct onset_listener onset_cable_listener(struct onset_cable *cable);
// Calls it, open or not: with a message, or with the first buffer and so many bytes in it, if there
// is one.
void onset_cable_tell(struct onset_cable *cable, struct onset_listener listener, UINT message,
                      uint32_t data);
void onset_cable_tell_long(struct onset_cable *cable, struct onset_listener listener, UINT message,
                           uint32_t bytes);
// Lets the stamps go on from to, or jump by so much.
void onset_cable_stamp(struct onset_cable *cable, bool absolute, uint32_t ms);

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
