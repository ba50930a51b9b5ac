// Opens an input on a virtual cable and has its callback called COUNT times, for callgrind to count
// its instructions (count.sh). The ring has room for all, and the poller is awake.
//     count [N]    with routes by N mappings, of which each callback takes one
#include <stdio.h>
#include <stdlib.h>

#include "../input.h"
#include "../loopback.h"

enum { COUNT = 1000, MESSAGE = 0x4007B0 };

// Routes by so many mappings, one for each controller, then the next: to another controller.
static struct onset_routes *routes_by(uint32_t mappings, struct onset_output *output)
{
    struct onset_route_cell *cells = calloc(ONSET_ROUTE_CELLS, sizeof *cells);
    struct onset_route_target *targets = calloc(mappings, sizeof *targets);
    struct onset_route_step *steps = calloc(mappings, sizeof *steps);
    for (uint32_t i = 0; i < mappings; i++) {
        cells[(onset_route_cell_of(MESSAGE) + i) % ONSET_ROUTE_CELLS] =
            (struct onset_route_cell){i, 1};
        targets[i] = (struct onset_route_target){.first = i, .count = 1};
        steps[i] = (struct onset_route_step){.base = 0x08B0, .low = 16, .high = 32};
    }
    return onset_routes_new(cells, targets, mappings, steps, mappings, &output, 1, 1, 100);
}

int main(int argc, char **argv)
{
    const uint16_t names[2][32] = {{'I', 'n'}, {'O', 'u', 't'}};
    struct onset_outcome outcome = {0};
    uint32_t token = 0;
    struct onset_input_options options = {.clock = ONSET_CLOCK_TSC};
    struct onset_driver *driver = onset_loopback_new(names, 2);
    struct onset_ring *ring = onset_ring_new(2048, 1);
    struct onset_waiter *waiter = onset_waiter_new();
    struct onset_input *input = onset_input_open(driver, 0, ring, onset_pool_new(1, 256), waiter,
                                                 &options, 5000000000, &outcome, &token);
    if (!input) {
        fprintf(stderr, "count: %s failed\n", outcome.call);
        return 1;
    }
    if (argc > 1) {
        const struct onset_output_options quick = {.capacity = 2,
                                                   .clock = ONSET_CLOCK_TSC,
                                                   .slow_ticks = UINT64_MAX,
                                                   .calm_ticks = UINT64_MAX,
                                                   .deadline_ns = 5000000000};
        struct onset_output *output = onset_output_open(driver, 1, &quick, &outcome, &token);
        // All that has come, which is nothing, has been handled.
        onset_input_route(input, routes_by((uint32_t)atoi(argv[1]), output));
    }
    struct onset_rogue rogue = onset_loopback_rogue(driver, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        rogue.callback((HMIDIIN)rogue.handle, MIM_DATA, rogue.instance, MESSAGE, i);
    uint64_t published = atomic_load(&ring->head);
    if (published != COUNT)
        fprintf(stderr, "count: %d events were published\n", (int)published);
    return published != COUNT;
}
