#include "input.h"

#include "thread.h"
#include "watch.h"

static struct onset_input inputs[ONSET_INPUTS];

// How often a second callback looks whether the first has left: some ten microseconds, a hundred
// times what it takes to publish an event. A driver that the first sends to may take longer.
#define PATIENCE 1024

enum entry { INSIDE, CONCURRENT, LATE, STALE };

// Takes the gate for this opening. Otherwise: refused and counted.
static enum entry enter(struct onset_input *in, uint32_t token, uint32_t data)
{
    uint32_t gate = token;
    // Acquire: what the last holder did to the ring (leave). Seq_cst: as in route.
    for (int looks = 0; !atomic_compare_exchange_strong_explicit(
             &in->gate, &gate, token | ONSET_BUSY, memory_order_seq_cst, memory_order_relaxed);
         gate = token) {
        while (gate == (token | ONSET_BUSY) && looks++ < PATIENCE) {
            onset_pause();
            gate = atomic_load_explicit(&in->gate, memory_order_relaxed);
        }
        if (gate == (token | ONSET_BUSY)) {
            // The holder is stuck, most likely preempted. Without the gate, ring and waiter may go
            // at any moment, but the table stays: let the handle's thread pass the loss on
            // (attend).
            onset_gap_note(&in->refused, data);
            atomic_fetch_add_explicit(&in->concurrent, 1, memory_order_relaxed);
            onset_notify(&in->service.bell);
            return CONCURRENT;
        }
        if (gate != token)
            return gate == (token | ONSET_SHUT) ? LATE : STALE;
    }
    return INSIDE;
}

static void count_outside(struct onset_input *in, enum entry entry)
{
    if (entry != CONCURRENT)
        atomic_fetch_add_explicit(entry == LATE ? &in->late : &in->stale, 1, memory_order_relaxed);
}

static uint32_t token_of(struct onset_input *in)
{
    return atomic_load_explicit(&in->gate, memory_order_relaxed) &
           ~(uint32_t)(ONSET_BUSY | ONSET_SHUT);
}

static void leave(struct onset_input *in, uint32_t token)
{
    // Only the holder writes the gate, so a store will do. Release: for the next one in (enter,
    // shut).
    atomic_store_explicit(&in->gate, token, memory_order_release);
}

static bool unwanted(const struct onset_input *in, uint32_t message)
{
    uint32_t low = message & 0x0F;
    return in->filter >> ((message & 0xF0) == 0xF0 ? 16 + low : low) & 1;
}

