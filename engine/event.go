package engine

import "github.com/onset-midi/onset/cwinmm"

// Port identifies an input or output among those that its Engine has opened since it was made. No two
// share one.
type Port int

// NoPort is the Port of events that are of no open port.
const NoPort Port = -1

// Kind is what an Event tells.
type Kind uint8

// The kinds of Event.
const (
	KindMessage   Kind = iota // a short message arrived
	KindMalformed             // the driver received bytes that are no message (MIM_ERROR): Message holds them
	KindGap                   // Lost events are missing here; LostBy says what they were
	KindPortLost              // the device has gone; notes and a message under way have been ended (see InputOptions.EndNotes)

	KindSysEx            // a system exclusive message arrived: SysEx holds it, from F0 to F7
	KindSysExCut         // the same, longer than InputOptions.SysExLimit: SysEx holds its beginning
	KindSysExInterrupted // one that did not come to its end (MIM_LONGERROR, or another message): SysEx holds what there was of it
	KindSysExEmpty       // the driver gave a buffer back without a byte in it, or several in a row
	KindSysExDry         // the driver has used up all buffers: what comes before one is back may be lost in it

	KindPortFound    // the device is there again, and will be opened; once for each loss
	KindPortReopened // that is done
	KindPortAdded    // the list of ports has another one; Port is NoPort
	KindPortRemoved  // a port is gone from the list; Port is NoPort

	KindOutputSlow  // the output's driver was slow, or refused a message in a driver's callback: its thread sends now
	KindOutputQuick // it has been calm since, and whoever has a message sends it again
	KindFeedback    // messages of the input go round: the output that Info describes leads back to it. They are not sent again

	// The machine has slept, and Instants before are not to be compared with those after; Port is NoPort. Ports are then
	// opened again (InputOptions.StayLost): KindPortLost and so on follow for each.
	KindResumed
)

// Event is something that happened on an input, an output, in the list of ports or to the machine. The one that a
// handler is given is the poller's and changes after the handler returns; copy it to keep it, and the bytes of SysEx.
type Event struct {
	Time    Instant    // when the driver called; of a KindGap, when there was room again or it was noticed
	Driver  DriverTime // the driver's own stamp; 0 where the driver has not called for this event
	Message Message    // 0 if not KindMessage or KindMalformed
	Kind    Kind
	// Recovered: the message is the engine's, at a gap or before a KindPortLost. It ends what a message that is missing
	// there would have ended, or, with InputOptions.EndNotes, what was held: a note-off, a pedal's release or all notes
	// off.
	Recovered bool
	// Routed is what the driver's callback has sent the message along (Input.Route); nil: it has not. Of a Recovered one, what
	// all the short messages that are missing were sent along: it need not be sent again, but one of them may have begun
	// anew what it ends. Of a KindGap, what some of them were sent along.
	Routed *Routes
	Port   Port
	Lost   uint64  // events missing, of a KindGap; else 0
	LostBy *LostBy // of a KindGap: what they were; good for as long as SysEx is
	// Info describes the port that a KindPortLost, Found, Reopened, Added, Removed, OutputSlow or OutputQuick is about, which
	// may be an output, and the output of a KindFeedback;
	// else nil. It may be kept.
	Info *PortInfo
	// SysEx is the engine's memory, mostly the driver's buffer itself. It may be read until the handler returns;
	// from ReadInto, until the next call of that or of Run, or the Close of the engine; the input may be closed before.
	SysEx []byte
}

// LostBy counts events by what they were. Buffers are those of system exclusive messages, of which one can
// take several.
type LostBy struct {
	Notes        uint64 // note on and off
	Controllers  uint64 // control change
	OtherChannel uint64 // key and channel pressure, program change, pitch bend
	System       uint64 // system common and realtime
	Malformed    uint64
	SysExBuffers uint64
	Notices      uint64 // events of NoPort and of outputs, of which 256 may wait; OutputStats.Device has the latter all the same
}

func lostBy(l *cwinmm.LostBy) LostBy {
	return LostBy{
		l[cwinmm.LostNotes], l[cwinmm.LostControllers], l[cwinmm.LostChannel], l[cwinmm.LostSystem],
		l[cwinmm.LostMalformed], l[cwinmm.LostLong], 0,
	}
}

// read makes ev what the driver's call with a short message is.
func (ev *Event) read(p *cwinmm.Event) {
	ev.Time = Instant(p.Ticks)
	ev.Kind = KindMessage
	if p.Kind() == cwinmm.KindMalformed {
		ev.Kind = KindMalformed
	}
	ev.Driver = DriverTime(p.DriverMS)
	ev.Message = Message(p.Message())
	ev.Recovered = false
	ev.Routed = nil
	ev.Lost = 0
	ev.LostBy = nil
	ev.Info = nil
	ev.SysEx = nil
}
