// What a driver does with MIDIHDRs: their flags as WinMM keeps them, and lists of those that it
// has.
#ifndef ONSET_HEADERS_H
#define ONSET_HEADERS_H

#include <stdatomic.h>

#include "winmm.h"

// By lpNext, in the order in which they were added. Whoever uses one has a lock for it, but first
// may be read without.
struct onset_headers {
    _Atomic(MIDIHDR *) first;
    MIDIHDR *last;
};

MMRESULT onset_headers_prepare(MIDIHDR *header);
MMRESULT onset_headers_unprepare(MIDIHDR *header);
// The header is the driver's now.
MMRESULT onset_headers_add(struct onset_headers *headers, MIDIHDR *header);
// Takes the first out and marks it done. NULL: there is none.
MIDIHDR *onset_headers_take(struct onset_headers *headers);

// The first; NULL: there is none.
static inline MIDIHDR *onset_headers_first(struct onset_headers *headers)
{
    // Acquire: the header's fields (onset_headers_add).
    return atomic_load_explicit(&headers->first, memory_order_acquire);
}

#endif