static void bump(_Atomic uint64_t *counter)
{
    // Under the gate there is one writer: no locked instruction needed.
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

// Wakes the poller and leaves the gate. Apart, so that the usual path keeps no registers for it.
__attribute__((noinline)) static void finish_waking(struct onset_input *in, uint32_t token)
{
    _Atomic uint32_t *sleeper = &in->waiter->state;
    onset_claim(in->waiter);
    leave(in, token);
    // After leaving: waking is a system call, and another callback may be waiting for the gate.
    onset_wake_one(sleeper);
}

// The end of a callback: tells the poller and leaves the gate.
static inline void finish(struct onset_input *in, uint32_t token)
{
    if (onset_is_awake(in->waiter))
        leave(in, token);
    else
        finish_waking(in, token);
}

static struct onset_routes *routes_of(uintptr_t routes)
{
    return (struct onset_routes *)(routes & ~(uintptr_t)ONSET_LOOK);
}

// Says whether there is more to ask before an input's routes are run. Within the gate.
__attribute__((noinline)) static void look_at_routes(struct onset_input *in,
                                                     struct onset_routes *routes, bool look)
{
    uintptr_t before = (uintptr_t)routes | (look ? 0 : ONSET_LOOK);
    // It fails when it is so already, or there are others by now.
    atomic_compare_exchange_strong(&in->routes, &before, before ^ ONSET_LOOK);
}

// Sends a short message along the input's routes, if there are any that may be run; returns the tag
// that says so, in its place in an event's data. Within the gate.
static uint32_t route(struct onset_input *in, const struct onset_event *event)
{
    // Seq_cst: after the gate was taken; pairs with onset_input_route and is_free.
    struct onset_routes *routes = routes_of(atomic_load(&in->routes));
    if (!routes || !(event->data & 0x80))
        return 0;
    if (!routes->active) {
        // Acquire: what the consumer has handled before (Ring.Calm in ring.go).
        if (atomic_load_explicit(&in->ring->calm, memory_order_acquire) !=
            atomic_load_explicit(&in->ring->head, memory_order_relaxed))
            return 0;
        routes->active = true;
    }
    onset_routes_run(routes, event->data & ONSET_BYTES, event->ticks);
    bump(&in->routing.routed);
    look_at_routes(in, routes, routes->round || in->filter);
    return routes->tag << 28;
}

// Publishes an event; the caller holds the gate, and gives it up.
ONSET_HOT static void push(struct onset_input *in, uint32_t token, struct onset_event event)
{
    if (!onset_ring_push(in->ring, event))
        // Under the gate: the waiter may go behind it. Another callback that comes meanwhile is
        // held up no longer than it takes to wake.
        onset_tether_free(&in->waiter->tether);
    finish(in, token); // refused or not: a loss must be told too
}

// Counts and publishes an event; the caller holds the gate, and gives it up.
static void publish(struct onset_input *in, uint32_t token, struct onset_event event)
{
    enum onset_kind kind = onset_kind_of(event.data);
    if (kind == ONSET_MORE)
        bump(&in->more);
    if (kind == ONSET_MALFORMED) {
        bump(&in->malformed);
    } else if (in->filter && unwanted(in, event.data)) {
        bump(&in->filtered);
        leave(in, token);
        return;
    } else {
        event.data |= route(in, &event);
    }
    push(in, token, event);
}

// Waits for the gate.
static void queue(struct onset_input *in, uint32_t token, struct onset_event event)
{
    enum entry entry = enter(in, token, event.data);
    if (entry == INSIDE)
        publish(in, token, event);
    else
        count_outside(in, entry);
}

// The usual case is written out, and calls nothing but as its last act: every instruction here is
// the driver's time (count/).
static inline void deliver(struct onset_input *in, uint32_t token, enum onset_kind kind,
                           DWORD_PTR message, DWORD_PTR ms, uint64_t now)
{
    struct onset_event event = {
        .ticks = now,
        .data = ((uint32_t)message & 0xFFFFFF) | (uint32_t)kind << 24,
        .driver_ms = (uint32_t)ms,
    };
    uint32_t gate = token;
    // As in enter.
    if (!atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_BUSY,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        queue(in, token, event);
    } else if (kind != ONSET_SHORT || !onset_ring_push_soon(in->ring, event)) {
        publish(in, token, event);
    } else {
        finish(in, token);
    }
}

static enum onset_clock clock_of(struct onset_input *in)
{
    return (enum onset_clock)(atomic_load_explicit(&in->way, memory_order_relaxed) & ~ONSET_ROUTED);
}

static void deliver_any(struct onset_input *in, uint32_t token, enum onset_kind kind,
                        DWORD_PTR message, DWORD_PTR ms)
{
    // First of all, so that it stands for the moment of the driver's call.
    uint64_t now = onset_ticks(clock_of(in));
    deliver(in, token, kind, message, ms, now);
}

// The same for a short message of an input that has routes. Of what is read before the message is
// sent, whatever can be is fetched while the gate is taken.
ONSET_HOT __attribute__((noinline)) static void
deliver_routed(struct onset_input *in, uint32_t token, DWORD_PTR message, DWORD_PTR ms)
{
    struct onset_event event = {
        .ticks = onset_ticks(clock_of(in)),
        .data = (uint32_t)message & 0xFFFFFF,
        .driver_ms = (uint32_t)ms,
    };
    // Only to be fetched: without the gate, either may have been freed.
    onset_output_approach(atomic_load_explicit(&in->aim, memory_order_relaxed));
    uintptr_t routes = atomic_load_explicit(&in->routes, memory_order_relaxed);
    onset_routes_approach(routes_of(routes), event.data);
    uint32_t gate = token;
    // As in enter.
    if (!atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_BUSY,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        queue(in, token, event);
        return;
    }
    routes = atomic_load(&in->routes); // as in route
    if (!routes || routes & ONSET_LOOK || !(event.data & 0x80)) {
        publish(in, token, event);
        return;
    }
    onset_routes_send(routes_of(routes), event.data, event.ticks);
    bump(&in->routing.routed);
    event.data |= routes_of(routes)->tag << 28;
    if (routes_of(routes)->round)
        look_at_routes(in, routes_of(routes), true);
    push(in, token, event);
}

// The driver gives a buffer back, with what is in it. The header is ours to read unless the call is
// stale.
static void deliver_long(struct onset_input *in, uint32_t token, enum onset_kind kind,
                         DWORD_PTR param, DWORD_PTR ms)
{
    struct onset_event event = {
        .ticks = onset_ticks(clock_of(in)),
        .data = (uint32_t)kind << 24,
        .driver_ms = (uint32_t)ms,
    };
    enum entry entry = enter(in, token, event.data);
    if (entry == STALE) {
        count_outside(in, entry);
        return;
    }
    const MIDIHDR *header = (const MIDIHDR *)param;
    uint32_t number = (uint32_t)header->dwUser;
    bool filled = header->dwBytesRecorded > 0;
    if (entry == LATE && filled)
        count_outside(in, entry);
    else if (entry == LATE) // that is what resetting is for
        atomic_fetch_add_explicit(&in->emptied, 1, memory_order_relaxed);
    bool filtered = in->filter >> 16 & 1;
    bool stray = entry == CONCURRENT || (entry == INSIDE && filtered);
    if (stray)
        onset_pool_stray(in->pool, number);
    // After the last look at the header: when all are back, the pool may go.
    bool dry = onset_pool_came_back(in->pool) && filled;
    if (stray)
        onset_notify(&in->service.bell);
    if (entry != INSIDE)
        return;
    if (dry)
        bump(&in->dry);
    if (filtered) {
        bump(&in->filtered);
        leave(in, token);
        return;
    }
    event.data |= number | (dry ? ONSET_DRY : 0);
    onset_ring_push_long(in->ring, event);
    finish(in, token);
}

// The driver closed the device. When we have asked it to, the gate is shut and nothing happens
// here.
static void vanish(struct onset_input *in, uint32_t token)
{
    uint32_t gate = atomic_load_explicit(&in->gate, memory_order_relaxed);
    if ((gate & ~(uint32_t)ONSET_BUSY) == token) {
        // Not a flag: should this opening end meanwhile, the next one is not meant.
        atomic_store(&in->vanished, token);
        onset_notify(&in->service.bell);
    }
}

// All but what callback does itself. Apart, as finish_waking is.
ONSET_HOT __attribute__((noinline)) static void deliver_rest(struct onset_input *in, uint32_t token,
                                                             UINT message, DWORD_PTR param1,
                                                             DWORD_PTR param2)
{
    if (message == MIM_DATA &&
        atomic_load_explicit(&in->way, memory_order_relaxed) & ONSET_ROUTED) {
        deliver_routed(in, token, param1, param2);
        return;
    }
    switch (message) {
    case MIM_DATA:
        deliver_any(in, token, ONSET_SHORT, param1, param2);
        break;
    case MIM_MOREDATA:
        deliver_any(in, token, ONSET_MORE, param1, param2);
        break;
    case MIM_ERROR:
        deliver_any(in, token, ONSET_MALFORMED, param1, param2);
        break;
    case MIM_LONGDATA:
        deliver_long(in, token, ONSET_LONG, param1, param2);
        break;
    case MIM_LONGERROR:
        deliver_long(in, token, ONSET_LONG_ERROR, param1, param2);
        break;
    case MIM_CLOSE:
        vanish(in, token);
        break;
    }
}

// On the driver's thread: no lock, no allocation, no Go, and no WinMM call but midiOutShortMsg,
// where routes ask for it. System calls are made, none of which waits, to wake a sleeper, and, when
// the ring is full, to let one go anywhere that has kept to this thread's processor (tether.h).
ONSET_HOT static void CALLBACK callback(HMIDIIN handle, UINT message, DWORD_PTR instance,
                                        DWORD_PTR param1, DWORD_PTR param2)
{
    (void)handle;
    uint32_t token = (uint32_t)instance;
    struct onset_input *in = &inputs[token >> 2 & (ONSET_INPUTS - 1)];
#if defined(__x86_64__)
    if (message == MIM_DATA &&
        atomic_load_explicit(&in->way, memory_order_relaxed) == ONSET_CLOCK_TSC) {
        deliver(in, token, ONSET_SHORT, param1, param2, __rdtsc());
        return;
    }
#endif
    deliver_rest(in, token, message, param1, param2);
}

// Takes the gate as a callback would, for the input's thread, and leaves mark in it. Waits for as
// long as a callback stays inside, which may be in the ring, or for a moment only. False: it is
// shut (shut_early), or that moment is over.
static bool take_gate(struct onset_input *in, uint32_t mark, bool moment)
{
    uint32_t token = token_of(in), gate = token;
    // Acquire: the last callback's work on the ring (leave). A flood leaves only short moments
    // between two callbacks, so many tries come before the first nap.
    for (int tries = 0; !atomic_compare_exchange_strong_explicit(
             &in->gate, &gate, token | mark, memory_order_acq_rel, memory_order_relaxed);
         tries++, gate = token) {
        if (gate == (token | ONSET_SHUT))
            return false;
        if (tries < 10000) {
            onset_pause();
            continue;
        }
        onset_sleep(100000);
        if (moment)
            return false;
    }
    return true;
}

// Have concurrent callbacks left anything outside? For the thread.
static bool left_outside(struct onset_input *in)
{
    // Seq_cst: read between arm and sleep. Not by the counts of them: who was preempted between
    // noting and counting would leave the thread without sleep.
    for (int i = 0; i < ONSET_LOSSES; i++)
        if (atomic_load(&in->refused.lost_by[i]))
            return true;
    return false;
}

// Adds that to the ring's losses. For the thread, when it holds the gate.
static void absorb(struct onset_input *in)
{
    uint64_t folded = atomic_load_explicit(&in->folded, memory_order_relaxed);
    folded += onset_ring_absorb(in->ring, &in->refused);
    // Release: whoever sees this sees them among the ring's losses (onset_input_counts).
    atomic_store_explicit(&in->folded, folded, memory_order_release);
}

// Shuts the gate behind the last callback: nothing can be given up before. The closer's deadline
// runs in service.c meanwhile.
static void shut(struct onset_input *in)
{
    take_gate(in, ONSET_SHUT, false);
    // Since the last fold: the device may be opened again, and its events go on.
    if (left_outside(in))
        absorb(in);
}

// Names the driver's function that the thread is about to call, for who waits for it.
static void calling(struct onset_input *in, const char *call)
{
    onset_service_calling(&in->service, call);
}

// How long closing waits for what a driver may be late with, at most.
#define GRACE_NS 1000000000

// How often a driver that will not close yet is asked at least, however long it takes to answer.
#define CLOSE_TRIES 10

// Closes the handle. While the driver says that it still has buffers it is told to give them back,
// but not for ever.
static MMRESULT close_handle(struct onset_input *in, HMIDIIN handle)
{
    const struct onset_winmm *calls = in->driver->calls;
    uint64_t due_ns = onset_os_ns() + (uint64_t)in->grace_ns;
    for (int tries = 1;; tries++) {
        calling(in, "midiInClose");
        MMRESULT result = calls->in_close(in->driver, handle);
        if (result != MIDIERR_STILLPLAYING || (tries >= CLOSE_TRIES && onset_os_ns() >= due_ns))
            return result;
        calling(in, "midiInReset");
        calls->in_reset(in->driver, handle);
        onset_sleep(10000000);
    }
}

// In this order: no more data, all buffers home, none of them the driver's, the handle. Each step
// is taken whatever became of the one before.
static void shut_down(struct onset_input *in, HMIDIIN handle, struct onset_outcome *outcome)
{
    const struct onset_winmm *calls = in->driver->calls;
    shut(in);
    calling(in, "midiInStop");
    onset_note(outcome, "midiInStop", calls->in_stop(in->driver, handle));
    calling(in, "midiInReset");
    onset_note(outcome, "midiInReset", calls->in_reset(in->driver, handle));
    onset_pool_await(in->pool, in->grace_ns);
    MMRESULT emptied = onset_pool_empty(in->pool, in->driver, handle, &in->service);
    onset_note(outcome, "midiInUnprepareHeader", emptied);
    MMRESULT closed = close_handle(in, handle);
    onset_note(outcome, "midiInClose", closed);
    onset_service_left(closed);
    // A call with that buffer may still be on its way past the gate.
    in->spent = in->pool->kept;
}

// Gives back what the opening held: the gate is shut, no callback can reach it. From here on those
// that still come are stale.
static void let_go(struct onset_input *in)
{
    onset_ring_drop(in->ring);
    onset_pool_drop(in->pool);
    onset_waiter_drop(in->waiter);
    onset_driver_drop(in->driver);
    onset_routes_free(routes_of(atomic_exchange(&in->routes, 0)));
    onset_routes_free(atomic_exchange(&in->retired, NULL));
    atomic_store_explicit(&in->gate, (token_of(in) + (1 << 10)) | ONSET_SHUT, memory_order_release);
}

// Counts as stale what came for an opening that nobody has seen; the gate is shut.
static void disown(struct onset_input *in)
{
    struct onset_ring *ring = in->ring;
    struct onset_input_counts n = onset_input_counts(in);
    uint64_t came = atomic_load_explicit(&ring->head, memory_order_relaxed) -
                    atomic_load_explicit(&ring->gaps, memory_order_relaxed) +
                    atomic_load_explicit(&ring->lost, memory_order_relaxed) - n.folded +
                    n.concurrent + n.filtered;
    atomic_fetch_add_explicit(&in->stale, came, memory_order_relaxed);
}

// Passes on what concurrent callbacks had to leave outside. True: there was something.
static bool fold(struct onset_input *in)
{
    if (!left_outside(in))
        return false;
    // An output's driver may hold the callback up: what else there is to do goes on.
    if (!take_gate(in, ONSET_BUSY, true))
        return true;
    absorb(in);
    leave(in, token_of(in));
    onset_notify(in->waiter);
    return true;
}

// Has the last opening's callback left? Whoever enters from now on sees what was stored before.
static bool is_free(struct onset_input *in)
{
    // Seq_cst: pairs with enter and route. If this comes before the gate is taken, so does the
    // exchange in onset_input_route, and the routes that are read then are the new ones.
    return !(atomic_load(&in->gate) & ONSET_BUSY);
}

// Frees routes that no callback can be running. True: there may be more to do.
static bool free_retired(struct onset_input *in)
{
    // Seq_cst: read between arm and sleep.
    if (!atomic_load(&in->retired))
        return false;
    struct onset_routes *retired = atomic_exchange(&in->retired, NULL);
    for (int looks = 0; !is_free(in); looks++) {
        if (looks < 1000) {
            onset_pause();
            continue;
        }
        // An output's driver holds the callback up. What else there is to do goes on.
        struct onset_routes *last = retired;
        while (last->next)
            last = last->next;
        last->next = atomic_load_explicit(&in->retired, memory_order_relaxed);
        while (!atomic_compare_exchange_weak(&in->retired, &last->next, retired))
            ;
        onset_sleep(1000000);
        return true;
    }
    uint32_t freed = 0;
    for (struct onset_routes *routes = retired; routes; routes = routes->next)
        freed++;
    onset_routes_free(retired);
    // Seq_cst: what callbacks have published along them is found by whoever sees this (Ring.Calm in
    // ring.go).
    atomic_fetch_sub(&in->ring->older, freed);
    onset_command(in->waiter); // which may have waited for that to be calm
    return true;
}

void onset_input_route(struct onset_input *in, struct onset_routes *routes)
{
    // Seq_cst: see is_free.
    if (routes) {
        routes->counts = &in->routing;
        routes->echoes = &in->driver->echoes;
        routes->clock = clock_of(in);
    }
    uintptr_t look = routes ? (uintptr_t)routes | ONSET_LOOK : 0;
    struct onset_routes *old = routes_of(atomic_exchange(&in->routes, look));
    onset_ring_hurry(in->ring, !in->filter && !routes);
    // Relaxed, both: hints.
    atomic_store_explicit(&in->aim, routes ? routes->output[0] : NULL, memory_order_relaxed);
    atomic_store_explicit(&in->way, clock_of(in) | (routes ? ONSET_ROUTED : 0),
                          memory_order_relaxed);
    if (!old)
        return;
    // Before the consumer can know of the new ones, and before old can be freed (free_retired).
    atomic_fetch_add(&in->ring->older, 1);
    old->next = atomic_load_explicit(&in->retired, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&in->retired, &old->next, old))
        ;
    onset_notify(&in->service.bell);
}

