#include "output.h"

#include <string.h>

#include "long.h"
#include "memory.h"
#include "thread.h"
#include "watch.h"

#define NAP_NS  20000000   // how often a wait that nobody rings for looks whether it is over
#define HELD_NS 1000000000 // how often what the driver holds is looked at without MOM_DONE

// What is left of messages that belong together, of which the first have been sent, comes before
// the queue.
static bool is_left(struct onset_output *out)
{
    return atomic_load(&out->left) > 0; // seq_cst: as onset_queue_ready
}

// Gets the next message to send, under the claim. False: there is none, or it is not wanted.
static bool get(struct onset_output *out, enum onset_wanted wanted, struct onset_item *item)
{
    uint32_t left = atomic_load_explicit(&out->left, memory_order_relaxed);
    if (!left) {
        bool got = onset_queue_get(&out->queue, wanted, item);
        if (got)
            out->goes_on = item->message & ONSET_GOES_ON;
        return got;
    }
    *item = (struct onset_item){.message = out->rest[out->rest_end - left]};
    if (!onset_wants(wanted, *item))
        return false;
    atomic_store_explicit(&out->left, left - 1, memory_order_relaxed);
    return true;
}

// Is there a message that get would get, of any kind? Not so while its writer has taken the cell
// and not yet filled it; the writer rings the bell when it has.
static bool is_ready(struct onset_output *out)
{
    return is_left(out) || onset_queue_ready(&out->queue);
}

// How many somebody has queued that are not done with. Who queues counts before he does, so that 0
// means that nothing stands before.
static uint32_t waiting(struct onset_output *out)
{
    return atomic_load_explicit(&out->waiting, memory_order_relaxed);
}

static void begin(struct onset_output *out, uint32_t count)
{
    atomic_fetch_add_explicit(&out->waiting, count, memory_order_relaxed);
}

