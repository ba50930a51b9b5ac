#include "cable.h"

#include <string.h>

// Locks the output side if a handle of it is open and its device is not another's by now; false and
// a result if not.
static bool lock_out(struct onset_cable *cable, HMIDIOUT handle, MMRESULT *result)
{
    onset_lock(&cable->sending);
    onset_lock(&cable->brief);
    enum onset_found found = onset_side_find(cable, &cable->out, (uintptr_t)handle);
    bool gone = found == ONSET_GHOST || cable->unplugged;
    onset_unlock(&cable->brief);
    *result = found == ONSET_NOT_OPEN ? MMSYSERR_INVALHANDLE
              : gone                  ? MMSYSERR_NODRIVER
                                      : MMSYSERR_NOERROR;
    if (found == ONSET_LIVE)
        return true;
    onset_unlock(&cable->sending);
    return false;
}

MMRESULT onset_cable_out_open(struct onset_cable *cable, onset_out_callback callback,
                              DWORD_PTR instance, HMIDIOUT *handle)
{
    onset_lock(&cable->brief);
    MMRESULT result = cable->unplugged  ? MMSYSERR_NODRIVER
                      : cable->out.open ? MMSYSERR_ALLOCATED
                                        : MMSYSERR_NOERROR;
    if (result == MMSYSERR_NOERROR) {
        cable->out.open = true;
        cable->out.serial++;
        cable->out_callback = callback;
        cable->out_instance = instance;
        *handle = (HMIDIOUT)onset_cable_handle(cable, cable->out.serial);
    }
    onset_unlock(&cable->brief);
    if (result == MMSYSERR_NOERROR && callback)
        callback(*handle, MOM_OPEN, instance, 0, 0);
    return result;
}

// Puts a message into the cable, whose output side is locked.
static void put_in(struct onset_cable *cable, uint64_t entry)
{
    uint64_t put = atomic_load_explicit(&cable->put, memory_order_relaxed);
    // A full cable makes its sender wait, as drivers do that return when the bytes are sent.
    // Acquire: the thread has read the slot (carry in loopback.c).
    while (put - atomic_load_explicit(&cable->got, memory_order_acquire) == ONSET_CABLE_QUEUE)
        onset_sleep(20000);
    cable->queue[put % ONSET_CABLE_QUEUE] = entry;
    // Release: the entry (carry).
    atomic_store_explicit(&cable->put, put + 1, memory_order_release);
    onset_notify(&cable->bell);
}

static void reach(struct onset_cable *cable, uint64_t row)
{
    cable->sink->reached[row] = onset_ticks(cable->sink_clock);
    cable->reached = row + 1;
}

// Notes that the sink was given a message: the next that has its number and has been sent.
static void reach_short(struct onset_cable *cable, uint32_t message)
{
    uint64_t number = (message >> 8 & 0x7F) | (message >> 16 & 0x7F) << 7;
    uint64_t row = cable->reached + ((number - cable->reached) & 0x3FFF);
    if (row < cable->sink->count && cable->sink->sent[row])
        reach(cable, row);
}

// The same for a long message: the next of those.
static void reach_long(struct onset_cable *cable)
{
    struct onset_trace *sink = cable->sink;
    uint64_t row = cable->reached;
    while (row < sink->count && sink->sent[row] && sink->message[row] >> 24 != ONSET_ROW_LONG)
        row++;
    if (row < sink->count && sink->sent[row])
        reach(cable, row);
}

MMRESULT onset_cable_out_short(struct onset_cable *cable, HMIDIOUT handle, DWORD message)
{
    MMRESULT result;
    if (!lock_out(cable, handle, &result))
        return result;
    if (cable->sink)
        reach_short(cable, message);
    if (result == MMSYSERR_NOERROR) {
        if (!cable->sink)
            put_in(cable, message);
        onset_cable_linger(cable);
    }
    onset_unlock(&cable->sending);
    return result;
}

// Long messages.

// Preparing works with a handle whose device has gone, so that its client can clean up.
static bool known(struct onset_cable *cable, HMIDIOUT handle)
{
    onset_lock(&cable->brief);
    enum onset_found found = onset_side_find(cable, &cable->out, (uintptr_t)handle);
    onset_unlock(&cable->brief);
    return found != ONSET_NOT_OPEN;
}

MMRESULT onset_cable_out_prepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header)
{
    return known(cable, handle) ? onset_headers_prepare(header) : MMSYSERR_INVALHANDLE;
}

MMRESULT onset_cable_out_unprepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header)
{
    if (!known(cable, handle))
        return MMSYSERR_INVALHANDLE;
    onset_lock(&cable->brief);
    MMRESULT result = onset_headers_unprepare(header);
    onset_unlock(&cable->brief);
    return result;
}

// What is needed to tell the client that a header is done.
struct answer {
    MIDIHDR *header; // NULL: there is none
    HMIDIOUT handle;
    onset_out_callback callback;
    DWORD_PTR instance;
};

static struct answer answer_of(struct onset_cable *cable, MIDIHDR *header)
{
    if (!header)
        return (struct answer){0};
    return (struct answer){
        .header = header,
        .handle = (HMIDIOUT)onset_cable_handle(cable, cable->out.serial),
        .callback = cable->out_callback,
        .instance = cable->out_instance,
    };
}

// Takes the first header out; under brief. Once it is out, the output can be closed.
static struct answer take(struct onset_cable *cable, struct onset_headers *headers)
{
    struct answer answer = answer_of(cable, onset_headers_take(headers));
    if (answer.header && headers == &cable->longs && ++cable->answered == cable->muted)
        answer.callback = NULL;
    return answer;
}

