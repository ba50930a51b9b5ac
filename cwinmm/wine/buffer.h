// Whose a buffer for long data is: the program's, or the driver's while it is queued. As the page
// of MIDIHDR has it: MHDR_PREPARED, MHDR_INQUEUE and MHDR_DONE are the driver's to set.
#ifndef ONSET_WINE_BUFFER_H
#define ONSET_WINE_BUFFER_H

#include <windows.h>

#include <mmsystem.h>

// Whether a header is the program's to hand over.
static inline DWORD check(const MIDIHDR *header)
{
    if (!header || !header->lpData)
        return MMSYSERR_INVALPARAM;
    return header->dwFlags & MHDR_INQUEUE ? MIDIERR_STILLPLAYING : MMSYSERR_NOERROR;
}

static inline DWORD prepare(MIDIHDR *header)
{
    DWORD result = check(header);
    if (!result)
        header->dwFlags = MHDR_PREPARED;
    return result;
}

static inline DWORD unprepare(MIDIHDR *header)
{
    DWORD result = check(header);
    if (!result)
        header->dwFlags &= ~MHDR_PREPARED;
    return result;
}

// Makes a header the driver's.
static inline DWORD enqueue(MIDIHDR *header)
{
    DWORD result = check(header);
    if (result)
        return result;
    if (!(header->dwFlags & MHDR_PREPARED))
        return MIDIERR_UNPREPARED;
    header->dwFlags = (header->dwFlags & ~MHDR_DONE) | MHDR_INQUEUE;
    return MMSYSERR_NOERROR;
}

// Makes it the program's again.
static inline void dequeue(MIDIHDR *header)
{
    header->dwFlags = (header->dwFlags & ~MHDR_INQUEUE) | MHDR_DONE;
}

#endif
