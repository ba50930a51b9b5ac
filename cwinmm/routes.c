#include "routes.h"

#include <string.h>

#include "memory.h"
#include "watch.h"

// Which bits of a message's data bytes are the value that a step takes, if they are that as they
// stand: the first one's in the lower half. 0: there is none, or it has to be computed.
static uint16_t value_in(uint32_t status, const struct onset_route_step *step)
{
    uint32_t kind = status >> 4;
    if (kind == 0xE)
        return step->source == ONSET_VALUE_14 && step->high == step->low + 8 ? 0x7F7F : 0;
    if (kind == 0xF || kind == 0x8 || step->source != ONSET_VALUE_7)
        return 0;
    return kind == 0xC || kind == 0xD ? 0x7F : 0x7F00;
}

static struct onset_route route_of(const struct onset_routes *routes, uint32_t status,
                                   struct onset_route_cell cell)
{
    const struct onset_route_target *target = &routes->targets[cell.first];
    const struct onset_route_step *step = &routes->steps[target->first];
    struct onset_route route = {.first = cell.first, .targets = (uint16_t)cell.count};
    if (cell.count != 1 || target->count != 1 || target->under > 0 || target->threshold > 0 ||
        (step->low != 8 && step->low != 16))
        return route;
    // A Note Off is a value of 0 to a step that takes 7 bits.
    uint16_t taken = value_in(status, step);
    int shift = step->low - (taken & 0x7F ? 0 : 8);
    if (taken || (status < 0x90 && step->source == ONSET_VALUE_7))
        route = (struct onset_route){.output = routes->output[target->output],
                                     .base = step->base,
                                     .taken = taken,
                                     .shift = (uint8_t)shift};
    return route;
}

struct onset_routes *onset_routes_new(const struct onset_route_cell *cells,
                                      const struct onset_route_target *targets,
                                      uint32_t target_count, const struct onset_route_step *steps,
                                      uint32_t step_count, struct onset_output *const *outputs,
                                      uint32_t output_count, uint32_t tag, uint32_t echo_window)
{
    size_t output_places = output_count > 0 ? output_count : 1;
    size_t head = sizeof(struct onset_routes) + output_places * sizeof(struct onset_output *);
    size_t target_bytes = target_count * sizeof *targets, step_bytes = step_count * sizeof *steps;
    struct onset_routes *routes = onset_alloc(head + target_bytes + step_bytes, ONSET_APART);
    if (!routes)
        return NULL;
    char *at = (char *)routes + head;
    routes->targets = target_bytes ? memcpy(at, targets, target_bytes) : (void *)at;
    at += target_bytes;
    routes->steps = step_bytes ? memcpy(at, steps, step_bytes) : (void *)at;
    routes->tag = tag;
    routes->echo_window = echo_window;
    routes->outputs = output_count;
    for (uint32_t i = 0; i < output_count; i++) {
        routes->output[i] = outputs[i];
        if (outputs[i])
            onset_output_hold(outputs[i]);
    }
    for (uint32_t i = 0; i < ONSET_ROUTE_CELLS; i++)
        if (cells[i].count > 0)
            routes->cells[i] = route_of(routes, 0x80 | i >> 7, cells[i]);
    return routes;
}

void onset_routes_free(struct onset_routes *routes)
{
    while (routes) {
        struct onset_routes *next = routes->next;
        for (uint32_t i = 0; i < routes->outputs; i++)
            if (routes->output[i])
                onset_output_drop(routes->output[i]);
        onset_free(routes);
        routes = next;
    }
}

// The values that steps put into their messages, as Decoder.Decode in package control has them.
static void read(uint32_t message, uint32_t values[4])
{
    uint32_t status = message & 0xFF, data1 = message >> 8 & 0x7F, data2 = message >> 16 & 0x7F;
    uint32_t value = data2, wide;
    values[ONSET_RELEASE] = 64; // where none came (MIDI 1.0, Note Off)
    if (status < 0x90) {
        values[ONSET_RELEASE] = data2;
        value = 0;
    } else if (status >= 0xC0) {
        value = data1;
    }
    wide = value * 129; // as Change.Wide
    if (status >= 0xE0) {
        wide = data2 << 7 | data1;
        if (status >= 0xF0 && status != 0xF2) // bytes that a message does not have may be anything
            wide = status == 0xF1 || status == 0xF3 ? data1 : 0;
        value = status < 0xF0 ? wide / 129 : 0;
    }
    values[ONSET_VALUE_7] = value;
    values[ONSET_VALUE_14] = wide;
}

