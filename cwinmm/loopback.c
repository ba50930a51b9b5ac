#include "loopback.h"

#include "cable.h"
#include "memory.h"

static struct onset_loopback *loopback(struct onset_driver *driver)
{
    return (struct onset_loopback *)driver;
}

static struct onset_cable *cable_of(struct onset_driver *driver, uintptr_t handle)
{
    uintptr_t number = handle & 0xFF;
    if (number == 0 || number > loopback(driver)->count)
        return NULL;
    return &loopback(driver)->cables[number - 1];
}

// The id-th cable that is plugged in.
static struct onset_cable *plugged(struct onset_driver *driver, UINT id)
{
    struct onset_loopback *all = loopback(driver);
    for (uint32_t i = 0; i < all->count; i++) {
        if (!onset_cable_unplugged(&all->cables[i]) && id-- == 0)
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
    struct onset_cable *cable = plugged(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    memcpy(caps->name, cable->name, sizeof caps->name);
    caps->manufacturer = 0xFFFF; // MM_UNMAPPED: no registered manufacturer
    caps->product = (uint16_t)(cable - cable->driver->cables + 1);
    caps->version = 0x0100;
    return MMSYSERR_NOERROR;
}

// The calls, for the cable that the id or the handle means.

static MMRESULT in_open(struct onset_driver *driver, UINT id, onset_callback callback,
                        DWORD_PTR instance, HMIDIIN *handle)
{
    struct onset_cable *cable = plugged(driver, id);
    return cable ? onset_cable_in_open(cable, callback, instance, handle) : MMSYSERR_BADDEVICEID;
}

static MMRESULT in_prepare(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_prepare(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_unprepare(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_unprepare(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_add_buffer(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_add_buffer(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_start(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_start(cable, handle) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_stop(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_stop(cable, handle) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_reset(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_reset(cable, handle) : MMSYSERR_INVALHANDLE;
}

static MMRESULT in_close(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_in_close(cable, handle) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_open(struct onset_driver *driver, UINT id, onset_out_callback callback,
                         DWORD_PTR instance, HMIDIOUT *handle)
{
    struct onset_cable *cable = plugged(driver, id);
    return cable ? onset_cable_out_open(cable, callback, instance, handle) : MMSYSERR_BADDEVICEID;
}

static MMRESULT out_short(struct onset_driver *driver, HMIDIOUT handle, DWORD message)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_short(cable, handle, message) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_prepare(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_prepare(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_unprepare(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_unprepare(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_long(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_long(cable, handle, header) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_reset(struct onset_driver *driver, HMIDIOUT handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_reset(cable, handle) : MMSYSERR_INVALHANDLE;
}

static MMRESULT out_close(struct onset_driver *driver, HMIDIOUT handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    return cable ? onset_cable_out_close(cable, handle) : MMSYSERR_INVALHANDLE;
}

// The cable's thread.

static void carry(struct onset_cable *cable)
{
    uint64_t got = atomic_load_explicit(&cable->got, memory_order_relaxed);
    // Acquire: the entries (put_in in cable_out.c).
    while (got != atomic_load_explicit(&cable->put, memory_order_acquire)) {
        uint64_t entry = cable->queue[got % ONSET_CABLE_QUEUE];
        // Release: the slot may be written again (put_in).
        atomic_store_explicit(&cable->got, ++got, memory_order_release);
        if (entry & ONSET_ENTRY_LONG)
            onset_cable_carry(cable, entry);
        else
            onset_cable_deliver(cable, (uint32_t)entry, NULL);
    }
}

static uint32_t source_message(uint64_t n)
{
    return (uint32_t)(0x80 + n % 112 + (n % 128 << 8) + (n / 128 % 128 << 16));
}

// Waits until fewer than a window of events wait for the consumer. False: nobody is listening.
static bool keep_behind(struct onset_cable *cable, const struct onset_source *source)
{
    // Relaxed: no data is read on the strength of it.
    const struct onset_ring *ring = source->follow;
    while (atomic_load_explicit(&ring->head, memory_order_relaxed) -
               atomic_load_explicit(&ring->tail, memory_order_relaxed) >=
           source->window) {
        if (!onset_cable_listens(cable))
            return false;
        onset_yield();
    }
    return true;
}

// Sends a long message of the source's own. False: nobody is listening.
static bool send_long(struct onset_cable *cable, uint32_t size, struct onset_delivery *how)
{
    static const uint8_t first = 0xF0, zeros[256], last = 0xF7;
    onset_cable_feed(cable, &first, 1, how);
    for (uint32_t left = size > 2 ? size - 2 : 0, some; left; left -= some) {
        some = left < sizeof zeros ? left : sizeof zeros;
        onset_cable_feed(cable, zeros, some, how);
    }
    return onset_cable_feed(cable, &last, 1, how);
}

// Keeps the thread on the processor that row n is sent from. False: not granted.
static bool move(const struct onset_source *source, uint64_t n)
{
    uint64_t from = (uint64_t)source->processor;
    return onset_thread_pin((int)((from + n / source->moves) % source->processors));
}

static void compute(uint64_t ns)
{
    uint64_t end = onset_os_ns() + ns;
    while (onset_os_ns() < end)
        ;
}

// Sends row n of the trace and notes what happens. False: nobody is listening.
static bool send_row(struct onset_cable *cable, const struct onset_source *source,
                     uint64_t start_ns, uint64_t n)
{
    struct onset_trace *trace = source->trace;
    uint64_t due_ns = start_ns + trace->at_ns[n], now_ns = onset_os_ns();
    if (now_ns < due_ns) {
        onset_sleep_until(due_ns);
        now_ns = onset_os_ns();
    }
    uint32_t stamp = (uint32_t)n;
    struct onset_delivery how = {.stamp = &stamp, .timed = true, .clock = source->clock};
    trace->late_ns[n] = now_ns < due_ns ? 0 : now_ns - due_ns;
    trace->sent[n] = onset_ticks(source->clock); // for the sink, which may come before deliver ends
    uint32_t message = trace->message[n];
    if (message >> 24 == ONSET_ROW_LONG ? !send_long(cable, message & 0xFFFF, &how)
                                        : !onset_cable_deliver(cable, message, &how))
        return false;
    if (how.before)
        trace->sent[n] = how.before;
    trace->left[n] = how.after;
    return true;
}

static uint64_t play(struct onset_cable *cable, const struct onset_source *source, bool *pinned)
{
    uint64_t start = onset_os_ns();
    for (uint64_t n = 0; n < source->count; n++) {
        uint32_t stamp = (uint32_t)n;
        struct onset_delivery how = {.stamp = &stamp};
        if (source->interval_ns)
            onset_sleep_until(start + n * source->interval_ns);
        if (source->follow && !keep_behind(cable, source))
            return n;
        if (source->moves && n && n % source->moves == 0 && !move(source, n))
            *pinned = false;
        if (!(source->trace ? send_row(cable, source, start, n)
                            : onset_cable_deliver(cable, source_message(n), &how)))
            return n;
        if (source->busy_ns)
            compute(source->busy_ns);
    }
    return source->count;
}

// Plays with the priority and on the processor that the source asks for.
static struct onset_played perform(struct onset_cable *cable, const struct onset_source *source)
{
    struct onset_played played = {0};
    uintptr_t task = 0;
    if (source->raise)
        played.granted = onset_thread_raise(false, &task);
    played.pinned = source->processor >= 0 && onset_thread_pin(source->processor);
    uint64_t cpu_ns = onset_thread_cpu_ns();
    played.delivered = play(cable, source, &played.pinned);
    played.cpu_ns = onset_thread_cpu_ns() - cpu_ns;
    if (source->processor >= 0)
        onset_thread_pin(-1);
    onset_thread_lower(played.granted, task);
    return played;
}

static void run(void *arg)
{
    struct onset_cable *cable = arg;
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
    .in_prepare = in_prepare,
    .in_unprepare = in_unprepare,
    .in_add_buffer = in_add_buffer,
    .in_start = in_start,
    .in_stop = in_stop,
    .in_reset = in_reset,
    .in_close = in_close,
    .out_count = count,
    .out_caps = caps,
    .out_open = out_open,
    .out_short = out_short,
    .out_prepare = out_prepare,
    .out_unprepare = out_unprepare,
    .out_long = out_long,
    .out_reset = out_reset,
    .out_close = out_close,
    .destroy = destroy,
};

struct onset_driver *onset_loopback_new(const uint16_t (*names)[32], uint32_t count)
{
    struct onset_loopback *all =
        onset_alloc(sizeof *all + count * sizeof(struct onset_cable), ONSET_APART);
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
    struct onset_cable *cable = &loopback(driver)->cables[number];
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
    struct onset_cable *cable = &loopback(driver)->cables[number];
    onset_lock(&cable->sending);
    cable->sink = trace;
    cable->sink_clock = clock;
    cable->reached = 0;
    onset_unlock(&cable->sending);
}

struct onset_rogue onset_loopback_rogue(struct onset_driver *driver, uint32_t number)
{
    struct onset_cable *cable = &loopback(driver)->cables[number];
    struct onset_rogue rogue = {0};
    onset_lock(&cable->lock);
    if (cable->in_open)
        rogue = (struct onset_rogue){
            .callback = cable->callback,
            .handle = onset_cable_handle(cable, cable->in_serial),
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
    onset_cable_unplug(&loopback(driver)->cables[number]);
}

uint64_t onset_loopback_dropped(struct onset_driver *driver, uint32_t number)
{
    return atomic_load_explicit(&loopback(driver)->cables[number].dropped, memory_order_relaxed);
}

uint32_t onset_loopback_open_handles(struct onset_driver *driver)
{
    struct onset_loopback *all = loopback(driver);
    uint32_t open = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        struct onset_cable *cable = &all->cables[i];
        onset_lock(&cable->lock);
        open += cable->in_open;
        onset_unlock(&cable->lock);
        onset_lock(&cable->sending);
        open += cable->out_open;
        onset_unlock(&cable->sending);
    }
    return open;
}
