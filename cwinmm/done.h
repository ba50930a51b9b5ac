// How MOM_DONE finds its output, at whatever time and on whatever thread a driver says it.
//
// WinMM is given a token for a place in a table that is never freed, not the output's address. Each
// place counts the callbacks that are inside it, in the same word that says which opening it is
// for. So a callback knows with one atomic addition whether its output is still there, and by that
// addition keeps it there until it leaves. Whoever closes changes the opening's number, which turns
// later callbacks away, and waits for the earlier ones to leave.
//
//   gate:  bits 63..40 the opening's number, 39..0 callbacks inside
//   token: bits 31..8 the opening's number, 7..0 the place
//
// MOM_DONE's own word, the header's address, is not used: it may be of one that has been freed.
// What a callback says is that it is time to look at the headers (long.c).
#ifndef ONSET_DONE_H
#define ONSET_DONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wait.h"
#include "winmm.h"

#define ONSET_OUTPUTS 256

struct onset_place {
    _Alignas(ONSET_APART) _Atomic uint64_t gate;
    _Atomic uint32_t *dones;   // grows with each MOM_DONE; is woken then
    struct onset_waiter *bell; // is notified after it
    _Atomic uint64_t stale;    // callbacks for an earlier opening; never reset
    _Atomic bool taken;
};

// Takes a place for an output that is about to be opened. NULL: none is free.
struct onset_place *onset_place_take(_Atomic uint32_t *dones, struct onset_waiter *bell);

// What WinMM is to be given with onset_done.
DWORD_PTR onset_place_token(struct onset_place *place);

// Gives the place up. When this returns, no callback touches the output any more or will.
void onset_place_leave(struct onset_place *place);

// Is the place still that of the opening with this token?
bool onset_place_pending(uint32_t token);

// What WinMM calls back: no lock, no allocation, no Go, no WinMM call. It makes system calls to
// wake, since MOM_DONE comes once a long message.
void CALLBACK onset_done(HMIDIOUT handle, UINT message, DWORD_PTR instance, DWORD_PTR param1,
                         DWORD_PTR param2);

// Times MOM_DONE came for outputs that had been closed, all of the process together.
uint64_t onset_stale_dones(void);

#endif
