// The seam: the WinMM calls the shim makes, as a table. winmm_windows.c binds it to winmm.dll,
// loopback.c to virtual cables of our own. Everything above calls WinMM through it and nothing
// else.
#ifndef ONSET_WINMM_H
#define ONSET_WINMM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "echo.h"

#ifdef _WIN32
#include <windows.h>
#include <mmsystem.h>
#else
// What the calls need of <mmsystem.h>, for the loopback driver elsewhere. Values as there.
#define CALLBACK
typedef unsigned int UINT, MMRESULT;
typedef uint32_t DWORD;
typedef uintptr_t DWORD_PTR;
typedef void *HMIDIIN, *HMIDIOUT;

// A buffer with a long message, or for one.
typedef struct midihdr {
    char *lpData;
    DWORD dwBufferLength;  // of lpData; for an output: to send
    DWORD dwBytesRecorded; // of that, received
    DWORD_PTR dwUser;      // ours
    DWORD dwFlags;         // MHDR_
    struct midihdr *lpNext;
    DWORD_PTR reserved;
    DWORD dwOffset;
    DWORD_PTR dwReserved[8];
} MIDIHDR;

#define MHDR_DONE     1 // the driver has given it back
#define MHDR_PREPARED 2
#define MHDR_INQUEUE  4 // the driver has it

#define MMSYSERR_NOERROR      0
#define MMSYSERR_BADDEVICEID  2
#define MMSYSERR_ALLOCATED    4
#define MMSYSERR_INVALHANDLE  5
#define MMSYSERR_NODRIVER     6
#define MMSYSERR_NOMEM        7
#define MMSYSERR_NOTSUPPORTED 8
#define MMSYSERR_INVALPARAM   11

#define MIDIERR_UNPREPARED   64
#define MIDIERR_STILLPLAYING 65
#define MIDIERR_NOTREADY     67
#define MIDIERR_NODEVICE     68

#define MIM_OPEN      0x3C1
#define MIM_CLOSE     0x3C2
#define MIM_DATA      0x3C3
#define MIM_LONGDATA  0x3C4
#define MIM_ERROR     0x3C5
#define MIM_LONGERROR 0x3C6
#define MOM_OPEN      0x3C7
#define MOM_CLOSE     0x3C8
#define MOM_DONE      0x3C9
#define MIM_MOREDATA  0x3CC
#endif

// Results of our own, above every MMRESULT.
#define ONSET_TIMED_OUT 0x10000 // the call did not return in its deadline
#define ONSET_TOO_MANY  0x10001 // no place free in the table of inputs or outputs
#define ONSET_NO_THREAD 0x10002 // the system gave no thread

// Does a call with this result tell that the device has gone?
static inline bool onset_means_gone(MMRESULT result)
{
    return result == MMSYSERR_NODRIVER || result == MMSYSERR_BADDEVICEID ||
           result == MMSYSERR_INVALHANDLE || result == MIDIERR_NODEVICE;
}

#define ONSET_IDENTITY 256

// A device as the driver describes it: MIDIINCAPSW and MIDIOUTCAPSW, what both have.
struct onset_caps {
    uint16_t name[32]; // UTF-16, NUL-terminated
    // The device interface's id (DRV_QUERYDEVICEINTERFACE), which stays with a device that is
    // unplugged and comes back; UTF-16, NUL-terminated. Empty: the driver gives none.
    uint16_t identity[ONSET_IDENTITY];
    uint16_t manufacturer;
    uint16_t product;
    uint32_t version; // major in the high byte of the low word, minor in its low byte
};

typedef void(CALLBACK *onset_callback)(HMIDIIN, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                                       DWORD_PTR param2);

typedef void(CALLBACK *onset_out_callback)(HMIDIOUT, UINT message, DWORD_PTR instance,
                                           DWORD_PTR param1, DWORD_PTR param2);

struct onset_driver;

// Each of the first is the function of winmm.dll of that name (W where there is a choice), after
// the driver it is asked of. Any thread may call any of them, as with winmm.dll.
struct onset_winmm {
    UINT (*in_count)(struct onset_driver *);
    MMRESULT (*in_caps)(struct onset_driver *, UINT id, struct onset_caps *);
    MMRESULT(*in_open)
    (struct onset_driver *, UINT id, onset_callback, DWORD_PTR instance, HMIDIIN *);
    MMRESULT (*in_prepare)(struct onset_driver *, HMIDIIN, MIDIHDR *);
    MMRESULT (*in_unprepare)(struct onset_driver *, HMIDIIN, MIDIHDR *);
    MMRESULT (*in_add_buffer)(struct onset_driver *, HMIDIIN, MIDIHDR *);
    MMRESULT (*in_start)(struct onset_driver *, HMIDIIN);
    MMRESULT (*in_stop)(struct onset_driver *, HMIDIIN);
    MMRESULT (*in_reset)(struct onset_driver *, HMIDIIN);
    MMRESULT (*in_close)(struct onset_driver *, HMIDIIN);
    UINT (*out_count)(struct onset_driver *);
    MMRESULT (*out_caps)(struct onset_driver *, UINT id, struct onset_caps *);
    MMRESULT(*out_open)
    (struct onset_driver *, UINT id, onset_out_callback, DWORD_PTR instance, HMIDIOUT *);
    MMRESULT (*out_short)(struct onset_driver *, HMIDIOUT, DWORD message);
    MMRESULT (*out_prepare)(struct onset_driver *, HMIDIOUT, MIDIHDR *);
    MMRESULT (*out_unprepare)(struct onset_driver *, HMIDIOUT, MIDIHDR *);
    MMRESULT (*out_long)(struct onset_driver *, HMIDIOUT, MIDIHDR *);
    MMRESULT (*out_reset)(struct onset_driver *, HMIDIOUT);
    MMRESULT (*out_close)(struct onset_driver *, HMIDIOUT);
    // Not of winmm.dll: how long the machine has slept, as onset_slept_ns.
    uint64_t (*slept_ns)(struct onset_driver *);
    void (*destroy)(struct onset_driver *); // when the last reference is dropped
};

struct onset_driver {
    const struct onset_winmm *calls;
    _Atomic uint32_t refs; // the Go side holds one, each open handle's thread another
    struct onset_echoes echoes;
};

void onset_driver_hold(struct onset_driver *driver);
void onset_driver_drop(struct onset_driver *driver);

// winmm.dll as a driver; NULL: no memory. Windows only.
struct onset_driver *onset_winmm_new(void);

#endif