// Passes on that the device has gone. False: it has not, or that is known.
static bool tell_gone(struct onset_input *in, bool *told)
{
    // Seq_cst: read between arm and sleep.
    if (*told || atomic_load(&in->vanished) != token_of(in))
        return false;
    *told = true;
    // Release: what the device delivered is found by whoever sees this (Ring.Gone).
    atomic_store_explicit(&in->ring->gone, 1, memory_order_release);
    onset_command(in->waiter);
    onset_note_news();
    return true;
}

// Does what callbacks and the consumer left for the thread. False: nothing.
static bool attend(struct onset_input *in, HMIDIIN handle, bool *told)
{
    bool folded = fold(in), freed = free_retired(in), gone = false;
    bool filled =
        onset_pool_refill(in->pool, in->driver, handle, &in->service, &in->unqueued, &gone);
    onset_service_idle(&in->service);
    if (gone)
        atomic_store(&in->vanished, token_of(in));
    return tell_gone(in, told) || filled || folded || freed;
}

static bool open_up(struct onset_input *in, HMIDIIN *handle)
{
    const struct onset_winmm *calls = in->driver->calls;
    struct onset_outcome *outcome = &in->service.outcome;
    calling(in, "midiInOpen");
    MMRESULT result = calls->in_open(in->driver, in->id, callback, token_of(in), handle);
    onset_note(outcome, "midiInOpen", result);
    if (result != MMSYSERR_NOERROR) {
        shut(in);
        let_go(in);
        return false;
    }
    result = onset_pool_fill(in->pool, in->driver, *handle, &in->service);
    if (result == MMSYSERR_NOERROR) {
        calling(in, "midiInStart");
        result = calls->in_start(in->driver, *handle);
    }
    if (result == MMSYSERR_NOERROR)
        return true;
    onset_note(outcome, atomic_load_explicit(&in->service.call, memory_order_relaxed), result);
    shut_down(in, *handle, &(struct onset_outcome){0});
    disown(in);
    let_go(in);
    return false;
}

