#include "faults.h"

#include "cable.h"
#include "memory.h"

struct onset_faults *onset_faults_new(uint32_t count)
{
    struct onset_faults *faults =
        onset_alloc(sizeof *faults + count * sizeof faults->faults[0], _Alignof(max_align_t));
    if (faults)
        faults->count = count;
    return faults;
}

// Waits until the time or the end of the script. False: it has ended.
static bool wait_until(struct onset_faults *faults, uint64_t due_ns)
{
    for (;;) {
        uint64_t now_ns = onset_os_ns();
        if (atomic_load(&faults->over))
            return false;
        if (now_ns >= due_ns)
            return true;
        uint64_t left_ns = due_ns - now_ns;
        onset_wait(&faults->over, 0, left_ns < INT64_MAX ? (int64_t)left_ns : ONSET_FOREVER);
    }
}

// Something that happens to a cable.
struct event {
    struct onset_faults *faults;
    struct onset_fault *fault;
    struct onset_cable *cable;
    struct onset_listener listener; // whom it is told; not open: whoever is when it happens
    uint64_t due_ns;
    _Atomic uint32_t *done; // set to 1 by the thread, which then forgets it; NULL: nobody waits
};

static void happen(const struct event *event)
{
    struct onset_fault *fault = event->fault;
    struct onset_cable *cable = event->cable;
    struct onset_driver *driver = &cable->driver->base;
    uint32_t number = (uint32_t)(cable - cable->driver->cables);
    struct onset_listener listener =
        event->listener.handle ? event->listener : onset_cable_listener(cable);
    atomic_fetch_add(&fault->struck, 1);
    switch (fault->effect) {
    case ONSET_UNPLUG:
        onset_loopback_unplug(driver, number);
        break;
    case ONSET_REPLUG:
        onset_loopback_replug(driver, number, (uint32_t)fault->value, fault->name, fault->id);
        break;
    case ONSET_TELL:
        onset_cable_tell(cable, listener, fault->message, fault->data);
        break;
    case ONSET_TELL_LONG:
        onset_cable_tell_long(cable, listener, fault->message, (uint32_t)fault->value);
        break;
    case ONSET_BOUNCE:
        onset_cable_tell_long(cable, listener, MIM_LONGDATA, 0);
        break;
    case ONSET_STAMP_TO:
    case ONSET_STAMP_BY:
        onset_cable_stamp(cable, fault->effect == ONSET_STAMP_TO, (uint32_t)fault->value);
        break;
    case ONSET_SUSPEND:
        atomic_fetch_add(&cable->driver->slept_ns, (uint64_t)fault->value);
        break;
    default: // the others are of calls
        break;
    }
}

static void run(void *arg)
{
    struct event *event = arg;
    struct onset_loopback *driver = event->cable->driver;
    if (wait_until(event->faults, event->due_ns))
        happen(event);
    if (event->done) {
        atomic_store(event->done, 1);
        onset_wake_all(event->done);
    }
    onset_free(event);
    onset_loopback_leave(driver);
}

// Has an event happen on a thread of its own. If the system gives none, it happens here if it is
// for now, and else not.
static void have(const struct event *event)
{
    struct event *own = onset_alloc(sizeof *own, _Alignof(max_align_t));
    if (own) {
        *own = *event;
        onset_hold(&event->cable->driver->threads);
        if (onset_thread_start(run, own))
            return;
        onset_let_go(&event->cable->driver->threads); // not the last: the caller is in the driver
        onset_free(own);
    }
    if (event->done) {
        happen(event);
        atomic_store(event->done, 1);
    }
}

// An event that a call sets off: within it, or later.
static void have_for_call(struct onset_faults *faults, struct onset_fault *fault,
                          struct onset_cable *cable)
{
    _Atomic uint32_t done = 0;
    struct event event = {
        .faults = faults,
        .fault = fault,
        .cable = cable,
        .listener = onset_cable_listener(cable),
        .due_ns = fault->after_ns ? onset_os_ns() + fault->after_ns : 0,
        .done = fault->after_ns ? NULL : &done,
    };
    have(&event);
    while (event.done && !atomic_load(&done))
        onset_wait(&done, 0, ONSET_FOREVER);
}

