// What the cables do wrong, for tests in the same process: a table of faults, filled through an
// exported function.
#ifndef ONSET_WINE_FAULT_H
#define ONSET_WINE_FAULT_H

#include <windows.h>

#include <stdbool.h>

enum effect {
    FAULT_RETURN, // value: the result; the call is not carried out
    FAULT_HANG,   // until the faults are cleared; then it is carried out
    FAULT_TELL, // value: MIM_; the input's callback is called with it first, then it is carried out
};

struct fault {
    UINT id, message;       // of the call: MIDM_, MODM_
    UINT first, last, seen; // of the times that it is made, from 1
    enum effect effect;
    DWORD value;
};

// The fault of a call; false: there is none.
bool fault_of(UINT id, UINT message, struct fault *fault);

// Waits until the faults are cleared.
void fault_hang(void);

#endif
