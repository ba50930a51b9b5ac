#include "loopback.h"

#include <stdio.h>

#include "cable.h"
#include "machine.h"
#include "memory.h"

static struct onset_cable *cable_of(struct onset_driver *driver, uintptr_t handle)
{
    uintptr_t number = handle & 0xFF;
    if (number == 0 || number > onset_loopback(driver)->count)
        return NULL;
    return &onset_loopback(driver)->cables[number - 1];
}

// The list of devices.

// The cable that is the id-th device; NULL: there is none.
static struct onset_cable *listed(struct onset_driver *driver, UINT id)
{
    struct onset_loopback *all = onset_loopback(driver);
    onset_lock(&all->list);
    struct onset_cable *cable = id < all->listed ? &all->cables[all->order[id]] : NULL;
    onset_unlock(&all->list);
    return cable;
}

static UINT count(struct onset_loopback *all)
{
    onset_lock(&all->list);
    UINT listed = all->listed;
    onset_unlock(&all->list);
    return listed;
}

static MMRESULT describe(struct onset_cable *cable, struct onset_caps *caps)
{
    onset_lock(&cable->driver->list);
    memcpy(caps->name, cable->name, sizeof caps->name);
    memcpy(caps->identity, cable->id, sizeof caps->identity);
    onset_unlock(&cable->driver->list);
    caps->manufacturer = 0xFFFF; // MM_UNMAPPED: no registered manufacturer
    caps->product = (uint16_t)(cable - cable->driver->cables + 1);
    caps->version = 0x0100;
    return MMSYSERR_NOERROR;
}

// Takes a cable out of the list, if it is there; under list.
static void unlist(struct onset_loopback *all, uint8_t number)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < all->listed; i++)
        if (all->order[i] != number)
            all->order[kept++] = all->order[i];
    all->listed = kept;
}

static void enlist(struct onset_loopback *all, uint8_t number, uint32_t place)
{
    place = place < all->listed ? place : all->listed;
    memmove(&all->order[place + 1], &all->order[place], all->listed++ - place);
    all->order[place] = number;
}

// Handles.

enum onset_found onset_side_find(struct onset_cable *cable, const struct onset_side *side,
                                 uintptr_t handle)
{
    if (side->open && handle == onset_cable_handle(cable, side->serial))
        return ONSET_LIVE;
    for (int i = 0; i < ONSET_GHOSTS; i++)
        if (side->ghosts[i] && handle == onset_cable_handle(cable, side->ghosts[i]))
            return ONSET_GHOST;
    return ONSET_NOT_OPEN;
}

void onset_side_haunt(struct onset_side *side)
{
    for (int i = 0; side->open && i < ONSET_GHOSTS; i++) {
        if (!side->ghosts[i]) {
            side->ghosts[i] = side->serial;
            side->open = false;
        }
    }
    side->open = false; // with too many ghosts it is closed
}

void onset_side_forget(struct onset_side *side, uintptr_t handle)
{
    for (int i = 0; i < ONSET_GHOSTS; i++)
        if (side->ghosts[i] == handle >> 8)
            side->ghosts[i] = 0;
}

uint32_t onset_side_handles(const struct onset_side *side)
{
    uint32_t handles = side->open;
    for (int i = 0; i < ONSET_GHOSTS; i++)
        handles += side->ghosts[i] != 0;
    return handles;
}

// The calls: for the cable that the id or the handle means, and after their faults.

static UINT in_count(struct onset_driver *driver)
{
    onset_strike(onset_loopback(driver), NULL, ONSET_IN_COUNT);
    return count(onset_loopback(driver));
}

static MMRESULT in_caps(struct onset_driver *driver, UINT id, struct onset_caps *caps)
{
    struct onset_cable *cable = listed(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_CAPS);
    if (strike.returns)
        return strike.result;
    return describe(cable, caps);
}

static UINT out_count(struct onset_driver *driver)
{
    onset_strike(onset_loopback(driver), NULL, ONSET_OUT_COUNT);
    return count(onset_loopback(driver));
}

static MMRESULT out_caps(struct onset_driver *driver, UINT id, struct onset_caps *caps)
{
    struct onset_cable *cable = listed(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_CAPS);
    if (strike.returns)
        return strike.result;
    return describe(cable, caps);
}

