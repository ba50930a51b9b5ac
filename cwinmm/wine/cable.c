// A MIDI driver for Wine's winmm: virtual cables that cross processes.
//
// What is sent to the output "Onset Cable 1" arrives at the input "Onset Cable 1", in whatever
// process of the same Wine prefix has it open, on a time-critical thread of this driver there.
//
//     sender's process              shared memory               receiver's process, input's thread
//     midiOutShortMsg ─▶ put ─▶ [tail .. messages .. head] ─▶ take ─▶ deliver ─▶ callback
//                            event "sent" ─▶   ◀─ event "room"
//
// A ring has one writer, because an output is exclusive and locks around every message, and one
// reader, the input's thread. The kernel events are signalled only for an end that says it sleeps.
// All atomics are sequentially consistent: one end publishes, then looks whether the other sleeps;
// the other says that it sleeps, then looks again. Nothing weaker keeps every wake-up.
//
// Wine's server has a hand in every event, tens of microseconds each time. So an input whose output
// is open in the same process sleeps on the address of "asleep" instead.
//
// Behind the cables the driver has one more input and output, of probe.c.

#include "buffer.h"
#include "fault.h"
#include "probe.h"

#include <windows.h>

#include <mmddk.h>
#include <mmsystem.h>

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __declspec(dllexport)

// Exported by winmm, but in no header.
BOOL WINAPI DriverCallback(DWORD_PTR callback, UINT flags, HDRVR handle, UINT message,
                           DWORD_PTR instance, DWORD_PTR param1, DWORD_PTR param2);

enum {
    CABLES = 4,
    RING_WORDS = 1 << 14, // a short message takes one word
    PIECE_BYTES = 4096,   // long data crosses in pieces, so that it may be longer than the ring
    BUFFER_WAIT_MS = 10,  // how long long data waits for the program to queue a buffer
    GLANCE_MS = 10,       // how often a blocked output looks for itself
    PATIENCE_MS = 5000,   // how long an output waits for a receiver that takes nothing at all
};

// A word of the ring is a short message if its top byte is zero. Otherwise it heads a piece of long
// data, whose bytes follow in the ring, rounded up to words.
enum { LONG_PIECE = 1 << 30, LONG_FIRST = 1 << 29, LONG_LAST = 1 << 28, LONG_BYTES = 0xffff };

// Zeroed memory is a valid cable. A process that is killed at any point leaves a valid one too: a
// word counts only once tail has passed it.
struct cable {
    alignas(64) _Atomic uint32_t head; // words taken since the beginning of time
    alignas(64) _Atomic uint32_t tail; // words put
    alignas(64) _Atomic uint32_t run;  // number of the current start of the input, 0 while stopped
    _Atomic uint32_t runs;             // starts so far
    _Atomic uint32_t receiver;         // process that opened the input last
    _Atomic uint32_t asleep;           // the receiver waits for "sent"
    _Atomic uint32_t blocked;          // the sender waits for "room"
    _Atomic uint32_t cut;              // long messages cut short because no buffer was queued
    alignas(64) uint32_t ring[RING_WORDS];
};

// What an open input and an open output have in common.
struct end {
    UINT id;
    struct cable *cable;
    HANDLE claim, sent, room;
    HDRVR handle;
    DWORD_PTR callback, instance;
    DWORD flags;
};

struct input {
    struct end end;
    atomic_bool open;           // in this process
    SRWLOCK lock;               // guards all below; never held during a callback
    atomic_uint wanting;        // threads of the program that wait for the lock
    CONDITION_VARIABLE changed; // a buffer came, a callback ended or the input stopped
    HANDLE thread;
    DWORD thread_id;
    uint32_t run;           // as in the cable, but true: a dead process leaves the cable's behind
    DWORD started;          // when, for the stamps
    bool closing;           // the thread is to end
    uint32_t calls;         // callbacks begun and ended: odd during one
    uint32_t waiting;       // threads that wait for one to end
    bool inside;            // between the first and the last piece of a long message
    MIDIHDR *first, **last; // queued buffers; the first may have bytes already
    char piece[PIECE_BYTES];
};

