#include "probe.h"

#include "buffer.h"

#include <mmddk.h>
#include <mmsystem.h>

#include <stdbool.h>
#include <string.h>
#include <x86intrin.h>

// Exported by winmm, but in no header.
BOOL WINAPI DriverCallback(DWORD_PTR callback, UINT flags, HDRVR handle, UINT message,
                           DWORD_PTR instance, DWORD_PTR param1, DWORD_PTR param2);

// WaitOnAddress with a timeout in units of 100 ns, negative: from now. In Wine a futex: waitable
// timers go by way of its server, which counts milliseconds.
LONG WINAPI RtlWaitOnAddress(const void *address, const void *undesired, SIZE_T size,
                             const LARGE_INTEGER *timeout);

enum { GLANCE_NS = 1000000 }; // how often a source that is ready looks for go

// An end that a program has opened. Only one can, of whatever process.
struct end {
    HANDLE claim;
    HDRVR handle;
    DWORD_PTR callback, instance;
    DWORD flags;
};

struct source {
    struct end end;
    SRWLOCK control;         // held by one start or stop at a time; never wanted by the thread
    HANDLE thread;           // NULL: stopped
    _Atomic DWORD thread_id; // its
    _Atomic uint32_t stop;   // the thread is to end
    SRWLOCK lock;            // guards the buffers; never held during a callback
    MIDIHDR *first, **last;
};

struct sink {
    struct end end;
    struct probe *probe; // NULL: nobody measures
    SRWLOCK lock;        // guards next
    uint32_t next;       // number of the message that should come
};

static struct source source;
static struct sink sink;

static void notify(const struct end *end, UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    DriverCallback(end->callback, end->flags, end->handle, message, end->instance, param1, param2);
}

static DWORD plug(struct end *end, const WCHAR *claim_name, const MIDIOPENDESC *desc, DWORD flags)
{
    HANDLE claim = CreateMailslotW(claim_name, 0, 0, NULL); // as a cable's: nobody else can
    if (claim == INVALID_HANDLE_VALUE)
        return MMSYSERR_ALLOCATED;
    *end = (struct end){
        .claim = claim,
        .handle = (HDRVR)desc->hMidi,
        .callback = desc->dwCallback,
        .instance = desc->dwInstance,
        .flags = HIWORD(flags & CALLBACK_TYPEMASK),
    };
    return MMSYSERR_NOERROR;
}

// NULL: nobody measures, or not with this layout.
static struct probe *map_probe(void)
{
    HANDLE section = OpenFileMappingW(FILE_MAP_WRITE, FALSE, L"Onset Probe");
    if (!section)
        return NULL;
    struct probe *probe = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, sizeof *probe);
    CloseHandle(section);
    // Acquire: the plan (NewProbe in probe_windows.go).
    if (probe && (atomic_load_explicit(&probe->magic, memory_order_acquire) != PROBE_MAGIC ||
                  probe->version != PROBE_VERSION || probe->count > PROBE_MESSAGES)) {
        UnmapViewOfFile(probe);
        return NULL;
    }
    return probe;
}

static uint64_t now_ns(void)
{
    LARGE_INTEGER now, hz;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&hz);
    uint64_t ticks = now.QuadPart, second = hz.QuadPart;
    return ticks / second * 1000000000u + ticks % second * 1000000000u / second;
}

// ---- the source: its thread ----

// Sleeps for so long. False: the source has been stopped.
static bool nap(uint64_t ns)
{
    LARGE_INTEGER timeout = {.QuadPart = -(LONGLONG)(ns / 100 + 1)};
    RtlWaitOnAddress(&source.stop, &(uint32_t){0}, sizeof source.stop, &timeout);
    return !atomic_load(&source.stop);
}

static bool await_go(struct probe *probe)
{
    // Acquire: nothing in particular; the plan came with the magic.
    while (!atomic_load_explicit(&probe->go, memory_order_acquire))
        if (!nap(GLANCE_NS))
            return false;
    return true;
}

static void play(struct probe *probe)
{
    uint64_t start = now_ns();
    DWORD start_ms = timeGetTime();
    for (uint32_t n = 0; n < probe->count; n++) {
        uint64_t due = start + probe->due[n], now;
        while ((now = now_ns()) < due)
            if (!nap(due - now))
                return;
        if (atomic_load(&source.stop))
            return;
        uint32_t message = 0xE0 | (n & 127) << 8 | (n >> 7 & 127) << 16;
        DWORD ms = timeGetTime() - start_ms;
        probe->late[n] = now - due;
        probe->sent[n] = __rdtsc();
        notify(&source.end, MIM_DATA, message, ms);
        _mm_lfence(); // the program's last loads are done
        probe->left[n] = __rdtsc();
        probe->played = n + 1;
    }
}

