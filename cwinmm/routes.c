#include "routes.h"

#include <string.h>

#include "memory.h"
#include "watch.h"

static struct onset_route route_of(const struct onset_route_cell *cell,
                                   const struct onset_route_target *targets,
                                   const struct onset_route_step *steps)
{
    struct onset_route route = {.targets = (uint16_t)cell->count};
    const struct onset_route_target *target = &targets[cell->first];
    if (cell->count == 1 && target->count == 1 && target->under == 0) {
        route.step = steps[target->first];
        route.output = target->output;
        route.threshold = target->threshold;
        route.targets = ONSET_ONE_MESSAGE;
    }
    return route;
}

struct onset_routes *onset_routes_new(const struct onset_route_cell *cells, uint32_t cell_count,
                                      const struct onset_route_target *targets,
                                      uint32_t target_count, const struct onset_route_step *steps,
                                      uint32_t step_count, struct onset_output *const *outputs,
                                      uint32_t output_count, uint32_t tag, uint32_t echo_window)
{
    size_t head = sizeof(struct onset_routes) + output_count * sizeof(struct onset_output *);
    head = (head + ONSET_APART - 1) & ~(size_t)(ONSET_APART - 1);
    size_t cell_bytes = cell_count * sizeof(struct onset_route),
           target_bytes = target_count * sizeof *targets, step_bytes = step_count * sizeof *steps,
           first_bytes = cell_count * sizeof(uint32_t);
    struct onset_routes *routes =
        onset_alloc(head + cell_bytes + target_bytes + step_bytes + first_bytes, ONSET_APART);
    if (!routes)
        return NULL;
    char *at = (char *)routes + head;
    struct onset_route *compact = (struct onset_route *)at;
    routes->cells = compact;
    at += cell_bytes;
    routes->targets = target_bytes ? memcpy(at, targets, target_bytes) : (void *)at;
    at += target_bytes;
    routes->steps = step_bytes ? memcpy(at, steps, step_bytes) : (void *)at;
    at += step_bytes;
    uint32_t *firsts = (uint32_t *)at;
    routes->firsts = firsts;
    for (uint32_t i = 0; i < cell_count; i++) {
        compact[i] = route_of(&cells[i], targets, steps);
        firsts[i] = cells[i].first;
    }
    routes->tag = tag;
    routes->echo_window = echo_window;
    routes->outputs = output_count;
    for (uint32_t i = 0; i < output_count; i++) {
        routes->output[i] = outputs[i];
        if (outputs[i])
            onset_output_hold(outputs[i]);
    }
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

// A message's cell and the values that steps put into theirs, as Decoder.Decode in package control
// has them.
static uint32_t read(uint32_t message, uint32_t values[4])
{
    // Where the cells of each kind of channel message begin, and how many each channel has, as a
    // power of two.
    static const struct {
        uint16_t first;
        uint8_t numbers;
    } kinds[8] = {
        {ONSET_ROUTE_NOTES, 7},       {ONSET_ROUTE_NOTES, 7},    {ONSET_ROUTE_PRESSURES, 7},
        {ONSET_ROUTE_CONTROLLERS, 7}, {ONSET_ROUTE_PROGRAMS, 0}, {ONSET_ROUTE_AFTERTOUCHES, 0},
        {ONSET_ROUTE_PITCHES, 0},     {ONSET_ROUTE_SYSTEM, 0},
    };
    uint32_t kind = message >> 4 & 7, low = message & 0xF;
    uint32_t data1 = message >> 8 & 0x7F, data2 = message >> 16 & 0x7F, value = data2;
    uint32_t cell = kinds[kind].first + (low << kinds[kind].numbers);
    values[ONSET_RELEASE] = 64; // where none came (MIDI 1.0, Note Off)
    if (kind < 4) {
        cell += data1;
        if (kind == 0) {
            value = 0;
            values[ONSET_RELEASE] = data2;
        }
    } else if (kind < 6) {
        value = data1;
    } else {
        uint32_t wide = data2 << 7 | data1;
        if (kind == 7) // bytes that a message does not have may be anything
            wide = low == 2 ? wide : low == 1 || low == 3 ? data1 : 0;
        values[ONSET_VALUE_7] = kind == 7 ? 0 : wide / 129;
        values[ONSET_VALUE_14] = wide;
        return cell;
    }
    values[ONSET_VALUE_7] = value;
    values[ONSET_VALUE_14] = value * 129; // as Change.Wide
    return cell;
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

static void give(struct onset_routes *routes, uint32_t output, const uint32_t *messages,
                 uint32_t count, uint64_t ticks)
{
    struct onset_output *out = routes->output[output];
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
    give(routes, target->output, messages, count, ticks);
    return count;
}

// Bits of routes->round.
static uint64_t bit_of(uint32_t message)
{
    return 1ull << (message * 0x9E3779B1u >> 26);
}

// Does a message go round that is found among those that do? If it has not come for long, none is
// taken to do so any more.
static bool goes_round(struct onset_routes *routes, uint32_t message, uint32_t at, uint64_t ticks)
{
    if (!(routes->round & bit_of(message)))
        return false;
    if (onset_echo_heard(routes->echoes, message, ticks, routes->echo_window) <= ONSET_ECHOES) {
        routes->round = 0;
        return false;
    }
    atomic_store_explicit(&routes->counts->loop, at, memory_order_relaxed);
    add(&routes->counts->looped, 1);
    onset_note_news();
    return true;
}

// The rest of what becomes of a message, which has been sent: out of the way of what waits to be.
static uint32_t hear(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    uint32_t times = onset_echo_heard(routes->echoes, message, ticks, routes->echo_window);
    if (times > ONSET_ECHOES)
        routes->round |= bit_of(message);
    return times;
}

static void run_targets(struct onset_routes *routes, uint32_t message, uint32_t at,
                        const uint32_t values[4], uint64_t ticks)
{
    uint32_t messages[ONSET_TOGETHER], times = 0;
    const struct onset_route_target *target = &routes->targets[routes->firsts[at]];
    for (uint32_t i = 0; i < routes->cells[at].targets; i++) {
        uint32_t count = send_target(routes, &target[i], values, messages, ticks);
        if (i == 0)
            times = hear(routes, message, ticks);
        for (uint32_t j = 0; j < count; j++)
            onset_echo_say(routes->echoes, messages[j], ticks, times);
    }
}

void onset_routes_run(struct onset_routes *routes, uint32_t message, uint64_t ticks)
{
    uint32_t values[4];
    uint32_t at = read(message, values);
    const struct onset_route *cell = &routes->cells[at];
    __builtin_prefetch(cell);
    add(&routes->counts->routed, 1);
    if (routes->round && goes_round(routes, message, at, ticks))
        return;
    if (cell->targets == ONSET_ONE_MESSAGE) {
        if (values[ONSET_VALUE_14] < cell->threshold)
            return;
        uint32_t sent = make(&cell->step, values);
        give(routes, cell->output, &sent, 1, ticks);
        onset_echo_say(routes->echoes, sent, ticks, hear(routes, message, ticks));
    } else if (cell->targets > 0) {
        run_targets(routes, message, at, values, ticks);
    }
}
