#include "cable.h"

// How long a long message waits for a buffer. The notes behind it wait too, as with Windows 11's
// service.
#define PATIENCE_NS 10000000

// Locks the cable if an input handle is open and its device is not another's by now; false and a
// result if not.
static bool lock_in(struct onset_cable *cable, HMIDIIN handle, MMRESULT *result)
{
    onset_lock(&cable->lock);
    enum onset_found found = onset_side_find(cable, &cable->in, (uintptr_t)handle);
    *result = found == ONSET_NOT_OPEN                    ? MMSYSERR_INVALHANDLE
              : found == ONSET_GHOST || cable->unplugged ? MMSYSERR_NODRIVER
                                                         : MMSYSERR_NOERROR;
    if (found == ONSET_LIVE)
        return true;
    onset_unlock(&cable->lock);
    return false;
}

static bool listening(struct onset_cable *cable)
{
    return cable->in.open && cable->started && !cable->unplugged;
}

static uint32_t now_ms(struct onset_cable *cable)
{
    return (uint32_t)((onset_os_ns() - cable->started_at) / 1000000);
}

// Counts a callback that is about to carry a message or a buffer.
static void count_call(struct onset_cable *cable)
{
    atomic_fetch_add_explicit(&cable->calls, 1, memory_order_relaxed);
}

// Calls the callback; under lock.
static void call(struct onset_cable *cable, UINT message, DWORD_PTR param,
                 struct onset_delivery *how)
{
    HMIDIIN handle = (HMIDIIN)onset_cable_handle(cable, cable->in.serial);
    uint32_t ms = how && how->stamp ? *how->stamp : now_ms(cable);
    if (cable->stamp_set) {
        cable->stamp_offset = cable->stamp_to - ms;
        cable->stamp_set = false;
    }
    ms += cable->stamp_offset;
    cable->told++;
    count_call(cable);
    if (how && how->timed)
        how->before = onset_ticks(how->clock);
    cable->callback(handle, message, cable->instance, param, ms);
    if (how && how->timed)
        how->after = onset_ticks(how->clock);
}

// Gives the first buffer back; under lock. False: there is none.
static bool give_back(struct onset_cable *cable, UINT message, struct onset_delivery *how)
{
    onset_lock(&cable->brief);
    MIDIHDR *header = onset_headers_take(&cable->buffers);
    onset_unlock(&cable->brief);
    if (header)
        call(cable, message, (DWORD_PTR)header, how);
    return header;
}

// The input stops listening; under lock. The message that was crossing comes back as far as it got.
static void break_off(struct onset_cable *cable)
{
    cable->started = false;
    if (cable->crossing != ONSET_SYSEX)
        return;
    cable->crossing = ONSET_SKIPPED;
    MIDIHDR *header = onset_headers_first(&cable->buffers);
    if (header && header->dwBytesRecorded)
        give_back(cable, MIM_LONGERROR, NULL);
}

// The calls.

MMRESULT onset_cable_in_open(struct onset_cable *cable, onset_callback callback, DWORD_PTR instance,
                             HMIDIIN *handle)
{
    onset_lock(&cable->lock);
    MMRESULT result = cable->unplugged ? MMSYSERR_NODRIVER
                      : cable->in.open ? MMSYSERR_ALLOCATED
                                       : MMSYSERR_NOERROR;
    if (result == MMSYSERR_NOERROR) {
        onset_lock(&cable->brief);
        cable->in.open = true;
        cable->in.serial++;
        cable->callback = callback;
        cable->instance = instance;
        onset_unlock(&cable->brief);
        cable->started = false;
        cable->stamp_set = false;
        cable->stamp_offset = 0;
        *handle = (HMIDIIN)onset_cable_handle(cable, cable->in.serial);
    }
    onset_unlock(&cable->lock);
    if (result == MMSYSERR_NOERROR)
        callback(*handle, MIM_OPEN, instance, 0, 0);
    return result;
}

// Takes brief if an input handle is open; not lock, because headers are handled within callbacks.
static enum onset_found brief_in(struct onset_cable *cable, HMIDIIN handle)
{
    onset_lock(&cable->brief);
    enum onset_found found = onset_side_find(cable, &cable->in, (uintptr_t)handle);
    if (found == ONSET_NOT_OPEN)
        onset_unlock(&cable->brief);
    return found;
}

