#include "input.h"

#include "thread.h"

static struct onset_input inputs[ONSET_INPUTS];

// How often a second callback looks whether the first has left: some tens of microseconds, longer
// than a publish and a wake-up take.
#define PATIENCE 1024

// Takes the gate for this opening. False: refused and counted, or not ours to count.
static bool enter(struct onset_input *in, uint32_t token)
{
    for (int looks = 0; looks < PATIENCE; looks++) {
        uint32_t gate = token;
        // Acquire: what the last holder did to the ring (leave).
        if (atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_BUSY,
                                                    memory_order_acquire, memory_order_relaxed))
            return true;
        if (gate == (token | ONSET_SHUT)) {
            atomic_fetch_add_explicit(&in->late, 1, memory_order_relaxed);
            return false;
        }
        if (gate != (token | ONSET_BUSY)) {
            atomic_fetch_add_explicit(&in->stale, 1, memory_order_relaxed);
            return false;
        }
        onset_pause();
    }
    // The holder is stuck, most likely preempted. Without the gate, ring and waiter may go at any
    // moment, but the table stays: let the handle's thread pass the loss on (attend).
    atomic_fetch_add_explicit(&in->concurrent, 1, memory_order_release);
    onset_notify(&in->service.bell);
    return false;
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

static void deliver(struct onset_input *in, uint32_t token, enum onset_kind kind, DWORD_PTR message,
                    DWORD_PTR ms)
{
    // First of all, so that it stands for the moment of the driver's call.
    uint64_t now = onset_ticks(atomic_load_explicit(&in->clock, memory_order_relaxed));
    if (!enter(in, token))
        return;
    if (unwanted(in, (uint32_t)message)) {
        bump(&in->filtered);
    } else {
        onset_ring_push(in->ring, (struct onset_event){
                                      .ticks = now,
                                      .data = ((uint32_t)message & 0xFFFFFF) | (uint32_t)kind << 24,
                                      .driver_ms = (uint32_t)ms,
                                  });
        onset_notify(in->waiter); // refused or not: a loss must be told too
    }
    leave(in, token);
}

// The driver closed the device. Asked to by us, the phase is past OPEN and nothing happens here.
static void vanish(struct onset_input *in)
{
    uint32_t phase = ONSET_OPEN;
    if (atomic_compare_exchange_strong(&in->service.phase, &phase, ONSET_VANISHED))
        onset_notify(&in->service.bell);
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
        deliver(in, token, ONSET_SHORT, param1, param2);
        break;
    case MIM_MOREDATA:
        atomic_fetch_add_explicit(&in->more, 1, memory_order_relaxed);
        deliver(in, token, ONSET_MORE, param1, param2);
        break;
    case MIM_ERROR:
        atomic_fetch_add_explicit(&in->malformed, 1, memory_order_relaxed);
        deliver(in, token, ONSET_MALFORMED, param1, param2);
        break;
    case MIM_CLOSE:
        if ((atomic_load_explicit(&in->gate, memory_order_relaxed) & ~3u) == token)
            vanish(in);
        break;
    }
}

// Shuts the gate behind the last callback. Waits for as long as one stays inside: it may be in the
// ring, so nothing can be given up before. The closer's deadline runs in service.c meanwhile.
static void shut(struct onset_input *in)
{
    uint32_t token = atomic_load_explicit(&in->gate, memory_order_relaxed) & ~3u;
    uint64_t nap_ns = 0;
    for (;;) {
        uint32_t gate = token;
        // Acquire: the last callback's work on the ring (leave).
        if (atomic_compare_exchange_strong_explicit(&in->gate, &gate, token | ONSET_SHUT,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return;
        // A flood leaves only short moments between two callbacks: try many before a nap.
        for (int i = 0; i < 1000 && atomic_load_explicit(&in->gate, memory_order_relaxed) != token;
             i++)
            onset_pause();
        if (nap_ns)
            onset_sleep(nap_ns);
        nap_ns = nap_ns < 1000000 ? nap_ns + 10000 : nap_ns;
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

// Gives back what the opening held. Ring and waiter are out of every callback's reach: the gate is
// shut, or was never passed.
static void let_go(struct onset_input *in)
{
    onset_ring_drop(in->ring);
    onset_waiter_drop(in->waiter);
    onset_driver_drop(in->driver);
}

// Passes on what callbacks left for the thread. False: nothing.
static bool attend(struct onset_input *in, bool *vanished)
{
    // Seq_cst loads: they stand between arm and sleep.
    uint64_t folded = atomic_load_explicit(&in->folded, memory_order_relaxed);
    uint64_t refused = atomic_load(&in->concurrent) - folded;
    if (refused) {
        onset_ring_refuse(in->ring, refused);
        atomic_store_explicit(&in->folded, folded + refused, memory_order_relaxed);
        onset_notify(in->waiter);
    }
    bool gone = !*vanished && atomic_load(&in->service.phase) == ONSET_VANISHED;
    if (gone) {
        *vanished = true;
        onset_command(in->waiter);
    }
    return refused || gone;
}

static bool open_up(struct onset_input *in, HMIDIIN *handle)
{
    const struct onset_winmm *calls = in->driver->calls;
    uint32_t token = atomic_load_explicit(&in->gate, memory_order_relaxed);
    MMRESULT result = calls->in_open(in->driver, in->id, callback, token, handle);
    onset_note(&in->service.outcome, "midiInOpen", result);
    if (result == MMSYSERR_NOERROR) {
        result = calls->in_start(in->driver, *handle);
        onset_note(&in->service.outcome, "midiInStart", result);
        if (result == MMSYSERR_NOERROR)
            return true;
    }
    shut(in);
    if (*handle)
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
        bool vanished = false;
        while (!onset_service_stopping(service)) {
            onset_arm(&service->bell);
            if (!attend(in, &vanished) && !onset_service_stopping(service))
                onset_rest(&service->bell, ONSET_FOREVER);
            onset_disarm(&service->bell);
        }
        shut_down(in, handle);
        let_go(in);
        wanted = onset_service_closed(service);
    }
    if (!wanted)
        onset_input_release(in);
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
        let_go(in); // there was no thread to do it
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

bool onset_input_vanished(struct onset_input *in)
{
    return atomic_load_explicit(&in->service.phase, memory_order_acquire) == ONSET_VANISHED;
}

struct onset_input_counts onset_input_counts(struct onset_input *in)
{
    return (struct onset_input_counts){
        .filtered = atomic_load_explicit(&in->filtered, memory_order_relaxed),
        .more = atomic_load_explicit(&in->more, memory_order_relaxed),
        .malformed = atomic_load_explicit(&in->malformed, memory_order_relaxed),
        .late = atomic_load_explicit(&in->late, memory_order_relaxed),
        .concurrent = atomic_load_explicit(&in->concurrent, memory_order_relaxed),
        .folded = atomic_load_explicit(&in->folded, memory_order_relaxed),
    };
}
