package cwinmm

// Event is one packed event as the callback wrote it: struct onset_event in ring.h, which describes
// the fields.
type Event struct {
	Ticks    uint64 // the callback's clock reading
	Data     uint32 // status, data 1, data 2 from the lowest byte up; the Kind on top
	DriverMS uint32 // milliseconds since midiInStart; for KindGap see Ring.Next
}

// Kind is what an event is: enum onset_kind in ring.h.
type Kind uint8

// The kinds of event in a ring.
const (
	KindShort     Kind = iota // MIM_DATA
	KindMore                  // MIM_MOREDATA
	KindMalformed             // MIM_ERROR
	KindGap                   // events were lost here
)

// Kind returns what e is.
func (e Event) Kind() Kind { return Kind(e.Data >> 24) }

// Message returns status and data bytes, from the lowest byte up.
func (e Event) Message() uint32 { return e.Data & 0xFFFFFF }

// SourceMessage returns the n-th message of a source. Its DriverMS is n modulo 2^32.
func SourceMessage(n uint64) uint32 {
	return uint32(0x80 + n%112 + n%128<<8 + n/128%128<<16)
}