MMRESULT onset_cable_in_prepare(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header)
{
    if (!brief_in(cable, handle))
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = onset_headers_prepare(header);
    onset_unlock(&cable->brief);
    return result;
}

MMRESULT onset_cable_in_unprepare(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header)
{
    if (!brief_in(cable, handle))
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = onset_headers_unprepare(header);
    onset_unlock(&cable->brief);
    return result;
}

MMRESULT onset_cable_in_add_buffer(struct onset_cable *cable, HMIDIIN handle, MIDIHDR *header)
{
    enum onset_found found = brief_in(cable, handle);
    if (found == ONSET_NOT_OPEN)
        return MMSYSERR_INVALHANDLE;
    MMRESULT result = MMSYSERR_NODRIVER;
    if (found == ONSET_LIVE && !cable->unplugged) {
        if (cable->giving_back)
            atomic_fetch_add_explicit(&cable->readded, 1, memory_order_relaxed);
        if (!(header->dwFlags & MHDR_INQUEUE))
            header->dwBytesRecorded = 0;
        result = onset_headers_add(&cable->buffers, header);
    }
    onset_unlock(&cable->brief);
    return result;
}

MMRESULT onset_cable_in_start(struct onset_cable *cable, HMIDIIN handle)
{
    MMRESULT result;
    if (!lock_in(cable, handle, &result))
        return result;
    if (result == MMSYSERR_NOERROR) {
        cable->started = true;
        cable->started_at = onset_os_ns();
    }
    onset_unlock(&cable->lock);
    return result;
}

static void set_giving_back(struct onset_cable *cable, bool giving_back)
{
    onset_lock(&cable->brief);
    cable->giving_back = giving_back;
    onset_unlock(&cable->brief);
}

// Buffers stay, but for one that has something in it: that is given back, as midiInStop's page
// says.
MMRESULT onset_cable_in_stop(struct onset_cable *cable, HMIDIIN handle)
{
    MMRESULT result;
    if (!lock_in(cable, handle, &result))
        return result;
    break_off(cable);
    onset_unlock(&cable->lock);
    return result;
}

// Gives all buffers back on this thread, with the lock held, as drivers do: whoever adds one again
// from within is given it again, for ever.
MMRESULT onset_cable_in_reset(struct onset_cable *cable, HMIDIIN handle,
                              const struct onset_strike *strike)
{
    MMRESULT result;
    if (!lock_in(cable, handle, &result))
        return result;
    set_giving_back(cable, true);
    break_off(cable);
    for (uint64_t n = 0;
         (!strike->storm || n < strike->most) && give_back(cable, MIM_LONGDATA, NULL);)
        n++;
    set_giving_back(cable, false);
    onset_unlock(&cable->lock);
    return result;
}

MMRESULT onset_cable_in_close(struct onset_cable *cable, HMIDIIN handle,
                              const struct onset_strike *strike)
{
    onset_cable_linger(cable);
    MMRESULT result;
    if (!lock_in(cable, handle, &result)) {
        onset_lock(&cable->lock);
        onset_lock(&cable->brief);
        onset_side_forget(&cable->in, (uintptr_t)handle);
        onset_unlock(&cable->brief);
        onset_unlock(&cable->lock);
        return result;
    }
    bool said = cable->unplugged; // MIM_CLOSE came when it was pulled out
    struct onset_listener listener = {handle, cable->callback, cable->instance};
    onset_lock(&cable->brief);
    bool still = onset_headers_first(&cable->buffers);
    cable->in.open = still;
    onset_unlock(&cable->brief);
    if (!still)
        break_off(cable);
    onset_unlock(&cable->lock);
    if (still)
        return MIDIERR_STILLPLAYING;
    if (!said && !strike->no_close)
        onset_cable_tell(cable, listener, MIM_CLOSE, 0);
    return result;
}

// Drivers whose device has gone give back all that they have.
void onset_cable_unplug_in(struct onset_cable *cable)
{
    onset_lock(&cable->lock);
    bool tell = cable->in.open && !cable->unplugged;
    struct onset_listener listener = onset_cable_listener(cable);
    onset_lock(&cable->brief);
    cable->unplugged = true; // from here on no buffer is added
    onset_unlock(&cable->brief);
    if (tell) {
        break_off(cable);
        while (give_back(cable, MIM_LONGDATA, NULL))
            ;
    }
    onset_unlock(&cable->lock);
    if (tell)
        onset_cable_tell(cable, listener, MIM_CLOSE, 0);
}