// Counts that on has happened, and says whether that is a time for the fault.
static bool strikes(struct onset_fault *fault, enum onset_call on, struct onset_cable *cable)
{
    if (fault->on != on || (fault->cable >= 0 && cable != &cable->driver->cables[fault->cable]))
        return false;
    uint64_t n = atomic_fetch_add_explicit(&fault->seen, 1, memory_order_relaxed) + 1;
    return n >= fault->first && n <= fault->last;
}

static bool is_event(const struct onset_fault *fault)
{
    return fault->effect >= ONSET_UNPLUG;
}

static void hold_up(struct onset_faults *faults, struct onset_fault *fault)
{
    atomic_fetch_add(&fault->struck, 1);
    wait_until(faults,
               fault->effect == ONSET_HANG ? UINT64_MAX : onset_os_ns() + (uint64_t)fault->value);
}

struct onset_strike onset_strike_any(struct onset_loopback *driver, struct onset_cable *cable,
                                     enum onset_call call)
{
    struct onset_strike strike = {0};
    // Acquire: the script (onset_loopback_script).
    struct onset_faults *faults = atomic_load_explicit(&driver->faults, memory_order_acquire);
    for (uint32_t i = 0; faults && i < faults->count; i++) {
        struct onset_fault *fault = &faults->faults[i];
        if (!strikes(fault, call, cable))
            continue;
        if (is_event(fault)) {
            have_for_call(faults, fault, cable);
            continue;
        }
        if (fault->effect == ONSET_DELAY || fault->effect == ONSET_HANG) {
            hold_up(faults, fault);
            continue;
        }
        if (strike.returns)
            continue; // the first result counts
        if (fault->effect == ONSET_BOUNCE) {
            strike.faults = faults;
            strike.bounce = fault;
            continue;
        }
        atomic_fetch_add(&fault->struck, 1);
        strike.returns = fault->effect == ONSET_RETURN;
        strike.result = strike.returns ? (MMRESULT)fault->value : MMSYSERR_NOERROR;
        strike.done_inside |= fault->effect == ONSET_DONE_INSIDE;
        strike.no_done |= fault->effect == ONSET_NO_DONE;
        strike.no_close |= fault->effect == ONSET_NO_CLOSE;
        if (fault->effect == ONSET_STORM) {
            strike.storm = true;
            strike.most = (uint64_t)fault->value;
        }
    }
    return strike;
}

void onset_strike_messages_any(struct onset_cable *cable, uint64_t count)
{
    // Acquire: as above.
    struct onset_faults *faults =
        atomic_load_explicit(&cable->driver->faults, memory_order_acquire);
    for (; faults && count; count--) {
        for (uint32_t i = 0; i < faults->count; i++) {
            struct onset_fault *fault = &faults->faults[i];
            if (!strikes(fault, ONSET_MESSAGE, cable))
                continue;
            struct event event = {faults, fault, cable, .due_ns = onset_os_ns() + fault->after_ns};
            if (!is_event(fault))
                hold_up(faults, fault);
            else if (fault->after_ns)
                have(&event);
            else
                happen(&event); // here, so that it comes before the next message
        }
    }
}

void onset_bounce(struct onset_cable *cable, const struct onset_strike *strike)
{
    have(&(struct event){.faults = strike->faults, .fault = strike->bounce, .cable = cable});
}

void onset_loopback_script(struct onset_driver *driver, struct onset_faults *faults)
{
    struct onset_loopback *all = onset_loopback(driver);
    onset_lock(&all->list);
    // Release: the script (onset_strike, onset_strike_messages).
    struct onset_faults *before =
        atomic_exchange_explicit(&all->faults, faults, memory_order_acq_rel);
    if (faults) {
        faults->before = all->scripts;
        all->scripts = faults;
    }
    onset_unlock(&all->list);
    if (before) {
        atomic_store(&before->over, 1);
        onset_wake_all(&before->over);
    }
    uint64_t now_ns = onset_os_ns();
    for (uint32_t i = 0; faults && i < faults->count; i++) {
        struct onset_fault *fault = &faults->faults[i];
        if (fault->on == ONSET_TIME)
            have(&(struct event){faults, fault, &all->cables[fault->cable],
                                 .due_ns = now_ns + fault->after_ns});
    }
}

uint64_t onset_loopback_struck(struct onset_driver *driver, uint32_t number)
{
    // Acquire: the script (onset_loopback_script).
    struct onset_faults *faults =
        atomic_load_explicit(&onset_loopback(driver)->faults, memory_order_acquire);
    return faults && number < faults->count ? atomic_load(&faults->faults[number].struck) : 0;
}
