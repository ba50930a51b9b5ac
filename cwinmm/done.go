//go:build cgo && (linux || windows)

package cwinmm

// #include "output.h"
import "C"

// token returns what the driver has been given with the callback: onset_place_token in done.h. It is here, as
// sayDone is, because test files cannot use cgo.
func (o *Output) token() uint64 { return uint64(C.onset_place_token(o.c.place)) }

// sayDone calls back with MOM_DONE, as a driver might at any time.
func sayDone(token uint64) { C.onset_done(nil, C.MOM_DONE, C.DWORD_PTR(token), 0, 0) }