void onset_cable_replug(struct onset_cable *cable)
{
    onset_lock(&cable->lock);
    onset_lock(&cable->brief);
    if (cable->unplugged) {
        onset_side_haunt(&cable->in);
        onset_side_haunt(&cable->out);
        cable->unplugged = false;
    }
    onset_unlock(&cable->brief);
    onset_unlock(&cable->lock);
}

// The far end of the wire.

// Adds a byte to the long message that is crossing; under lock, which is let go while there is no
// buffer.
static void fill(struct onset_cable *cable, uint8_t byte, struct onset_delivery *how)
{
    MIDIHDR *header;
    uint64_t due_ns = 0;
    while (!(header = onset_headers_first(&cable->buffers))) {
        uint64_t now_ns = onset_os_ns();
        if (!due_ns)
            due_ns = now_ns + PATIENCE_NS;
        if (now_ns >= due_ns)
            break;
        onset_unlock(&cable->lock);
        onset_sleep(200000);
        onset_lock(&cable->lock);
        if (cable->crossing != ONSET_SYSEX)
            break; // broken off meanwhile
    }
    bool last = byte == 0xF7;
    if (!header || cable->crossing != ONSET_SYSEX) {
        atomic_fetch_add_explicit(&cable->dropped, 1, memory_order_relaxed);
        cable->crossing = last ? ONSET_IDLE : ONSET_SKIPPED;
        return;
    }
    header->lpData[header->dwBytesRecorded++] = (char)byte;
    if (last)
        cable->crossing = ONSET_IDLE;
    if (last || header->dwBytesRecorded == header->dwBufferLength)
        give_back(cable, MIM_LONGDATA, how);
}

// A status byte has come before the message that was crossing had ended; under lock.
static void interrupt(struct onset_cable *cable, struct onset_delivery *how)
{
    enum onset_crossing crossing = cable->crossing;
    cable->crossing = ONSET_IDLE;
    if (crossing == ONSET_SYSEX)
        give_back(cable, MIM_LONGERROR, how); // with no bytes if the one before was just full
    else if (crossing == ONSET_PARTIAL && listening(cable))
        call(cable, MIM_ERROR, cable->message, how);
}

static void begin(struct onset_cable *cable, uint32_t status)
{
    static const uint8_t system[] = {0, 1, 2, 1}; // data bytes of F0 to F3; F4 to F6 have none
    uint32_t kind = status >> 4;
    cable->message = status;
    cable->have = 0;
    cable->need = kind == 0xF                  ? status < 0xF4 ? system[status & 3] : 0
                  : kind == 0xC || kind == 0xD ? 1
                                               : 2;
    cable->crossing = ONSET_PARTIAL;
}

static void complete(struct onset_cable *cable, struct onset_delivery *how)
{
    if (cable->have < cable->need)
        return;
    cable->crossing = ONSET_IDLE;
    if (listening(cable))
        call(cable, MIM_DATA, cable->message, how);
}

// A data byte, or the end of a long message.
static void receive_data(struct onset_cable *cable, uint8_t byte, struct onset_delivery *how)
{
    if (cable->crossing == ONSET_IDLE && cable->running && byte < 0x80)
        begin(cable, cable->running);
    switch (cable->crossing) {
    case ONSET_SYSEX:
        fill(cable, byte, how);
        return;
    case ONSET_SKIPPED:
        if (listening(cable))
            atomic_fetch_add_explicit(&cable->dropped, 1, memory_order_relaxed);
        if (byte == 0xF7)
            cable->crossing = ONSET_IDLE;
        return;
    case ONSET_PARTIAL:
        if (byte < 0x80) {
            cable->message |= (uint32_t)byte << 8 * ++cable->have;
            complete(cable, how);
            return;
        }
        interrupt(cable, how);
        break;
    case ONSET_IDLE:
        break;
    }
    if (listening(cable))
        call(cable, MIM_ERROR, byte, how); // it belongs to nothing
}

