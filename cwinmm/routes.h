// The direct lane: what an input's short messages lead to, sent by the driver's callback itself.
//
// The tables are those of package rig, which makes them (tables.go there says what they mean), and
// whose router does the same in Go: cells, each a run of targets, each a run of steps, each a
// message. They hold no pointers, and nobody writes them once they are made.
//
// A callback runs them within the input's gate, before its event goes to the ring with a tag that
// says so: then nobody sends the same again. Two things are to be seen to when routes change.
//   - Messages that came before may be waiting in the ring for Go to send. New routes are not run
//     until the consumer has said that everything before has been handled (ring->calm), as long as
//     nothing has come since. Until then events carry no tag, and Go sends. It says so when those
//     before have been freed (ring->older): an event that is still being sent along them comes with
//     their tag.
//   - A callback may be running the old routes. They are freed when the gate has been seen free
//     after they were taken out: whoever enters then finds the new ones (input.c).
#ifndef ONSET_ROUTES_H
#define ONSET_ROUTES_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "output.h"

struct onset_route_cell {
    uint32_t first, count; // of its targets
};

struct onset_route_target {
    uint32_t first; // of its steps
    uint16_t output;
    uint16_t threshold; // of a value in 14 bits: for those below it are the steps that follow
    uint8_t count, under;
    uint16_t unused;
};

struct onset_route_step {
    uint32_t base;
    uint8_t source;    // of the value: enum onset_route_value
    uint8_t low, high; // bits at which the lower seven of it go, and those above; 32: nowhere
    uint8_t unused;
};

enum onset_route_value { ONSET_VALUE_7, ONSET_VALUE_14, ONSET_RELEASE };

static_assert(sizeof(struct onset_route_cell) == 8, "as RouteCell in routes.go");
static_assert(sizeof(struct onset_route_target) == 12, "as RouteTarget in routes.go");
static_assert(sizeof(struct onset_route_step) == 8, "as RouteStep in routes.go");

// The cell of messages that begin with the same two bytes, as RouteCellOf in route.go.
#define ONSET_ROUTE_CELLS (128 * 128)

static inline uint32_t onset_route_cell_of(uint32_t message)
{
    return (message & 0x7F) << 7 | (message >> 8 & 0x7F);
}

#define ONSET_TAGS 15 // from 1 on

// A cell as a callback reads it: with all that there is to know of one that sends one message which
// takes data bytes as they are. So there is one cache line to wait for, and its address hangs on
// nothing but the message.
struct onset_route {
    union {
        struct onset_output *output; // of the only message; NULL: it has gone
        uint64_t first;              // of the targets
    };
    uint32_t base; // of the only message; 0: read targets
    union {
        uint16_t taken;   // of the data bytes, the first in the lower half
        uint16_t targets; // how many
    };
    uint8_t shift; // by which what is taken goes into the only message
    uint8_t unused;
};

static_assert(sizeof(struct onset_route) == 16, "four to a cache line");

// Each is written within the gate.
struct onset_route_counts {
    // Messages that have been sent along routes, or not, for a reason below.
    _Atomic uint64_t routed;
    _Atomic uint64_t unsent; // messages for outputs that have gone or been closed
    _Atomic uint64_t looped; // messages not sent along because they go round
    _Atomic uint32_t loop;   // the last one
};

struct onset_routes {
    struct onset_route cells[ONSET_ROUTE_CELLS]; // by onset_route_cell_of
    // The input's, and its driver's.
    struct onset_route_counts *counts;
    struct onset_echoes *echoes;
    // The gate's holder's.
    uint64_t round;       // messages that go round: bit_of
    bool active;          // they are run: all that came before has been handled
    uint32_t tag;         // of events that have been sent along them
    uint32_t echo_window; // as of onset_echo_heard
    enum onset_clock clock;
    uint32_t outputs;
    const struct onset_route_target *targets;
    const struct onset_route_step *steps;
    struct onset_routes *next;
    struct onset_output *output[]; // at least one; NULL: it has gone
};

// Copies tables: ONSET_ROUTE_CELLS cells and what they lead to. outputs: what their targets'
// numbers stand for, each of which the routes keep a reference of. NULL: no memory. A cell has at
// most 65535 targets.
struct onset_routes *onset_routes_new(const struct onset_route_cell *cells,
                                      const struct onset_route_target *targets,
                                      uint32_t target_count, const struct onset_route_step *steps,
                                      uint32_t step_count, struct onset_output *const *outputs,
                                      uint32_t output_count, uint32_t tag, uint32_t echo_window);
void onset_routes_free(struct onset_routes *routes); // and those that are next; NULL: nothing

// Has the processor fetch what a message leads to; NULL, or routes that have been freed: that is no
// harm.
static inline void onset_routes_approach(const struct onset_routes *routes, uint32_t message)
{
    __builtin_prefetch(
        (const char *)((uintptr_t)routes + onset_route_cell_of(message) * sizeof routes->cells[0]));
}

// Sends what a short message leads to, at ticks, unless it goes round. Within the gate.
void onset_routes_run(struct onset_routes *routes, uint32_t message, uint64_t ticks);
// The same while nothing goes round (onset_routes.round).
void onset_routes_send(struct onset_routes *routes, uint32_t message, uint64_t ticks);

#endif
