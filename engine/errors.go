package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onset-midi/onset/cwinmm"
)

// What errors.Is finds in the errors of this package.
var (
	ErrInUse        = cwinmm.ErrInUse        // the device is open elsewhere
	ErrNoDevice     = cwinmm.ErrNoDevice     // there is no such device, or it has gone
	ErrClosed       = cwinmm.ErrClosed       // the engine or port has been closed; is also os.ErrClosed
	ErrNotSupported = cwinmm.ErrNotSupported // is also errors.ErrUnsupported
	ErrTimedOut     = cwinmm.ErrTimedOut     // the driver did not return; is also os.ErrDeadlineExceeded
	ErrQueueFull    = cwinmm.ErrQueueFull    // an output's queue took no more
	ErrQueueBytes   = cwinmm.ErrQueueBytes   // an output's long messages have too many bytes; is also ErrQueueFull
	ErrLost         = cwinmm.ErrLost         // an output's device has gone; is also ErrNoDevice
	ErrBusy         = errors.New("another Run or ReadInto is polling this engine")
)

// DriverError is a WinMM call that failed: its name, its MMRESULT and what that means.
type DriverError = cwinmm.Error

// isRefusal reports whether an error is what a driver has answered.
func isRefusal(err error) bool {
	var refused *DriverError
	return errors.As(err, &refused) && !errors.Is(err, ErrTimedOut)
}

// PortError is a failure with a port that exists.
type PortError struct {
	Port PortInfo
	Err  error
}

func (e *PortError) Error() string {
	return fmt.Sprintf("%s port %d %q: %v", e.Port.Direction, e.Port.Index, e.Port.Name, e.Err)
}

// Unwrap returns the cause.
func (e *PortError) Unwrap() error { return e.Err }

// NotFoundError says that no port matches, and which there are. It is an ErrNoDevice.
type NotFoundError struct {
	Direction Direction
	Wanted    Selector
	Exist     []PortInfo
}

func (e *NotFoundError) Error() string {
	var s strings.Builder
	if e.Wanted == (Selector{}) {
		fmt.Fprintf(&s, "empty %s port name", e.Direction)
	} else {
		fmt.Fprintf(&s, "no %s port %s", e.Direction, e.Wanted)
	}
	if len(e.Exist) == 0 {
		return s.String() + "; there are none"
	}
	s.WriteString("; there are")
	for i, p := range e.Exist {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, " %d %q", p.Index, p.Name)
	}
	return s.String()
}

// Is reports whether target is ErrNoDevice.
func (e *NotFoundError) Is(target error) bool { return target == ErrNoDevice }

// PanicError is what Run returns when its handler panicked.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // of the handler, as from debug.Stack
	Event Event  // the event it was given
}

func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.Value) }

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
