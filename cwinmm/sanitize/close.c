// Opens and closes an input again and again, while its driver plays, with long messages, and rogue
// threads call it back, before its end and after. Now and then the driver does not close in time.
// Every callback is in one of the counts, once.
#include "../faults.h"
#include "../input.h"
#include "consumer.h"
#include "test.h"

#include <stdio.h>

enum { ROGUES = 2, CALLS = 20, BUFFERS = 4, ROWS = 64, LATE = 16 };
enum { OPENINGS = ONSET_INPUTS - LATE }; // each has a place of its own, so that all can be counted

struct stage {
    struct onset_driver *driver;
    struct onset_trace *trace;
    _Atomic bool over;
    _Atomic uint64_t calls; // that rogues have made
};

struct opening {
    struct onset_input *in;
    struct onset_ring *ring;
    struct onset_pool *pool;
    struct onset_waiter *waiter;
    struct onset_input_counts counts;
    uint64_t lost, taken;
    pthread_mutex_t lock;
    bool closing;        // under lock; from then on no buffer is given back
    _Atomic bool closed; // or abandoned
};

static void *call(void *arg)
{
    static const UINT messages[] = {MIM_DATA, MIM_DATA, MIM_MOREDATA, MIM_ERROR};
    struct stage *stage = arg;
    struct onset_rogue rogue = {0};
    for (uint32_t n = 0; !atomic_load(&stage->over); n++) {
        // The callback of an opening goes on being called when that has ended.
        struct onset_rogue now = onset_loopback_rogue(stage->driver, 0);
        if (n % 8 == 0 || !rogue.callback)
            rogue = now;
        if (!rogue.callback)
            continue;
        onset_rogue_call(rogue, messages[n % 4], CALLS);
        atomic_fetch_add(&stage->calls, CALLS);
    }
    return NULL;
}

static void *play(void *arg)
{
    struct stage *stage = arg;
    struct onset_source source = {.count = ROWS, .trace = stage->trace, .processor = -1};
    while (!atomic_load(&stage->over)) {
        onset_loopback_play(stage->driver, 0, &source);
        onset_sleep(100000);
    }
    return NULL;
}

// Takes what there is. False: nothing.
static bool drain(struct opening *opening, struct consumer *c)
{
    uint64_t waiting = consumer_look(c);
    struct ends ends;
    bool any = waiting > 0;
    for (; waiting > 0; waiting--) {
        struct onset_event event = consumer_next(c);
        enum onset_kind kind = onset_kind_of(event.data);
        opening->taken += kind != ONSET_GAP;
        if (kind == ONSET_GAP)
            consumer_meet(c, &ends);
        if (kind != ONSET_LONG && kind != ONSET_LONG_ERROR)
            continue;
        uint32_t number = event.data & 0xFF;
        const MIDIHDR *header = &opening->pool->headers[number];
        CHECK(number < BUFFERS && header->dwBytesRecorded <= header->dwBufferLength);
        for (uint32_t i = 0; i < header->dwBytesRecorded; i++) {
            uint8_t byte = (uint8_t)header->lpData[i];
            CHECK(byte == 0 || byte == 0xF0 || byte == 0xF7);
        }
        pthread_mutex_lock(&opening->lock);
        if (!opening->closing)
            onset_input_return(opening->in, number);
        pthread_mutex_unlock(&opening->lock);
    }
    return consumer_lost(c, &ends) > 0 || any;
}

static void *consume(void *arg)
{
    struct opening *opening = arg;
    struct consumer c = {.ring = opening->ring};
    for (;;) {
        bool closed = atomic_load(&opening->closed);
        uint32_t command = atomic_load(&opening->waiter->command);
        if (drain(opening, &c))
            continue;
        if (closed)
            break;
        onset_arm(opening->waiter);
        if (!consumer_news(&c) && atomic_load(&opening->waiter->command) == command)
            CHECK(onset_rest(opening->waiter, TEST_DEADLINE_NS));
        onset_disarm(opening->waiter);
    }
    opening->lost = c.told;
    return NULL;
}

static void open_input(struct stage *stage, struct opening *opening)
{
    struct onset_input_options options = {.clock = ONSET_CLOCK_OS};
    struct onset_outcome outcome;
    uint32_t token;
    opening->ring = onset_ring_new(64, BUFFERS);
    opening->pool = onset_pool_new(BUFFERS, 256);
    opening->waiter = onset_waiter_new();
    CHECK(opening->ring && opening->pool && opening->waiter);
    // As long as an abandoned handle is open, there is no other. To try would use up a place.
    while (onset_loopback_open_handles(stage->driver) > 0)
        onset_sleep(100000);
    opening->in = onset_input_open(stage->driver, 0, opening->ring, opening->pool, opening->waiter,
                                   &options, TEST_DEADLINE_NS, &outcome, &token);
    CHECK(opening->in);
}

