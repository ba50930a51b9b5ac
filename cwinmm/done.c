#include "done.h"

#define ONE_OPENING ((uint64_t)1 << 40)

static struct onset_place places[ONSET_OUTPUTS];

struct onset_place *onset_place_take(_Atomic uint32_t *dones, struct onset_waiter *bell)
{
    static _Atomic uint32_t next; // the one longest unused comes first
    for (int tries = 0; tries < ONSET_OUTPUTS; tries++) {
        uint32_t number = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
        struct onset_place *place = &places[number % ONSET_OUTPUTS];
        bool taken = false;
        // Acquire: the last one has left (onset_place_leave).
        if (atomic_compare_exchange_strong_explicit(&place->taken, &taken, true,
                                                    memory_order_acquire, memory_order_relaxed)) {
            // Those who read these hold a token, which they have from midiOutOpen.
            place->dones = dones;
            place->bell = bell;
            return place;
        }
    }
    return NULL;
}

DWORD_PTR onset_place_token(struct onset_place *place)
{
    uint64_t gate = atomic_load_explicit(&place->gate, memory_order_relaxed);
    return (DWORD_PTR)(uint32_t)(gate >> 40 << 8 | (uint64_t)(place - places));
}

bool onset_place_pending(uint32_t token)
{
    // Acquire: the driver has closed what it opened (onset_place_leave).
    uint64_t gate = atomic_load_explicit(&places[token % ONSET_OUTPUTS].gate, memory_order_acquire);
    return (uint32_t)(gate >> 40 << 8) == (token & ~(uint32_t)0xFF);
}

void CALLBACK onset_done(HMIDIOUT handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                         DWORD_PTR param2)
{
    (void)handle, (void)param1, (void)param2;
    if (message != MOM_DONE)
        return;
    uint32_t token = (uint32_t)instance;
    struct onset_place *place = &places[token % ONSET_OUTPUTS];
    // Either this comes before the number is changed, and who changes it waits (onset_place_leave),
    // or this sees the change.
    uint64_t gate = atomic_fetch_add_explicit(&place->gate, 1, memory_order_relaxed);
    if (gate >> 40 == token >> 8) {
        // Seq_cst: what the driver has done to the header, for who looks (onset_long_give), also
        // between arm and sleep (serve).
        atomic_fetch_add(place->dones, 1);
        onset_wake_all(place->dones);
        onset_notify(place->bell);
    } else {
        atomic_fetch_add_explicit(&place->stale, 1, memory_order_relaxed);
    }
    // Release: the output has been touched for the last time (onset_place_leave).
    atomic_fetch_sub_explicit(&place->gate, 1, memory_order_release);
}

void onset_place_leave(struct onset_place *place)
{
    // Acquire, as below: those who came and left before. Release: the driver is done with the
    // output (onset_place_pending).
    uint64_t gate = atomic_fetch_add_explicit(&place->gate, ONE_OPENING, memory_order_acq_rel);
    for (int looks = 0; gate % ONE_OPENING; looks++) {
        if (looks < 10000)
            onset_pause();
        else
            onset_sleep(100000); // it has been preempted
        // Acquire: what those inside did to the output (onset_done).
        gate = atomic_load_explicit(&place->gate, memory_order_acquire);
    }
    // Release: for the next one (onset_place_take).
    atomic_store_explicit(&place->taken, false, memory_order_release);
}

uint64_t onset_stale_dones(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < ONSET_OUTPUTS; i++)
        sum += atomic_load_explicit(&places[i].stale, memory_order_relaxed);
    return sum;
}
