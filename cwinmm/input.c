#include "input.h"

#include "thread.h"

static struct onset_input inputs[ONSET_INPUTS];

// How often a second callback looks whether the first has left: some ten microseconds, a hundred
// times what it takes to publish an event.
#define PATIENCE 1024

// Takes the gate for this opening. False: refused and counted.
static bool enter(struct onset_input *in, uint32_t token)
{
    uint32_t gate = token;
    // Acquire: what the last holder did to the ring (leave).
    for (int looks = 0; !atomic_compare_exchange_strong_explicit(
             &in->gate, &gate, token | ONSET_BUSY, memory_order_acquire, memory_order_relaxed);
         gate = token) {
        while (gate == (token | ONSET_BUSY) && looks++ < PATIENCE) {
            onset_pause();
            gate = atomic_load_explicit(&in->gate, memory_order_relaxed);
        }
        if (gate == (token | ONSET_BUSY)) {
            // The holder is stuck, most likely preempted. Without the gate, ring and waiter may go
            // at any moment, but the table stays: let the handle's thread pass the loss on
            // (attend).
            atomic_fetch_add_explicit(&in->concurrent, 1, memory_order_release);
            onset_notify(&in->service.bell);
            return false;
        }
        if (gate != token) {
            bool late = gate == (token | ONSET_SHUT);
            atomic_fetch_add_explicit(late ? &in->late : &in->stale, 1, memory_order_relaxed);
            return false;
        }
    }
    return true;
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

// Counts and publishes an event; the caller holds the gate, and gives it up.
static void publish(struct onset_input *in, uint32_t token, struct onset_event event)
{
    enum onset_kind kind = event.data >> 24;
    if (kind == ONSET_MORE)
        bump(&in->more);
    if (kind == ONSET_MALFORMED)
        bump(&in->malformed);
    if (kind != ONSET_MALFORMED && unwanted(in, event.data)) {
        bump(&in->filtered);
        leave(in, token);
        return;
    }
    onset_ring_push(in->ring, event);
    finish(in, token); // refused or not: a loss must be told too
}

// Waits for the gate.
static void queue(struct onset_input *in, uint32_t token, struct onset_event event)
{
    if (enter(in, token))
        publish(in, token, event);
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
    // Acquire: as in enter.
    if (!atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_BUSY,
                                                 memory_order_acquire, memory_order_relaxed)) {
        queue(in, token, event);
    } else if (kind != ONSET_SHORT || in->filter || !onset_ring_push_soon(in->ring, event)) {
        publish(in, token, event);
    } else {
        finish(in, token);
    }
}

static void deliver_any(struct onset_input *in, uint32_t token, enum onset_kind kind,
                        DWORD_PTR message, DWORD_PTR ms)
{
    // First of all, so that it stands for the moment of the driver's call.
    uint64_t now = onset_ticks(atomic_load_explicit(&in->clock, memory_order_relaxed));
    deliver(in, token, kind, message, ms, now);
}

// The driver closed the device. When we have asked it to, the gate is shut and nothing happens
// here. Apart, as finish_waking is.
__attribute__((noinline)) static void vanish(struct onset_input *in, uint32_t token)
{
    uint32_t gate = atomic_load_explicit(&in->gate, memory_order_relaxed);
    if ((gate & ~(uint32_t)ONSET_BUSY) == token) {
        // Not a flag: should this opening end meanwhile, the next one is not meant.
        atomic_store(&in->vanished, token);
        onset_notify(&in->service.bell);
    }
}

// On the driver's thread: no lock, no allocation, no Go, no WinMM call, no output. The system call
// that wakes a sleeper is the only one.
static void CALLBACK callback(HMIDIIN handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                              DWORD_PTR param2)
{
    (void)handle;
    uint32_t token = (uint32_t)instance;
    struct onset_input *in = &inputs[token >> 2 & (ONSET_INPUTS - 1)];
    switch (message) {
    case MIM_DATA:
#if defined(__x86_64__)
        if (atomic_load_explicit(&in->clock, memory_order_relaxed) == ONSET_CLOCK_TSC)
            deliver(in, token, ONSET_SHORT, param1, param2, __rdtsc());
        else
#endif
            deliver_any(in, token, ONSET_SHORT, param1, param2);
        break;
    case MIM_MOREDATA:
        deliver_any(in, token, ONSET_MORE, param1, param2);
        break;
    case MIM_ERROR:
        deliver_any(in, token, ONSET_MALFORMED, param1, param2);
        break;
    case MIM_CLOSE:
        vanish(in, token);
        break;
        // MIM_LONGDATA and MIM_LONGERROR bring buffers home; the driver is given none.
    }
}

// Shuts the gate behind the last callback. Waits for as long as one stays inside: it may be in the
// ring, so nothing can be given up before. The closer's deadline runs in service.c meanwhile.
static void shut(struct onset_input *in)
{
    uint32_t token = token_of(in), gate = token;
    // Acquire: the last callback's work on the ring (leave). A flood leaves only short moments
    // between two callbacks, so many tries come before the first nap.
    for (int tries = 0; !atomic_compare_exchange_strong_explicit(
             &in->gate, &gate, token | ONSET_SHUT, memory_order_acq_rel, memory_order_relaxed);
         tries++, gate = token) {
        if (tries < 10000)
            onset_pause();
        else
            onset_sleep(100000);
    }
}

