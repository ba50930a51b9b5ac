package engine

import (
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/onset-midi/onset/cwinmm"
)

// Driver is where ports come from: WinMM or a Loopback. One may serve several engines. Close it after
// they are closed.
type Driver interface {
	Close()
	Shim() *cwinmm.Driver // what the engine opens ports through
}

// WinMM returns winmm.dll. Elsewhere than on Windows the error is ErrNotSupported.
func WinMM() (Driver, error) {
	d, err := cwinmm.OpenWinMM()
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Loopback is a driver of virtual cables within this process: what is sent to a cable's output port
// arrives at its input port, delivered from a thread of the cable's own under WinMM's rules. Ports
// have the cables' names and, while no cable is unplugged, their indices. Its methods may be called
// concurrently, but not after or with Close.
type Loopback struct{ loop *cwinmm.Loopback }

// NewLoopback makes a cable for each name, 1 to 255 of them. Names have 1 to 31 UTF-16 units, as
// WinMM's do; they need not differ. Cables are numbered from 0; the methods that take a number panic if
// there is no such cable.
func NewLoopback(names ...string) (*Loopback, error) {
	l, err := cwinmm.NewLoopback(names...)
	if err != nil {
		return nil, err
	}
	return &Loopback{l}, nil
}

// Shim returns what the engine opens ports through.
func (l *Loopback) Shim() *cwinmm.Driver { return l.loop.Shim() }

// Close ends the script of faults and gives the cables up.
func (l *Loopback) Close() { l.loop.Close() }

// Slow lets each message sent to the cable, and each closing of its input, take at least d. Many drivers
// return from sending when the bytes are on the wire: about a millisecond for three bytes at DIN speed.
func (l *Loopback) Slow(cable int, d time.Duration) { l.loop.Slow(cable, d) }

// Unplug pulls the cable out: open ports are lost, the lists of ports close up.
func (l *Loopback) Unplug(cable int) { l.loop.Unplug(cable) }

// Replug puts the cable back into the lists of ports, at an index or at their ends where that is less. Name
// is its new one, of 1 to 31 UTF-16 units, or empty: as before; its interface id stays. Ports that were open
// stay lost, and have to be closed and opened again.
func (l *Loopback) Replug(cable, index int, name string) error {
	if n := len(utf16.Encode([]rune(name))); n > 31 {
		return fmt.Errorf("loopback: cable name %q: at most 31 UTF-16 units are possible", name)
	}
	if index < 0 {
		return fmt.Errorf("loopback: index %d: from 0 on is possible", index)
	}
	l.loop.Replug(cable, index, name, "")
	return nil
}

// Calls returns how many callbacks with a message or a buffer, full or empty, the cable has made, faults'
// among them, to whichever input: what the statistics of its inputs have to account for, together with
// Stats.StaleCallbacks. The empty buffers that come back while an input is being closed are in none. Nor is a
// Rogue's call in this.
func (l *Loopback) Calls(cable int) uint64 { return l.loop.Calls(cable) }

// Dropped returns how many bytes of system exclusive messages the cable's input had no buffer for, or
// were the rest of one that was cut off.
func (l *Loopback) Dropped(cable int) uint64 { return l.loop.Dropped(cable) }

// Readded returns how many buffers were added to the cable's input while midiInReset gave them back. A
// client that does so is given them again, for ever.
func (l *Loopback) Readded(cable int) uint64 { return l.loop.Readded(cable) }

// OpenPorts returns how many ports are open, inputs and outputs, in all engines together.
func (l *Loopback) OpenPorts() int { return l.loop.OpenHandles() }

// Source is a stream of messages that a cable's own thread plays into the cable's input port, as an
// instrument would: for tests and measurements. SourceMessage says which messages; the Event's
// Driver is the message's number instead of a time.
type Source struct {
	Count    uint64
	Interval time.Duration // from one message to the next; 0: as fast as the callback returns
	// Follow, if not nil, is the open input that the source goes easy on: it lets no more events wait
	// there than half of its ring. Drivers know no such thing.
	Follow *Input
}

// Rogue is a driver thread that keeps to no rules: it calls the callback of an open input on its
// caller's thread and under no lock, at the same time as the cable's own thread, and on after the input
// has been closed. Its methods may be called concurrently.
type Rogue = cwinmm.Rogue

// Rogue returns a rogue for the cable's open input port; nil: it is not open.
func (l *Loopback) Rogue(cable int) *Rogue { return l.loop.Rogue(cable) }

// SourceMessage returns the n-th message of every Source.
func SourceMessage(n uint64) Message { return Message(cwinmm.SourceMessage(n)) }

// Play plays s into a cable's input port and returns when it is done, with the number of messages
// delivered: fewer than Count if the port was or has been closed.
func (l *Loopback) Play(cable int, s Source) (delivered uint64, err error) {
	if s.Interval < 0 {
		return 0, fmt.Errorf("source: interval %v: times are not negative", s.Interval)
	}
	c := cwinmm.Source{Count: s.Count, Interval: s.Interval}
	if s.Follow != nil {
		if !s.Follow.open() {
			return 0, fmt.Errorf("source: the input to follow: %w", ErrClosed)
		}
		ring := s.Follow.in.Ring
		c.Follow, c.Window = ring, ring.Capacity()/2
	}
	return l.loop.Play(cable, c), nil
}
