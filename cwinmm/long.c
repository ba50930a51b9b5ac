#include "long.h"

#include <string.h>

#include "memory.h"
#include "thread.h"

static _Atomic uint32_t held; // in the whole process

#define LOOK_NS  20000000 // how often a header is looked at without MOM_DONE: some drivers forget it
#define RETRY_NS 1000000
#define BYTE_NS  640000 // twice what a byte takes on a DIN line

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct onset_long *onset_long_new(struct onset_output *out, const void *bytes, uint32_t length,
                                  int32_t *came)
{
    // Relaxed: it guards no data.
    uint64_t taken = atomic_load_explicit(&out->long_memory, memory_order_relaxed);
    do {
        if (taken + length > ONSET_LONG_MEMORY) {
            *came = ONSET_HEAVY;
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&out->long_memory, &taken, taken + length,
                                                    memory_order_relaxed, memory_order_relaxed));
    struct onset_long *message = onset_alloc_raw(sizeof *message + length, _Alignof(max_align_t));
    if (!message) {
        atomic_fetch_sub_explicit(&out->long_memory, length, memory_order_relaxed);
        *came = MMSYSERR_NOMEM;
        return NULL;
    }
    message->length = length;
    memcpy(message->bytes, bytes, length);
    return message;
}

void onset_long_free(struct onset_output *out, struct onset_long *message)
{
    atomic_fetch_sub_explicit(&out->long_memory, message->length, memory_order_relaxed);
    onset_free(message);
}

// False: the driver still has it.
static bool unprepare(struct onset_output *out, MIDIHDR *header)
{
    onset_service_calling(&out->service, "midiOutUnprepareHeader");
    MMRESULT result = out->driver->calls->out_unprepare(out->driver, out->handle, header);
    onset_service_idle(&out->service);
    return result != MIDIERR_STILLPLAYING;
}

// Has the driver given the header back? Then it is unprepared. What MHDR_DONE says is checked:
// MIDIERR_STILLPLAYING is the driver's word that it has not.
static bool is_home(struct onset_output *out, MIDIHDR *header)
{
    // Acquire: the driver has read the bytes.
    if (!(__atomic_load_n(&header->dwFlags, __ATOMIC_ACQUIRE) & MHDR_DONE))
        return false;
    return out->closed || unprepare(out, header);
}

typedef MMRESULT header_call(struct onset_driver *, HMIDIOUT, MIDIHDR *);

// Makes a call, and again while the driver is not ready for it, but not for ever.
static MMRESULT insist(struct onset_output *out, const char *name, header_call *call,
                       MIDIHDR *header)
{
    uint64_t by = onset_os_ns() + out->options.deadline_ns;
    for (;;) {
        onset_service_calling(&out->service, name);
        MMRESULT result = call(out->driver, out->handle, header);
        onset_service_idle(&out->service);
        bool busy = result == MIDIERR_NOTREADY || result == MMSYSERR_NOMEM;
        if (!busy || onset_output_late(out) || onset_os_ns() >= by)
            return result;
        atomic_fetch_add_explicit(&out->long_retried, 1, memory_order_relaxed);
        onset_sleep(RETRY_NS);
    }
}

// Waits for a header, since a time when there had been seen MOM_DONEs. False: it does not come.
static bool await(struct onset_output *out, MIDIHDR *header, uint32_t seen)
{
    uint64_t now = onset_os_ns();
    uint64_t by = now + out->options.deadline_ns + (uint64_t)header->dwBufferLength * BYTE_NS;
    for (;;) {
        onset_wait(&out->dones, seen, (int64_t)least(by - now, LOOK_NS));
        seen = atomic_load(&out->dones); // before the look: the next one is not missed
        if (is_home(out, header))
            return true;
        now = onset_os_ns();
        if (now >= by || onset_output_late(out))
            return false;
    }
}

static enum onset_given fail(struct onset_output *out, enum onset_out_call call, uint32_t result)
{
    atomic_store_explicit(&out->last_error, (uint32_t)call << 24 | result, memory_order_relaxed);
    return ONSET_NOT_TAKEN;
}

enum onset_given onset_long_give(struct onset_output *out, struct onset_long *message, uint32_t at,
                                 uint32_t count)
{
    const struct onset_winmm *calls = out->driver->calls;
    MIDIHDR *header = &message->header;
    if (onset_output_late(out))
        return fail(out, ONSET_LONG_MSG, ONSET_TIMED_OUT);
    count = (uint32_t)least(count, message->length - at);
    *header = (MIDIHDR){
        .lpData = message->bytes + at,
        .dwBufferLength = count,
        .dwBytesRecorded = count,
    };
    MMRESULT result = insist(out, "midiOutPrepareHeader", calls->out_prepare, header);
    if (result != MMSYSERR_NOERROR)
        return fail(out, ONSET_PREPARE_HEADER, result);
    uint32_t seen = atomic_load(&out->dones); // MOM_DONE may come inside the call
    result = insist(out, "midiOutLongMsg", calls->out_long, header);
    if (result != MMSYSERR_NOERROR) {
        bool free = unprepare(out, header);
        fail(out, ONSET_LONG_MSG, result);
        return free ? ONSET_NOT_TAKEN : ONSET_NOT_BACK;
    }
    if (!await(out, header, seen)) {
        fail(out, ONSET_LONG_MSG, ONSET_TIMED_OUT);
        return ONSET_NOT_BACK;
    }
    atomic_fetch_add_explicit(&out->long_bytes, count, memory_order_relaxed);
    return ONSET_HOME;
}

void onset_long_hold(struct onset_output *out, struct onset_long *message)
{
    message->next = out->held;
    out->held = message;
    atomic_fetch_add_explicit(&out->long_held, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
}

void onset_long_collect(struct onset_output *out)
{
    for (struct onset_long **at = &out->held; *at;) {
        struct onset_long *message = *at;
        if (!is_home(out, &message->header)) {
            at = &message->next;
            continue;
        }
        *at = message->next;
        onset_long_free(out, message);
        atomic_fetch_sub_explicit(&out->long_held, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&held, 1, memory_order_relaxed);
    }
}

void onset_long_collect_all(struct onset_output *out, uint64_t for_ns)
{
    uint64_t now = onset_os_ns(), by = now + for_ns;
    while (now < by) {
        uint32_t seen = atomic_load(&out->dones); // before the look, as in await
        onset_long_collect(out);
        if (!out->held)
            return;
        onset_wait(&out->dones, seen, (int64_t)least(by - now, LOOK_NS));
        now = onset_os_ns();
    }
}

uint32_t onset_held(void)
{
    return atomic_load_explicit(&held, memory_order_relaxed);
}