static MMRESULT in_open(struct onset_driver *driver, UINT id, onset_callback callback,
                        DWORD_PTR instance, HMIDIIN *handle)
{
    struct onset_cable *cable = listed(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_OPEN);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_open(cable, callback, instance, handle);
}

static MMRESULT in_prepare(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_PREPARE);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_prepare(cable, handle, header);
}

static MMRESULT in_unprepare(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_UNPREPARE);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_unprepare(cable, handle, header);
}

static MMRESULT in_add_buffer(struct onset_driver *driver, HMIDIIN handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_ADD_BUFFER);
    if (strike.returns)
        return strike.result;
    MMRESULT result = onset_cable_in_add_buffer(cable, handle, header);
    if (strike.bounce && result == MMSYSERR_NOERROR)
        onset_bounce(cable, &strike);
    return result;
}

static MMRESULT in_start(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_START);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_start(cable, handle);
}

static MMRESULT in_stop(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_STOP);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_stop(cable, handle);
}

static MMRESULT in_reset(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_RESET);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_reset(cable, handle, &strike);
}

static MMRESULT in_close(struct onset_driver *driver, HMIDIIN handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_IN_CLOSE);
    if (strike.returns)
        return strike.result;
    return onset_cable_in_close(cable, handle, &strike);
}

static MMRESULT out_open(struct onset_driver *driver, UINT id, onset_out_callback callback,
                         DWORD_PTR instance, HMIDIOUT *handle)
{
    struct onset_cable *cable = listed(driver, id);
    if (!cable)
        return MMSYSERR_BADDEVICEID;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_OPEN);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_open(cable, callback, instance, handle);
}

static MMRESULT out_short(struct onset_driver *driver, HMIDIOUT handle, DWORD message)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_SHORT);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_short(cable, handle, message);
}

static MMRESULT out_prepare(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_PREPARE);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_prepare(cable, handle, header);
}

static MMRESULT out_unprepare(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_UNPREPARE);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_unprepare(cable, handle, header);
}

static MMRESULT out_long(struct onset_driver *driver, HMIDIOUT handle, MIDIHDR *header)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_LONG);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_long(cable, handle, header, &strike);
}

static MMRESULT out_reset(struct onset_driver *driver, HMIDIOUT handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_RESET);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_reset(cable, handle);
}

static MMRESULT out_close(struct onset_driver *driver, HMIDIOUT handle)
{
    struct onset_cable *cable = cable_of(driver, (uintptr_t)handle);
    if (!cable)
        return MMSYSERR_INVALHANDLE;
    struct onset_strike strike = onset_strike(onset_loopback(driver), cable, ONSET_OUT_CLOSE);
    if (strike.returns)
        return strike.result;
    return onset_cable_out_close(cable, handle);
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
    onset_loopback_leave(cable->driver);
}

void onset_loopback_leave(struct onset_loopback *driver)
{
    if (!onset_let_go(&driver->threads))
        return;
    for (struct onset_faults *script = driver->scripts, *before; script; script = before) {
        before = script->before;
        onset_free(script);
    }
    onset_free(driver);
}

static uint64_t slept_ns(struct onset_driver *driver)
{
    return onset_slept_ns() + atomic_load(&onset_loopback(driver)->slept_ns);
}

static void destroy(struct onset_driver *driver)
{
    struct onset_loopback *all = onset_loopback(driver);
    onset_loopback_script(driver, NULL);
    for (uint32_t i = 0; i < all->count; i++) {
        atomic_store(&all->cables[i].ending, true);
        onset_notify(&all->cables[i].bell);
    }
    onset_loopback_leave(all);
}

static const struct onset_winmm calls = {
    .in_count = in_count,
    .in_caps = in_caps,
    .in_open = in_open,
    .in_prepare = in_prepare,
    .in_unprepare = in_unprepare,
    .in_add_buffer = in_add_buffer,
    .in_start = in_start,
    .in_stop = in_stop,
    .in_reset = in_reset,
    .in_close = in_close,
    .out_count = out_count,
    .out_caps = out_caps,
    .out_open = out_open,
    .out_short = out_short,
    .out_prepare = out_prepare,
    .out_unprepare = out_unprepare,
    .out_long = out_long,
    .out_reset = out_reset,
    .out_close = out_close,
    .slept_ns = slept_ns,
    .destroy = destroy,
};

