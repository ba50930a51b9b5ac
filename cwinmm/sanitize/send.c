// Several threads send to one output, whose driver is slow now and then: alone, together, long
// messages, and at once. The other end of the cable finds all of each sender's, in its order, and
// with nothing between what belongs together.
#include "../input.h"
#include "../output.h"
#include "consumer.h"
#include "test.h"

#include <stdio.h>

enum { SENDERS = 3, TOGETHER = 3, BUFFERS = 256, WINDOW = 600, MOST = 6000 };

// A unit is what a sender sends with one call. Its number, in 12 bits, is in each of its messages,
// those that belong together with their place among them above it.
static uint32_t message_of(uint32_t sender, uint64_t unit, uint32_t place, bool together)
{
    return 0x90u | sender << 1 | together | (uint32_t)(unit & 0x7F) << 8 |
           (uint32_t)(unit >> 7 & 0x1F) << 16 | place << 21;
}

struct wire {
    struct onset_driver *driver;
    struct onset_output *out;
    struct onset_input *in;
    struct onset_ring *ring;
    struct onset_pool *pool;
    struct onset_waiter *waiter;
    uint64_t units; // of each sender
    bool dropping;  // the output may lose what is oldest
    _Atomic uint64_t came[SENDERS];
    _Atomic uint32_t over; // senders that are done
    _Atomic bool closed;
};

struct sender {
    struct wire *wire;
    uint32_t number, state;
};

// Sends a unit. False: it was refused, for now.
static bool send_unit(struct sender *sender, uint64_t unit)
{
    struct onset_output *out = sender->wire->out;
    uint32_t kind = test_draw(&sender->state, 20), messages[TOGETHER];
    uint8_t bytes[64] = {0xF0, (uint8_t)sender->number, unit & 0x7F, unit >> 7 & 0x1F};
    int32_t came;
    if (kind == 0) {
        bytes[sizeof bytes - 1] = 0xF7;
        came = onset_output_send_long(out, bytes, sizeof bytes);
    } else if (kind == 1 && !sender->wire->dropping) { // it waits for what is queued
        came = (int32_t)onset_output_send_now(out, message_of(sender->number, unit, 0, false));
    } else {
        bool together = kind < 8;
        for (uint32_t i = 0; i < TOGETHER; i++)
            messages[i] = message_of(sender->number, unit, i, together);
        came = onset_output_send(out, messages, together ? TOGETHER : 1);
    }
    CHECK(came == ONSET_SENT || came == ONSET_QUEUED || came == ONSET_FULL || came == ONSET_HEAVY);
    return came == ONSET_SENT || came == ONSET_QUEUED;
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    struct wire *wire = sender->wire;
    for (uint64_t unit = 0; unit < wire->units; unit++) {
        // Nothing that is to come may be lost on the way: the other end has buffers for so many.
        while (!wire->dropping && unit - atomic_load(&wire->came[sender->number]) > WINDOW)
            test_pause();
        while (!send_unit(sender, unit))
            test_pause();
    }
    atomic_fetch_add(&wire->over, 1);
    return NULL;
}

// Has the driver be slow until the output has moved to its thread, and quick until it is back.
static void *hinder(void *arg)
{
    struct wire *wire = arg;
    for (bool slow = true; atomic_load(&wire->over) < SENDERS; slow = !slow) {
        onset_loopback_slow(wire->driver, 0, slow ? 500000 : 0);
        while (onset_output_counts(wire->out).lane == (slow ? ONSET_INLINE : ONSET_THREADED) &&
               atomic_load(&wire->over) < SENDERS)
            onset_sleep(100000);
        onset_sleep(slow ? 2000000 : 5000000);
    }
    onset_loopback_slow(wire->driver, 0, 0);
    return NULL;
}

// What the other end knows: each sender's next unit, and what has to follow at once.
struct books {
    uint64_t next[SENDERS];
    uint64_t units, messages;
    uint32_t awaited; // 0: anything
};

static void unit_came(struct wire *wire, struct books *books, uint32_t sender, uint32_t number)
{
    CHECK(sender < SENDERS);
    uint64_t skipped = (number - books->next[sender]) & 0xFFF;
    CHECK(skipped == 0 || wire->dropping);
    books->next[sender] += skipped + 1;
    books->units++;
    atomic_store(&wire->came[sender], books->next[sender]);
}

static void short_came(struct wire *wire, struct books *books, uint32_t message)
{
    uint32_t place = message >> 21, number = (message >> 8 & 0x7F) | (message >> 16 & 0x1F) << 7;
    CHECK(books->awaited == 0 || message == books->awaited);
    books->awaited = message & 1 && place + 1 < TOGETHER ? message + (1u << 21) : 0;
    books->messages++;
    if (place == 0)
        unit_came(wire, books, message >> 1 & 7, number);
}

static void long_came(struct wire *wire, struct books *books, uint32_t buffer)
{
    const MIDIHDR *header = &wire->pool->headers[buffer];
    const uint8_t *bytes = (const uint8_t *)header->lpData;
    CHECK(header->dwBytesRecorded == 64 && bytes[0] == 0xF0 && bytes[63] == 0xF7);
    CHECK(books->awaited == 0);
    books->messages++;
    unit_came(wire, books, bytes[1], bytes[2] | (uint32_t)bytes[3] << 7);
    onset_input_return(wire->in, buffer);
}

