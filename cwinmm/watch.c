#include "watch.h"

#include <stddef.h>

#include "memory.h"
#include "thread.h"

// A device comes and goes in many steps; so long after the first the list is looked at, and as the
// system may go on telling, as with a hub that cannot decide, no sooner than so long after the look
// before.
#define SETTLE_NS 100000000
#define APART_NS  1000000000

static _Atomic uint64_t news;

void onset_note_news(void)
{
    // Release: who sees the news counted (serve) finds the port that says so itself.
    atomic_fetch_add_explicit(&news, 1, memory_order_release);
}

static uint64_t mix(uint64_t sum, const void *bytes, size_t count) // FNV-1a
{
    for (const uint8_t *b = bytes; count--; b++)
        sum = (sum ^ *b) * 0x100000001B3;
    return sum;
}

// Up to the NUL: behind it drivers may leave anything.
static uint64_t mix_text(uint64_t sum, const uint16_t *text, size_t most)
{
    size_t length = 0;
    while (length < most && text[length])
        length++;
    return mix(mix(sum, &length, sizeof length), text, length * sizeof *text);
}

// Returns a number that differs, but for one chance in 2^64, from that of another list: of the
// inputs or the outputs.
static uint64_t list_sum(struct onset_watch *watch, bool in)
{
    struct onset_driver *driver = watch->driver;
    const struct onset_winmm *calls = driver->calls;
    onset_service_calling(&watch->service, in ? "midiInGetNumDevs" : "midiOutGetNumDevs");
    UINT count = in ? calls->in_count(driver) : calls->out_count(driver);
    uint64_t sum = mix(0xCBF29CE484222325, &count, sizeof count);
    for (UINT id = 0; id < count; id++) {
        struct onset_caps caps = {0};
        onset_service_calling(&watch->service, in ? "midiInGetDevCaps" : "midiOutGetDevCaps");
        MMRESULT result = (in ? calls->in_caps : calls->out_caps)(driver, id, &caps);
        uint32_t rest[] = {result, caps.manufacturer, caps.product, caps.version};
        sum = mix_text(sum, caps.name, sizeof caps.name / sizeof *caps.name);
        sum = mix_text(sum, caps.identity, ONSET_IDENTITY);
        sum = mix(sum, rest, sizeof rest);
    }
    return sum;
}

static void drop(struct onset_watch *watch)
{
    if (onset_let_go(&watch->refs))
        onset_free(watch);
}

// Waits until due, or until the watch is to stop, whatever else rings the bell.
static void settle(struct onset_watch *watch, uint64_t due_ns)
{
    struct onset_service *service = &watch->service;
    for (;;) {
        onset_arm(&service->bell);
        int64_t left_ns = (int64_t)(due_ns - onset_os_ns());
        if (left_ns <= 0 || onset_service_stopping(service))
            break;
        onset_rest(&service->bell, left_ns);
    }
    onset_disarm(&service->bell);
}

// What a look finds.
struct sight {
    uint64_t in, out, news;
};

static bool differs(struct sight a, struct sight b)
{
    return a.in != b.in || a.out != b.out || a.news != b.news;
}

static void serve(void *arg)
{
    struct onset_watch *watch = arg;
    struct onset_service *service = &watch->service;
    struct sight seen = {0};
    uint64_t looked_ns = 0;
    onset_notify_begin(watch);
    bool wanted = onset_service_opened(service);
    while (!onset_service_stopping(service)) {
        onset_arm(&service->bell);
        // Seq_cst, between arm and sleep: pairs with whoever hurries.
        if (!atomic_load(&watch->hurried) && !onset_service_stopping(service))
            onset_rest(&service->bell, watch->every_ns);
        onset_disarm(&service->bell);
        if (atomic_load(&watch->hurried)) {
            uint64_t due_ns = onset_os_ns() + SETTLE_NS;
            settle(watch, due_ns > looked_ns + APART_NS ? due_ns : looked_ns + APART_NS);
        }
        if (onset_service_stopping(service))
            break;
        // Before the look: what comes after it has another one.
        atomic_store(&watch->hurried, false);
        looked_ns = onset_os_ns();
        struct sight now = {
            .in = list_sum(watch, true),
            .out = list_sum(watch, false),
            // Acquire: the port that says that it is lost, for whom the command below is told.
            // Pairs with onset_note_news.
            .news = atomic_load_explicit(&news, memory_order_acquire),
        };
        onset_service_idle(service);
        if (differs(now, seen) || atomic_load_explicit(&watch->insistent, memory_order_relaxed))
            onset_command(watch->told);
        seen = now;
    }
    onset_notify_end(watch);
    onset_driver_drop(watch->driver);
    onset_waiter_drop(watch->told);
    if (wanted)
        wanted = onset_service_closed(service);
    if (!wanted)
        onset_service_back();
    drop(watch);
}

struct onset_watch *onset_watch_start(struct onset_driver *driver, struct onset_waiter *told,
                                      int64_t every_ns, struct onset_outcome *outcome)
{
    struct onset_watch *watch = onset_alloc(sizeof *watch, ONSET_APART);
    if (!watch) {
        *outcome = (struct onset_outcome){"watch", MMSYSERR_NOMEM};
        return NULL;
    }
    onset_driver_hold(driver);
    onset_waiter_hold(told);
    watch->driver = driver;
    watch->told = told;
    watch->every_ns = every_ns;
    watch->refs = 2;
    watch->service.phase = ONSET_OPENING;
    if (onset_service_start(&watch->service, serve, watch, every_ns, outcome))
        return watch;
    if (outcome->result == ONSET_NO_THREAD) {
        onset_driver_drop(driver);
        onset_waiter_drop(told);
        drop(watch);
    }
    drop(watch);
    return NULL;
}

void onset_watch_insist(struct onset_watch *watch, bool insistent)
{
    // Relaxed: a look that has begun may miss it, and the next is early enough.
    atomic_store_explicit(&watch->insistent, insistent, memory_order_relaxed);
}

bool onset_watch_stop(struct onset_watch *watch, int64_t deadline_ns, struct onset_outcome *outcome)
{
    bool stopped = onset_service_stop(&watch->service, deadline_ns, outcome);
    drop(watch);
    return stopped;
}
