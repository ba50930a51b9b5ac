package cwinmm

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// What errors.Is finds in an Error, by its result.
var (
	ErrInUse        = errors.New("device in use")
	ErrNoDevice     = errors.New("no such device")
	ErrNotSupported = error(&sentinel{"not supported", errors.ErrUnsupported})
	ErrClosed       = error(&sentinel{"closed", os.ErrClosed})
	// ErrTimedOut: the driver did not return in time. What it holds is kept until it does.
	ErrTimedOut = error(&sentinel{"driver call timed out", os.ErrDeadlineExceeded})
	// ErrLost: the device of an output has gone. It is also ErrNoDevice.
	ErrLost = error(&sentinel{"device lost", ErrNoDevice})
	// ErrQueueFull: an output's queue took no more messages.
	ErrQueueFull = errors.New("output queue full")
	// ErrQueueBytes: an output took no more bytes of long messages. It is also ErrQueueFull.
	ErrQueueBytes = error(&sentinel{"output queue full: 32 MiB of system exclusive messages wait", ErrQueueFull})
)

// sentinel is an error that is also another one, without repeating its text.
type sentinel struct {
	text string
	also error
}

func (s *sentinel) Error() string { return s.text }

func (s *sentinel) Unwrap() error { return s.also }

// MMResult is what a WinMM function returned: an MMRESULT (mmsystem.h), or above FFFF a result of
// Onset's own (winmm.h).
type MMResult uint32

// The results that the code asks for by name.
const (
	mmNoError      MMResult = 0
	mmBadDeviceID  MMResult = 2
	mmAllocated    MMResult = 4
	mmInvalHandle  MMResult = 5
	mmNoDriver     MMResult = 6
	mmNoMem        MMResult = 7
	mmNotSupported MMResult = 8
	mmNoDevice     MMResult = 68
	mmTimedOut     MMResult = 0x10000
	mmTooMany      MMResult = 0x10001
	mmNoThread     MMResult = 0x10002
)

var mmTexts = map[MMResult]string{
	1:              "MMSYSERR_ERROR: unspecified error",
	mmBadDeviceID:  "MMSYSERR_BADDEVICEID: no device has this number",
	3:              "MMSYSERR_NOTENABLED: the driver could not be enabled",
	mmAllocated:    "MMSYSERR_ALLOCATED: the device is already in use",
	mmInvalHandle:  "MMSYSERR_INVALHANDLE: the handle is not, or no longer, open",
	mmNoDriver:     "MMSYSERR_NODRIVER: the driver is gone",
	mmNoMem:        "MMSYSERR_NOMEM: out of memory",
	mmNotSupported: "MMSYSERR_NOTSUPPORTED: the driver does not do this",
	9:              "MMSYSERR_BADERRNUM: unknown error number",
	10:             "MMSYSERR_INVALFLAG: a flag is invalid",
	11:             "MMSYSERR_INVALPARAM: a parameter is invalid",
	12:             "MMSYSERR_HANDLEBUSY: another thread is using the handle",
	64:             "MIDIERR_UNPREPARED: the buffer is not prepared",
	65:             "MIDIERR_STILLPLAYING: buffers are still queued",
	66:             "MIDIERR_NOMAP: there is no MIDI map",
	67:             "MIDIERR_NOTREADY: the device is busy with other data",
	mmNoDevice:     "MIDIERR_NODEVICE: the device is no longer connected",
	69:             "MIDIERR_INVALIDSETUP: the MIDI map is invalid",
	70:             "MIDIERR_BADOPENMODE: not possible in this open mode",
	71:             "MIDIERR_DONT_CONTINUE: the driver is eating this message",
	mmTimedOut:     "the driver did not return in time",
	mmTooMany:      "too many ports are open in this process",
	mmNoThread:     "the system gave no thread",
}

// mmNames returns the results of WinMM by name.
func mmNames() map[string]MMResult {
	named := map[string]MMResult{"MMSYSERR_NOERROR": mmNoError}
	for result, text := range mmTexts {
		if name, _, ok := strings.Cut(text, ": "); ok {
			named[name] = result
		}
	}
	return named
}

// String returns the result's name and meaning.
func (r MMResult) String() string {
	if text, ok := mmTexts[r]; ok {
		return text
	}
	return fmt.Sprintf("MMRESULT %d", uint32(r))
}

// Error is a WinMM call that failed. errors.Is finds ErrInUse, ErrNoDevice, ErrNotSupported,
// ErrClosed and ErrTimedOut in it.
type Error struct {
	Func   string // the function of winmm.dll; "driver" where it is not known which one hung
	Result MMResult
}

func (e *Error) Error() string { return e.Func + ": " + e.Result.String() }

// LateError is an opening that the driver has not returned from in time: an *Error.
type LateError struct {
	Cause   *Error
	pending func() bool
}

func (e *LateError) Error() string { return e.Cause.Error() }

// Unwrap returns Cause.
func (e *LateError) Unwrap() error { return e.Cause }

// Back reports whether it has returned by now, and what it may have opened is closed again.
func (e *LateError) Back() bool { return !e.pending() }

// Is reports whether target is the sentinel for e's result.
func (e *Error) Is(target error) bool {
	switch e.Result {
	case mmAllocated:
		return target == ErrInUse
	case mmBadDeviceID, mmNoDriver, mmNoDevice:
		return target == ErrNoDevice
	case mmInvalHandle:
		return target == ErrClosed || target == os.ErrClosed
	case mmNotSupported:
		return target == ErrNotSupported || target == errors.ErrUnsupported
	case mmTimedOut:
		return target == ErrTimedOut || target == os.ErrDeadlineExceeded
	default:
		return false
	}
}
