// A sleeper that keeps to the processor it is woken from, and how a callback lets it go.
//
// A sleeper that keeps to the processor of a driver's thread that stops sleeping never runs again.
// So the first event that is refused because the ring is full frees it.
//
//   sleeper:   state = narrowing (release); keep to the processor; state = kept
//              freed: it no longer keeps to it, and widens
//              widen, end: wait until nobody is freeing; state = 0
//   callback:  narrowing, or kept: add freeing (acquire); widen; state = freed (release)
//
// Narrowing comes before the system call, which need not return while the driver's thread does not
// sleep. A callback that finds it cannot know whether its own came before or after that one, so it
// leaves narrowing in place, and the next refusal widens again.
#ifndef ONSET_TETHER_H
#define ONSET_TETHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

enum onset_tethered {
    ONSET_NARROWING = 1,
    ONSET_KEPT = 2,
    ONSET_FREED = 4,   // a callback has widened
    ONSET_FREEING = 8, // a callback is widening
};

struct onset_tether {
    _Atomic uint32_t state;
    // Written by begin, and read by others only while they are freeing.
    onset_thread thread;
    struct onset_affinity affinity;
};

// The sleeper's side, on its thread. begin remembers the thread and where it may run; false: the
// system does not say, and there is nothing to end. After end nobody touches the thread.
bool onset_tether_begin(struct onset_tether *tether);
void onset_tether_end(struct onset_tether *tether);

// Keeps the thread to one of those processors; false: it is none of them. widen lets it go anywhere
// it could before.
bool onset_tether_narrow(struct onset_tether *tether, uint32_t processor);
void onset_tether_widen(struct onset_tether *tether);

// Lets the sleeper go anywhere if it keeps to a processor: one system call, which waits for nobody.
// Any thread, while what the tether is part of is held.
void onset_tether_free(struct onset_tether *tether);

#endif
