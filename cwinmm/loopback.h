// Virtual cables as a driver, on every OS: what goes into a cable's output side comes out of its
// input side, on a thread of the cable's own, with WinMM's rules. It stands in where there is no
// MIDI hardware, and it is where tests make drivers misbehave.
//
// The rules that bite, as with winmm.dll:
//   midiInStop, midiInReset and midiInClose wait for a callback in flight, so within one, or with a
//   lock that it wants, they deadlock. midiInReset gives the buffers back within its call,
//   MIM_LONGDATA with 0 bytes or, where a message was cut off, MIM_LONGERROR with what there is of
//   it; a buffer that is added again from within is given back again, for ever. midiInStop leaves
//   them queued, midiInClose refuses while they are. A long message fills as many buffers as it
//   needs. Where there is none it waits 10 ms, and all that comes behind it waits too; then the
//   rest of it is dropped and counted. What is sent in pieces arrives as one; a status byte within
//   it ends it as MIM_LONGERROR, but for real-time bytes, which arrive at once. midiOutLongMsg
//   sends dwBufferLength bytes, which may be several messages, or a part of one. MOM_DONE comes on
//   the cable's thread, or within midiOutReset.
#ifndef ONSET_LOOPBACK_H
#define ONSET_LOOPBACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "ring.h"
#include "thread.h"
#include "trace.h"
#include "winmm.h"

// Makes count cables. Each side of one can be open once at a time. names: count arrays of 32 UTF-16
// units, NUL-terminated. The caller owns one reference (onset_driver_drop). NULL: no memory or no
// thread.
struct onset_driver *onset_loopback_new(const uint16_t (*names)[32], uint32_t count);

// A source: the cable's thread calls the input's callback of its own accord, as an instrument
// would. Message n has status 80 + n % 112, data n % 128 and n / 128 % 128, unless there is a
// trace, and n modulo 2^32 for a time stamp, so that a receiver can tell a message lost from one
// torn or late. It paces itself by the clock alone: what delays one message makes the next late,
// not the times that they were due at.
struct onset_source {
    uint64_t count;
    uint64_t interval_ns; // 0: as fast as the callback returns
    // With follow: never more than window events wait in that ring, so that nothing overflows.
    // NULL: no regard for the receiver, as drivers have none.
    const struct onset_ring *follow;
    uint64_t window;
    // NULL, or a trace of count rows that says when to send what, and is told what happened.
    struct onset_trace *trace;
    enum onset_clock clock; // the trace's
    bool raise;             // ask for a higher priority, as drivers' threads have
    int processor;          // for the thread; below 0: any
    // What the thread does besides. With moves, processor is the first and not below 0.
    uint64_t busy_ns;    // compute for so long after each callback
    uint64_t moves;      // 0, or after how many messages to move to the next processor,
    uint32_t processors; // of so many, from 0 on and round again
};

// A row of a trace whose message has this in its top byte is a long message of as many bytes as the
// low half says, at least 2: F0, zeros, F7.
#define ONSET_ROW_LONG 0x01

// How playing a source went.
struct onset_played {
    uint64_t delivered; // fewer than count if the input was stopped
    enum onset_priority granted;
    bool pinned;     // to the processor, and to each that it moved to
    uint64_t cpu_ns; // that the thread used
};

// A rogue is a driver thread that keeps to no rules: it calls an input's callback, on the caller's
// thread and under no lock, at the same time as the cable's own and on after the input has been
// closed. callback is NULL if no input was open.
struct onset_rogue {
    onset_callback callback;
    uintptr_t handle; // no pointer: Go holds this struct and minds what looks like one
    DWORD_PTR instance;
};
struct onset_rogue onset_loopback_rogue(struct onset_driver *driver, uint32_t cable);
// Calls count times with message, MIM_DATA or another. The MIDI messages are those of a source.
void onset_rogue_call(struct onset_rogue rogue, UINT message, uint64_t count);

// Runs source on a cable and returns when it is done. One source a cable at a time.
struct onset_played onset_loopback_play(struct onset_driver *driver, uint32_t cable,
                                        const struct onset_source *source);

// Makes the cable's output side a sink: what is sent there goes nowhere, but for the trace, which
// is told when it came. NULL: a cable again. When it returns, nobody writes to an earlier trace.
void onset_loopback_sink(struct onset_driver *driver, uint32_t cable, struct onset_trace *trace,
                         enum onset_clock clock);

// Lets each midiOutShortMsg, midiOutLongMsg and midiInClose on the cable take at least ns: many
// drivers return from the one when the bytes are on the wire, and from the other when they have
// tidied up.
void onset_loopback_slow(struct onset_driver *driver, uint32_t cable, uint64_t ns);

// Pulls the cable out: buffers and headers come back, an open input hears MIM_CLOSE, calls give
// MMSYSERR_NODRIVER, the device list closes up.
void onset_loopback_unplug(struct onset_driver *driver, uint32_t cable);

// Puts it back, at a place of the list or at its end, where that is less. Handles that were open
// stay dead until they are closed (then without MIM_CLOSE or MOM_CLOSE), but are in nobody's way.
// name of 32 and id of ONSET_IDENTITY units; NULL or empty: as before.
void onset_loopback_replug(struct onset_driver *driver, uint32_t cable, uint32_t place,
                           const uint16_t *name, const uint16_t *id);

// Buffers that were added to the cable's input while midiInReset gave them back.
uint64_t onset_loopback_readded(struct onset_driver *driver, uint32_t cable);

// Callbacks that the cable has made with a message or a buffer, full or empty, those of faults
// among them and those after its input has been closed; not a rogue's.
uint64_t onset_loopback_calls(struct onset_driver *driver, uint32_t cable);

// Bytes of long messages that the cable's input had no buffer for, or that were the rest of one
// that was cut off.
uint64_t onset_loopback_dropped(struct onset_driver *driver, uint32_t cable);

// Handles open now, both sides of all cables.
uint32_t onset_loopback_open_handles(struct onset_driver *driver);

#endif
