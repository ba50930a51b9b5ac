#include "output.h"

#include "long.h"
#include "memory.h"
#include "thread.h"
#include "watch.h"

#define NAP_NS  20000000   // how often a wait that nobody rings for looks whether it is over
#define HELD_NS 1000000000 // how often what the driver holds is looked at without MOM_DONE

// The queue. Each cell says whose turn it is: a writer's when turn == its index, the reader's when
// turn == index + 1; the reader hands it on to the writer one lap later. Indices wrap.

struct item {
    uint32_t message;
    struct onset_long *long_one; // NULL: it is a short message
};

static bool put(struct onset_output *out, struct item item)
{
    uint32_t mask = out->options.capacity - 1;
    uint32_t index = atomic_load_explicit(&out->put, memory_order_relaxed);
    for (;;) {
        struct onset_cell *cell = &out->queue[index & mask];
        // Acquire: the reader has taken what stood there a lap ago (get).
        uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == index) {
            if (atomic_compare_exchange_weak_explicit(&out->put, &index, index + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                // Relaxed: what is ordered by turn. Atomic, since a reader may look at a cell that
                // another one has just taken (get).
                atomic_store_explicit(&cell->message, item.message, memory_order_relaxed);
                atomic_store_explicit(&cell->long_one, item.long_one, memory_order_relaxed);
                // Release: the item, for the reader (get).
                atomic_store_explicit(&cell->turn, index + 1, memory_order_release);
                return true;
            }
        } else if ((int32_t)(turn - index) < 0) {
            return false; // a lap behind: full
        } else {
            index = atomic_load_explicit(&out->put, memory_order_relaxed);
        }
    }
}

// What to get, if it is the next.
enum wanted { WANT_ANY, WANT_SHORT, WANT_REALTIME };

static bool wants(enum wanted wanted, struct item item)
{
    return wanted == WANT_ANY ||
           (!item.long_one && (wanted == WANT_SHORT || (item.message & 0xFF) >= 0xF8));
}

