// Opens an input on a virtual cable and has its callback called COUNT times, for callgrind to count
// its instructions (count.sh). The ring has room for all, and the poller is awake.
#include <stdio.h>

#include "../input.h"
#include "../loopback.h"

enum { COUNT = 1000 };

int main(void)
{
    const uint16_t names[1][32] = {{'C', 'o', 'u', 'n', 't'}};
    struct onset_outcome outcome = {0};
    uint32_t token = 0;
    struct onset_input_options options = {.clock = ONSET_CLOCK_TSC};
    struct onset_driver *driver = onset_loopback_new(names, 1);
    struct onset_ring *ring = onset_ring_new(2048, 1);
    struct onset_waiter *waiter = onset_waiter_new();
    struct onset_input *input = onset_input_open(driver, 0, ring, onset_pool_new(1, 256), waiter,
                                                 &options, 5000000000, &outcome, &token);
    if (!input) {
        fprintf(stderr, "count: %s failed\n", outcome.call);
        return 1;
    }
    onset_rogue_call(onset_loopback_rogue(driver, 0), MIM_DATA, COUNT);
    uint64_t published = atomic_load(&ring->head);
    if (published != COUNT)
        fprintf(stderr, "count: %d events were published\n", (int)published);
    return published != COUNT;
}
