//go:build !cgo || !(linux || windows)

package cwinmm

import (
	"fmt"
	"runtime"
	"time"
)

// errNoCore is what everything here returns: the package compiles, and says what is missing.
var errNoCore = fmt.Errorf("onset was built without its C core for %s/%s: build on Windows or Linux with CGO_ENABLED=1 and a C compiler: %w",
	runtime.GOOS, runtime.GOARCH, ErrNotSupported)

// Driver is where devices come from. There are none in this build.
type Driver struct{}

// Shim returns d.
func (d *Driver) Shim() *Driver { return d }

// Inputs fails in this build.
func (*Driver) Inputs(time.Duration) ([]Caps, error) { return nil, errNoCore }

// Outputs fails in this build.
func (*Driver) Outputs(time.Duration) ([]Caps, error) { return nil, errNoCore }

// Watch looks at a list of devices. There is none in this build.
type Watch struct{}

// StartWatch fails in this build.
func StartWatch(*Driver, *Waiter, time.Duration) (*Watch, error) { return nil, errNoCore }

// Insist does nothing in this build.
func (*Watch) Insist(bool) {}

// Stop does nothing in this build.
func (*Watch) Stop(time.Duration) error { return nil }

// Share returns d.
func (d *Driver) Share() *Driver { return d }

// Close does nothing in this build.
func (*Driver) Close() {}

// Slept returns 0 in this build.
func (*Driver) Slept() time.Duration { return 0 }

// ErrHalfGranted is not returned in this build.
var ErrHalfGranted = ErrNotSupported

// StayAwake fails in this build.
func StayAwake() (func(), error) { return func() {}, errNoCore }

// FullSpeed fails in this build.
func FullSpeed() (func(), error) { return func() {}, errNoCore }

// HearWaking fails in this build.
func HearWaking() error { return errNoCore }

// Wakings returns 0 in this build.
func Wakings() uint32 { return 0 }

// OpenWinMM fails in this build.
func OpenWinMM() (*Driver, error) { return nil, errNoCore }

// Loopback is a driver of virtual cables. There are none in this build.
type Loopback struct{ Driver }

// Source is what a cable plays.
type Source struct {
	Count    uint64
	Interval time.Duration
	Follow   *Ring
	Window   uint64
}

// NewLoopback fails in this build.
func NewLoopback(...string) (*Loopback, error) { return nil, errNoCore }

// Play does nothing in this build.
func (*Loopback) Play(int, Source) uint64 { return 0 }

// Trace is the record of a measurement. There is none in this build.
type Trace struct {
	AtNS                                          []uint64
	Message                                       []uint32
	LateNS, Sent, Left, Entered, Arrived, Reached []uint64
}

// NewTrace fails in this build.
func NewTrace(int) (*Trace, error) { return nil, errNoCore }

// Free does nothing in this build.
func (*Trace) Free() {}

// Performance is how a trace is played.
type Performance struct {
	Clock     Clock
	Raise     bool
	Processor int
	Busy      time.Duration
	Moves     int
}

// Played is how that went.
type Played struct {
	Delivered uint64
	Granted   Priority
	Pinned    bool
	CPU       time.Duration
}

// RowLong marks a long message in a trace.
const RowLong = 0x01

// Perform does nothing in this build.
func (*Loopback) Perform(int, *Trace, Performance) Played { return Played{} }

// Sink does nothing in this build.
func (*Loopback) Sink(int, *Trace, Clock) {}

// Rogue is a driver thread that keeps to no rules. There is none in this build.
type Rogue struct{}

// Rogue returns nil in this build.
func (*Loopback) Rogue(int) *Rogue { return nil }

// Slow does nothing in this build.
func (*Loopback) Slow(int, time.Duration) {}

// Unplug does nothing in this build.
func (*Loopback) Unplug(int) {}

// Replug does nothing in this build.
func (*Loopback) Replug(int, int, string, string) {}

// HideIdentities does nothing in this build.
func (*Loopback) HideIdentities() {}

// Script fails in this build.
func (*Loopback) Script(Faults) error { return errNoCore }

// Strikes returns nil in this build.
func (*Loopback) Strikes() []Strike { return nil }

// Struck returns 0 in this build.
func (*Loopback) Struck() uint64 { return 0 }

// Readded returns 0 in this build.
func (*Loopback) Readded(int) uint64 { return 0 }

// Calls returns 0 in this build.
func (*Loopback) Calls(int) uint64 { return 0 }

// Dropped returns 0 in this build.
func (*Loopback) Dropped(int) uint64 { return 0 }

// OpenHandles returns 0 in this build.
func (*Loopback) OpenHandles() int { return 0 }

// Waiter is what a poller sleeps on. There is none in this build.
type Waiter struct{}

// NewWaiter fails in this build.
func NewWaiter() (*Waiter, error) { return nil, errNoCore }

// Arm does nothing in this build.
func (*Waiter) Arm() {}

// Disarm does nothing in this build.
func (*Waiter) Disarm() {}