// The handle's thread.
static void serve(void *arg)
{
    struct onset_input *in = arg;
    struct onset_service *service = &in->service;
    HMIDIIN handle = NULL;
    bool open = open_up(in, &handle);
    bool wanted = onset_service_opened(service);
    if (open) {
        bool told = false;
        uintptr_t task = 0;
        if (in->raise)
            onset_thread_raise(false, &task); // for good: the thread ends with the input
        while (!onset_service_stopping(service)) {
            onset_arm(&service->bell);
            if (!attend(in, handle, &told) && !onset_service_stopping(service))
                onset_rest(&service->bell, ONSET_FOREVER);
            onset_disarm(&service->bell);
        }
        struct onset_outcome outcome = {0};
        shut_down(in, handle, &outcome);
        service->outcome = outcome;
        if (!wanted)
            disown(in);
        let_go(in);
        wanted = onset_service_closed(service);
    }
    if (!wanted) {
        onset_service_back();
        onset_input_release(in);
    }
}

// Takes a free slot, preferring the one longest unused, and gives it a token of its own.
static struct onset_input *take_slot(void)
{
    static _Atomic uint32_t next;
    for (int tries = 0; tries < ONSET_INPUTS; tries++) {
        uint32_t slot = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % ONSET_INPUTS;
        uint32_t phase = ONSET_FREE;
        if (atomic_compare_exchange_strong(&inputs[slot].service.phase, &phase, ONSET_OPENING))
            return &inputs[slot];
    }
    return NULL;
}

