#include "loopback.h"

#include "memory.h"
#include "thread.h"
#include "wait.h"

#define QUEUE 4096 // messages between a cable's two sides

struct cable {
    struct onset_loopback *driver;
    uint16_t name[32];
    _Atomic uint64_t linger_ns; // how long slow calls take

    // The input side. lock is held around each callback, so stopping waits for one in flight, as
    // WinMM does.
    onset_mutex lock;
    bool in_open, started, unplugged;
    uint32_t in_serial;
    onset_callback callback;
    DWORD_PTR instance;
    uint64_t started_at;

    // The output side. sending is held by one midiOutShortMsg at a time.
    onset_mutex sending;
    bool out_open;
    uint32_t out_serial;
    struct onset_trace *sink; // NULL: what is sent goes through the cable
    enum onset_clock sink_clock;
    uint64_t reached; // the row of the message that came last to the sink, and one

    // Between them: senders write at put, the cable's thread reads at got. Both count from 0.
    uint32_t queue[QUEUE];
    _Atomic uint64_t put, got;

    // The cable's thread.
    struct onset_waiter bell;
    const struct onset_source *_Atomic source;
    _Atomic uint32_t played;  // grows when a source is done
    struct onset_played last; // how it went
    _Atomic bool ending;
};

struct onset_loopback {
    struct onset_driver base;
    uint32_t count;
    _Atomic uint32_t threads;
    struct cable cables[];
};

static struct onset_loopback *loopback(struct onset_driver *driver)
{
    return (struct onset_loopback *)driver;
}

// Handles: the cable's number from 1 in the low byte, above it how often that side was opened, so
// that a closed handle is known for one. Never NULL.
static uintptr_t handle_of(struct cable *cable, uint32_t serial)
{
    return (uintptr_t)serial << 8 | (uintptr_t)(cable - cable->driver->cables + 1);
}

static struct cable *cable_of(struct onset_driver *driver, uintptr_t handle)
{
    uintptr_t number = handle & 0xFF;
    if (number == 0 || number > loopback(driver)->count)
        return NULL;
    return &loopback(driver)->cables[number - 1];
}

// The id-th cable that is plugged in.
static struct cable *plugged(struct onset_driver *driver, UINT id)
{
    struct onset_loopback *all = loopback(driver);
    for (uint32_t i = 0; i < all->count; i++) {
        onset_lock(&all->cables[i].lock);
        bool there = !all->cables[i].unplugged;
        onset_unlock(&all->cables[i].lock);
        if (there && id-- == 0)
            return &all->cables[i];
    }
    return NULL;
}

static UINT count(struct onset_driver *driver)
{
    UINT id = 0;
    while (plugged(driver, id))
        id++;
    return id;
}