static DWORD WINAPI run_source(void *context)
{
    (void)context;
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL);
    struct probe *probe = map_probe();
    if (!probe)
        return 0;
    // Relaxed: only this thread writes it.
    if (atomic_load_explicit(&probe->source, memory_order_relaxed) == PROBE_CLOSED) {
        if (probe->processor >= 0)
            SetThreadAffinityMask(GetCurrentThread(), (DWORD_PTR)1 << probe->processor);
        probe->thread = GetCurrentThreadId();
        probe->priority = GetThreadPriority(GetCurrentThread());
        // A first touch of these pages would fall into what is measured.
        memset(probe->late, 0, probe->count * sizeof *probe->late);
        memset(probe->sent, 0, probe->count * sizeof *probe->sent);
        memset(probe->left, 0, probe->count * sizeof *probe->left);
        // Release: all of the above, and of the run (Probe.Ready, Probe.Wait).
        atomic_store_explicit(&probe->source, PROBE_READY, memory_order_release);
        bool go = await_go(probe);
        if (go)
            play(probe);
        atomic_store_explicit(&probe->source, go ? PROBE_DONE : PROBE_CLOSED, memory_order_release);
    }
    UnmapViewOfFile(probe);
    return 0;
}

// ---- the source: the program's calls ----

static DWORD source_open(const MIDIOPENDESC *desc, DWORD flags)
{
    DWORD result = plug(&source.end, L"\\\\.\\mailslot\\Onset Source", desc, flags);
    if (result)
        return result;
    source.first = NULL;
    source.last = &source.first;
    notify(&source.end, MIM_OPEN, 0, 0);
    return MMSYSERR_NOERROR;
}

static bool in_callback(void)
{
    return atomic_load(&source.thread_id) == GetCurrentThreadId();
}

// With control: waits for the thread, and so for a callback in flight, to end.
static void join(void)
{
    if (!source.thread)
        return;
    atomic_store(&source.stop, 1);
    WakeByAddressAll(&source.stop);
    WaitForSingleObject(source.thread, INFINITE);
    CloseHandle(source.thread);
    source.thread = NULL;
    atomic_store(&source.thread_id, 0);
}

static DWORD source_start(void)
{
    DWORD id;
    if (in_callback())
        return MMSYSERR_NOERROR; // it has been started
    AcquireSRWLockExclusive(&source.control);
    if (atomic_load(&source.stop))
        join(); // it was stopped from inside a callback
    if (!source.thread) {
        atomic_store(&source.stop, 0);
        // Suspended until its number is known, for in_callback.
        source.thread = CreateThread(NULL, 0, run_source, NULL, CREATE_SUSPENDED, &id);
        if (source.thread) {
            atomic_store(&source.thread_id, id);
            ResumeThread(source.thread);
        }
    }
    DWORD result = source.thread ? MMSYSERR_NOERROR : MMSYSERR_NOMEM;
    ReleaseSRWLockExclusive(&source.control);
    return result;
}

// A callback in flight ends first, unless this is a call from inside it.
static DWORD source_stop(void)
{
    if (in_callback()) {
        atomic_store(&source.stop, 1);
        return MMSYSERR_NOERROR;
    }
    AcquireSRWLockExclusive(&source.control);
    join();
    ReleaseSRWLockExclusive(&source.control);
    return MMSYSERR_NOERROR;
}

static DWORD source_reset(void)
{
    source_stop();
    AcquireSRWLockExclusive(&source.lock);
    MIDIHDR *given = source.first;
    source.first = NULL;
    source.last = &source.first;
    ReleaseSRWLockExclusive(&source.lock);
    while (given) {
        MIDIHDR *header = given;
        given = header->lpNext; // before the callback, which may queue it again
        dequeue(header);
        notify(&source.end, MIM_LONGDATA, (DWORD_PTR)header, 0);
    }
    return MMSYSERR_NOERROR;
}

// The source has no long data to put in.
static DWORD source_add_buffer(MIDIHDR *header)
{
    AcquireSRWLockExclusive(&source.lock);
    DWORD result = enqueue(header);
    if (!result) {
        header->dwBytesRecorded = 0;
        header->lpNext = NULL;
        *source.last = header;
        source.last = &header->lpNext;
    }
    ReleaseSRWLockExclusive(&source.lock);
    return result;
}

static DWORD source_close(void)
{
    AcquireSRWLockExclusive(&source.lock);
    bool busy = source.first || in_callback(); // no thread can join itself
    ReleaseSRWLockExclusive(&source.lock);
    if (busy)
        return MIDIERR_STILLPLAYING;
    source_stop();
    struct end end = source.end;
    CloseHandle(end.claim); // first, so that the source is free for whoever hears that it is closed
    notify(&end, MIM_CLOSE, 0, 0);
    return MMSYSERR_NOERROR;
}

static DWORD source_caps(DWORD_PTR to, DWORD_PTR size)
{
    MIDIINCAPSW caps = {
        .wMid = 0x7d, .wPid = 0x100, .vDriverVersion = 0x0100, .szPname = L"Onset Source"};
    memcpy((void *)to, &caps, size < sizeof caps ? size : sizeof caps);
    return MMSYSERR_NOERROR;
}