struct onset_input *onset_input_open(struct onset_driver *driver, UINT id, struct onset_ring *ring,
                                     struct onset_pool *pool, struct onset_waiter *waiter,
                                     const struct onset_input_options *options, int64_t deadline_ns,
                                     struct onset_outcome *outcome, uint32_t *token)
{
    struct onset_input *in = take_slot();
    if (!in) {
        *outcome = (struct onset_outcome){"midiInOpen", ONSET_TOO_MANY};
        return NULL;
    }
    uint32_t opening = (atomic_load_explicit(&in->gate, memory_order_relaxed) >> 10) + 1;
    uint32_t own = opening << 10 | (uint32_t)(in - inputs) << 2;
    // Before the counters change: their last closer finds by it that they are not its own any more.
    atomic_store_explicit(&in->gate, own | ONSET_SHUT, memory_order_relaxed);
    // Release: pairs with the fence in onset_input_close.
    atomic_thread_fence(memory_order_release);
    onset_ring_hold(ring);
    onset_pool_hold(pool);
    onset_waiter_hold(waiter);
    onset_driver_hold(driver);
    in->filter = options->filter;
    in->raise = options->raise;
    // Twice that is waited for: half of what a closer has.
    in->grace_ns = deadline_ns / 4 < GRACE_NS ? deadline_ns / 4 : GRACE_NS;
    atomic_store_explicit(&in->way, options->clock, memory_order_relaxed);
    atomic_store_explicit(&in->aim, NULL, memory_order_relaxed);
    in->ring = ring;
    onset_ring_hurry(ring, !in->filter);
    in->pool = pool;
    in->waiter = waiter;
    in->driver = driver;
    in->id = id;
    atomic_store_explicit(&in->filtered, 0, memory_order_relaxed);
    atomic_store_explicit(&in->vanished, 0, memory_order_relaxed);
    atomic_store_explicit(&in->more, 0, memory_order_relaxed);
    atomic_store_explicit(&in->malformed, 0, memory_order_relaxed);
    atomic_store_explicit(&in->concurrent, 0, memory_order_relaxed);
    in->late_before = atomic_load_explicit(&in->late, memory_order_relaxed);
    atomic_store_explicit(&in->folded, 0, memory_order_relaxed);
    atomic_store_explicit(&in->dry, 0, memory_order_relaxed);
    atomic_store_explicit(&in->routing.routed, 0, memory_order_relaxed);
    atomic_store_explicit(&in->routing.unsent, 0, memory_order_relaxed);
    atomic_store_explicit(&in->routing.looped, 0, memory_order_relaxed);
    atomic_store_explicit(&in->routing.loop, 0, memory_order_relaxed);
    atomic_store_explicit(&in->unqueued, 0, memory_order_relaxed);
    in->refused = (struct onset_gap){0};
    // Release: a callback that gets in (enter) finds all of the above.
    atomic_store_explicit(&in->gate, own, memory_order_release);

