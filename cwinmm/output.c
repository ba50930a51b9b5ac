#include "output.h"

#include "memory.h"
#include "thread.h"

// The queue. Each cell says whose turn it is: a writer's when turn == its index, the reader's when
// turn == index + 1; the reader hands it on to the writer one lap later. Indices wrap.

static bool put(struct onset_output *out, uint32_t message)
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
                cell->message = message;
                // Release: the message, for the reader (get).
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

static bool get(struct onset_output *out, uint32_t *message)
{
    uint32_t mask = out->options.capacity - 1;
    uint32_t index = atomic_load_explicit(&out->got, memory_order_relaxed);
    for (;;) {
        struct onset_cell *cell = &out->queue[index & mask];
        // Acquire: the message (put).
        uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if ((int32_t)(turn - (index + 1)) < 0)
            return false; // empty, or its writer is not done and will ring the bell when it is
        if (turn != index + 1) {
            index = atomic_load_explicit(&out->got, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(
                       &out->got, &index, index + 1, memory_order_relaxed, memory_order_relaxed)) {
            *message = cell->message;
            // Release: the cell may be written again (put, a lap later).
            atomic_store_explicit(&cell->turn, index + mask + 1, memory_order_release);
            return true;
        }
    }
}

// Is there a message that get would return? Not so while its writer has taken the cell and not yet
// filled it; the writer rings the bell when it has.
static bool ready(struct onset_output *out)
{
    // Seq_cst: read between arm and sleep, and after giving the claim up.
    uint32_t got = atomic_load(&out->got);
    return atomic_load(&out->queue[got & (out->options.capacity - 1)].turn) == got + 1;
}

static uint32_t queued(struct onset_output *out)
{
    uint32_t got = atomic_load_explicit(&out->got, memory_order_relaxed);
    return atomic_load_explicit(&out->put, memory_order_acquire) - got;
}

static bool claim(struct onset_output *out)
{
    uint32_t nobody = 0;
    // Acquire: the last holder's notes (give_up).
    return atomic_compare_exchange_strong_explicit(&out->claim, &nobody, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

// Gives the claim up. Whoever could not get it meanwhile has queued its message and rung the bell;
// the thread may have found the claim taken, so it is told again.
static void give_up(struct onset_output *out)
{
    // Seq_cst, before the looks below: pairs with claimants (onset_output_send_now) and with the
    // thread's arm (serve).
    atomic_store(&out->claim, 0);
    if (atomic_load(&out->claimants))
        onset_wake_all(&out->claim);
    if (ready(out))
        onset_notify(&out->service.bell);
}

// The call itself, timed; under the claim.
static MMRESULT transmit(struct onset_output *out, uint32_t message)
{
    uint64_t start = onset_ticks(out->options.clock);
    MMRESULT result = out->driver->calls->out_short(out->driver, out->handle, message);
    uint64_t end = onset_ticks(out->options.clock);
    if (result == MMSYSERR_NOERROR) {
        atomic_fetch_add_explicit(&out->sent, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&out->failed, 1, memory_order_relaxed);
        atomic_store_explicit(&out->last_error, result, memory_order_relaxed);
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

// Sends what is queued; under the claim. Stops when nobody waits for the closing of the output any
// more.
static void drain(struct onset_output *out)
{
    uint32_t message;
    while (atomic_load(&out->service.phase) != ONSET_ABANDONED && get(out, &message))
        transmit(out, message);
}

static int32_t enqueue(struct onset_output *out, uint32_t message)
{
    bool queued = put(out, message), dropped = false;
    // At most one is dropped, however the thread and other senders interfere.
    for (int tries = 0; !queued && out->options.drop_oldest && tries < 64; tries++) {
        uint32_t oldest;
        if (!dropped && get(out, &oldest)) {
            dropped = true;
            atomic_fetch_add_explicit(&out->dropped, 1, memory_order_relaxed);
        }
        queued = put(out, message);
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
    return enqueue(out, message);
}

MMRESULT onset_output_send_now(struct onset_output *out, uint32_t message)
{
    while (!claim(out)) {
        atomic_fetch_add(&out->claimants, 1); // before the look that onset_wait takes (give_up)
        onset_wait(&out->claim, 1, ONSET_FOREVER);
        atomic_fetch_sub(&out->claimants, 1);
    }
    // A writer may have taken its place in the queue and not yet filled it: it was first all the
    // same.
    uint32_t before = atomic_load_explicit(&out->put, memory_order_acquire);
    drain(out);
    while ((int32_t)(atomic_load_explicit(&out->got, memory_order_relaxed) - before) < 0) {
        onset_yield();
        drain(out);
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
    MMRESULT result = out->driver->calls->out_open(out->driver, out->id, NULL, 0, &out->handle);
    onset_note(&out->service.outcome, "midiOutOpen", result);
    return result == MMSYSERR_NOERROR;
}

// Nobody sends any more, so the claim is the thread's.
static void shut_down(struct onset_output *out)
{
    drain(out);
    struct onset_outcome outcome = {0};
    if (atomic_load_explicit(&out->reset_first, memory_order_relaxed))
        onset_note(&outcome, "midiOutReset",
                   out->driver->calls->out_reset(out->driver, out->handle));
    onset_note(&outcome, "midiOutClose", out->driver->calls->out_close(out->driver, out->handle));
    out->service.outcome = outcome;
}

// The output's thread.
static void serve(void *arg)
{
    struct onset_output *out = arg;
    struct onset_service *service = &out->service;
    bool open = open_up(out);
    bool wanted = onset_service_opened(service);
    if (open) {
        while (!onset_service_stopping(service)) {
            onset_arm(&service->bell);
            // Seq_cst: the claim, against give_up.
            bool work = ready(out) && !atomic_load(&out->claim);
            if (!work && !onset_service_stopping(service))
                onset_rest(&service->bell, ONSET_FOREVER);
            onset_disarm(&service->bell);
            if (claim(out)) {
                drain(out);
                give_up(out);
            }
        }
        shut_down(out);
        wanted = onset_service_closed(service);
    }
    if (!wanted)
        onset_service_back();
    onset_driver_drop(out->driver);
    onset_output_drop(out);
}

struct onset_output *onset_output_open(struct onset_driver *driver, UINT id,
                                       const struct onset_output_options *options,
                                       int64_t deadline_ns, struct onset_outcome *outcome)
{
    struct onset_output *out =
        onset_alloc(sizeof *out + options->capacity * sizeof(struct onset_cell), ONSET_APART);
    if (!out) {
        *outcome = (struct onset_outcome){"midiOutOpen", MMSYSERR_NOMEM};
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
    if (onset_service_start(&out->service, serve, out, deadline_ns, outcome))
        return out;
    if (outcome->result == ONSET_NO_THREAD) {
        onset_driver_drop(driver); // there was no thread to do it
        onset_output_drop(out);
    }
    onset_output_drop(out);
    return NULL;
}

bool onset_output_close(struct onset_output *out, int64_t deadline_ns,
                        struct onset_outcome *outcome)
{
    return onset_service_stop(&out->service, deadline_ns, outcome);
}

void onset_output_drop(struct onset_output *out)
{
    if (onset_let_go(&out->refs))
        onset_free(out);
}

struct onset_output_counts onset_output_counts(struct onset_output *out)
{
    return (struct onset_output_counts){
        .sent = atomic_load_explicit(&out->sent, memory_order_relaxed),
        .failed = atomic_load_explicit(&out->failed, memory_order_relaxed),
        .refused = atomic_load_explicit(&out->refused, memory_order_relaxed),
        .dropped = atomic_load_explicit(&out->dropped, memory_order_relaxed),
        .slow = atomic_load_explicit(&out->slow, memory_order_relaxed),
        .moved = atomic_load_explicit(&out->moved, memory_order_relaxed),
        .queued = queued(out),
        .last_error = atomic_load_explicit(&out->last_error, memory_order_relaxed),
        .lane = atomic_load_explicit(&out->lane, memory_order_relaxed),
    };
}