static uint32_t make(const struct onset_route_step *step, const uint32_t values[4])
{
    uint64_t x = values[step->source & 3];
    return step->base | (uint32_t)((x & 0x7F) << (step->low & 63) | x >> 7 << (step->high & 63));
}

static void add(_Atomic uint64_t *counter, uint32_t n)
{
    // Within the gate there is one writer: no locked instruction needed.
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static void give(struct onset_routes *routes, struct onset_output *out, const uint32_t *messages,
                 uint32_t count, uint64_t ticks)
{
    if (count > 0 && (!out || !onset_output_route(out, messages, count, ticks)))
        add(&routes->counts->unsent, count);
}

// Sends a target's messages. Returns how many, and makes them what they are.
static uint32_t send_target(struct onset_routes *routes, const struct onset_route_target *target,
                            const uint32_t values[4], uint32_t *messages, uint64_t ticks)
{
    const struct onset_route_step *step = &routes->steps[target->first];
    uint32_t count = target->count;
    if (values[ONSET_VALUE_14] < target->threshold) {
        step += count;
        count = target->under;
    }
    for (uint32_t i = 0; i < count; i++)
        messages[i] = make(&step[i], values);
    give(routes, routes->output[target->output], messages, count, ticks);
    return count;
}

// Bits of routes->round.
static uint64_t bit_of(uint32_t message)
{
    return 1ull << (message * 0x9E3779B1u >> 26);
}

// Does a message go round that is found among those that do? If it has not come for long, none is
// taken to do so any more.
static bool goes_round(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    if (!(routes->round & bit_of(message)))
        return false;
    if (onset_echo_heard(routes->echoes, message, ticks, routes->echo_window) <= ONSET_ECHOES) {
        routes->round = 0;
        return false;
    }
    atomic_store_explicit(&routes->counts->loop, message, memory_order_relaxed);
    add(&routes->counts->looped, 1);
    onset_note_news();
    return true;
}

// The rest of what becomes of a message, which has been sent: out of the way of what waits to be.
// Returns how often it has come back.
static uint32_t hear(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    uint32_t times = onset_echo_heard(routes->echoes, message, ticks, routes->echo_window);
    if (times > ONSET_ECHOES)
        routes->round |= bit_of(message);
    return times;
}

// What follows of one message, apart, so that the usual path keeps no registers for it.
__attribute__((noinline)) static void look_twice(struct onset_routes *routes, uint32_t message,
                                                 uint32_t sent, uint64_t ticks)
{
    onset_echo_say(routes->echoes, sent, ticks, hear(routes, message, ticks));
}

static void run_targets(struct onset_routes *routes, const struct onset_route *route,
                        uint32_t message, uint64_t ticks)
{
    uint32_t values[4], messages[ONSET_TOGETHER], times = 0;
    read(message, values);
    const struct onset_route_target *target = &routes->targets[route->first];
    for (uint32_t i = 0; i < route->targets; i++) {
        // An output answers for its own time only.
        uint64_t now = i > 0 ? onset_ticks(routes->clock) : ticks;
        uint32_t count = send_target(routes, &target[i], values, messages, now);
        if (i == 0)
            times = hear(routes, message, ticks);
        for (uint32_t j = 0; j < count; j++)
            onset_echo_say(routes->echoes, messages[j], ticks, times);
    }
}

ONSET_HOT void onset_routes_send(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    const struct onset_route *route = &routes->cells[onset_route_cell_of(message)];
    if (!route->base) {
        if (route->targets > 0)
            run_targets(routes, route, message, ticks);
        return;
    }
    uint32_t sent = route->base | (message >> 8 & route->taken) << route->shift;
    give(routes, route->output, &sent, 1, ticks);
    if (onset_echo_suspects(routes->echoes, message))
        look_twice(routes, message, sent, ticks);
    else
        onset_echo_say(routes->echoes, sent, ticks, 0);
}

void onset_routes_run(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    if (!goes_round(routes, message, ticks))
        onset_routes_send(routes, message, ticks);
}
