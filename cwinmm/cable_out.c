#include "cable.h"

#include <string.h>

static bool lock_out(struct onset_cable *cable, HMIDIOUT handle)
{
    onset_lock(&cable->sending);
    if (cable->out_open && (uintptr_t)handle == onset_cable_handle(cable, cable->out_serial))
        return true;
    onset_unlock(&cable->sending);
    return false;
}

MMRESULT onset_cable_out_open(struct onset_cable *cable, onset_out_callback callback,
                              DWORD_PTR instance, HMIDIOUT *handle)
{
    onset_lock(&cable->sending);
    MMRESULT result = cable->out_open ? MMSYSERR_ALLOCATED : MMSYSERR_NOERROR;
    if (result == MMSYSERR_NOERROR) {
        cable->out_open = true;
        cable->out_serial++;
        cable->out_callback = callback;
        cable->out_instance = instance;
        *handle = (HMIDIOUT)onset_cable_handle(cable, cable->out_serial);
    }
    onset_unlock(&cable->sending);
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
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    if (cable->sink)
        reach_short(cable, message);
    MMRESULT result = MMSYSERR_NODRIVER;
    if (!onset_cable_unplugged(cable)) {
        if (!cable->sink)
            put_in(cable, message);
        onset_cable_linger(cable);
        result = MMSYSERR_NOERROR;
    }
    onset_unlock(&cable->sending);
    return result;
}

// Long messages.

MMRESULT onset_cable_out_prepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header)
{
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = onset_headers_prepare(header);
    onset_unlock(&cable->sending);
    return result;
}

MMRESULT onset_cable_out_unprepare(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header)
{
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    onset_lock(&cable->brief);
    MMRESULT result = onset_headers_unprepare(header);
    onset_unlock(&cable->brief);
    onset_unlock(&cable->sending);
    return result;
}

MMRESULT onset_cable_out_long(struct onset_cable *cable, HMIDIOUT handle, MIDIHDR *header)
{
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = MMSYSERR_NODRIVER;
    if (!onset_cable_unplugged(cable)) {
        onset_lock(&cable->brief);
        result = onset_headers_add(&cable->longs, header);
        uint64_t entry = result == MMSYSERR_NOERROR ? ONSET_ENTRY_LONG | cable->sent++ : 0;
        onset_unlock(&cable->brief);
        if (entry) {
            if (cable->sink)
                reach_long(cable);
            put_in(cable, cable->sink ? entry | ONSET_SUNK : entry);
            onset_cable_linger(cable);
        }
    }
    onset_unlock(&cable->sending);
    return result;
}

// What is needed to tell the client that a header is done.
struct answer {
    MIDIHDR *header; // NULL: there is none
    HMIDIOUT handle;
    onset_out_callback callback;
    DWORD_PTR instance;
};

// Takes the first header out; under brief. Once it is out, the output can be closed.
static struct answer take(struct onset_cable *cable)
{
    struct answer answer = {
        .header = onset_headers_take(&cable->longs),
        .handle = (HMIDIOUT)onset_cable_handle(cable, cable->out_serial),
        .callback = cable->out_callback,
        .instance = cable->out_instance,
    };
    if (answer.header)
        cable->answered++;
    return answer;
}

static void give(struct answer answer)
{
    if (answer.header && answer.callback)
        answer.callback(answer.handle, MOM_DONE, answer.instance, (DWORD_PTR)answer.header, 0);
}

void onset_cable_carry(struct onset_cable *cable, uint64_t entry)
{
    uint8_t bytes[256];
    uint32_t at = 0, count;
    struct answer answer = {0};
    // Piece by piece, so that resetting can take the header back in between. The receiver is not
    // called while a lock of the sender's is held.
    do {
        count = 0;
        onset_lock(&cable->brief);
        MIDIHDR *header =
            (uint32_t)entry == cable->answered ? onset_headers_first(&cable->longs) : NULL;
        if (header && !(entry & ONSET_SUNK)) {
            count = header->dwBufferLength - at;
            count = count < sizeof bytes ? count : sizeof bytes;
            memcpy(bytes, header->lpData + at, count);
        }
        if (header && !count) {
            answer = take(cable);
            onset_lock(&cable->answer); // before anybody can see it gone (onset_cable_out_close)
        }
        onset_unlock(&cable->brief);
        onset_cable_feed(cable, bytes, count, NULL);
        at += count;
    } while (count);
    if (answer.header) {
        give(answer);
        onset_unlock(&cable->answer);
    }
}

// Gives back what has not been carried, and then does what midiOutReset's page says of it: a
// note-off for every note of every channel, and the sustain pedal up. A message of which a part has
// been carried stays without its end.
MMRESULT onset_cable_out_reset(struct onset_cable *cable, HMIDIOUT handle)
{
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    struct answer answer;
    do {
        onset_lock(&cable->brief);
        answer = take(cable);
        onset_unlock(&cable->brief);
        give(answer);
    } while (answer.header);
    MMRESULT result = MMSYSERR_NODRIVER;
    if (!onset_cable_unplugged(cable)) {
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

MMRESULT onset_cable_out_close(struct onset_cable *cable, HMIDIOUT handle)
{
    if (!lock_out(cable, handle))
        return MMSYSERR_INVALHANDLE;
    onset_lock(&cable->brief);
    bool still = onset_headers_first(&cable->longs);
    onset_unlock(&cable->brief);
    if (still) {
        onset_unlock(&cable->sending);
        return MIDIERR_STILLPLAYING;
    }
    cable->out_open = false;
    onset_out_callback callback = cable->out_callback;
    DWORD_PTR instance = cable->out_instance;
    onset_unlock(&cable->sending);
    // Not under sending, which a callback in flight may want.
    onset_lock(&cable->answer);
    onset_unlock(&cable->answer);
    if (callback)
        callback(handle, MOM_CLOSE, instance, 0, 0);
    return MMSYSERR_NOERROR;
}