    if (onset_service_start(&in->service, serve, in, deadline_ns, outcome))
        return in;
    if (outcome->result == ONSET_NO_THREAD)
        let_go(in); // there was no thread to do it; nor has the driver heard of it
    if (outcome->result == ONSET_TIMED_OUT)
        *token = own;
    else
        onset_input_release(in);
    return NULL;
}

bool onset_input_pending(uint32_t token)
{
    // Acquire: the driver has closed what it opened (let_go).
    return (atomic_load_explicit(&inputs[token >> 2 & (ONSET_INPUTS - 1)].gate,
                                 memory_order_acquire) &
            ~(uint32_t)(ONSET_BUSY | ONSET_SHUT)) == token;
}

// Shuts the gate in the place of the thread, which is stuck in the driver: its last counts are to
// be the last. If another callback is inside all the while, or the slot is used again, nothing.
static void shut_early(struct onset_input *in, uint32_t token)
{
    uint32_t gate = token;
    // As in take_gate.
    for (int tries = 0;
         !atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_SHUT,
                                                  memory_order_acq_rel, memory_order_relaxed) &&
         gate == (token | ONSET_BUSY) && tries < 10000;
         tries++, gate = token)
        onset_pause();
}

bool onset_input_close(struct onset_input *in, int64_t deadline_ns, struct onset_outcome *outcome,
                       struct onset_input_counts *counts)
{
    uint32_t token = token_of(in), opening = token >> 10;
    *counts = onset_input_counts(in);
    bool closed = onset_service_stop(&in->service, deadline_ns, outcome);
    if (!closed)
        shut_early(in, token);
    struct onset_input_counts last = onset_input_counts(in);
    // An abandoned input may be another's by now; then it has been let go of and opened again.
    // Acquire: whoever has reset the counters (onset_input_open) is seen here.
    atomic_thread_fence(memory_order_acquire);
    if ((atomic_load_explicit(&in->gate, memory_order_relaxed) >> 10) - opening <= 1)
        *counts = last;
    atomic_fetch_add_explicit(&in->late_told, counts->late, memory_order_relaxed);
    return closed;
}