DWORD source_message(UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    switch (message) {
    case MIDM_GETDEVCAPS:
        return source_caps(param1, param2);
    case MIDM_OPEN:
        return source_open((const MIDIOPENDESC *)param1, param2);
    case MIDM_CLOSE:
        return source_close();
    case MIDM_START:
        return source_start();
    case MIDM_STOP:
        return source_stop();
    case MIDM_RESET:
        return source_reset();
    case MIDM_PREPARE:
        return prepare((MIDIHDR *)param1);
    case MIDM_UNPREPARE:
        return unprepare((MIDIHDR *)param1);
    case MIDM_ADDBUFFER:
        return source_add_buffer((MIDIHDR *)param1);
    }
    return MMSYSERR_NOTSUPPORTED;
}

// ---- the sink ----

static DWORD sink_open(const MIDIOPENDESC *desc, DWORD flags)
{
    DWORD result = plug(&sink.end, L"\\\\.\\mailslot\\Onset Sink", desc, flags);
    if (result)
        return result;
    struct probe *probe = map_probe();
    // Relaxed: before go it is nobody's result yet, and the measurer waits for open.
    if (probe && !atomic_load_explicit(&probe->go, memory_order_relaxed)) {
        // A first touch of these pages would fall into what is measured.
        memset(probe->reached, 0, probe->count * sizeof *probe->reached);
        // Release: for Probe.Ready.
        atomic_store_explicit(&probe->open, 1, memory_order_release);
        sink.next = 0;
        sink.probe = probe;
    } else if (probe) {
        UnmapViewOfFile(probe);
    }
    notify(&sink.end, MOM_OPEN, 0, 0);
    return MMSYSERR_NOERROR;
}

// Which row a message is; PROBE_MESSAGES: none.
static uint32_t row_of(uint32_t message)
{
    uint32_t bits = (message >> 8 & 127) | (message >> 16 & 127) << 7;
    uint32_t ahead = (bits - sink.next) & 16383;
    uint32_t n = sink.next + ahead;
    bool is_row = (message & 0xF0) == 0xE0 && ahead < 8192 && n < sink.probe->count;
    return is_row ? n : PROBE_MESSAGES;
}

static DWORD sink_short(uint32_t message, uint64_t now)
{
    AcquireSRWLockExclusive(&sink.lock); // programs may send from several threads
    struct probe *probe = sink.probe;
    uint32_t n = probe ? row_of(message) : PROBE_MESSAGES;
    if (n < PROBE_MESSAGES) {
        probe->reached[n] = now;
        sink.next = n + 1;
        // Release: the row (Probe.Wait).
        atomic_fetch_add_explicit(&probe->arrived, 1, memory_order_release);
    } else if (probe) {
        atomic_fetch_add_explicit(&probe->strays, 1, memory_order_release);
    }
    ReleaseSRWLockExclusive(&sink.lock);
    return MMSYSERR_NOERROR;
}

static DWORD sink_long(MIDIHDR *header)
{
    DWORD result = enqueue(header);
    if (result)
        return result;
    dequeue(header);
    notify(&sink.end, MOM_DONE, (DWORD_PTR)header, 0);
    return MMSYSERR_NOERROR;
}

static DWORD sink_close(void)
{
    AcquireSRWLockExclusive(&sink.lock); // another thread may be sending
    if (sink.probe) {
        // Release: as in sink_open.
        atomic_store_explicit(&sink.probe->open, 0, memory_order_release);
        UnmapViewOfFile(sink.probe);
        sink.probe = NULL;
    }
    ReleaseSRWLockExclusive(&sink.lock);
    struct end end = sink.end;
    CloseHandle(end.claim); // first, as in source_close
    notify(&end, MOM_CLOSE, 0, 0);
    return MMSYSERR_NOERROR;
}

static DWORD sink_caps(DWORD_PTR to, DWORD_PTR size)
{
    MIDIOUTCAPSW caps = {.wMid = 0x7d,
                         .wPid = 0x100,
                         .vDriverVersion = 0x0100,
                         .szPname = L"Onset Sink",
                         .wTechnology = MOD_MIDIPORT,
                         .wChannelMask = 0xffff};
    memcpy((void *)to, &caps, size < sizeof caps ? size : sizeof caps);
    return MMSYSERR_NOERROR;
}

DWORD sink_message(UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    uint64_t now = __rdtsc();
    switch (message) {
    case MODM_GETDEVCAPS:
        return sink_caps(param1, param2);
    case MODM_OPEN:
        return sink_open((const MIDIOPENDESC *)param1, param2);
    case MODM_CLOSE:
        return sink_close();
    case MODM_DATA:
        return sink_short(param1, now);
    case MODM_LONGDATA:
        return sink_long((MIDIHDR *)param1);
    case MODM_RESET: // nothing is ever pending once a call has returned
        return MMSYSERR_NOERROR;
    case MODM_PREPARE:
        return prepare((MIDIHDR *)param1);
    case MODM_UNPREPARE:
        return unprepare((MIDIHDR *)param1);
    }
    return MMSYSERR_NOTSUPPORTED;
}