// Takes the first header out that the output has, carried or not; under brief.
static struct answer take_any(struct onset_cable *cable)
{
    struct answer answer = take(cable, &cable->kept);
    return answer.header ? answer : take(cable, &cable->longs);
}

// Have fewer than number been given back?
static bool is_waiting(struct onset_cable *cable, uint32_t number)
{
    onset_lock(&cable->brief);
    bool waiting = (int32_t)(cable->answered - number) < 0;
    onset_unlock(&cable->brief);
    return waiting;
}

static void give(struct answer answer)
{
    if (answer.header && answer.callback)
        answer.callback(answer.handle, MOM_DONE, answer.instance, (DWORD_PTR)answer.header, 0);
}

// Takes a header that has been carried out, and answers.
static void finish(struct onset_cable *cable, uint64_t entry)
{
    struct answer answer = {0};
    onset_lock(&cable->answer); // before anybody can see it gone (onset_cable_out_close)
    onset_lock(&cable->brief);
    if ((uint32_t)entry == cable->answered)
        answer = take(cable, &cable->longs);
    if (answer.header && entry & ONSET_KEEP) {
        onset_headers_add(&cable->kept, answer.header);
        answer.header = NULL;
    }
    onset_unlock(&cable->brief);
    give(answer);
    onset_unlock(&cable->answer);
}

void onset_cable_carry(struct onset_cable *cable, uint64_t entry)
{
    uint8_t bytes[256];
    uint32_t count = 0;
    // Piece by piece, so that resetting can take the header back in between. The receiver is not
    // called while a lock of the sender's is held.
    for (uint32_t at = 0; !(entry & ONSET_SUNK); at += count) {
        onset_lock(&cable->brief);
        MIDIHDR *header =
            (uint32_t)entry == cable->answered ? onset_headers_first(&cable->longs) : NULL;
        count = header ? header->dwBufferLength - at : 0;
        count = count < sizeof bytes ? count : sizeof bytes;
        if (count)
            memcpy(bytes, header->lpData + at, count);
        onset_unlock(&cable->brief);
        if (!count)
            break;
        onset_cable_feed(cable, bytes, count, NULL);
    }
    finish(cable, entry);
}

MMRESULT onset_cable_out_long(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header,
                              const struct onset_strike *strike)
{
    MMRESULT result;
    if (!lock_out(cable, handle, &result))
        return result;
    onset_lock(&cable->brief);
    if (cable->unplugged)
        result = MMSYSERR_NODRIVER;
    if (result == MMSYSERR_NOERROR)
        result = onset_headers_add(&cable->longs, header);
    uint32_t number = cable->sent;
    if (result == MMSYSERR_NOERROR) {
        cable->sent++;
        cable->muted = strike->done_inside ? cable->sent : 0;
    }
    onset_unlock(&cable->brief);
    if (result == MMSYSERR_NOERROR) {
        if (cable->sink)
            reach_long(cable);
        put_in(cable, ONSET_ENTRY_LONG | number | (cable->sink ? ONSET_SUNK : 0) |
                          (strike->no_done ? ONSET_KEEP : 0));
        if (strike->done_inside) {
            while (is_waiting(cable, number + 1))
                onset_sleep(20000);
            give(answer_of(cable, header));
        }
        onset_cable_linger(cable);
    }
    onset_unlock(&cable->sending);
    return result;
}

// Gives back what has not been carried, and then does what midiOutReset's page says of it: a
// note-off for every note of every channel, and the sustain pedal up. A message of which a part has
// been carried stays without its end.
MMRESULT onset_cable_out_reset(struct onset_cable *cable, HMIDIOUT handle)
{
    MMRESULT result;
    if (!lock_out(cable, handle, &result))
        return result;
    struct answer answer;
    do {
        onset_lock(&cable->brief);
        answer = take_any(cable);
        onset_unlock(&cable->brief);
        give(answer);
    } while (answer.header);
    if (result == MMSYSERR_NOERROR) {
        for (uint32_t channel = 0; channel < 16; channel++) {
            for (uint32_t note = 0; note < 128; note++)
                put_in(cable, 0x400080 | channel | note << 8);
            put_in(cable, 0x0040B0 | channel);
        }
    }
    onset_unlock(&cable->sending);
    return result;
}

MMRESULT onset_cable_out_close(struct onset_cable *cable, HMIDIOUT handle)
{
    MMRESULT result;
    if (!lock_out(cable, handle, &result)) {
        onset_lock(&cable->brief);
        onset_side_forget(&cable->out, (uintptr_t)handle);
        onset_unlock(&cable->brief);
        return result;
    }
    onset_lock(&cable->brief);
    bool still = onset_headers_first(&cable->longs) || onset_headers_first(&cable->kept);
    cable->out.open = still;
    onset_out_callback callback = cable->out_callback;
    DWORD_PTR instance = cable->out_instance;
    onset_unlock(&cable->brief);
    onset_unlock(&cable->sending);
    if (still)
        return MIDIERR_STILLPLAYING;
    // Not under sending, which a callback in flight may want.
    onset_lock(&cable->answer);
    onset_unlock(&cable->answer);
    if (callback)
        callback(handle, MOM_CLOSE, instance, 0, 0);
    return MMSYSERR_NOERROR;
}

// The device has gone: all headers come back.
void onset_cable_unplug_out(struct onset_cable *cable)
{
    struct answer answer;
    do {
        onset_lock(&cable->answer);
        onset_lock(&cable->brief);
        answer = take_any(cable);
        onset_unlock(&cable->brief);
        give(answer);
        onset_unlock(&cable->answer);
    } while (answer.header);
}