const char *onset_input_stuck(struct onset_input *in, uint64_t limit_ns)
{
    return onset_service_stuck(&in->service, limit_ns);
}

void onset_input_return(struct onset_input *in, uint32_t number)
{
    onset_pool_return(in->pool, number);
    onset_notify(&in->service.bell);
}

void onset_input_release(struct onset_input *in)
{
    if (!in->spent)
        atomic_store_explicit(&in->service.phase, ONSET_FREE, memory_order_release);
}

uint64_t onset_stale_callbacks(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < ONSET_INPUTS; i++)
        sum += atomic_load_explicit(&inputs[i].stale, memory_order_relaxed) +
               atomic_load_explicit(&inputs[i].late, memory_order_relaxed) -
               atomic_load_explicit(&inputs[i].late_told, memory_order_relaxed);
    return sum;
}

uint64_t onset_emptied_buffers(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < ONSET_INPUTS; i++)
        sum += atomic_load_explicit(&inputs[i].emptied, memory_order_relaxed);
    return sum;
}

struct onset_input_counts onset_input_counts(struct onset_input *in)
{
    return (struct onset_input_counts){
        .filtered = atomic_load_explicit(&in->filtered, memory_order_relaxed),
        .more = atomic_load_explicit(&in->more, memory_order_relaxed),
        .malformed = atomic_load_explicit(&in->malformed, memory_order_relaxed),
        .late = atomic_load_explicit(&in->late, memory_order_relaxed) - in->late_before,
        .concurrent = atomic_load_explicit(&in->concurrent, memory_order_relaxed),
        .folded = atomic_load_explicit(&in->folded, memory_order_acquire),
        .routed = atomic_load_explicit(&in->routing.routed, memory_order_relaxed),
        .unsent = atomic_load_explicit(&in->routing.unsent, memory_order_relaxed),
        .looped = atomic_load_explicit(&in->routing.looped, memory_order_relaxed),
        .loop = atomic_load_explicit(&in->routing.loop, memory_order_relaxed),
        .dry = atomic_load_explicit(&in->dry, memory_order_relaxed),
        .unqueued = atomic_load_explicit(&in->unqueued, memory_order_relaxed),
    };
}