static MMRESULT caps(struct onset_driver *driver, UINT id, struct onset_caps *caps)
{
    struct cable *cable = plugged(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    memcpy(caps->name, cable->name, sizeof caps->name);
    caps->manufacturer = 0xFFFF; // MM_UNMAPPED: no registered manufacturer
    caps->product = (uint16_t)(cable - cable->driver->cables + 1);
    caps->version = 0x0100;
    return MMSYSERR_NOERROR;
}

// Does what a slow driver does.
static void linger(struct cable *cable)
{
    uint64_t ns = atomic_load_explicit(&cable->linger_ns, memory_order_relaxed);
    if (ns)
        onset_sleep(ns);
}

// The input side.

// Locks the cable that an input handle is for; NULL and a result if there is none.
static struct cable *lock_in(struct onset_driver *driver, HMIDIIN handle, MMRESULT *result)
{
    struct cable *cable = cable_of(driver, (uintptr_t)handle);
    *result = MMSYSERR_INVALHANDLE;
    if (!cable)
        return NULL;
    onset_lock(&cable->lock);
    if (cable->in_open && (uintptr_t)handle == handle_of(cable, cable->in_serial)) {
        *result = cable->unplugged ? MMSYSERR_NODRIVER : MMSYSERR_NOERROR;
        return cable;
    }
    onset_unlock(&cable->lock);
    return NULL;
}

static MMRESULT in_open(struct onset_driver *driver, UINT id, onset_callback callback,
                        DWORD_PTR instance, HMIDIIN *handle)
{
    struct cable *cable = plugged(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    onset_lock(&cable->lock);
    MMRESULT result = cable->unplugged ? MMSYSERR_NODRIVER
                      : cable->in_open ? MMSYSERR_ALLOCATED
                                       : MMSYSERR_NOERROR;
    if (result == MMSYSERR_NOERROR) {
        cable->in_open = true;
        cable->started = false;
        cable->in_serial++;
        cable->callback = callback;
        cable->instance = instance;
        *handle = (HMIDIIN)handle_of(cable, cable->in_serial);
    }
    onset_unlock(&cable->lock);
    if (result == MMSYSERR_NOERROR)
        callback(*handle, MIM_OPEN, instance, 0, 0);
    return result;
}

static MMRESULT in_run(struct onset_driver *driver, HMIDIIN handle, bool run)
{
    MMRESULT result;
    struct cable *cable = lock_in(driver, handle, &result);
    if (!cable)
        return result;
    if (result == MMSYSERR_NOERROR) {
        cable->started = run;
        cable->started_at = onset_os_ns();
    }
    onset_unlock(&cable->lock);
    return result;
}

static MMRESULT in_start(struct onset_driver *driver, HMIDIIN handle)
{
    return in_run(driver, handle, true);
}

static MMRESULT in_stop(struct onset_driver *driver, HMIDIIN handle)
{
    return in_run(driver, handle, false);
}

static MMRESULT in_close(struct onset_driver *driver, HMIDIIN handle)
{
    MMRESULT result;
    struct cable *cable = lock_in(driver, handle, &result);
    if (!cable)
        return result;
    bool said = cable->unplugged; // MIM_CLOSE came when it was pulled out
    onset_callback callback = cable->callback;
    DWORD_PTR instance = cable->instance;
    cable->started = false;
    onset_unlock(&cable->lock);
    linger(cable);
    onset_lock(&cable->lock);
    cable->in_open = false;
    onset_unlock(&cable->lock);
    if (!said)
        callback(handle, MIM_CLOSE, instance, 0, 0);
    return result;
}

// The output side.

static struct cable *lock_out(struct onset_driver *driver, HMIDIOUT handle)
{
    struct cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return NULL;
    onset_lock(&cable->sending);
    if (cable->out_open && (uintptr_t)handle == handle_of(cable, cable->out_serial))
        return cable;
    onset_unlock(&cable->sending);
    return NULL;
}

static bool is_unplugged(struct cable *cable)
{
    onset_lock(&cable->lock);
    bool unplugged = cable->unplugged;
    onset_unlock(&cable->lock);
    return unplugged;
}

static MMRESULT out_open(struct onset_driver *driver, UINT id, onset_out_callback callback,
                         DWORD_PTR instance, HMIDIOUT *handle)
{
    (void)callback, (void)instance;
    struct cable *cable = plugged(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    onset_lock(&cable->sending);
    MMRESULT result = cable->out_open ? MMSYSERR_ALLOCATED : MMSYSERR_NOERROR;
    if (result == MMSYSERR_NOERROR) {
        cable->out_open = true;
        cable->out_serial++;
        *handle = (HMIDIOUT)handle_of(cable, cable->out_serial);
    }
    onset_unlock(&cable->sending);
    return result;
}

// Puts a message into the cable, whose output side is locked.
static void put_in(struct cable *cable, uint32_t message)
{
    uint64_t put = atomic_load_explicit(&cable->put, memory_order_relaxed);
    // A full cable makes its sender wait, as drivers do that return when the bytes are sent.
    // Acquire: the thread has read the slot (carry).
    while (put - atomic_load_explicit(&cable->got, memory_order_acquire) == QUEUE)
        onset_sleep(20000);
    cable->queue[put % QUEUE] = message;
    // Release: the message (carry).
    atomic_store_explicit(&cable->put, put + 1, memory_order_release);
    onset_notify(&cable->bell);
}

// Notes that the sink was given a message: the next that has its number and has been sent.
static void reach(struct cable *cable, uint32_t message)
{
    uint64_t now = onset_ticks(cable->sink_clock);
    uint64_t number = (message >> 8 & 0x7F) | (message >> 16 & 0x7F) << 7;
    uint64_t row = cable->reached + ((number - cable->reached) & 0x3FFF);
    if (row < cable->sink->count && cable->sink->sent[row]) {
        cable->sink->reached[row] = now;
        cable->reached = row + 1;
    }
}

static MMRESULT out_short(struct onset_driver *driver, HMIDIOUT handle, DWORD message)
{
    struct cable *cable = lock_out(driver, handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    if (cable->sink)
        reach(cable, message);
    MMRESULT result = MMSYSERR_NODRIVER;
    if (!is_unplugged(cable)) {
        if (!cable->sink)
            put_in(cable, message);
        linger(cable);
        result = MMSYSERR_NOERROR;
    }
    onset_unlock(&cable->sending);
    return result;
}

// Does what midiOutReset's page says of it: a note-off for every note of every channel, and the
// sustain pedal up.
static MMRESULT out_reset(struct onset_driver *driver, HMIDIOUT handle)
{
    struct cable *cable = lock_out(driver, handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = MMSYSERR_NODRIVER;
    if (!is_unplugged(cable)) {
        for (uint32_t channel = 0; channel < 16; channel++) {
            for (uint32_t note = 0; note < 128; note++)
                put_in(cable, 0x400080 | channel | note << 8);
            put_in(cable, 0x0040B0 | channel);
        }
        result = MMSYSERR_NOERROR;
    }
    onset_unlock(&cable->sending);
    return result;
}

static MMRESULT out_close(struct onset_driver *driver, HMIDIOUT handle)
{
    struct cable *cable = lock_out(driver, handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    cable->out_open = false;
    onset_unlock(&cable->sending);
    return MMSYSERR_NOERROR;
}

// The cable's thread.

static bool listens(struct cable *cable)
{
    onset_lock(&cable->lock);
    bool listening = cable->in_open && cable->started && !cable->unplugged;
    onset_unlock(&cable->lock);
    return listening;
}

// When a callback was called and when it returned, in ticks.
struct times {
    enum onset_clock clock;
    uint64_t before, after;
};

// Calls the input's callback. False: nobody is listening.
static bool deliver(struct cable *cable, uint32_t message, const uint32_t *stamp,
                    struct times *times)
{
    onset_lock(&cable->lock);
    bool listening = cable->in_open && cable->started && !cable->unplugged;
    if (listening) {
        HMIDIIN handle = (HMIDIIN)handle_of(cable, cable->in_serial);
        DWORD_PTR ms = stamp ? *stamp : (onset_os_ns() - cable->started_at) / 1000000;
        if (times)
            times->before = onset_ticks(times->clock);
        cable->callback(handle, MIM_DATA, cable->instance, message, ms);
        if (times)
            times->after = onset_ticks(times->clock);
    }
    onset_unlock(&cable->lock);
    return listening;
}

static void carry(struct cable *cable)
{
    uint64_t got = atomic_load_explicit(&cable->got, memory_order_relaxed);
    // Acquire: the messages (out_short).
    while (got != atomic_load_explicit(&cable->put, memory_order_acquire)) {
        uint32_t message = cable->queue[got % QUEUE];
        // Release: the slot may be written again (out_short).
        atomic_store_explicit(&cable->got, ++got, memory_order_release);
        deliver(cable, message, NULL, NULL);
    }
}

static uint32_t source_message(uint64_t n)
{
    return (uint32_t)(0x80 + n % 112 + (n % 128 << 8) + (n / 128 % 128 << 16));
}

// Waits until fewer than a window of events wait for the consumer. False: nobody is listening.
static bool keep_behind(struct cable *cable, const struct onset_source *source)
{
    // Relaxed: no data is read on the strength of it.
    const struct onset_ring *ring = source->follow;
    while (atomic_load_explicit(&ring->head, memory_order_relaxed) -
               atomic_load_explicit(&ring->tail, memory_order_relaxed) >=
           source->window) {
        if (!listens(cable))
            return false;
        onset_yield();
    }
    return true;
}

// Sends row n of the trace and notes what happens. False: nobody is listening.
static bool send_row(struct cable *cable, const struct onset_source *source, uint64_t start_ns,
                     uint64_t n)
{
    struct onset_trace *trace = source->trace;
    uint64_t due_ns = start_ns + trace->at_ns[n], now_ns = onset_os_ns();
    if (now_ns < due_ns) {
        onset_sleep_until(due_ns);
        now_ns = onset_os_ns();
    }
    uint32_t stamp = (uint32_t)n;
    struct times times = {.clock = source->clock};
    trace->late_ns[n] = now_ns < due_ns ? 0 : now_ns - due_ns;
    trace->sent[n] = onset_ticks(source->clock); // for the sink, which may come before deliver ends
    if (!deliver(cable, trace->message[n], &stamp, &times))
        return false;
    trace->sent[n] = times.before;
    trace->left[n] = times.after;
    return true;
}

static uint64_t play(struct cable *cable, const struct onset_source *source)
{
    uint64_t start = onset_os_ns();
    for (uint64_t n = 0; n < source->count; n++) {
        uint32_t stamp = (uint32_t)n;
        if (source->interval_ns)
            onset_sleep_until(start + n * source->interval_ns);
        if (source->follow && !keep_behind(cable, source))
            return n;
        if (!(source->trace ? send_row(cable, source, start, n)
                            : deliver(cable, source_message(n), &stamp, NULL)))
            return n;
    }
    return source->count;
}

// Plays with the priority and on the processor that the source asks for.
static struct onset_played perform(struct cable *cable, const struct onset_source *source)
{
    struct onset_played played = {0};
    uintptr_t task = 0;
    if (source->raise)
        played.granted = onset_thread_raise(&task);
    played.pinned = source->processor >= 0 && onset_thread_pin(source->processor);
    uint64_t cpu_ns = onset_thread_cpu_ns();
    played.delivered = play(cable, source);
    played.cpu_ns = onset_thread_cpu_ns() - cpu_ns;
    if (played.pinned)
        onset_thread_pin(-1);
    onset_thread_lower(played.granted, task);
    return played;
}

static void run(void *arg)
{
    struct cable *cable = arg;
    while (!atomic_load(&cable->ending)) {
        onset_arm(&cable->bell);
        // Seq_cst loads: they stand between arm and sleep.
        if (atomic_load(&cable->put) == atomic_load(&cable->got) && !atomic_load(&cable->source) &&
            !atomic_load(&cable->ending))
            onset_rest(&cable->bell, ONSET_FOREVER);
        onset_disarm(&cable->bell);
        carry(cable);
        const struct onset_source *source = atomic_load(&cable->source);
        if (source) {
            cable->last = perform(cable, source);
            atomic_store(&cable->source, NULL);
            atomic_fetch_add(&cable->played, 1);
            onset_wake_all(&cable->played);
        }
    }
    struct onset_loopback *driver = cable->driver;
    if (onset_let_go(&driver->threads))
        onset_free(driver);
}

static void destroy(struct onset_driver *driver)
{
    struct onset_loopback *all = loopback(driver);
    // The last thread out frees everything, so the count is read before any of them can go.
    uint32_t cables = all->count;
    onset_hold(&all->threads);
    for (uint32_t i = 0; i < cables; i++) {
        atomic_store(&all->cables[i].ending, true);
        onset_notify(&all->cables[i].bell);
    }
    if (onset_let_go(&all->threads))
        onset_free(all);
}

static const struct onset_winmm calls = {
    .in_count = count,
    .in_caps = caps,
    .in_open = in_open,
    .in_start = in_start,
    .in_stop = in_stop,
    .in_reset = in_stop, // there are no buffers to give back
    .in_close = in_close,
    .out_count = count,
    .out_caps = caps,
    .out_open = out_open,
    .out_short = out_short,
    .out_reset = out_reset,
    .out_close = out_close,
    .destroy = destroy,
};

struct onset_driver *onset_loopback_new(const uint16_t (*names)[32], uint32_t count)
{
    struct onset_loopback *all =
        onset_alloc(sizeof *all + count * sizeof(struct cable), ONSET_APART);
    if (!all)
        return NULL;
    all->base.calls = &calls;
    all->base.refs = 1;
    all->count = count;
    for (uint32_t i = 0; i < count; i++) {
        all->cables[i].driver = all;
        memcpy(all->cables[i].name, names[i], sizeof all->cables[i].name);
    }
    for (uint32_t i = 0; i < count; i++) {
        onset_hold(&all->threads);
        if (!onset_thread_start(run, &all->cables[i])) {
            onset_let_go(&all->threads);
            onset_driver_drop(&all->base);
            return NULL;
        }
    }
    return &all->base;
}

struct onset_played onset_loopback_play(struct onset_driver *driver, uint32_t number,
                                        const struct onset_source *source)
{
    struct cable *cable = &loopback(driver)->cables[number];
    uint32_t played = atomic_load(&cable->played);
    atomic_store(&cable->source, source);
    onset_notify(&cable->bell);
    while (atomic_load(&cable->played) == played)
        onset_wait(&cable->played, played, ONSET_FOREVER);
    return cable->last;
}

void onset_loopback_sink(struct onset_driver *driver, uint32_t number, struct onset_trace *trace,
                         enum onset_clock clock)
{
    struct cable *cable = &loopback(driver)->cables[number];
    onset_lock(&cable->sending);
    cable->sink = trace;
    cable->sink_clock = clock;
    cable->reached = 0;
    onset_unlock(&cable->sending);
}

struct onset_rogue onset_loopback_rogue(struct onset_driver *driver, uint32_t number)
{
    struct cable *cable = &loopback(driver)->cables[number];
    struct onset_rogue rogue = {0};
    onset_lock(&cable->lock);
    if (cable->in_open)
        rogue = (struct onset_rogue){
            .callback = cable->callback,
            .handle = handle_of(cable, cable->in_serial),
            .instance = cable->instance,
        };
    onset_unlock(&cable->lock);
    return rogue;
}

void onset_rogue_call(struct onset_rogue rogue, UINT message, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++)
        rogue.callback((HMIDIIN)rogue.handle, message, rogue.instance, source_message(n),
                       (uint32_t)n);
}

void onset_loopback_slow(struct onset_driver *driver, uint32_t number, uint64_t ns)
{
    atomic_store_explicit(&loopback(driver)->cables[number].linger_ns, ns, memory_order_relaxed);
}

void onset_loopback_unplug(struct onset_driver *driver, uint32_t number)
{
    struct cable *cable = &loopback(driver)->cables[number];
    onset_lock(&cable->lock);
    bool tell = cable->in_open && !cable->unplugged;
    cable->unplugged = true;
    cable->started = false;
    HMIDIIN handle = (HMIDIIN)handle_of(cable, cable->in_serial);
    onset_callback callback = cable->callback;
    DWORD_PTR instance = cable->instance;
    onset_unlock(&cable->lock);
    if (tell)
        callback(handle, MIM_CLOSE, instance, 0, 0);
}

uint32_t onset_loopback_open_handles(struct onset_driver *driver)
{
    struct onset_loopback *all = loopback(driver);
    uint32_t open = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        struct cable *cable = &all->cables[i];
        onset_lock(&cable->lock);
        open += cable->in_open;
        onset_unlock(&cable->lock);
        onset_lock(&cable->sending);
        open += cable->out_open;
        onset_unlock(&cable->sending);
    }
    return open;
}
