#include "headers.h"

#include <stddef.h>

MMRESULT onset_headers_prepare(MIDIHDR *header)
{
    if (!header->lpData || !header->dwBufferLength)
        return MMSYSERR_INVALPARAM;
    header->dwFlags |= MHDR_PREPARED;
    return MMSYSERR_NOERROR;
}

MMRESULT onset_headers_unprepare(MIDIHDR *header)
{
    if (header->dwFlags & MHDR_INQUEUE)
        return MIDIERR_STILLPLAYING;
    header->dwFlags &= ~(DWORD)MHDR_PREPARED;
    return MMSYSERR_NOERROR;
}

MMRESULT onset_headers_add(struct onset_headers *headers, MIDIHDR *header)
{
    if (!(header->dwFlags & MHDR_PREPARED))
        return MIDIERR_UNPREPARED;
    if (header->dwFlags & MHDR_INQUEUE)
        return MIDIERR_STILLPLAYING;
    header->dwFlags = (header->dwFlags & ~(DWORD)MHDR_DONE) | MHDR_INQUEUE;
    header->lpNext = NULL;
    if (onset_headers_first(headers))
        headers->last->lpNext = header;
    else
        // Release: the header's fields (onset_headers_first).
        atomic_store_explicit(&headers->first, header, memory_order_release);
    headers->last = header;
    return MMSYSERR_NOERROR;
}

MIDIHDR *onset_headers_take(struct onset_headers *headers)
{
    MIDIHDR *header = onset_headers_first(headers);
    if (header) {
        // Release: what was added behind it (onset_headers_first).
        atomic_store_explicit(&headers->first, header->lpNext, memory_order_release);
        header->lpNext = NULL;
        // Release: what the driver has done with the bytes, for who looks at the flag (is_home in
        // long.c).
        __atomic_store_n(&header->dwFlags, (header->dwFlags & ~(DWORD)MHDR_INQUEUE) | MHDR_DONE,
                         __ATOMIC_RELEASE);
    }
    return header;
}
