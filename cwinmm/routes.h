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

#include "output.h"

struct onset_route_cell {
    uint32_t first, count; // of its targets
};

struct onset_route_target {
    uint32_t first; // of its steps
    uint32_t pass;  // Go's
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
static_assert(sizeof(struct onset_route_target) == 16, "as RouteTarget in routes.go");
static_assert(sizeof(struct onset_route_step) == 8, "as RouteStep in routes.go");

// A message's cell, as layout in tables.go.
enum {
    ONSET_ROUTE_NOTES = 0,
    ONSET_ROUTE_PRESSURES = 16 * 128,
    ONSET_ROUTE_CONTROLLERS = 2 * 16 * 128,
    ONSET_ROUTE_PROGRAMS = 3 * 16 * 128 + 16 * 32,
    ONSET_ROUTE_AFTERTOUCHES = ONSET_ROUTE_PROGRAMS + 16,
    ONSET_ROUTE_PITCHES = ONSET_ROUTE_PROGRAMS + 32,
    ONSET_ROUTE_SYSTEM = ONSET_ROUTE_PROGRAMS + 48,
    ONSET_ROUTE_CELLS = ONSET_ROUTE_SYSTEM + 16,
};

#define ONSET_TAGS 15 // from 1 on

// A cell as a callback reads it: with all that there is to know of one that sends one message, so
// that it has to wait for one cache line and no more.
struct onset_route {
    struct onset_route_step step; // of the only message
    uint16_t output, threshold;   // the same
    uint16_t targets;             // how many; ONSET_ONE_MESSAGE: the above
    uint16_t unused;
};

#define ONSET_ONE_MESSAGE 0xFFFF

static_assert(sizeof(struct onset_route) == 16, "four to a cache line");

// Each is written within the gate.
struct onset_route_counts {
    _Atomic uint64_t
        routed; // messages that have been sent along routes, or not, for a reason below
    _Atomic uint64_t unsent; // messages for outputs that have gone or been closed
    _Atomic uint64_t looped; // messages not sent along because they go round
    _Atomic uint32_t loop;   // the cell of the last one
};

struct onset_routes {
    const struct onset_route *cells;
    const uint32_t *firsts; // by cell: its first target
    const struct onset_route_target *targets;
    const struct onset_route_step *steps;
    uint32_t tag; // of events that have been sent along them
    uint32_t outputs;
    // The gate's holder's.
    bool active;    // they are run
    uint64_t round; // messages that go round: bit_of
    struct onset_routes *next;
    uint32_t echo_window; // as of onset_echo_heard
    // The input's, and its driver's.
    struct onset_route_counts *counts;
    struct onset_echoes *echoes;
    struct onset_output *output[]; // NULL: it has gone
};

// Copies tables. outputs: what their targets' numbers stand for, each of which the routes keep a
// reference of. NULL: no memory.
// A cell has at most 65534 targets.
struct onset_routes *onset_routes_new(const struct onset_route_cell *cells, uint32_t cell_count,
                                      const struct onset_route_target *targets,
                                      uint32_t target_count, const struct onset_route_step *steps,
                                      uint32_t step_count, struct onset_output *const *outputs,
                                      uint32_t output_count, uint32_t tag, uint32_t echo_window);
void onset_routes_free(struct onset_routes *routes); // and those that are next; NULL: nothing

// Sends what a short message leads to, at ticks. Within the gate.
void onset_routes_run(struct onset_routes *routes, uint32_t message, uint64_t ticks);

#endif