static void done_with(struct onset_output *out, uint32_t count)
{
    atomic_fetch_sub_explicit(&out->waiting, count, memory_order_relaxed);
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
ONSET_HOT static void give_up(struct onset_output *out)
{
    // Seq_cst, before the looks below: pairs with claimants (take) and with the thread's arm
    // (serve).
    atomic_store(&out->claim, 0);
    if (atomic_load(&out->claimants))
        onset_wake_all(&out->claim);
    if (is_ready(out))
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
        onset_note_news();
}

static void bump(_Atomic uint64_t *counter)
{
    // Under the claim there is one writer: no locked instruction needed.
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

// Moves the output to its thread, since ticks; under the claim.
static void demote(struct onset_output *out, uint64_t ticks)
{
    out->last_slow = ticks;
    if (atomic_exchange_explicit(&out->lane, ONSET_THREADED, memory_order_relaxed) ==
        ONSET_INLINE) {
        bump(&out->moved);
        onset_note_news();
    }
}

// The call itself, timed; under the claim. now: ticks, as it begins and as it ends. Inline, since a
// callback sends with it.
__attribute__((always_inline)) static inline MMRESULT transmit(struct onset_output *out,
                                                               uint32_t message, uint64_t *now)
{
    uint64_t start = *now;
    // Relaxed, both: read to see how long this takes, and nothing else (onset_output_stuck).
    atomic_store_explicit(&out->since, start, memory_order_relaxed);
    MMRESULT result = out->out_short(out->driver, out->handle, message & ONSET_BYTES);
    *now = onset_ticks(out->clock);
    atomic_store_explicit(&out->since, 0, memory_order_relaxed);
    if (result == MMSYSERR_NOERROR) {
        bump(&out->sent);
    } else {
        bump(&out->failed);
        atomic_store_explicit(&out->last_error, result, memory_order_relaxed);
        if (onset_means_gone(result))
            onset_output_lose(out);
    }
    if (*now - start > out->slow_ticks) {
        bump(&out->slow);
        demote(out, *now);
    } else if (atomic_load_explicit(&out->lane, memory_order_relaxed) == ONSET_THREADED &&
               *now - out->last_slow > out->calm_ticks) {
        atomic_store_explicit(&out->lane, ONSET_INLINE, memory_order_relaxed);
        onset_note_news();
    }
    return result;
}

// The same from now on.
static MMRESULT transmit_now(struct onset_output *out, uint32_t message)
{
    uint64_t now = onset_ticks(out->clock);
    return transmit(out, message, &now);
}

// Sends a short message from the queue.
static void transmit_item(struct onset_output *out, struct onset_item item)
{
    transmit_now(out, item.message);
    done_with(out, 1);
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
static void discard(struct onset_output *out, struct onset_item item)
{
    if (item.long_one) {
        count_long(out, &out->dropped, &out->long_dropped);
        onset_long_free(out, item.long_one);
    } else {
        atomic_fetch_add_explicit(&out->dropped, 1, memory_order_relaxed);
    }
    done_with(out, 1);
}

// Between two chunks: waits until it is time for the next, and sends realtime messages meanwhile
// for as long as they are first in the queue.
static void pause_between(struct onset_output *out)
{
    struct onset_item item;
    // Those that are there, also without a pause; no more, or a flood would hold up the next chunk.
    for (uint32_t there = waiting(out); there > 0 && get(out, ONSET_ANY_REALTIME, &item); there--)
        transmit_item(out, item);
    uint64_t now = onset_os_ns(), until = now + out->options.long_pause_ns;
    for (; now < until && !onset_output_late(out); now = onset_os_ns()) {
        uint64_t nap = until - now < NAP_NS ? until - now : NAP_NS;
        bool first = is_ready(out); // before get, so that it is about the same message
        if (get(out, ONSET_ANY_REALTIME, &item)) {
            transmit_item(out, item);
        } else if (first) {
            onset_sleep(nap); // it has to wait, and so has all behind it: no bell is of interest
        } else {
            onset_arm(&out->service.bell);
            if (!is_ready(out))
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
    done_with(out, 1);
    if (given == ONSET_NOT_BACK)
        onset_long_hold(out, message);
    else
        onset_long_free(out, message);
}

// Sends what is queued, under the claim, as long as there is time and a device; for the thread.
static void drain(struct onset_output *out)
{
    struct onset_item item;
    while (!onset_output_late(out) && get(out, ONSET_ANY, &item)) {
        if (onset_output_gone(out))
            discard(out, item);
        else if (item.long_one)
            transmit_long(out, item.long_one);
        else
            transmit_item(out, item);
    }
}

const char *onset_output_stuck(struct onset_output *out)
{
    uint64_t since = atomic_load_explicit(&out->since, memory_order_relaxed);
    // Signed: it may have begun since the clock was read.
    if (since && out->options.stuck_ticks &&
        (int64_t)(onset_ticks(out->clock) - since) > (int64_t)out->options.stuck_ticks)
        return "midiOutShortMsg";
    return onset_service_stuck(&out->service, out->options.deadline_ns);
}

// Makes room in the queue by dropping what is oldest, together with all that belongs to it. Within
// a driver's callback, where nothing may be freed, that is no long message. False: that is not
// possible.
static bool drop_oldest(struct onset_output *out, bool in_callback)
{
    struct onset_item oldest[ONSET_TOGETHER];
    uint32_t count =
        onset_queue_get_all(&out->queue, in_callback ? ONSET_ANY_SHORT : ONSET_ANY, oldest);
    for (uint32_t i = 0; i < count; i++)
        discard(out, oldest[i]);
    return count > 0;
}

static int32_t enqueue(struct onset_output *out, const struct onset_item *items, uint32_t count,
                       bool in_callback)
{
    if (onset_output_stuck(out)) {
        // What it would be sent after, if ever, is nobody's to say.
        atomic_fetch_add_explicit(&out->refused, count, memory_order_relaxed);
        return ONSET_STUCK;
    }
    begin(out, count);
    bool queued = onset_queue_put(&out->queue, items, count);
    // No more is dropped than is to be put, but for what belongs together; however the thread and
    // other senders interfere.
    uint32_t drops = 0;
    for (int tries = 0; !queued && out->options.drop_oldest && tries < 64; tries++) {
        if (drops < count && drop_oldest(out, in_callback))
            drops++;
        queued = onset_queue_put(&out->queue, items, count);
        if (!queued)
            onset_pause();
    }
    if (!queued) {
        done_with(out, count);
        atomic_fetch_add_explicit(&out->refused, count, memory_order_relaxed);
        // Who looked at what has been dropped has seen nothing to send (is_ready). Something may
        // stand behind it.
        if (drops > 0)
            onset_notify(&out->service.bell);
        return ONSET_FULL;
    }
    onset_notify(&out->service.bell);
    return ONSET_QUEUED;
}

// Leaves the rest of what has begun to the thread; under the claim.
static void leave_rest(struct onset_output *out, const uint32_t *messages, uint32_t count)
{
    begin(out, count);
    memcpy(out->rest, messages, count * sizeof *messages);
    out->rest_end = count;
    // Release: the rest, for who has the claim next; give_up has that too.
    atomic_store_explicit(&out->left, count, memory_order_release);
}

// Sends on this thread, if nobody else sends and nothing waits. False: nothing has been done.
__attribute__((always_inline)) static inline bool send_inline(struct onset_output *out,
                                                              const uint32_t *messages,
                                                              uint32_t count, bool in_callback,
                                                              uint64_t now, int32_t *came)
{
    if (atomic_load_explicit(&out->lane, memory_order_relaxed) != ONSET_INLINE || !claim(out))
        return false;
    // What is queued was there first.
    bool first = waiting(out) == 0;
    *came = ONSET_SENT;
    for (uint32_t i = 0; first && i < count; i++) {
        if (i > 0 && atomic_load_explicit(&out->lane, memory_order_relaxed) != ONSET_INLINE) {
            leave_rest(out, messages + i, count - i); // one has been slow: no more here
            break;
        }
        MMRESULT result = transmit(out, messages[i], &now);
        if (result != MMSYSERR_NOERROR) {
            *came = (int32_t)result;
            if (in_callback)
                demote(out, now);
        }
    }
    if (first && in_callback)
        bump(&out->direct);
    give_up(out);
    return first;
}

static int32_t send_later(struct onset_output *out, const uint32_t *messages, uint32_t count,
                          bool in_callback)
{
    struct onset_item items[ONSET_TOGETHER];
    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct onset_item){.message = messages[i]};
    return enqueue(out, items, count, in_callback);
}

int32_t onset_output_send(struct onset_output *out, const uint32_t *messages, uint32_t count)
{
    int32_t came;
    if (send_inline(out, messages, count, false, onset_ticks(out->clock), &came))
        return came;
    return send_later(out, messages, count, false);
}

// Apart, so that the usual path keeps no registers for it.
__attribute__((noinline)) static bool route_later(struct onset_output *out,
                                                  const uint32_t *messages, uint32_t count)
{
    if (atomic_load_explicit(&out->claim, memory_order_relaxed) == CLOSED)
        return false;
    send_later(out, messages, count, true);
    return true;
}

ONSET_HOT bool onset_output_route(struct onset_output *out, const uint32_t *messages,
                                  uint32_t count, uint64_t now)
{
    int32_t came;
    if (onset_output_gone(out))
        return false;
    return send_inline(out, messages, count, true, now, &came) || route_later(out, messages, count);
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
        came = enqueue(out, &(struct onset_item){.long_one = message}, 1, false);
        if (came == ONSET_QUEUED)
            return came;
        atomic_fetch_sub_explicit(&out->long_queued, 1, memory_order_relaxed);
        onset_long_free(out, message);
    }
    atomic_fetch_add_explicit(&out->long_refused, 1, memory_order_relaxed);
    return came;
}

// Is there anything that was queued before an index of the queue, or that belongs to what was? The
// writer of the latter may not be done with it. Under the claim.
static bool is_before(struct onset_output *out, uint32_t index)
{
    uint32_t got = atomic_load_explicit(&out->queue.got, memory_order_relaxed);
    return is_left(out) || out->goes_on || (int32_t)(got - index) < 0;
}

// Sends short messages that are first in the queue and come before an index, under the claim.
static void drain_short(struct onset_output *out, uint32_t index)
{
    struct onset_item item;
    while (!onset_service_stopping(&out->service) && is_before(out, index) &&
           get(out, ONSET_ANY_SHORT, &item))
        transmit_item(out, item);
}

// Gives the claim up, so that the thread sends the long message that is next, and waits until it is
// done with. If there is none, a writer has taken its place and not yet filled it.
static void give_way(struct onset_output *out)
{
    uint32_t gone = atomic_load(&out->long_gone); // before the look (count_long)
    bool next = onset_queue_long_is_next(&out->queue);
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
    // same. So is the rest of what has begun, also if that has come since.
    uint32_t before = atomic_load_explicit(&out->queue.put, memory_order_acquire);
    drain_short(out, before);
    while (is_before(out, before)) {
        give_way(out);
        if (!take(out))
            return MMSYSERR_INVALHANDLE;
        drain_short(out, before);
    }
    MMRESULT result = transmit_now(out, message);
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
    struct onset_item item;
    drain(out);
    if (out->cut)
        onset_note(&outcome, "midiOutLongMsg", ONSET_TIMED_OUT);
    for (; get(out, ONSET_ANY, &item); discard(out, item))
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
            bool work = is_ready(out) && !atomic_load(&out->claim);
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
    onset_queue_make(&out->queue, out->cells, options->capacity);
    onset_driver_hold(driver);
    out->driver = driver;
    out->out_short = driver->calls->out_short;
    out->id = id;
    out->options = *options;
    out->clock = options->clock;
    out->slow_ticks = options->slow_ticks;
    out->calm_ticks = options->calm_ticks;
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

void onset_output_hold(struct onset_output *out)
{
    onset_hold(&out->refs);
}

void onset_output_drop(struct onset_output *out)
{
    if (!onset_let_go(&out->refs))
        return;
    // Who was stuck in a send may have queued a message when nobody sent any more.
    for (struct onset_item item; get(out, ONSET_ANY, &item);)
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
        .direct = atomic_load_explicit(&out->direct, memory_order_relaxed),
        .moved = atomic_load_explicit(&out->moved, memory_order_relaxed),
        .long_sent = atomic_load_explicit(&out->long_sent, memory_order_relaxed),
        .long_failed = atomic_load_explicit(&out->long_failed, memory_order_relaxed),
        .long_refused = atomic_load_explicit(&out->long_refused, memory_order_relaxed),
        .long_dropped = atomic_load_explicit(&out->long_dropped, memory_order_relaxed),
        .long_bytes = atomic_load_explicit(&out->long_bytes, memory_order_relaxed),
        .long_memory = atomic_load_explicit(&out->long_memory, memory_order_relaxed),
        .long_retried = atomic_load_explicit(&out->long_retried, memory_order_relaxed),
        .queued = waiting(out),
        .long_queued = atomic_load_explicit(&out->long_queued, memory_order_relaxed),
        .long_held = atomic_load_explicit(&out->long_held, memory_order_relaxed),
        .last_call = error ? calls[error >> 24] : NULL,
        .last_error = error & 0xFFFFFF,
        .lane = atomic_load_explicit(&out->lane, memory_order_relaxed),
    };
}