struct output {
    struct end end;
    atomic_bool open; // in this process
    SRWLOCK lock;     // held for a whole message
};

static struct cable *cables;
static struct input inputs[CABLES];
static struct output outputs[CABLES];

static bool map_cables(void)
{
    if (cables)
        return true;
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0,
                                        CABLES * sizeof *cables, L"Onset Cables");
    if (section)
        cables = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    return cables != NULL;
}

// ---- either end ----

static void notify(const struct end *end, UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    DriverCallback(end->callback, end->flags, end->handle, message, end->instance, param1, param2);
}

static void unplug(const struct end *end)
{
    CloseHandle(end->room);
    CloseHandle(end->sent);
    CloseHandle(end->claim);
}

static DWORD plug(struct end *end, UINT id, const WCHAR *side, const MIDIOPENDESC *desc,
                  DWORD flags)
{
    WCHAR name[64];

    // The claim is a mailslot because that is the named object Win32 creates only if nobody has
    // it: who fails never holds a handle to it, and it goes with the process that made it.
    wsprintfW(name, L"\\\\.\\mailslot\\Onset Cable %u %s", id + 1, side);
    HANDLE claim = CreateMailslotW(name, 0, 0, NULL);
    if (claim == INVALID_HANDLE_VALUE)
        return MMSYSERR_ALLOCATED;

    wsprintfW(name, L"Onset Cable %u sent", id + 1);
    HANDLE sent = CreateEventW(NULL, FALSE, FALSE, name);
    wsprintfW(name, L"Onset Cable %u room", id + 1);
    HANDLE room = CreateEventW(NULL, FALSE, FALSE, name);
    *end = (struct end){
        .id = id,
        .cable = &cables[id],
        .claim = claim,
        .sent = sent,
        .room = room,
        .handle = (HDRVR)desc->hMidi,
        .callback = desc->dwCallback,
        .instance = desc->dwInstance,
        .flags = HIWORD(flags & CALLBACK_TYPEMASK),
    };
    if (sent && room)
        return MMSYSERR_NOERROR;
    unplug(end);
    return MMSYSERR_NOMEM;
}

// Says that an end waits no more. True if it did.
static bool cease(_Atomic uint32_t *waits)
{
    return atomic_load(waits) && atomic_exchange(waits, 0);
}

// Wakes the input's thread, however it sleeps.
static void rouse(const struct end *end)
{
    atomic_store(&end->cable->asleep, 0);
    WakeByAddressSingle(&end->cable->asleep);
    SetEvent(end->sent);
}

static uint32_t words_of(uint32_t word)
{
    return word & LONG_PIECE ? 1 + ((word & LONG_BYTES) + 3) / 4 : 1;
}

// ---- the output ----

static bool fits(struct cable *cable, uint32_t words)
{
    return RING_WORDS - (atomic_load(&cable->tail) - atomic_load(&cable->head)) >= words;
}

// Waits until the words fit, or the input's current run is over.
static DWORD wait_for_room(struct output *out, uint32_t words)
{
    enum { DIED = WAIT_OBJECT_0 + 1 };
    struct cable *cable = out->end.cable;
    uint32_t run = atomic_load(&cable->run);
    HANDLE receiver = OpenProcess(SYNCHRONIZE, FALSE, atomic_load(&cable->receiver));
    HANDLE events[] = {out->end.room, receiver};
    uint32_t head = atomic_load(&cable->head);
    DWORD since = timeGetTime(), result = MMSYSERR_NOERROR;

    for (;;) {
        atomic_store(&cable->blocked, 1);
        if (run != atomic_load(&cable->run) || fits(cable, words))
            break;
        bool dead = !receiver || WaitForMultipleObjects(2, events, FALSE, GLANCE_MS) == DIED;
        if (dead) { // without a stop, so that is one now
            uint32_t its_run = run;
            atomic_compare_exchange_strong(&cable->run, &its_run, 0);
        } else if (head != atomic_load(&cable->head)) {
            head = atomic_load(&cable->head);
            since = timeGetTime();
        } else if (timeGetTime() - since >= PATIENCE_MS) {
            result = MIDIERR_NOTREADY;
            break;
        }
    }
    atomic_store(&cable->blocked, 0);
    if (receiver)
        CloseHandle(receiver);
    return result;
}

