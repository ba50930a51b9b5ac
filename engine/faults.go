package engine

import (
	"io"

	"github.com/onset-midi/onset/cwinmm"
)

// Faults is a script of what goes wrong in a Loopback, from ParseFaults. The zero value has nothing go
// wrong.
type Faults = cwinmm.Faults

// ParseFaults reads a script of faults, to be tried on a Loopback: what its driver does wrong, and when.
// The text is a fault a line:
//
//	midiInOpen cable=0 nth=1             -> ALLOCATED   ; the first time, after that it works
//	midiInReset nth=2..4                 -> NODRIVER    ; of any cable
//	midiInClose cable=0                  -> STILLPLAYING
//	midiOutShortMsg cable=1 nth=100..    -> delay 5s
//	midiOutLongMsg                       -> no-done
//	at=2s cable=0                        -> unplug
//	at=4s cable=0                        -> replug index=0 name="2- Onset"
//	message cable=0 nth=100              -> stamp to=4294967295
//	midiInStop cable=0                   -> MIM_DATA
//
// What stands behind a semicolon is a comment, unless it is in quotation marks. Before the arrow is what
// sets the fault off, one of
//
//	midiInOpen, ...   the call of that name, before it is carried out (midiIn and midiOut: GetNumDevs,
//	                  GetDevCaps, Open, PrepareHeader, UnprepareHeader, Reset, Close; midiIn: AddBuffer,
//	                  Start, Stop; midiOut: ShortMsg, LongMsg)
//	message           a callback of the cable's own that carried a message, when it has returned
//	at=DURATION       the time since the script began, once
//
// with, in any order,
//
//	cable=N           only for the cable of this number (else for all, counted together); needed with at
//	nth=N, N..M, N..  only the N-th time, the N-th to the M-th, from the N-th on; else every time
//
// Behind the arrow is what happens, with a call one of
//
//	ALLOCATED, ...    the result of this name, with or without MMSYSERR_ or MIDIERR_; the call is not
//	                  carried out. NOERROR: it pretends to have been
//	delay DURATION    the call takes so much longer; with message, the cable's thread stops for so long
//	hang              the same, until the script ends
//	done-inside       midiOutLongMsg: MOM_DONE comes within the call, on its thread, when the bytes have gone
//	no-done           midiOutLongMsg: the bytes go, but MOM_DONE comes only from midiOutReset
//	no-close          midiInClose: no MIM_CLOSE comes
//	bounce            midiInAddBuffer: then the first buffer comes back, with no bytes
//	storm N           midiInReset: gives back no more than N buffers (else those that are added again
//	                  from within come back for ever); those that are left make midiInClose refuse
//
// or with any of them, but for GetNumDevs, an event:
//
//	unplug            as Loopback.Unplug
//	replug            as Loopback.Replug, with index=N, name="..." and id="...", if given
//	MIM_DATA, MIM_MOREDATA, MIM_ERROR
//	                  a callback with message=HEX, as the bytes are sent, or 903C40
//	MIM_LONGDATA, MIM_LONGERROR
//	                  the first buffer, if there is one, comes back with bytes=N, or 0
//	MIM_CLOSE         a callback that says so, and nothing else
//	suspend DURATION  the machine has slept for so long, as its clocks show (KindResumed); devices know nothing
//	                  of it unless the script says so too
//	stamp to=N, by=N  the next message's time stamp is N milliseconds, or so much more (less, if negative),
//	                  and later ones go on from there
//
// An event of a call happens on another thread while the call waits, one of a message on the cable's
// thread. With after=DURATION it happens so much later on a thread of its own; a callback then goes to
// whom it would have gone at first, also when that has closed. Where several faults meet in one call,
// all have their effect in their order; the first result is the call's.
//
// An error names every line that is wrong, after name, and says what was found and what is possible.
// Lengths have limits: 1 MiB of text, 1,000 faults.
func ParseFaults(r io.Reader, name string) (Faults, error) { return cwinmm.ParseFaults(r, name) }

// Script has faults happen from now on, in place of those of an earlier script: calls that hang or are
// delayed for that go on, and its events that have not happened do not. So Script(Faults{}) ends
// everything, as does Close. A cable that there is not is an error, and nothing changes.
func (l *Loopback) Script(faults Faults) error { return l.loop.Script(faults) }

// Strike is what has become of a fault of a script.
type Strike = cwinmm.Strike

// Strikes returns what has become of the script's faults, in the order of its lines; nil when it has ended.
func (l *Loopback) Strikes() []Strike { return l.loop.Strikes() }

// Struck returns how often faults of the script have happened or, as with delay and hang, begun to; 0 when
// it has ended.
func (l *Loopback) Struck() uint64 { return l.loop.Struck() }