static void receive(struct onset_cable *cable, uint8_t byte, struct onset_delivery *how)
{
    if (byte < 0x80 || byte == 0xF7) {
        receive_data(cable, byte, how);
    } else if (byte >= 0xF8) { // real time: at any place, and at once
        if (listening(cable))
            call(cable, MIM_DATA, byte, how);
    } else {
        interrupt(cable, how);
        cable->running = byte < 0xF0 ? byte : 0;
        if (byte == 0xF0) {
            cable->crossing = listening(cable) ? ONSET_SYSEX : ONSET_SKIPPED;
            receive_data(cable, byte, how);
        } else {
            begin(cable, byte);
            complete(cable, how);
        }
    }
}

bool onset_cable_listens(struct onset_cable *cable)
{
    onset_lock(&cable->lock);
    bool listens = listening(cable);
    onset_unlock(&cable->lock);
    return listens;
}

bool onset_cable_deliver(struct onset_cable *cable, uint32_t message, struct onset_delivery *how)
{
    onset_lock(&cable->lock);
    uint64_t told = cable->told;
    uint8_t status = message & 0xFF;
    bool crossing = cable->crossing != ONSET_IDLE && status >= 0x80 && status < 0xF8;
    if (crossing && status == 0xF7) {
        receive_data(cable, status, how); // some end a long message so
    } else {
        if (crossing)
            interrupt(cable, how);
        if (listening(cable))
            call(cable, MIM_DATA, message, how);
    }
    bool listens = listening(cable);
    told = cable->told - told;
    onset_unlock(&cable->lock);
    onset_strike_messages(cable, told);
    return listens;
}

bool onset_cable_feed(struct onset_cable *cable, const uint8_t *bytes, uint32_t count,
                      struct onset_delivery *how)
{
    onset_lock(&cable->lock);
    uint64_t told = cable->told;
    for (uint32_t i = 0; i < count; i++)
        receive(cable, bytes[i], how);
    bool listens = listening(cable);
    told = cable->told - told;
    onset_unlock(&cable->lock);
    onset_strike_messages(cable, told);
    return listens;
}

// For faults.

struct onset_listener onset_cable_listener(struct onset_cable *cable)
{
    struct onset_listener listener = {0};
    onset_lock(&cable->brief);
    if (cable->in.open)
        listener = (struct onset_listener){
            .handle = (HMIDIIN)onset_cable_handle(cable, cable->in.serial),
            .callback = cable->callback,
            .instance = cable->instance,
        };
    onset_unlock(&cable->brief);
    return listener;
}

void onset_cable_tell(struct onset_cable *cable, struct onset_listener listener, UINT message,
                      uint32_t data)
{
    if (!listener.handle)
        return;
    if (message == MIM_CLOSE) { // under no lock, or closing within it would wait for itself
        listener.callback(listener.handle, message, listener.instance, 0, 0);
        return;
    }
    onset_lock(&cable->lock);
    count_call(cable);
    listener.callback(listener.handle, message, listener.instance, data, now_ms(cable));
    onset_unlock(&cable->lock);
}

void onset_cable_tell_long(struct onset_cable *cable, struct onset_listener listener, UINT message,
                           uint32_t bytes)
{
    onset_lock(&cable->lock);
    onset_lock(&cable->brief);
    bool live = onset_side_find(cable, &cable->in, (uintptr_t)listener.handle) == ONSET_LIVE;
    MIDIHDR *header = live ? onset_headers_take(&cable->buffers) : NULL;
    onset_unlock(&cable->brief);
    if (header) {
        if (cable->crossing == ONSET_SYSEX)
            cable->crossing = ONSET_SKIPPED;
        header->dwBytesRecorded = bytes < header->dwBufferLength ? bytes : header->dwBufferLength;
        for (uint32_t i = 0; i < header->dwBytesRecorded; i++)
            header->lpData[i] = (char)(i ? i & 0x7F : 0xF0);
        count_call(cable);
        listener.callback(listener.handle, message, listener.instance, (DWORD_PTR)header,
                          now_ms(cable));
    }
    onset_unlock(&cable->lock);
}

void onset_cable_stamp(struct onset_cable *cable, bool absolute, uint32_t ms)
{
    onset_lock(&cable->lock);
    cable->stamp_set = absolute;
    if (absolute)
        cable->stamp_to = ms;
    else
        cable->stamp_offset += ms;
    onset_unlock(&cable->lock);
}