static void *receive(void *arg)
{
    struct wire *wire = arg;
    struct consumer c = {.ring = wire->ring};
    static struct books books;
    books = (struct books){0};
    for (;;) {
        bool closed = atomic_load(&wire->closed);
        uint64_t waiting = consumer_look(&c);
        for (uint64_t left = waiting; left > 0; left--) {
            struct onset_event event = consumer_next(&c);
            CHECK(onset_kind_of(event.data) == ONSET_SHORT ||
                  onset_kind_of(event.data) == ONSET_LONG);
            if (onset_kind_of(event.data) == ONSET_LONG)
                long_came(wire, &books, event.data & 0xFF);
            else
                short_came(wire, &books, event.data & ONSET_BYTES);
        }
        if (waiting > 0)
            continue;
        if (closed)
            break;
        onset_arm(wire->waiter);
        if (!consumer_news(&c) && !atomic_load(&wire->closed))
            CHECK(onset_rest(wire->waiter, TEST_DEADLINE_NS));
        onset_disarm(wire->waiter);
    }
    CHECK(atomic_load(&wire->ring->lost) == 0 && books.awaited == 0);
    return &books;
}

static void open_wire(struct wire *wire)
{
    struct onset_input_options in = {.clock = ONSET_CLOCK_OS};
    struct onset_output_options out = {
        .capacity = 256,
        .drop_oldest = wire->dropping,
        .slow_ticks = 200000,
        .calm_ticks = 1000000,
        .long_chunk = 32,
        .deadline_ns = TEST_DEADLINE_NS,
    };
    struct onset_outcome outcome;
    uint32_t token;
    wire->driver = test_cables(1);
    wire->ring = onset_ring_new(MOST * SENDERS * TOGETHER, BUFFERS);
    wire->pool = onset_pool_new(BUFFERS, 256);
    wire->waiter = onset_waiter_new();
    CHECK(wire->ring && wire->pool && wire->waiter);
    wire->in = onset_input_open(wire->driver, 0, wire->ring, wire->pool, wire->waiter, &in,
                                TEST_DEADLINE_NS, &outcome, &token);
    wire->out = onset_output_open(wire->driver, 0, &out, &outcome, &token);
    CHECK(wire->in && wire->out);
}

// Closes the output behind all that it was sent, and the input when that has come.
static struct books *close_wire(struct wire *wire, pthread_t receiver)
{
    struct onset_outcome outcome = {0};
    struct onset_input_counts counts;
    void *books;
    CHECK(onset_output_close(wire->out, TEST_DEADLINE_NS, &outcome) && !outcome.call);
    CHECK(onset_output_settled(wire->out));
    struct onset_output_counts sent = onset_output_counts(wire->out);
    while (onset_loopback_calls(wire->driver, 0) < sent.sent)
        onset_sleep(1000000);
    atomic_store(&wire->closed, true);
    onset_command(wire->waiter);
    CHECK(pthread_join(receiver, &books) == 0);
    CHECK(onset_input_close(wire->in, TEST_DEADLINE_NS, &outcome, &counts) && !outcome.call);
    onset_input_release(wire->in);
    return books;
}

static void run_wire(uint64_t units, bool dropping, uint64_t *messages, uint64_t *moved,
                     uint64_t *dropped)
{
    struct wire wire = {.units = units, .dropping = dropping};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS], receiver, hinderer;
    open_wire(&wire);
    receiver = test_start(receive, &wire);
    hinderer = test_start(hinder, &wire);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&wire, i, i};
        threads[i] = test_start(send_all, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        test_join(threads[i]);
    test_join(hinderer);
    struct books *books = close_wire(&wire, receiver);
    struct onset_output_counts counts = onset_output_counts(wire.out);
    CHECK(counts.failed == 0 && counts.queued == 0 && counts.long_memory == 0);
    CHECK(books->messages == counts.sent && onset_loopback_dropped(wire.driver, 0) == 0);
    CHECK(dropping ? counts.dropped > 0 : counts.dropped == 0);
    CHECK(dropping || books->units == SENDERS * wire.units);
    *messages += counts.sent;
    *moved += counts.moved;
    *dropped += counts.dropped;
    onset_output_drop(wire.out);
    onset_ring_drop(wire.ring);
    onset_pool_drop(wire.pool);
    onset_waiter_drop(wire.waiter);
    onset_driver_drop(wire.driver);
}

void test_send(void)
{
    uint64_t messages = 0, moved = 0, dropped = 0;
    for (uint64_t left = test_share(MOST), units; left > 0; left -= units) {
        units = left < MOST ? left : MOST;
        run_wire(units, false, &messages, &moved, &dropped);
        run_wire(units, true, &messages, &moved, &dropped);
    }
    CHECK(moved > 0);
    printf("send: %llu messages, %llu dropped, %llu times moved to the output's thread",
           (unsigned long long)messages, (unsigned long long)dropped, (unsigned long long)moved);
}