// Puts a short message, or a piece of long data and its bytes, in the ring.
static DWORD put(struct output *out, uint32_t word, const char *bytes)
{
    struct cable *cable = out->end.cable;
    uint32_t words = words_of(word);
    while (atomic_load(&cable->run) && !fits(cable, words)) {
        DWORD result = wait_for_room(out, words);
        if (result)
            return result;
    }
    if (!atomic_load(&cable->run))
        return MMSYSERR_NOERROR; // a cable with nothing at its end takes everything

    uint32_t tail = atomic_load(&cable->tail);
    cable->ring[tail % RING_WORDS] = word;
    for (uint32_t i = 1, left = word & LONG_BYTES; i < words; i++, bytes += 4, left -= 4)
        memcpy(&cable->ring[(tail + i) % RING_WORDS], bytes, left < 4 ? left : 4);
    atomic_store(&cable->tail, tail + words);
    if (cease(&cable->asleep)) {
        if (atomic_load(&inputs[out->end.id].open))
            WakeByAddressSingle(&cable->asleep);
        else
            SetEvent(out->end.sent);
    }
    return MMSYSERR_NOERROR;
}

static DWORD output_open(UINT id, const MIDIOPENDESC *desc, DWORD flags)
{
    struct output *out = &outputs[id];
    DWORD result = plug(&out->end, id, L"out", desc, flags);
    if (result)
        return result;
    atomic_store(&out->open, true);
    rouse(&out->end); // the input may sleep the other way now
    notify(&out->end, MOM_OPEN, 0, 0);
    return MMSYSERR_NOERROR;
}

static DWORD output_close(struct output *out)
{
    AcquireSRWLockExclusive(&out->lock); // another thread may be sending
    struct end end = out->end;
    atomic_store(&out->open, false);
    rouse(&end);
    unplug(&end);
    ReleaseSRWLockExclusive(&out->lock);
    notify(&end, MOM_CLOSE, 0, 0);
    return MMSYSERR_NOERROR;
}

static DWORD output_short(struct output *out, uint32_t message)
{
    AcquireSRWLockExclusive(&out->lock);
    DWORD result = put(out, message & 0xffffff, NULL);
    ReleaseSRWLockExclusive(&out->lock);
    return result;
}

static DWORD output_long(struct output *out, MIDIHDR *header)
{
    DWORD result = enqueue(header);
    if (result)
        return result;

    DWORD length = header->dwBufferLength;
    AcquireSRWLockExclusive(&out->lock);
    for (DWORD at = 0, piece; at < length && !result; at += piece) {
        piece = length - at < PIECE_BYTES ? length - at : PIECE_BYTES;
        uint32_t word = LONG_PIECE | piece;
        word |= at == 0 ? LONG_FIRST : 0;
        word |= at + piece == length ? LONG_LAST : 0;
        result = put(out, word, header->lpData + at);
    }
    ReleaseSRWLockExclusive(&out->lock);

    dequeue(header);
    if (!result)
        notify(&out->end, MOM_DONE, (DWORD_PTR)header, 0);
    return result;
}

// ---- the input: its thread ----

static DWORD stamp(const struct input *in)
{
    return in->run ? timeGetTime() - in->started : 0;
}

