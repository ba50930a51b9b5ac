package engine

import "github.com/onset-midi/onset/cwinmm"

// Port identifies an input among those that its Engine has opened since it was made. No two share
// one.
type Port int

// Kind is what an Event tells.
type Kind uint8

// The kinds of Event.
const (
	KindMessage   Kind = iota // a short message arrived
	KindMalformed             // the driver received bytes that are no message (MIM_ERROR): Message holds them
	KindGap                   // Lost events are missing here
	KindPortLost              // the device has gone; nothing more comes from this port
)

// Event is something that happened on an input. The one that a handler is given is the poller's and
// changes after the handler returns; copy it to keep it.
type Event struct {
	Time    Instant    // when the driver called; of a KindGap, when there was room again or it was noticed
	Driver  DriverTime // the driver's own stamp; 0 if not KindMessage or KindMalformed
	Message Message    // 0 if not KindMessage or KindMalformed
	Kind    Kind
	Port    Port
	Lost    uint64 // events missing, of a KindGap; else 0
}

// read makes ev the event that p holds, all but its port.
func (ev *Event) read(p *cwinmm.Event) {
	ev.Time = Instant(p.Ticks)
	ev.Kind = KindMessage
	ev.Driver = DriverTime(p.DriverMS)
	ev.Message = Message(p.Message())
	ev.Lost = 0
	switch p.Kind() {
	case cwinmm.KindMalformed:
		ev.Kind = KindMalformed
	case cwinmm.KindGap:
		ev.Kind = KindGap
		ev.Lost = uint64(p.DriverMS)
		ev.Driver = 0
		ev.Message = 0
	}
}