static bool get(struct onset_output *out, enum wanted wanted, struct item *item)
{
    uint32_t mask = out->options.capacity - 1;
    uint32_t index = atomic_load_explicit(&out->got, memory_order_relaxed);
    for (;;) {
        struct onset_cell *cell = &out->queue[index & mask];
        // Acquire: the item (put).
        uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if ((int32_t)(turn - (index + 1)) < 0)
            return false; // empty, or its writer is not done and will ring the bell when it is
        if (turn != index + 1) {
            index = atomic_load_explicit(&out->got, memory_order_relaxed);
            continue;
        }
        // If another reader has taken it meanwhile, this may be what was put there a lap later:
        // then the exchange fails, or what is wanted is found by the next to look.
        *item = (struct item){atomic_load_explicit(&cell->message, memory_order_relaxed),
                              atomic_load_explicit(&cell->long_one, memory_order_relaxed)};
        if (!wants(wanted, *item))
            return false;
        if (atomic_compare_exchange_weak_explicit(&out->got, &index, index + 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            // Release: the cell may be written again (put, a lap later).
            atomic_store_explicit(&cell->turn, index + mask + 1, memory_order_release);
            return true;
        }
    }
}

// Is there a message that get would return, of any kind? Not so while its writer has taken the cell
// and not yet filled it; the writer rings the bell when it has.
static bool ready(struct onset_output *out)
{
    // Seq_cst: read between arm and sleep, and after giving the claim up.
    uint32_t got = atomic_load(&out->got);
    return atomic_load(&out->queue[got & (out->options.capacity - 1)].turn) == got + 1;
}

// Is the next one a long message?
static bool long_is_next(struct onset_output *out)
{
    uint32_t got = atomic_load(&out->got);
    struct onset_cell *cell = &out->queue[got & (out->options.capacity - 1)];
    return atomic_load(&cell->turn) == got + 1 && atomic_load(&cell->long_one);
}

static uint32_t queued(struct onset_output *out)
{
    uint32_t got = atomic_load_explicit(&out->got, memory_order_relaxed);
    return atomic_load_explicit(&out->put, memory_order_acquire) - got;
}

enum { CLOSED = 2 }; // of claim

static bool claim(struct onset_output *out)
{
    uint32_t nobody = 0;
    // Acquire: the last holder's notes (give_up).
    return atomic_compare_exchange_strong_explicit(&out->claim, &nobody, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

// Waits for the claim. False: the output is closed.
static bool take(struct onset_output *out)
{
    bool taken;
    while (!(taken = claim(out)) && atomic_load(&out->claim) != CLOSED) {
        atomic_fetch_add(&out->claimants, 1); // before the look that onset_wait takes (give_up)
        onset_wait(&out->claim, 1, ONSET_FOREVER);
        atomic_fetch_sub(&out->claimants, 1);
    }
    return taken;
}

// Gives the claim up. Whoever could not get it meanwhile has queued its message and rung the bell;
// the thread may have found the claim taken, so it is told again.
static void give_up(struct onset_output *out)
{
    // Seq_cst, before the looks below: pairs with claimants (take) and with the thread's arm
    // (serve).
    atomic_store(&out->claim, 0);
    if (atomic_load(&out->claimants))
        onset_wake_all(&out->claim);
    if (ready(out))
        onset_notify(&out->service.bell);
}

bool onset_output_gone(struct onset_output *out)
{
    return atomic_load_explicit(&out->gone, memory_order_relaxed);
}

void onset_output_lose(struct onset_output *out)
{
    // Relaxed, as above: it guards no data.
    if (!atomic_exchange_explicit(&out->gone, true, memory_order_relaxed))
        onset_note_loss();
}

// The call itself, timed; under the claim.
static MMRESULT transmit(struct onset_output *out, uint32_t message)
{
    uint64_t start = onset_ticks(out->options.clock);
    // Relaxed, both: read to see how long this takes, and nothing else (onset_output_stuck).
    atomic_store_explicit(&out->since, start, memory_order_relaxed);
    MMRESULT result = out->driver->calls->out_short(out->driver, out->handle, message);
    uint64_t end = onset_ticks(out->options.clock);
    atomic_store_explicit(&out->since, 0, memory_order_relaxed);
    if (result == MMSYSERR_NOERROR) {
        atomic_fetch_add_explicit(&out->sent, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&out->failed, 1, memory_order_relaxed);
        atomic_store_explicit(&out->last_error, result, memory_order_relaxed);
        if (onset_means_gone(result))
            onset_output_lose(out);
    }
    if (end - start > out->options.slow_ticks) {
        out->last_slow = end;
        atomic_fetch_add_explicit(&out->slow, 1, memory_order_relaxed);
        if (atomic_exchange_explicit(&out->lane, ONSET_THREADED, memory_order_relaxed) ==
            ONSET_INLINE)
            atomic_fetch_add_explicit(&out->moved, 1, memory_order_relaxed);
    } else if (end - out->last_slow > out->options.calm_ticks) {
        atomic_store_explicit(&out->lane, ONSET_INLINE, memory_order_relaxed);
    }
    return result;
}

bool onset_output_late(struct onset_output *out)
{
    uint32_t phase = atomic_load(&out->service.phase);
    if (phase != ONSET_CLOSING)
        return phase == ONSET_ABANDONED;
    uint64_t now = onset_os_ns();
    if (!out->send_by)
        out->send_by = now + out->options.deadline_ns / 2;
    return now >= out->send_by;
}

// Counts a long message that has left the queue and is done with.
static void count_long(struct onset_output *out, _Atomic uint64_t *all, _Atomic uint64_t *longs)
{
    atomic_fetch_add_explicit(all, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(longs, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&out->long_queued, 1, memory_order_relaxed);
    // Seq_cst, after it has left the queue: pairs with the looks in onset_output_send_now.
    atomic_fetch_add(&out->long_gone, 1);
    onset_wake_all(&out->long_gone);
}

// Drops what has been taken from the queue.
static void discard(struct onset_output *out, struct item item)
{
    if (item.long_one) {
        count_long(out, &out->dropped, &out->long_dropped);
        onset_long_free(out, item.long_one);
    } else {
        atomic_fetch_add_explicit(&out->dropped, 1, memory_order_relaxed);
    }
}

// Between two chunks: waits until it is time for the next, and sends realtime messages meanwhile
// for as long as they are first in the queue.
static void pause_between(struct onset_output *out)
{
    struct item item;
    // Those that are there, also without a pause; no more, or a flood would hold up the next chunk.
    for (uint32_t there = queued(out); there > 0 && get(out, WANT_REALTIME, &item); there--)
        transmit(out, item.message);
    uint64_t now = onset_os_ns(), until = now + out->options.long_pause_ns;
    for (; now < until && !onset_output_late(out); now = onset_os_ns()) {
        uint64_t nap = until - now < NAP_NS ? until - now : NAP_NS;
        bool first = ready(out); // before get, so that it is about the same message
        if (get(out, WANT_REALTIME, &item)) {
            transmit(out, item.message);
        } else if (first) {
            onset_sleep(nap); // it has to wait, and so has all behind it: no bell is of interest
        } else {
            onset_arm(&out->service.bell);
            if (!ready(out))
                onset_rest(&out->service.bell, (int64_t)nap);
            onset_disarm(&out->service.bell);
        }
    }
}

// Sends a long message; for the thread.
static void transmit_long(struct onset_output *out, struct onset_long *message)
{
    enum onset_given given = ONSET_HOME;
    uint32_t chunk = out->options.long_chunk ? out->options.long_chunk : message->length;
    atomic_store_explicit(&out->under_way, true, memory_order_relaxed);
    for (uint32_t at = 0; at < message->length && given == ONSET_HOME; at += chunk) {
        if (at > 0)
            pause_between(out);
        given = onset_long_give(out, message, at, chunk);
    }
    if (given == ONSET_HOME) {
        count_long(out, &out->sent, &out->long_sent);
    } else {
        out->cut = onset_output_late(out);
        count_long(out, &out->failed, &out->long_failed);
    }
    atomic_store_explicit(&out->under_way, false, memory_order_relaxed);
    if (given == ONSET_NOT_BACK)
        onset_long_hold(out, message);
    else
        onset_long_free(out, message);
}

// Sends what is queued, under the claim, as long as there is time and a device; for the thread.
static void drain(struct onset_output *out)
{
    struct item item;
    while (!onset_output_late(out) && get(out, WANT_ANY, &item)) {
        if (onset_output_gone(out))
            discard(out, item);
        else if (item.long_one)
            transmit_long(out, item.long_one);
        else
            transmit(out, item.message);
    }
}

const char *onset_output_stuck(struct onset_output *out)
{
    uint64_t since = atomic_load_explicit(&out->since, memory_order_relaxed);
    // Signed: it may have begun since the clock was read.
    if (since && out->options.stuck_ticks &&
        (int64_t)(onset_ticks(out->options.clock) - since) > (int64_t)out->options.stuck_ticks)
        return "midiOutShortMsg";
    return onset_service_stuck(&out->service, out->options.deadline_ns);
}

static int32_t enqueue(struct onset_output *out, struct item item)
{
    if (onset_output_stuck(out)) {
        // What it would be sent after, if ever, is nobody's to say.
        atomic_fetch_add_explicit(&out->refused, 1, memory_order_relaxed);
        return ONSET_STUCK;
    }
    bool queued = put(out, item), dropped = false;
    // At most one is dropped, however the thread and other senders interfere.
    for (int tries = 0; !queued && out->options.drop_oldest && tries < 64; tries++) {
        struct item oldest;
        if (!dropped && get(out, WANT_ANY, &oldest)) {
            dropped = true;
            discard(out, oldest);
        }
        queued = put(out, item);
        if (!queued)
            onset_pause();
    }
    if (!queued) {
        atomic_fetch_add_explicit(&out->refused, 1, memory_order_relaxed);
        return ONSET_FULL;
    }
    onset_notify(&out->service.bell);
    return ONSET_QUEUED;
}

int32_t onset_output_send(struct onset_output *out, uint32_t message)
{
    if (atomic_load_explicit(&out->lane, memory_order_relaxed) == ONSET_INLINE && claim(out)) {
        // What is queued was there first.
        bool first = queued(out) == 0;
        MMRESULT result = first ? transmit(out, message) : MMSYSERR_NOERROR;
        give_up(out);
        if (first)
            return (int32_t)result;
    }
    return enqueue(out, (struct item){.message = message});
}

int32_t onset_output_send_long(struct onset_output *out, const void *bytes, uint32_t length)
{
    int32_t came;
    struct onset_long *message = onset_long_new(out, bytes, length, &came);
    if (!message) {
        atomic_fetch_add_explicit(&out->refused, 1, memory_order_relaxed);
    } else {
        // Before it can be counted as sent.
        atomic_fetch_add_explicit(&out->long_queued, 1, memory_order_relaxed);
        came = enqueue(out, (struct item){.long_one = message});
        if (came == ONSET_QUEUED)
            return came;
        atomic_fetch_sub_explicit(&out->long_queued, 1, memory_order_relaxed);
        onset_long_free(out, message);
    }
    atomic_fetch_add_explicit(&out->long_refused, 1, memory_order_relaxed);
    return came;
}

// Sends the short messages that are first in the queue, under the claim.
static void drain_short(struct onset_output *out)
{
    struct item item;
    while (!onset_service_stopping(&out->service) && get(out, WANT_SHORT, &item))
        transmit(out, item.message);
}

// Gives the claim up, so that the thread sends the long message that is next, and waits until it is
// done with. If there is none, a writer has taken its place and not yet filled it.
static void give_way(struct onset_output *out)
{
    uint32_t gone = atomic_load(&out->long_gone); // before the look (count_long)
    bool next = long_is_next(out);
    give_up(out);
    if (next)
        onset_wait(&out->long_gone, gone, ONSET_FOREVER);
    else
        onset_yield();
}

MMRESULT onset_output_send_now(struct onset_output *out, uint32_t message)
{
    if (!take(out))
        return MMSYSERR_INVALHANDLE;
    // A writer may have taken its place in the queue and not yet filled it: it was first all the
    // same.
    uint32_t before = atomic_load_explicit(&out->put, memory_order_acquire);
    drain_short(out);
    while ((int32_t)(atomic_load_explicit(&out->got, memory_order_relaxed) - before) < 0) {
        give_way(out);
        if (!take(out))
            return MMSYSERR_INVALHANDLE;
        drain_short(out);
    }
    MMRESULT result = transmit(out, message);
    give_up(out);
    return result;
}

void onset_output_reset_first(struct onset_output *out, bool reset)
{
    // Relaxed: it is read once the closer has told the thread to close, which orders it.
    atomic_store_explicit(&out->reset_first, reset, memory_order_relaxed);
}

static bool open_up(struct onset_output *out)
{
    onset_service_calling(&out->service, "midiOutOpen");
    MMRESULT result = out->driver->calls->out_open(out->driver, out->id, onset_done,
                                                   onset_place_token(out->place), &out->handle);
    onset_note(&out->service.outcome, "midiOutOpen", result);
    return result == MMSYSERR_NOERROR;
}

// Closes the handle. The driver may have buffers in its queue yet that we know nothing of.
static MMRESULT close_handle(struct onset_output *out, uint64_t for_ns)
{
    for (uint64_t by = onset_os_ns() + for_ns;;) {
        onset_service_calling(&out->service, "midiOutClose");
        MMRESULT result = out->driver->calls->out_close(out->driver, out->handle);
        out->closed = result == MMSYSERR_NOERROR;
        if (result != MIDIERR_STILLPLAYING || onset_os_ns() >= by)
            return result;
        onset_sleep(NAP_NS);
    }
}

// Half of the deadline is for sending (onset_output_late), a quarter for what the driver holds, an
// eighth for closing.
static void shut_down(struct onset_output *out)
{
    take(out); // from who is stuck in the driver, if anybody is
    // Seq_cst, before the wake: pairs with take.
    atomic_store(&out->claim, CLOSED);
    onset_wake_all(&out->claim);

    struct onset_outcome outcome = {0};
    struct item item;
    drain(out);
    if (out->cut)
        onset_note(&outcome, "midiOutLongMsg", ONSET_TIMED_OUT);
    for (; get(out, WANT_ANY, &item); discard(out, item))
        onset_note(&outcome, "midiOutShortMsg", ONSET_TIMED_OUT);

    onset_long_collect(out);
    if (out->held || atomic_load_explicit(&out->reset_first, memory_order_relaxed)) {
        onset_service_calling(&out->service, "midiOutReset");
        MMRESULT reset = out->driver->calls->out_reset(out->driver, out->handle);
        onset_note(&outcome, "midiOutReset", reset);
    }
    onset_long_collect_all(out, out->options.deadline_ns / 4);
    MMRESULT closed = close_handle(out, out->options.deadline_ns / 8);
    onset_note(&outcome, "midiOutClose", closed);
    onset_service_idle(&out->service);
    if (!out->held) // else it is tried again (outlast)
        onset_service_left(closed);
    out->service.outcome = outcome;
}

// Keeps what the driver holds after closing until it has given it back. Then a handle that could
// not be closed for it can be.
static void outlast(struct onset_output *out)
{
    if (!out->held)
        return;
    while (out->held) {
        onset_arm(&out->service.bell);
        // Seq_cst, between arm and sleep; before the look.
        uint32_t seen = atomic_load(&out->dones);
        onset_long_collect(out);
        if (out->held && seen == atomic_load(&out->dones))
            onset_rest(&out->service.bell, HELD_NS);
        onset_disarm(&out->service.bell);
    }
    if (!out->closed)
        onset_service_left(close_handle(out, out->options.deadline_ns));
}

// The output's thread.
static void serve(void *arg)
{
    struct onset_output *out = arg;
    struct onset_service *service = &out->service;
    bool open = open_up(out);
    onset_service_idle(service);
    bool wanted = onset_service_opened(service);
    if (open) {
        while (!onset_service_stopping(service)) {
            onset_arm(&service->bell);
            // Seq_cst: the claim, against give_up; MOM_DONE (onset_done).
            uint32_t seen = atomic_load(&out->dones);
            onset_long_collect(out);
            bool work = ready(out) && !atomic_load(&out->claim);
            if (!work && atomic_load(&out->dones) == seen && !onset_service_stopping(service))
                onset_rest(&service->bell, out->held ? HELD_NS : ONSET_FOREVER);
            onset_disarm(&service->bell);
            if (claim(out)) {
                drain(out);
                give_up(out);
            }
        }
        shut_down(out);
        wanted = onset_service_closed(service);
        outlast(out);
    }
    onset_place_leave(out->place);
    if (!wanted)
        onset_service_back();
    onset_driver_drop(out->driver);
    onset_output_drop(out);
}

struct onset_output *onset_output_open(struct onset_driver *driver, UINT id,
                                       const struct onset_output_options *options,
                                       struct onset_outcome *outcome, uint32_t *token)
{
    struct onset_output *out =
        onset_alloc(sizeof *out + options->capacity * sizeof(struct onset_cell), ONSET_APART);
    if (!out) {
        *outcome = (struct onset_outcome){"midiOutOpen", MMSYSERR_NOMEM};
        return NULL;
    }
    out->place = onset_place_take(&out->dones, &out->service.bell);
    if (!out->place) {
        *outcome = (struct onset_outcome){"midiOutOpen", ONSET_TOO_MANY};
        onset_free(out);
        return NULL;
    }
    for (uint32_t i = 0; i < options->capacity; i++)
        out->queue[i].turn = i;
    onset_driver_hold(driver);
    out->driver = driver;
    out->id = id;
    out->options = *options;
    out->last_slow = onset_ticks(options->clock);
    out->refs = 2;
    out->service.phase = ONSET_OPENING;
    *token = (uint32_t)onset_place_token(out->place);
    if (onset_service_start(&out->service, serve, out, (int64_t)options->deadline_ns, outcome))
        return out;
    if (outcome->result == ONSET_NO_THREAD) {
        onset_place_leave(out->place); // there was no thread to do it
        onset_driver_drop(driver);
        onset_output_drop(out);
    }
    onset_output_drop(out);
    return NULL;
}

bool onset_output_close(struct onset_output *out, int64_t deadline_ns,
                        struct onset_outcome *outcome)
{
    if (onset_service_stop(&out->service, deadline_ns, outcome))
        return true;
    if (atomic_load_explicit(&out->since, memory_order_relaxed))
        outcome->call = "midiOutShortMsg"; // its own, or the thread waits for who is in it
    return false;
}

bool onset_output_settled(struct onset_output *out)
{
    // Acquire, both: what the thread has counted (onset_service_closed, onset_output_drop).
    bool closed = atomic_load_explicit(&out->service.phase, memory_order_acquire) == ONSET_CLOSED;
    return (closed && atomic_load_explicit(&out->long_held, memory_order_relaxed) == 0) ||
           atomic_load_explicit(&out->refs, memory_order_acquire) == 1;
}

void onset_output_drop(struct onset_output *out)
{
    if (!onset_let_go(&out->refs))
        return;
    // Who was stuck in a send may have queued a message when nobody sent any more.
    for (struct item item; get(out, WANT_ANY, &item);)
        discard(out, item);
    onset_free(out);
}

struct onset_output_counts onset_output_counts(struct onset_output *out)
{
    static const char *const calls[] = {
        [ONSET_SHORT_MSG] = "midiOutShortMsg",
        [ONSET_PREPARE_HEADER] = "midiOutPrepareHeader",
        [ONSET_LONG_MSG] = "midiOutLongMsg",
    };
    uint32_t error = atomic_load_explicit(&out->last_error, memory_order_relaxed);
    return (struct onset_output_counts){
        .sent = atomic_load_explicit(&out->sent, memory_order_relaxed),
        .failed = atomic_load_explicit(&out->failed, memory_order_relaxed),
        .refused = atomic_load_explicit(&out->refused, memory_order_relaxed),
        .dropped = atomic_load_explicit(&out->dropped, memory_order_relaxed),
        .slow = atomic_load_explicit(&out->slow, memory_order_relaxed),
        .moved = atomic_load_explicit(&out->moved, memory_order_relaxed),
        .long_sent = atomic_load_explicit(&out->long_sent, memory_order_relaxed),
        .long_failed = atomic_load_explicit(&out->long_failed, memory_order_relaxed),
        .long_refused = atomic_load_explicit(&out->long_refused, memory_order_relaxed),
        .long_dropped = atomic_load_explicit(&out->long_dropped, memory_order_relaxed),
        .long_bytes = atomic_load_explicit(&out->long_bytes, memory_order_relaxed),
        .long_memory = atomic_load_explicit(&out->long_memory, memory_order_relaxed),
        .long_retried = atomic_load_explicit(&out->long_retried, memory_order_relaxed),
        .queued = queued(out) + atomic_load_explicit(&out->under_way, memory_order_relaxed),
        .long_queued = atomic_load_explicit(&out->long_queued, memory_order_relaxed),
        .long_held = atomic_load_explicit(&out->long_held, memory_order_relaxed),
        .last_call = error ? calls[error >> 24] : NULL,
        .last_error = error & 0xFFFFFF,
        .lane = atomic_load_explicit(&out->lane, memory_order_relaxed),
    };
}
