// A source and a sink that measure a MIDI program from inside the driver: the input "Onset Source"
// calls the program back with numbered messages from a time-critical thread of its own, in the
// program's process as drivers do, and the output "Onset Sink" notes when the program has passed
// each on. What lies between is the program's time and winmm.dll's, and nothing else.
//
// Whoever measures, in any process, makes a section "Onset Probe" that is a struct probe, before
// the program is started, and reads it afterwards (bench/probe_windows.go). Without one the source
// is silent and the sink swallows what it gets. A section is good for one run:
//
//     measurer                     the program's process: source                 sink
//     plan, then magic
//                                  midiInStart: source = PROBE_READY             open = 1
//     go = 1                       each message when it is due:
//                                    late, sent ─▶ callback ─▶ the program ─▶    reached, arrived +
//                                    1 left       ◀─
//                                  source = PROBE_DONE
//
// Message n is a pitch bend on channel 1 whose 14 bits are n % 16384: E0, n & 127, n >> 7 & 127.
// The sink takes one, on whatever channel, for the next message with these bits, counted from the
// last one it saw. So up to 8191 in a row may get lost.
//
// Times are readings of the time-stamp counter, except where they are nanoseconds. Who writes a
// cache line writes nothing of the others': the columns lie apart.
#ifndef ONSET_WINE_PROBE_H
#define ONSET_WINE_PROBE_H

#include <windows.h>

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROBE_MAGIC = 0x4f52504f, // "OPRO"
    PROBE_VERSION = 1,
    PROBE_MESSAGES = 1 << 16, // that a plan may have
};

enum probe_source {
    PROBE_CLOSED = 0, // zeroed memory is a valid probe
    PROBE_READY = 1,  // the source's thread waits for go
    PROBE_DONE = 2,   // the plan is carried out, or the program stopped the source
};

struct probe {
    // The measurer's. The magic is written last (release), read first (acquire).
    alignas(64) _Atomic uint32_t magic;
    uint32_t version;
    uint32_t count;                      // messages in the plan
    int32_t processor;                   // that the source's thread is to run on; below 0: any
    _Atomic uint32_t go;                 // the source may begin
    alignas(64) _Atomic uint32_t source; // enum probe_source; release, after what it is about
    uint32_t played;                     // callbacks made
    uint32_t thread;                     // that makes them: its Windows id
    int32_t priority;                    // of that thread, as granted: THREAD_PRIORITY_...
    alignas(64) _Atomic uint32_t open;   // the program has the sink open
    _Atomic uint32_t arrived;            // rows with a reached; release, after the row
    _Atomic uint32_t strays;             // messages that are no row, or one that was there before

    // A line each for every eight rows: what is above and every column end on one.
    alignas(64) uint64_t due[PROBE_MESSAGES]; // the plan: ns after go, ascending
    uint64_t late[PROBE_MESSAGES];            // ns from due to sent, to 100 ns
    uint64_t sent[PROBE_MESSAGES];            // right before winmm is told to call back
    uint64_t left[PROBE_MESSAGES];            // right after that
    uint64_t reached[PROBE_MESSAGES];         // on entry of MODM_DATA; 0: it did not
};

// probe_windows.go has the same.
static_assert(offsetof(struct probe, go) == 16, "layout");
static_assert(offsetof(struct probe, source) == 64, "layout");
static_assert(offsetof(struct probe, priority) == 76, "layout");
static_assert(offsetof(struct probe, open) == 128, "layout");
static_assert(offsetof(struct probe, strays) == 136, "layout");
static_assert(offsetof(struct probe, due) == 192, "layout");
static_assert(offsetof(struct probe, reached) == 192 + 4 * 8 * PROBE_MESSAGES, "layout");
static_assert(sizeof(struct probe) == 192 + 5 * 8 * PROBE_MESSAGES, "layout");

// What midMessage and modMessage do for the source and the sink.
DWORD source_message(UINT message, DWORD_PTR param1, DWORD_PTR param2);
DWORD sink_message(UINT message, DWORD_PTR param1, DWORD_PTR param2);

#endif
