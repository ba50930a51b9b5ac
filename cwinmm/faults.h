// What goes wrong in the loopback driver, as a table: a script of faults (faults.go says how it is
// written). Each driver call asks for its faults before it is carried out, each message after it
// has been delivered; where there is no script that is one load.
#ifndef ONSET_FAULTS_H
#define ONSET_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "winmm.h"

// The calls of struct onset_winmm, and what else can set a fault off.
enum onset_call {
    ONSET_IN_COUNT,
    ONSET_IN_CAPS,
    ONSET_IN_OPEN,
    ONSET_IN_PREPARE,
    ONSET_IN_UNPREPARE,
    ONSET_IN_ADD_BUFFER,
    ONSET_IN_START,
    ONSET_IN_STOP,
    ONSET_IN_RESET,
    ONSET_IN_CLOSE,
    ONSET_OUT_COUNT,
    ONSET_OUT_CAPS,
    ONSET_OUT_OPEN,
    ONSET_OUT_SHORT,
    ONSET_OUT_PREPARE,
    ONSET_OUT_UNPREPARE,
    ONSET_OUT_LONG,
    ONSET_OUT_RESET,
    ONSET_OUT_CLOSE,
    ONSET_MESSAGE, // one has been delivered to the input
    ONSET_TIME,    // has passed since the script began
};

enum onset_effect {
    ONSET_RETURN, // value: the result; the call is not carried out
    ONSET_DELAY,  // value: ns; then it is
    ONSET_HANG,   // until the script ends; then it is
    // What only one call can do.
    ONSET_DONE_INSIDE, // midiOutLongMsg: MOM_DONE within the call, on its thread
    ONSET_NO_DONE,     // midiOutLongMsg: carried, and given back only by midiOutReset
    ONSET_NO_CLOSE,    // midiInClose: without MIM_CLOSE
    ONSET_BOUNCE,      // midiInAddBuffer: the first buffer comes back at once, with no bytes
    ONSET_STORM,       // midiInReset: value: gives back no more buffers than this
    // Events: they happen to the cable, on a thread of their own, or for a message on the cable's.
    ONSET_UNPLUG,
    ONSET_REPLUG,    // value: the place in the list; below 0: the end
    ONSET_TELL,      // message, data: what the input's callback is called with
    ONSET_TELL_LONG, // message; value: bytes in the first buffer, which comes back
    ONSET_STAMP_TO,  // value: ms
    ONSET_STAMP_BY,  // value: ms
    ONSET_SUSPEND,   // value: ns; the whole machine's
};

#define ONSET_CABLES 255 // at most

struct onset_fault {
    enum onset_call on;
    int32_t cable;        // below 0: any
    uint64_t first, last; // of the times that on happens, from 1
    uint64_t after_ns; // for ONSET_TIME: since the script began; for events: since on, 0: within it
    enum onset_effect effect;
    int64_t value;
    uint32_t message, data;
    uint16_t name[32], id[ONSET_IDENTITY]; // for ONSET_REPLUG; empty: as before
    _Atomic uint64_t seen;                 // how often on has happened
    _Atomic uint64_t struck;               // how often it has happened itself
};

struct onset_faults {
    _Atomic uint32_t over; // 1: the script has ended: nobody waits any more, nothing else happens
    struct onset_faults *before; // the script before this one
    uint32_t count;
    struct onset_fault faults[];
};

// A script of count faults, zeroed for the caller to fill in. NULL: no memory.
struct onset_faults *onset_faults_new(uint32_t count);

// Puts faults in place of what goes wrong so far, and is their owner from now on. NULL: nothing
// goes wrong any more. Calls that hang or are delayed go on, events that have not happened do not.
void onset_loopback_script(struct onset_driver *driver, struct onset_faults *faults);

// How often a fault of the script has happened; 0 if it has none of that number.
uint64_t onset_loopback_struck(struct onset_driver *driver, uint32_t number);

// What faults make of a call.
struct onset_strike {
    bool returns; // with result, at once
    MMRESULT result;
    bool done_inside, no_done, no_close;
    bool storm;
    uint64_t most; // buffers, with storm
    // The fault that has a buffer bounce, of this script; NULL: none.
    struct onset_fault *bounce;
    struct onset_faults *faults;
};

#endif