// True: closed, or abandoned where it may be.
static bool close_input(struct opening *opening, bool late)
{
    struct onset_outcome outcome = {0};
    pthread_mutex_lock(&opening->lock);
    opening->closing = true;
    pthread_mutex_unlock(&opening->lock);
    bool closed = onset_input_close(opening->in, late ? 1000000 : TEST_DEADLINE_NS, &outcome,
                                    &opening->counts);
    if (closed)
        onset_input_release(opening->in);
    // An abandoned opening goes on for as long as its thread.
    while (onset_abandoned() > 0)
        onset_sleep(100000);
    atomic_store(&opening->closed, true);
    onset_command(opening->waiter);
    return closed ? !outcome.call : late;
}

// Every LATE-th handle is closed some time after its closer's deadline.
static void script(struct onset_driver *driver)
{
    struct onset_faults *faults = onset_faults_new(OPENINGS / LATE);
    CHECK(faults);
    for (uint32_t i = 0; i < OPENINGS / LATE; i++) {
        struct onset_fault *fault = &faults->faults[i];
        fault->on = ONSET_IN_CLOSE;
        fault->cable = -1;
        fault->first = fault->last = (i + 1) * LATE;
        fault->effect = ONSET_DELAY;
        fault->value = 20000000;
    }
    onset_loopback_script(driver, faults);
}

static uint64_t run_openings(struct stage *stage, struct opening *openings, uint32_t count)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct opening *opening = &openings[i];
        *opening = (struct opening){.lock = PTHREAD_MUTEX_INITIALIZER};
        open_input(stage, opening);
        pthread_t consumer = test_start(consume, opening);
        onset_sleep(i % 4 * 300000);
        CHECK(close_input(opening, (i + 1) % LATE == 0));
        test_join(consumer);
        taken += opening->taken;
        // Callbacks go on, and may not touch these. The ring is looked at once more.
        onset_pool_drop(opening->pool);
        onset_waiter_drop(opening->waiter);
    }
    return taken;
}

// What openings have counted. The places are not used again before that.
static uint64_t count_openings(struct opening *openings, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct opening *opening = &openings[i];
        struct onset_input_counts last = onset_input_counts(opening->in);
        uint64_t events = atomic_load(&opening->ring->head) - atomic_load(&opening->ring->gaps);
        uint64_t lost = atomic_load(&opening->ring->lost);
        CHECK(events == opening->taken && lost == opening->lost);
        sum += events + lost - last.folded + last.concurrent + opening->counts.late;
        onset_ring_drop(opening->ring);
    }
    return sum;
}

void test_close(void)
{
    static struct opening openings[OPENINGS];
    struct stage stage = {.driver = test_cables(1), .trace = onset_trace_new(ROWS)};
    CHECK(stage.trace);
    for (uint32_t i = 0; i < ROWS; i++)
        stage.trace->message[i] =
            i % 8 ? 0x90 | i << 8 : (uint32_t)ONSET_ROW_LONG << 24 | (100 + 10 * i);
    uint64_t calls = 0, all = 0, taken = 0;
    uint32_t count = 0;
    for (uint64_t left = test_share(400); left > 0; left -= count) {
        count = left < OPENINGS ? (uint32_t)left : OPENINGS;
        script(stage.driver);
        uint64_t before = onset_stale_callbacks() + onset_emptied_buffers();
        uint64_t played = onset_loopback_calls(stage.driver, 0);
        pthread_t threads[ROGUES + 1];
        atomic_store(&stage.over, false);
        atomic_store(&stage.calls, 0);
        for (int i = 0; i < ROGUES; i++)
            threads[i] = test_start(call, &stage);
        threads[ROGUES] = test_start(play, &stage);
        taken += run_openings(&stage, openings, count);
        atomic_store(&stage.over, true);
        for (int i = 0; i <= ROGUES; i++)
            test_join(threads[i]);
        calls = atomic_load(&stage.calls) + onset_loopback_calls(stage.driver, 0) - played;
        all += calls;
        CHECK(calls == count_openings(openings, count) + onset_stale_callbacks() +
                           onset_emptied_buffers() - before);
    }
    CHECK(taken > 0 && onset_kept_pools() == 0);
    CHECK(onset_loopback_open_handles(stage.driver) == 0);
    onset_trace_free(stage.trace);
    onset_driver_drop(stage.driver);
    printf("close: %llu callbacks, %llu of them events", (unsigned long long)all,
           (unsigned long long)taken);
}