// Calls the program, without the lock: the callback may queue buffers, and whoever stops the input
// meanwhile waits for it to end.
static void call(struct input *in, UINT message, DWORD_PTR param1)
{
    DWORD now = stamp(in);
    in->calls++;
    ReleaseSRWLockExclusive(&in->lock);
    notify(&in->end, message, param1, now);
    while (atomic_load(&in->wanting)) // the lock is not fair: in a flood they might wait for long
        SwitchToThread();
    AcquireSRWLockExclusive(&in->lock);
    in->calls++;
    if (in->waiting)
        WakeAllConditionVariable(&in->changed);
}

static MIDIHDR *pop_buffer(struct input *in)
{
    MIDIHDR *header = in->first;
    in->first = header->lpNext;
    if (!in->first)
        in->last = &in->first;
    dequeue(header);
    return header;
}

static bool begun(const struct input *in)
{
    return in->first && in->first->dwBytesRecorded > 0;
}

// Takes the oldest word out of the ring, and the bytes behind it into in->piece.
static bool take(struct input *in, uint32_t *word)
{
    struct cable *cable = in->end.cable;
    uint32_t head = atomic_load(&cable->head);
    if (!in->run || head == atomic_load(&cable->tail))
        return false;

    *word = cable->ring[head % RING_WORDS];
    uint32_t words = words_of(*word);
    for (uint32_t i = 1; i < words; i++)
        memcpy(&in->piece[4 * (i - 1)], &cable->ring[(head + i) % RING_WORDS], 4);
    atomic_store(&cable->head, head + words);

    // Not at the first free word: a flood would cost a wake-up per message.
    if (atomic_load(&cable->blocked) && fits(cable, RING_WORDS / 4) && cease(&cable->blocked))
        SetEvent(in->end.room);
    return true;
}

// Waits for the program to queue a buffer, but neither long nor beyond the end of the run.
static void wait_for_buffer(struct input *in, uint32_t run)
{
    DWORD since = timeGetTime(), waited = 0;
    while (!in->first && in->run == run && waited < BUFFER_WAIT_MS) {
        SleepConditionVariableSRW(&in->changed, &in->lock, BUFFER_WAIT_MS - waited, 0);
        waited = timeGetTime() - since;
    }
}

// Fills buffers with a piece of long data. Each callback and each wait lets go of the lock: if
// another run has begun after it, this piece is nobody's.
static void deliver_piece(struct input *in, uint32_t word)
{
    uint32_t run = in->run, left = word & LONG_BYTES;
    const char *bytes = in->piece;
    if (word & LONG_FIRST)
        in->inside = true;
    while (in->inside && left > 0) {
        wait_for_buffer(in, run);
        if (in->run != run)
            return;
        if (!in->first) {
            in->inside = false; // what is left of this message meets nobody
            atomic_fetch_add(&in->end.cable->cut, 1);
            return;
        }
        MIDIHDR *header = in->first;
        uint32_t space = header->dwBufferLength - header->dwBytesRecorded;
        uint32_t part = left < space ? left : space;
        memcpy(header->lpData + header->dwBytesRecorded, bytes, part);
        header->dwBytesRecorded += part;
        bytes += part;
        left -= part;
        if (part == space)
            call(in, MIM_LONGDATA, (DWORD_PTR)pop_buffer(in));
        if (in->run != run)
            return;
    }
    if (word & LONG_LAST) {
        in->inside = false;
        if (begun(in))
            call(in, MIM_LONGDATA, (DWORD_PTR)pop_buffer(in));
    }
}

static void deliver(struct input *in, uint32_t word)
{
    // Something else amid a long message: its sender gave up, or died.
    if (in->inside && (!(word & LONG_PIECE) || word & LONG_FIRST)) {
        uint32_t run = in->run;
        in->inside = false;
        if (begun(in))
            call(in, MIM_LONGERROR, (DWORD_PTR)pop_buffer(in));
        if (in->run != run)
            return;
    }
    if (word & LONG_PIECE)
        deliver_piece(in, word);
    else
        call(in, MIM_DATA, word);
}