// Gives a cable an interface id, as long as the driver lives the only one.
static void identify(struct onset_cable *cable, uint32_t number)
{
    char id[ONSET_IDENTITY];
    int length = snprintf(id, sizeof id, "\\\\?\\onset#cable#%u", number);
    for (int i = 0; i < length; i++)
        cable->id[i] = (uint16_t)id[i];
}

struct onset_driver *onset_loopback_new(const uint16_t (*names)[32], uint32_t count)
{
    struct onset_loopback *all =
        onset_alloc(sizeof *all + count * sizeof(struct onset_cable), ONSET_APART);
    if (!all)
        return NULL;
    all->base.calls = &calls;
    all->base.refs = 1;
    all->threads = 1; // whoever holds the driver, until destroy
    all->count = count;
    for (uint32_t i = 0; i < count; i++) {
        all->cables[i].driver = all;
        memcpy(all->cables[i].name, names[i], sizeof all->cables[i].name);
        identify(&all->cables[i], i);
        enlist(all, (uint8_t)i, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        onset_hold(&all->threads);
        if (!onset_thread_start(run, &all->cables[i])) {
            onset_let_go(&all->threads); // not the last
            onset_driver_drop(&all->base);
            return NULL;
        }
    }
    return &all->base;
}

struct onset_played onset_loopback_play(struct onset_driver *driver, uint32_t number,
                                        const struct onset_source *source)
{
    struct onset_cable *cable = &onset_loopback(driver)->cables[number];
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
    struct onset_cable *cable = &onset_loopback(driver)->cables[number];
    onset_lock(&cable->sending);
    cable->sink = trace;
    cable->sink_clock = clock;
    cable->reached = 0;
    onset_unlock(&cable->sending);
}

struct onset_rogue onset_loopback_rogue(struct onset_driver *driver, uint32_t number)
{
    struct onset_listener listener = onset_cable_listener(&onset_loopback(driver)->cables[number]);
    return (struct onset_rogue){
        .callback = listener.callback,
        .handle = (uintptr_t)listener.handle,
        .instance = listener.instance,
    };
}

void onset_rogue_call(struct onset_rogue rogue, UINT message, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++)
        rogue.callback((HMIDIIN)rogue.handle, message, rogue.instance, source_message(n),
                       (uint32_t)n);
}

void onset_loopback_slow(struct onset_driver *driver, uint32_t number, uint64_t ns)
{
    atomic_store_explicit(&onset_loopback(driver)->cables[number].linger_ns, ns,
                          memory_order_relaxed);
}

void onset_loopback_unplug(struct onset_driver *driver, uint32_t number)
{
    struct onset_loopback *all = onset_loopback(driver);
    onset_lock(&all->list);
    unlist(all, (uint8_t)number);
    onset_unlock(&all->list);
    onset_cable_unplug_in(&all->cables[number]);
    onset_cable_unplug_out(&all->cables[number]);
}

void onset_loopback_replug(struct onset_driver *driver, uint32_t number, uint32_t place,
                           const uint16_t *name, const uint16_t *id)
{
    struct onset_loopback *all = onset_loopback(driver);
    struct onset_cable *cable = &all->cables[number];
    onset_cable_replug(cable);
    onset_lock(&all->list);
    unlist(all, (uint8_t)number);
    enlist(all, (uint8_t)number, place);
    if (name && name[0])
        memcpy(cable->name, name, sizeof cable->name);
    if (id && id[0])
        memcpy(cable->id, id, sizeof cable->id);
    onset_unlock(&all->list);
}

uint64_t onset_loopback_readded(struct onset_driver *driver, uint32_t number)
{
    return atomic_load_explicit(&onset_loopback(driver)->cables[number].readded,
                                memory_order_relaxed);
}

uint64_t onset_loopback_calls(struct onset_driver *driver, uint32_t number)
{
    return atomic_load_explicit(&onset_loopback(driver)->cables[number].calls,
                                memory_order_relaxed);
}

uint64_t onset_loopback_dropped(struct onset_driver *driver, uint32_t number)
{
    return atomic_load_explicit(&onset_loopback(driver)->cables[number].dropped,
                                memory_order_relaxed);
}

uint32_t onset_loopback_open_handles(struct onset_driver *driver)
{
    struct onset_loopback *all = onset_loopback(driver);
    uint32_t open = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        struct onset_cable *cable = &all->cables[i];
        onset_lock(&cable->brief);
        open += onset_side_handles(&cable->in) + onset_side_handles(&cable->out);
        onset_unlock(&cable->brief);
    }
    return open;
}
