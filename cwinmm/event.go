package cwinmm

// Event is one packed event as the callback wrote it: struct onset_event in ring.h, which describes
// the fields.
type Event struct {
	Ticks    uint64 // the callback's clock reading
	Data     uint32 // status, data 1, data 2 from the lowest byte up; the Kind on top
	DriverMS uint32 // milliseconds since midiInStart; 0 for KindGap
}

// Kind is what an event is: enum onset_kind in ring.h.
type Kind uint8

// The kinds of event in a ring.
const (
	KindShort     Kind = iota // MIM_DATA
	KindMore                  // MIM_MOREDATA
	KindMalformed             // MIM_ERROR
	KindGap                   // events were lost here
	KindLong                  // MIM_LONGDATA: a buffer, Event.Buffer
	KindLongError             // MIM_LONGERROR: the same
)

// Kind returns what e is.
func (e Event) Kind() Kind { return Kind(e.Data >> 24 & 0xF) }

// Routed returns the tag of the routes that the callback has sent e along; 0: none.
func (e Event) Routed() uint8 { return uint8(e.Data >> 28) }

// Message returns status and data bytes, from the lowest byte up.
func (e Event) Message() uint32 { return e.Data & 0xFFFFFF }

// Buffer returns the number of the buffer of a KindLong or KindLongError, and whether it was the last that the
// driver had.
func (e Event) Buffer() (number int, dry bool) { return int(e.Data & 0xFF), e.Data>>16&1 != 0 }

// LostBy counts lost events by what they were: enum onset_loss in ring.h.
type LostBy [6]uint64

// The indices of LostBy.
const (
	LostNotes       = iota // note on and off
	LostControllers        // control change
	LostChannel            // other channel messages
	LostSystem             // system common and realtime
	LostMalformed          // MIM_ERROR
	LostLong               // buffers of long messages
)

// Total returns the sum.
func (l *LostBy) Total() uint64 {
	var sum uint64
	for _, n := range l {
		sum += n
	}
	return sum
}

// Ends is what lost messages would have ended, each bit once however many they were: struct onset_gap in
// ring.h.
type Ends struct {
	NoteOff [16][2]uint64 // by channel: bit n: of note n
	PedalUp uint16        // bit n: of channel n; control change 64 below 64
	AllOff  uint16        // bit n: of channel n; control change 120, 123 to 127
}

// Loss is what was lost at one place of the stream.
type Loss struct {
	By   LostBy
	Ends Ends
	Tags uint16 // bit n: a short message among them had been sent along the routes with tag n; bit 0: along none
}

// SourceMessage returns the n-th message of a source. Its DriverMS is n modulo 2^32.
func SourceMessage(n uint64) uint32 {
	return uint32(0x80 + n%112 + n%128<<8 + n/128%128<<16)
}