// Sleeps until something is sent or the input closes.
static void doze(struct input *in)
{
    struct cable *cable = in->end.cable;
    atomic_store(&cable->asleep, 1);
    bool idle = !in->run || atomic_load(&cable->head) == atomic_load(&cable->tail);
    if (idle && !in->closing) {
        ReleaseSRWLockExclusive(&in->lock);
        if (atomic_load(&outputs[in->end.id].open))
            WaitOnAddress(&cable->asleep, &(uint32_t){1}, sizeof cable->asleep, INFINITE);
        else
            WaitForSingleObject(in->end.sent, INFINITE);
        AcquireSRWLockExclusive(&in->lock);
    }
    atomic_store(&cable->asleep, 0);
}

static DWORD WINAPI run_input(void *context)
{
    struct input *in = context;
    uint32_t word;
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL);
    AcquireSRWLockExclusive(&in->lock);
    while (!in->closing) {
        if (take(in, &word))
            deliver(in, word);
        else
            doze(in);
    }
    ReleaseSRWLockExclusive(&in->lock);
    return 0;
}

// ---- the input: the program's calls ----

static void lock_input(struct input *in)
{
    atomic_fetch_add(&in->wanting, 1);
    AcquireSRWLockExclusive(&in->lock);
    atomic_fetch_sub(&in->wanting, 1);
}

// Tells the sender that nobody listens, also one that waits for room.
static void hush(struct input *in)
{
    in->run = 0;
    atomic_store(&in->end.cable->run, 0);
    if (cease(&in->end.cable->blocked))
        SetEvent(in->end.room);
}

// With the lock. A callback in flight ends first, unless this is a call from inside it.
static void halt(struct input *in)
{
    hush(in);
    WakeAllConditionVariable(&in->changed);
    uint32_t call = in->calls;
    bool wait = call % 2 && in->thread_id != GetCurrentThreadId();
    in->waiting += wait;
    while (wait && in->calls == call)
        SleepConditionVariableSRW(&in->changed, &in->lock, INFINITE, 0);
    in->waiting -= wait;
}

static DWORD input_open(UINT id, const MIDIOPENDESC *desc, DWORD flags)
{
    struct input *in = &inputs[id];
    DWORD result = plug(&in->end, id, L"in", desc, flags);
    if (result)
        return result;

    atomic_store(&in->end.cable->receiver, GetCurrentProcessId());
    hush(in); // for a receiver that died
    in->closing = in->inside = false;
    in->first = NULL;
    in->last = &in->first;
    atomic_store(&in->open, true);
    in->thread = CreateThread(NULL, 0, run_input, in, 0, &in->thread_id);
    if (!in->thread) {
        atomic_store(&in->open, false);
        unplug(&in->end);
        return MMSYSERR_NOMEM;
    }
    notify(&in->end, MIM_OPEN, 0, 0);
    return MMSYSERR_NOERROR;
}

static DWORD input_start(struct input *in)
{
    struct cable *cable = in->end.cable;
    lock_input(in);
    if (!in->run) {
        atomic_store(&cable->head, atomic_load(&cable->tail)); // the rest was for an earlier run
        in->inside = false;
        in->started = timeGetTime();
        in->run = atomic_fetch_add(&cable->runs, 1) + 1;
        atomic_store(&cable->run, in->run);
    }
    ReleaseSRWLockExclusive(&in->lock);
    return MMSYSERR_NOERROR;
}

