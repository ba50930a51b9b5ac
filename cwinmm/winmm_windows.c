#include "winmm.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "machine.h"
#include "memory.h"

static_assert(sizeof(WCHAR) == sizeof(uint16_t) && MAXPNAMELEN == 32, "onset_caps.name");

// From mmddk.h, which is for drivers.
#define DRV_QUERYDEVICEINTERFACE     0x80C
#define DRV_QUERYDEVICEINTERFACESIZE 0x80D

// These two take a device's number in place of a handle.
static MMRESULT ask_in(UINT id, UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    return midiInMessage((HMIDIIN)(UINT_PTR)id, message, param1, param2);
}

static MMRESULT ask_out(UINT id, UINT message, DWORD_PTR param1, DWORD_PTR param2)
{
    return midiOutMessage((HMIDIOUT)(UINT_PTR)id, message, param1, param2);
}

static void query_identity(MMRESULT (*ask)(UINT, UINT, DWORD_PTR, DWORD_PTR), UINT id,
                           struct onset_caps *caps)
{
    ULONG bytes = 0;
    bool known =
        ask(id, DRV_QUERYDEVICEINTERFACESIZE, (DWORD_PTR)&bytes, 0) == MMSYSERR_NOERROR &&
        bytes <= sizeof caps->identity &&
        ask(id, DRV_QUERYDEVICEINTERFACE, (DWORD_PTR)caps->identity, bytes) == MMSYSERR_NOERROR;
    caps->identity[known ? ONSET_IDENTITY - 1 : 0] = 0;
}

static UINT in_count(struct onset_driver *driver)
{
    (void)driver;
    return midiInGetNumDevs();
}

static MMRESULT in_caps(struct onset_driver *driver, UINT id, struct onset_caps *caps)
{
    (void)driver;
    MIDIINCAPSW in;
    MMRESULT result = midiInGetDevCapsW(id, &in, sizeof in);
    if (result == MMSYSERR_NOERROR) {
        memcpy(caps->name, in.szPname, sizeof caps->name);
        caps->manufacturer = in.wMid;
        caps->product = in.wPid;
        caps->version = in.vDriverVersion;
        query_identity(ask_in, id, caps);
    }
    return result;
}

static MMRESULT in_open(struct onset_driver *driver, UINT id, onset_callback callback,
                        DWORD_PTR instance, HMIDIIN *in)
{
    (void)driver;
    // MIDI_IO_STATUS: have MIM_MOREDATA told apart from MIM_DATA.
    return midiInOpen(in, id, (DWORD_PTR)callback, instance, CALLBACK_FUNCTION | MIDI_IO_STATUS);
}

static MMRESULT in_prepare(struct onset_driver *driver, HMIDIIN in, MIDIHDR *header)
{
    (void)driver;
    return midiInPrepareHeader(in, header, sizeof *header);
}

static MMRESULT in_unprepare(struct onset_driver *driver, HMIDIIN in, MIDIHDR *header)
{
    (void)driver;
    return midiInUnprepareHeader(in, header, sizeof *header);
}

static MMRESULT in_add_buffer(struct onset_driver *driver, HMIDIIN in, MIDIHDR *header)
{
    (void)driver;
    return midiInAddBuffer(in, header, sizeof *header);
}

static MMRESULT in_start(struct onset_driver *driver, HMIDIIN in)
{
    (void)driver;
    return midiInStart(in);
}

static MMRESULT in_stop(struct onset_driver *driver, HMIDIIN in)
{
    (void)driver;
    return midiInStop(in);
}

static MMRESULT in_reset(struct onset_driver *driver, HMIDIIN in)
{
    (void)driver;
    return midiInReset(in);
}

static MMRESULT in_close(struct onset_driver *driver, HMIDIIN in)
{
    (void)driver;
    return midiInClose(in);
}

static UINT out_count(struct onset_driver *driver)
{
    (void)driver;
    return midiOutGetNumDevs();
}

static MMRESULT out_caps(struct onset_driver *driver, UINT id, struct onset_caps *caps)
{
    (void)driver;
    MIDIOUTCAPSW out;
    MMRESULT result = midiOutGetDevCapsW(id, &out, sizeof out);
    if (result == MMSYSERR_NOERROR) {
        memcpy(caps->name, out.szPname, sizeof caps->name);
        caps->manufacturer = out.wMid;
        caps->product = out.wPid;
        caps->version = out.vDriverVersion;
        query_identity(ask_out, id, caps);
    }
    return result;
}

static MMRESULT out_open(struct onset_driver *driver, UINT id, onset_out_callback callback,
                         DWORD_PTR instance, HMIDIOUT *out)
{
    (void)driver;
    return midiOutOpen(out, id, (DWORD_PTR)callback, instance,
                       callback ? CALLBACK_FUNCTION : CALLBACK_NULL);
}

static MMRESULT out_short(struct onset_driver *driver, HMIDIOUT out, DWORD message)
{
    (void)driver;
    return midiOutShortMsg(out, message);
}

static MMRESULT out_prepare(struct onset_driver *driver, HMIDIOUT out, MIDIHDR *header)
{
    (void)driver;
    return midiOutPrepareHeader(out, header, sizeof *header);
}

static MMRESULT out_unprepare(struct onset_driver *driver, HMIDIOUT out, MIDIHDR *header)
{
    (void)driver;
    return midiOutUnprepareHeader(out, header, sizeof *header);
}

static MMRESULT out_long(struct onset_driver *driver, HMIDIOUT out, MIDIHDR *header)
{
    (void)driver;
    return midiOutLongMsg(out, header, sizeof *header);
}

static MMRESULT out_reset(struct onset_driver *driver, HMIDIOUT out)
{
    (void)driver;
    return midiOutReset(out);
}

static MMRESULT out_close(struct onset_driver *driver, HMIDIOUT out)
{
    (void)driver;
    return midiOutClose(out);
}

static uint64_t slept_ns(struct onset_driver *driver)
{
    (void)driver;
    return onset_slept_ns();
}

static void destroy(struct onset_driver *driver)
{
    onset_free(driver);
}

static const struct onset_winmm calls = {
    .in_count = in_count,
    .in_caps = in_caps,
    .in_open = in_open,
    .in_prepare = in_prepare,
    .in_unprepare = in_unprepare,
    .in_add_buffer = in_add_buffer,
    .in_start = in_start,
    .in_stop = in_stop,
    .in_reset = in_reset,
    .in_close = in_close,
    .out_count = out_count,
    .out_caps = out_caps,
    .out_open = out_open,
    .out_short = out_short,
    .out_prepare = out_prepare,
    .out_unprepare = out_unprepare,
    .out_long = out_long,
    .out_reset = out_reset,
    .out_close = out_close,
    .slept_ns = slept_ns,
    .destroy = destroy,
};

struct onset_driver *onset_winmm_new(void)
{
    struct onset_driver *driver = onset_alloc(sizeof *driver, _Alignof(max_align_t));
    if (driver) {
        driver->calls = &calls;
        driver->refs = 1;
    }
    return driver;
}
