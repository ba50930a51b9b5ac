// What outputs have been sent by routes of late, so that a message which comes back on an input,
// and would be sent again, and come back again, is found out.
//
// MIDI has no mark for that. What goes round is known by this: the same message comes soon after it
// has been sent, again and again. Nobody plays so: ONSET_ECHOES times the same message, each within
// the time that a byte takes round a loop of cables.
#ifndef ONSET_ECHO_H
#define ONSET_ECHO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ONSET_ECHO_PLACES 256
#define ONSET_ECHOES      32

struct onset_echoes {
    // Bits 0 to 23 the message, 24 to 31 how often it has come back, 32 to 63 when it was sent
    // last. Relaxed throughout: each word is whole, and what is overwritten by another message is
    // found a round later.
    _Atomic uint64_t said[ONSET_ECHO_PLACES];
};

#define ONSET_ECHO_SHIFT 16 // of ticks: some 20 µs are one of when

static inline _Atomic uint64_t *onset_echo_place(struct onset_echoes *echoes, uint32_t message)
{
    return &echoes->said[message * 0x9E3779B1u >> 24];
}

// May a message have been sent of late? Said at once of nearly all that have not.
static inline bool onset_echo_suspects(struct onset_echoes *echoes, uint32_t message)
{
    uint64_t said = atomic_load_explicit(onset_echo_place(echoes, message), memory_order_relaxed);
    return (uint32_t)(said & 0xFFFFFF) == message;
}

// Returns how often a message that has come at ticks has come back by now; 0: not within window.
static inline uint32_t onset_echo_heard(struct onset_echoes *echoes, uint32_t message,
                                        uint64_t ticks, uint32_t window)
{
    _Atomic uint64_t *place = onset_echo_place(echoes, message);
    uint64_t said = atomic_load_explicit(place, memory_order_relaxed);
    uint32_t ago = (uint32_t)(ticks >> ONSET_ECHO_SHIFT) - (uint32_t)(said >> 32);
    if ((uint32_t)(said & 0xFFFFFF) != message || ago > window)
        return 0;
    uint32_t times = (uint32_t)(said >> 24 & 0xFF) + 1;
    if (times <= ONSET_ECHOES) // here too, so that one which comes back twofold counts twice
        atomic_store_explicit(place, said + (1u << 24), memory_order_relaxed);
    return times;
}

// Notes that a message is being sent at ticks, for one that has come back so often.
static inline void onset_echo_say(struct onset_echoes *echoes, uint32_t message, uint64_t ticks,
                                  uint32_t times)
{
    atomic_store_explicit(onset_echo_place(echoes, message),
                          message | (uint64_t)times << 24 |
                              (uint64_t)(uint32_t)(ticks >> ONSET_ECHO_SHIFT) << 32,
                          memory_order_relaxed);
}

#endif