// Stops, and gives back the buffer that has bytes already; all of them when it is a reset.
static DWORD input_stop(struct input *in, bool reset)
{
    MIDIHDR *given = NULL;
    lock_input(in);
    DWORD now = stamp(in);
    halt(in);
    if (reset) {
        given = in->first;
        in->first = NULL;
        in->last = &in->first;
    } else if (begun(in)) {
        given = pop_buffer(in);
        given->lpNext = NULL;
    }
    ReleaseSRWLockExclusive(&in->lock);

    while (given) {
        MIDIHDR *header = given;
        given = header->lpNext; // before the callback, which may queue it again
        dequeue(header);
        notify(&in->end, MIM_LONGDATA, (DWORD_PTR)header, now);
    }
    return MMSYSERR_NOERROR;
}

static DWORD input_add_buffer(struct input *in, MIDIHDR *header)
{
    lock_input(in);
    DWORD result = enqueue(header);
    if (!result) {
        header->dwBytesRecorded = 0;
        header->lpNext = NULL;
        *in->last = header;
        in->last = &header->lpNext;
        WakeAllConditionVariable(&in->changed);
    }
    ReleaseSRWLockExclusive(&in->lock);
    return result;
}

static DWORD input_close(struct input *in)
{
    lock_input(in);
    bool busy = in->first || in->thread_id == GetCurrentThreadId(); // no thread can join itself
    if (!busy) {
        halt(in);
        busy = in->first; // a callback that ended just now may have queued one
    }
    in->closing = !busy;
    ReleaseSRWLockExclusive(&in->lock);
    if (busy)
        return MIDIERR_STILLPLAYING;

    rouse(&in->end);
    WaitForSingleObject(in->thread, INFINITE);
    CloseHandle(in->thread);
    atomic_store(&in->open, false);
    struct end end = in->end;
    unplug(&end); // first, so that the cable is free for whoever hears that it is closed
    notify(&end, MIM_CLOSE, 0, 0);
    return MMSYSERR_NOERROR;
}

// ---- what winmm calls ----

static DWORD copy_caps(DWORD_PTR to, DWORD_PTR size, const void *caps, size_t length)
{
    memcpy((void *)to, caps, size < length ? size : length);
    return MMSYSERR_NOERROR;
}

static DWORD input_caps(UINT id, DWORD_PTR to, DWORD_PTR size)
{
    MIDIINCAPSW caps = {.wMid = 0x7d, .wPid = id + 1, .vDriverVersion = 0x0100};
    wsprintfW(caps.szPname, L"Onset Cable %u", id + 1);
    return copy_caps(to, size, &caps, sizeof caps);
}

static DWORD output_caps(UINT id, DWORD_PTR to, DWORD_PTR size)
{
    MIDIOUTCAPSW caps = {.wMid = 0x7d,
                         .wPid = id + 1,
                         .vDriverVersion = 0x0100,
                         .wTechnology = MOD_MIDIPORT,
                         .wChannelMask = 0xffff};
    wsprintfW(caps.szPname, L"Onset Cable %u", id + 1);
    return copy_caps(to, size, &caps, sizeof caps);
}

// What a fault makes of a call. False: it is carried out.
static bool struck(UINT id, UINT message, DWORD *result)
{
    struct fault fault;
    if (!fault_of(id, message, &fault))
        return false;
    *result = fault.value;
    if (fault.effect == FAULT_HANG)
        fault_hang();
    else if (fault.effect == FAULT_TELL)
        notify(&inputs[id].end, fault.value, 0x403C90, 0);
    return fault.effect == FAULT_RETURN;
}

