// The direct lane under traffic: an input's callback sends along routes that are replaced again and
// again, and taken out, to an output that is slow now and then; the consumer sends what was not
// sent. The other end of the cable finds every message once, in order.
#include "../input.h"
#include "consumer.h"
#include "test.h"

#include <stdio.h>

enum { WINDOW = 256 };

struct port {
    struct onset_input *in;
    struct onset_ring *ring;
    struct onset_pool *pool;
    struct onset_waiter *waiter;
};

struct lane {
    struct onset_driver *driver;
    struct onset_output *out;
    struct port from, to; // cable 0, where messages are played; cable 1, where the output leads
    uint64_t count;
    _Atomic uint64_t came; // to the other end
    uint64_t sent_behind;  // by the consumer
};

// Message n: a controller with its number in 14 bits.
static uint32_t message_of(uint64_t n)
{
    return (uint32_t)(0xB0 | (n & 0x7F) << 8 | (n >> 7 & 0x7F) << 16);
}

static void *play(void *arg)
{
    struct lane *lane = arg;
    struct onset_rogue driver = onset_loopback_rogue(lane->driver, 0);
    for (uint64_t n = 0; n < lane->count; n++) {
        while (n - atomic_load(&lane->came) > WINDOW)
            test_pause();
        driver.callback((HMIDIIN)driver.handle, MIM_DATA, driver.instance, message_of(n),
                        (uint32_t)n);
    }
    return NULL;
}

// The poller: sends what carries no tag.
static void *poll_input(void *arg)
{
    struct lane *lane = arg;
    struct consumer c = {.ring = lane->from.ring};
    while (c.next < lane->count) {
        for (uint64_t waiting = consumer_look(&c); waiting > 0; waiting--) {
            uint64_t expected = c.next;
            struct onset_event event = consumer_next(&c);
            uint32_t message = event.data & ONSET_BYTES;
            CHECK(message == message_of(expected) && event.driver_ms == (uint32_t)expected);
            if (event.data >> 28)
                continue;
            int32_t came = onset_output_send(lane->out, &message, 1);
            CHECK(came == ONSET_SENT || came == ONSET_QUEUED);
            lane->sent_behind++;
        }
        consumer_calm(&c);
        onset_arm(lane->from.waiter);
        if (c.next < lane->count && !consumer_news(&c))
            CHECK(onset_rest(lane->from.waiter, TEST_DEADLINE_NS));
        onset_disarm(lane->from.waiter);
    }
    return NULL;
}

static void *receive(void *arg)
{
    struct lane *lane = arg;
    struct consumer c = {.ring = lane->to.ring};
    while (c.next < lane->count) {
        for (uint64_t waiting = consumer_look(&c); waiting > 0; waiting--) {
            uint64_t expected = c.next;
            CHECK(consumer_next(&c).data == message_of(expected));
        }
        atomic_store(&lane->came, c.next);
        test_pause();
    }
    return NULL;
}

// Routes that map each controller of the first channel to itself.
static struct onset_routes *routes_to(struct onset_output *out, uint32_t tag)
{
    static struct onset_route_cell cells[ONSET_ROUTE_CELLS];
    static struct onset_route_target targets[128];
    static struct onset_route_step steps[128];
    for (uint32_t i = 0; i < 128; i++) {
        cells[onset_route_cell_of(0xB0 | i << 8)] = (struct onset_route_cell){i, 1};
        targets[i] = (struct onset_route_target){.first = i, .count = 1};
        steps[i] = (struct onset_route_step){.base = 0xB0 | i << 8, .low = 16, .high = 32};
    }
    struct onset_routes *routes =
        onset_routes_new(cells, targets, 128, steps, 128, &out, 1, tag, 0);
    CHECK(routes);
    return routes;
}

// Replaces the routes until all has come; returns how often.
static uint64_t replace(struct lane *lane)
{
    uint64_t times = 0;
    uint32_t state = 1;
    for (; atomic_load(&lane->came) < lane->count; times++) {
        uint32_t tag = 1 + (uint32_t)(times % ONSET_TAGS);
        onset_input_route(lane->from.in, times % 8 == 7 ? NULL : routes_to(lane->out, tag));
        onset_loopback_slow(lane->driver, 1, times % 64 == 63 ? 300000 : 0);
        onset_sleep(test_draw(&state, 1000000));
    }
    return times;
}

static void open_port(struct onset_driver *driver, UINT id, struct port *port)
{
    struct onset_input_options options = {.clock = ONSET_CLOCK_OS};
    struct onset_outcome outcome;
    uint32_t token;
    port->ring = onset_ring_new(1024, 1);
    port->pool = onset_pool_new(1, 64);
    port->waiter = onset_waiter_new();
    CHECK(port->ring && port->pool && port->waiter);
    port->in = onset_input_open(driver, id, port->ring, port->pool, port->waiter, &options,
                                TEST_DEADLINE_NS, &outcome, &token);
    CHECK(port->in);
}

static struct onset_input_counts close_port(struct port *port)
{
    struct onset_outcome outcome = {0};
    struct onset_input_counts counts;
    CHECK(onset_input_close(port->in, TEST_DEADLINE_NS, &outcome, &counts) && !outcome.call);
    onset_input_release(port->in);
    CHECK(atomic_load(&port->ring->lost) == 0);
    onset_ring_drop(port->ring);
    onset_pool_drop(port->pool);
    onset_waiter_drop(port->waiter);
    return counts;
}

void test_route(void)
{
    struct onset_output_options options = {
        .capacity = 1024,
        .slow_ticks = 200000,
        .calm_ticks = 1000000,
        .deadline_ns = TEST_DEADLINE_NS,
    };
    struct lane lane = {.driver = test_cables(2), .count = test_share(60000)};
    struct onset_outcome outcome = {0};
    uint32_t token;
    lane.out = onset_output_open(lane.driver, 1, &options, &outcome, &token);
    CHECK(lane.out);
    open_port(lane.driver, 0, &lane.from);
    open_port(lane.driver, 1, &lane.to);
    void *(*const runs[])(void *) = {receive, poll_input, play};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = test_start(runs[i], &lane);
    uint64_t times = replace(&lane);
    for (int i = 0; i < 3; i++)
        test_join(threads[i]);
    struct onset_input_counts in = close_port(&lane.from);
    CHECK(onset_output_close(lane.out, TEST_DEADLINE_NS, &outcome) && !outcome.call);
    CHECK(in.routed + lane.sent_behind == lane.count && in.unsent == 0 && in.looped == 0);
    CHECK(in.routed > 0 && lane.sent_behind > 0);
    onset_output_drop(lane.out);
    close_port(&lane.to);
    onset_driver_drop(lane.driver);
    printf("route: %llu messages, %llu of them sent directly, routes replaced %llu times",
           (unsigned long long)lane.count, (unsigned long long)in.routed,
           (unsigned long long)times);
}