// Wait does nothing in this build.
func (*Waiter) Wait(time.Duration) bool { return true }

// Command returns 0 in this build.
func (*Waiter) Command() uint32 { return 0 }

// Waker returns 0 in this build.
func (*Waiter) Waker() int { return 0 }

// Tell does nothing in this build.
func (*Waiter) Tell() {}

// Close does nothing in this build.
func (*Waiter) Close() {}

// Tether keeps a sleeper to a processor. There is none in this build.
type Tether struct{}

// Tether returns nil in this build.
func (*Waiter) Tether() *Tether { return nil }

// Begin returns false in this build.
func (*Tether) Begin() bool { return false }

// Narrow returns false in this build.
func (*Tether) Narrow(int) bool { return false }

// Widen does nothing in this build.
func (*Tether) Widen() {}

// Freed returns false in this build.
func (*Tether) Freed() bool { return false }

// End does nothing in this build.
func (*Tether) End() {}

// Ring is the consumer's side of an input's ring. There is none in this build.
type Ring struct{}

// Look returns 0 in this build.
func (*Ring) Look() uint64 { return 0 }

// News returns false in this build.
func (*Ring) News() bool { return false }

// Next does nothing in this build.
func (*Ring) Next(*Event) {}

// Meet returns false in this build.
func (*Ring) Meet(*Loss) bool { return false }

// NextTicks returns 0 in this build.
func (*Ring) NextTicks() uint64 { return 0 }

// Lost returns false in this build.
func (*Ring) Lost(*Loss) bool { return false }

// Calm returns true in this build.
func (*Ring) Calm() bool { return true }

// Drained returns true in this build.
func (*Ring) Drained() bool { return true }

// Gone returns false in this build.
func (*Ring) Gone() bool { return false }

// Capacity returns 0 in this build.
func (*Ring) Capacity() uint64 { return 0 }

// Input is an open input device. There is none in this build.
type Input struct{ Ring *Ring }

// OpenInput fails in this build.
func OpenInput(*Driver, int, *Waiter, InputOptions, time.Duration) (*Input, error) {
	return nil, errNoCore
}

// Close does nothing in this build.
func (*Input) Close(time.Duration) error { return nil }

// Free does nothing in this build.
func (*Input) Free() {}

// Settled returns true in this build.
func (*Input) Settled() bool { return true }

// Kept returns false in this build.
func (*Input) Kept() bool { return false }

// Discard does nothing in this build.
func (*Input) Discard(time.Duration) {}

// Route does nothing in this build.
func (*Input) Route(*Routes) error { return errNoCore }

// Bytes returns nothing in this build.
func (*Input) Bytes(int) []byte { return nil }

// Stuck returns nil in this build.
func (*Input) Stuck(time.Duration) error { return nil }

// Return does nothing in this build.
func (*Input) Return(int) {}

// KeptPools returns 0 in this build.
func KeptPools() int { return 0 }

// LeftOpen returns 0 in this build.
func LeftOpen() int { return 0 }

// Abandoned returns 0 in this build.
func Abandoned() int { return 0 }

// Counts returns nothing in this build.
func (*Input) Counts() InputCounts { return InputCounts{} }

// StaleCallbacks returns 0 in this build.
func StaleCallbacks() uint64 { return 0 }

// Output is an open output device. There is none in this build.
type Output struct{}

// OpenOutput fails in this build.
func OpenOutput(*Driver, int, OutputOptions, time.Duration) (*Output, error) { return nil, errNoCore }

// Send fails in this build.
func (*Output) Send(...uint32) error { return errNoCore }

// SendLong fails in this build.
func (*Output) SendLong([]byte) error { return errNoCore }

// SendNow fails in this build.
func (*Output) SendNow(uint32) error { return errNoCore }

// Gone returns false in this build.
func (*Output) Gone() bool { return false }

// Lose does nothing in this build.
func (*Output) Lose() {}

// ResetFirst does nothing in this build.
func (*Output) ResetFirst(bool) {}

// Missed returns 0 in this build.
func (*Output) Missed() uint64 { return 0 }

// Counts returns nothing in this build.
func (*Output) Counts() OutputCounts { return OutputCounts{} }

// Close does nothing in this build.
func (*Output) Close(time.Duration) error { return nil }

// Settled returns true in this build.
func (*Output) Settled() bool { return true }

// Free does nothing in this build.
func (*Output) Free() {}

// Held returns 0 in this build.
func Held() int { return 0 }

// StaleDones returns 0 in this build.
func StaleDones() uint64 { return 0 }

// ThreadID returns 0 in this build.
func ThreadID() uint64 { return 0 }

// RaiseThread does nothing in this build.
func RaiseThread(bool) (Priority, func()) { return PriorityNormal, func() {} }

// PinThread does nothing in this build.
func PinThread(int) bool { return false }

// SleepUntil does nothing in this build.
func SleepUntil(uint64) {}

// OSNanoseconds returns 0 in this build.
func OSNanoseconds() uint64 { return 0 }