EXPORT DWORD WINAPI midMessage(UINT id, UINT message, DWORD_PTR user, DWORD_PTR param1,
                               DWORD_PTR param2)
{
    (void)user;
    switch (message) {
    case DRVM_INIT:
        return map_cables() ? MMSYSERR_NOERROR : MMSYSERR_NOMEM;
    case DRVM_EXIT:
    case DRVM_ENABLE:
    case DRVM_DISABLE:
        return MMSYSERR_NOERROR;
    case MIDM_GETNUMDEVS:
        return cables ? CABLES + 1 : 0;
    }

    DWORD result;
    if (id == CABLES)
        return source_message(message, param1, param2);
    if (id > CABLES)
        return MMSYSERR_BADDEVICEID;
    if (struck(id, message, &result))
        return result;
    switch (message) {
    case MIDM_GETDEVCAPS:
        return input_caps(id, param1, param2);
    case MIDM_OPEN:
        return input_open(id, (const MIDIOPENDESC *)param1, param2);
    case MIDM_CLOSE:
        return input_close(&inputs[id]);
    case MIDM_START:
        return input_start(&inputs[id]);
    case MIDM_STOP:
        return input_stop(&inputs[id], false);
    case MIDM_RESET:
        return input_stop(&inputs[id], true);
    case MIDM_PREPARE:
        return prepare((MIDIHDR *)param1);
    case MIDM_UNPREPARE:
        return unprepare((MIDIHDR *)param1);
    case MIDM_ADDBUFFER:
        return input_add_buffer(&inputs[id], (MIDIHDR *)param1);
    case MIDM_USER: // for tests: *param1 = long messages cut short so far
        *(DWORD *)param1 = atomic_load(&cables[id].cut);
        return MMSYSERR_NOERROR;
    }
    return MMSYSERR_NOTSUPPORTED;
}

EXPORT DWORD WINAPI modMessage(UINT id, UINT message, DWORD_PTR user, DWORD_PTR param1,
                               DWORD_PTR param2)
{
    (void)user;
    switch (message) {
    case DRVM_INIT:
        return map_cables() ? MMSYSERR_NOERROR : MMSYSERR_NOMEM;
    case DRVM_EXIT:
    case DRVM_ENABLE:
    case DRVM_DISABLE:
        return MMSYSERR_NOERROR;
    case MODM_GETNUMDEVS:
        return cables ? CABLES + 1 : 0;
    }

    DWORD result;
    if (id == CABLES)
        return sink_message(message, param1, param2);
    if (id > CABLES)
        return MMSYSERR_BADDEVICEID;
    if (struck(id, message, &result))
        return result;
    switch (message) {
    case MODM_GETDEVCAPS:
        return output_caps(id, param1, param2);
    case MODM_OPEN:
        return output_open(id, (const MIDIOPENDESC *)param1, param2);
    case MODM_CLOSE:
        return output_close(&outputs[id]);
    case MODM_DATA:
        return output_short(&outputs[id], param1);
    case MODM_LONGDATA:
        return output_long(&outputs[id], (MIDIHDR *)param1);
    case MODM_RESET: // nothing is ever pending once a call has returned
        return MMSYSERR_NOERROR;
    case MODM_PREPARE:
        return prepare((MIDIHDR *)param1);
    case MODM_UNPREPARE:
        return unprepare((MIDIHDR *)param1);
    }
    return MMSYSERR_NOTSUPPORTED;
}

// What Wine asks of an audio driver, which is what it takes this for: it is usable, whatever the
// priority, and has no sound devices.

EXPORT LRESULT WINAPI DriverProc(DWORD_PTR id, HDRVR driver, UINT message, LPARAM param1,
                                 LPARAM param2)
{
    (void)id, (void)driver, (void)message, (void)param1, (void)param2;
    return 1;
}

EXPORT int WINAPI GetPriority(void)
{
    return 2;
}

EXPORT HRESULT WINAPI GetEndpointIDs(int flow, WCHAR ***names, GUID **guids, UINT *count,
                                     UINT *preferred)
{
    (void)flow;
    *names = NULL;
    *guids = NULL;
    *count = *preferred = 0;
    return S_OK;
}

EXPORT HRESULT WINAPI GetAudioEndpoint(GUID *guid, void *device, void **client)
{
    (void)guid, (void)device, (void)client;
    return E_NOTIMPL;
}

EXPORT HRESULT WINAPI GetAudioSessionManager(void *device, void **manager)
{
    (void)device, (void)manager;
    return E_NOTIMPL;
}