static void shut_down(struct onset_input *in, HMIDIIN handle)
{
    const struct onset_winmm *calls = in->driver->calls;
    struct onset_outcome outcome = {0};
    shut(in);
    onset_note(&outcome, "midiInStop", calls->in_stop(in->driver, handle));
    onset_note(&outcome, "midiInReset", calls->in_reset(in->driver, handle));
    onset_note(&outcome, "midiInClose", calls->in_close(in->driver, handle));
    in->service.outcome = outcome;
}

// Gives back what the opening held: the gate is shut, no callback can reach it. From here on those
// that still come are stale.
static void let_go(struct onset_input *in)
{
    onset_ring_drop(in->ring);
    onset_waiter_drop(in->waiter);
    onset_driver_drop(in->driver);
    atomic_store_explicit(&in->gate, (token_of(in) + (1 << 10)) | ONSET_SHUT, memory_order_release);
}

// Passes on what callbacks left for the thread. False: nothing.
static bool attend(struct onset_input *in, bool *told)
{
    // Seq_cst loads: they stand between arm and sleep.
    uint64_t folded = atomic_load_explicit(&in->folded, memory_order_relaxed);
    uint64_t refused = atomic_load(&in->concurrent) - folded;
    if (refused) {
        onset_ring_refuse(in->ring, refused);
        // Release: whoever sees this sees them among the ring's losses (onset_input_counts).
        atomic_store_explicit(&in->folded, folded + refused, memory_order_release);
        onset_notify(in->waiter);
    }
    bool gone = !*told && atomic_load(&in->vanished) == token_of(in);
    if (gone) {
        *told = true;
        // Release: what the device delivered is found by whoever sees this (Ring.Gone).
        atomic_store_explicit(&in->ring->gone, 1, memory_order_release);
        onset_command(in->waiter);
    }
    return refused || gone;
}

static bool open_up(struct onset_input *in, HMIDIIN *handle)
{
    const struct onset_winmm *calls = in->driver->calls;
    MMRESULT result = calls->in_open(in->driver, in->id, callback, token_of(in), handle);
    onset_note(&in->service.outcome, "midiInOpen", result);
    bool open = result == MMSYSERR_NOERROR;
    if (open) {
        result = calls->in_start(in->driver, *handle);
        onset_note(&in->service.outcome, "midiInStart", result);
        if (result == MMSYSERR_NOERROR)
            return true;
    }
    shut(in);
    if (open)
        calls->in_close(in->driver, *handle);
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
        while (!onset_service_stopping(service)) {
            onset_arm(&service->bell);
            if (!attend(in, &told) && !onset_service_stopping(service))
                onset_rest(&service->bell, ONSET_FOREVER);
            onset_disarm(&service->bell);
        }
        shut_down(in, handle);
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
                                     struct onset_waiter *waiter, uint32_t filter,
                                     enum onset_clock clock, int64_t deadline_ns,
                                     struct onset_outcome *outcome)
{
    struct onset_input *in = take_slot();
    if (!in) {
        *outcome = (struct onset_outcome){"midiInOpen", ONSET_TOO_MANY};
        return NULL;
    }
    onset_ring_hold(ring);
    onset_waiter_hold(waiter);
    onset_driver_hold(driver);
    in->filter = filter;
    atomic_store_explicit(&in->clock, clock, memory_order_relaxed);
    in->ring = ring;
    in->waiter = waiter;
    in->driver = driver;
    in->id = id;
    atomic_store_explicit(&in->filtered, 0, memory_order_relaxed);
    atomic_store_explicit(&in->vanished, 0, memory_order_relaxed);
    atomic_store_explicit(&in->more, 0, memory_order_relaxed);
    atomic_store_explicit(&in->malformed, 0, memory_order_relaxed);
    atomic_store_explicit(&in->concurrent, 0, memory_order_relaxed);
    atomic_store_explicit(&in->late, 0, memory_order_relaxed);
    atomic_store_explicit(&in->folded, 0, memory_order_relaxed);
    uint32_t opening = (atomic_load_explicit(&in->gate, memory_order_relaxed) >> 10) + 1;
    // Release: a callback that gets in (enter) finds all of the above.
    atomic_store_explicit(&in->gate, opening << 10 | (uint32_t)(in - inputs) << 2,
                          memory_order_release);

    if (onset_service_start(&in->service, serve, in, deadline_ns, outcome))
        return in;
    if (outcome->result == ONSET_NO_THREAD)
        let_go(in); // there was no thread to do it; nor has the driver heard of it
    if (outcome->result != ONSET_TIMED_OUT)
        onset_input_release(in);
    return NULL;
}

bool onset_input_close(struct onset_input *in, int64_t deadline_ns, struct onset_outcome *outcome)
{
    return onset_service_stop(&in->service, deadline_ns, outcome);
}

void onset_input_release(struct onset_input *in)
{
    atomic_store_explicit(&in->service.phase, ONSET_FREE, memory_order_release);
}

uint64_t onset_stale_callbacks(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < ONSET_INPUTS; i++)
        sum += atomic_load_explicit(&inputs[i].stale, memory_order_relaxed);
    return sum;
}

struct onset_input_counts onset_input_counts(struct onset_input *in)
{
    return (struct onset_input_counts){
        .filtered = atomic_load_explicit(&in->filtered, memory_order_relaxed),
        .more = atomic_load_explicit(&in->more, memory_order_relaxed),
        .malformed = atomic_load_explicit(&in->malformed, memory_order_relaxed),
        .late = atomic_load_explicit(&in->late, memory_order_relaxed),
        .concurrent = atomic_load_explicit(&in->concurrent, memory_order_relaxed),
        .folded = atomic_load_explicit(&in->folded, memory_order_acquire),
    };
}
