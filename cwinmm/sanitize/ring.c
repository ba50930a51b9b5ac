// The ring between two threads: a producer that floods it, and a consumer that stops until
// something has been lost, and goes on. Message n has n in every field; what it is follows from n.
#include "consumer.h"
#include "test.h"

#include <stdio.h>

enum { BUFFERS = 4, LONG = 61, STALL = 500 };

struct flow {
    struct onset_ring *ring;
    uint64_t count;
    _Atomic uint64_t home; // long messages that the consumer is done with
    _Atomic bool over;
};

static uint32_t message_of(uint64_t n)
{
    uint32_t channel = n / 5 % 16, note = n * 7 % 128;
    if (n % LONG == 0)
        return 0xC0 | channel;
    switch (n % 5) {
    case 0:
        return 0x90 | channel | note << 8 | 64 << 16;
    case 1:
        return 0x80 | channel | note << 8 | 64 << 16;
    case 2:
        return 0x90 | channel | note << 8;
    case 3:
        return 0xB0 | channel | 64 << 8;
    default:
        return 0xB0 | channel | 123 << 8;
    }
}

// What message n ends.
static void add_ends(struct ends *ends, uint64_t n)
{
    uint32_t message = message_of(n), channel = message & 0xF, note = message >> 8 & 0x7F;
    if (n % LONG == 0)
        return;
    if (n % 5 == 1 || n % 5 == 2)
        ends->note_off[channel][note / 64] |= 1ull << note % 64;
    if (n % 5 == 3)
        ends->pedal_up |= 1u << channel;
    if (n % 5 == 4)
        ends->all_off |= 1u << channel;
}

static struct onset_event event_of(uint64_t n, uint32_t data)
{
    return (struct onset_event){.ticks = n, .data = data, .driver_ms = (uint32_t)n};
}

static void *produce(void *arg)
{
    struct flow *flow = arg;
    uint64_t away = 0;
    uint32_t state = 1;
    for (uint64_t n = 0; n < flow->count; n++) {
        struct onset_event event = event_of(n, message_of(n));
        // Acquire: the consumer has read the buffer; with a driver that is the pool's business.
        if (n % LONG == 0 &&
            away - atomic_load_explicit(&flow->home, memory_order_acquire) < BUFFERS) {
            event.data |= (uint32_t)ONSET_LONG << 24;
            onset_ring_push_long(flow->ring, event);
            away++;
        } else if (!onset_ring_push_soon(flow->ring, event) &&
                   !onset_ring_push(flow->ring, event) && test_draw(&state, 8) > 0) {
            // Mostly it lets the consumer catch up.
            uint64_t tail = atomic_load(&flow->ring->tail), half = flow->ring->most / 2;
            while (atomic_load(&flow->ring->head) - tail > half) {
                test_pause();
                tail = atomic_load(&flow->ring->tail);
            }
        }
    }
    atomic_store(&flow->over, true);
    return NULL;
}

static void consume(struct flow *flow, uint64_t *lost, uint64_t *gaps)
{
    struct consumer c = {.ring = flow->ring};
    struct ends told = {0};
    uint64_t expected = 0, untold = 0, taken = 0;
    struct ends missing = {0};
    for (;;) {
        // Before the look: what was published before it is found.
        bool over = atomic_load(&flow->over);
        uint64_t waiting = consumer_look(&c);
        for (; waiting > 0; waiting--) {
            struct onset_event event = consumer_next(&c);
            enum onset_kind kind = onset_kind_of(event.data);
            if (kind == ONSET_GAP) {
                untold -= consumer_meet(&c, &told);
                ++*gaps;
                continue;
            }
            uint64_t n = event.ticks;
            CHECK(n >= expected && n < flow->count);
            CHECK(event.driver_ms == (uint32_t)n && (event.data & 0xFFFFFF) == message_of(n));
            // Modulo 2^64: what is told comes before the event that it was lost before.
            for (; expected < n; expected++, untold++)
                add_ends(&missing, expected);
            expected = n + 1;
            if (kind == ONSET_LONG) {
                // Without a free entry for a record this may come before what was lost before it.
                CHECK(untold <= flow->count);
                atomic_fetch_add_explicit(&flow->home, 1, memory_order_release);
            }
            if (kind != ONSET_LONG || untold == 0) {
                CHECK(untold == 0);
                CHECK(memcmp(&told, &missing, sizeof told) == 0);
                told = missing = (struct ends){0};
            }
            if (++taken % STALL == 0)
                while (!atomic_load(&flow->over) && atomic_load(&flow->ring->lost) == c.told)
                    test_pause();
        }
        untold -= consumer_lost(&c, &told);
        if (over && !consumer_news(&c))
            break;
    }
    for (; expected < flow->count; expected++, untold++)
        add_ends(&missing, expected);
    CHECK(untold == 0 && taken + c.told == flow->count);
    CHECK(memcmp(&told, &missing, sizeof told) == 0);
    *lost += c.told;
}

void test_ring(void)
{
    // In the second there are fewer entries for gaps than records fit.
    static const uint64_t capacities[] = {16, 512};
    uint64_t lost = 0, gaps = 0, count = test_share(400000);
    for (int i = 0; i < 2; i++) {
        struct flow flow = {.ring = onset_ring_new(capacities[i], BUFFERS), .count = count};
        CHECK(flow.ring);
        pthread_t producer = test_start(produce, &flow);
        consume(&flow, &lost, &gaps);
        test_join(producer);
        onset_ring_drop(flow.ring);
    }
    CHECK(lost > 0 && lost < 2 * count && gaps > 0);
    printf("ring: %llu messages, %llu of them lost at %llu gaps", 2ull * count,
           (unsigned long long)lost, (unsigned long long)gaps);
}
