package engine

import (
	"math/bits"
	"sync/atomic"

	"github.com/onset-midi/onset/cwinmm"
)

// stream makes events of what is in an input's ring. Mostly that is one for one; but a buffer can hold several
// messages or a part of one, and a gap is followed by what the lost messages would have ended.
//
// It belongs to the poller, but for the counters.
type stream struct {
	in   *cwinmm.Input
	port Port

	// behind: some of this is to be delivered before the ring is read on, in this order.
	behind      bool
	buffer      int    // that is being read; below 0: none
	rest        []byte // of it, still to be read
	void        bool   // an empty buffer; one event for several in a row
	emptied     bool   // the one before was one
	interrupted bool   // the message that has begun ends without its end
	dry         bool   // the driver has no buffer left
	held        bool   // stash
	stash       Event
	ends        cwinmm.Ends
	endsRouted  *Routes // that they have been sent along
	gone        bool    // the end of the device,
	was         PortInfo
	at          Instant
	driver      DriverTime

	sysex    assembly
	notes    *notesHeld  // nil without InputOptions.EndNotes
	tag      uint8       // of the routes now
	tags     [16]*Routes // see routing
	arming   bool        // no event with that tag has come yet
	loss     cwinmm.Loss
	lostBy   LostBy
	goneTold bool

	counts [KindSysExDry + 1]atomic.Uint64 // of events, by kind
	ended  atomic.Uint64                   // of those with Recovered
}

// notesHeld are notes and pedals that are held, as in cwinmm.Ends.
type notesHeld struct {
	notes  [16][2]uint64
	pedals uint16
}

// next makes ev the next event of the left ones in the ring. False: there is none left. The bytes of the
// event before are not good any more.
func (s *stream) next(ev *Event, left *uint64) bool {
	for {
		if s.behind && s.more(ev) {
			return true
		}
		if *left == 0 {
			return false
		}
		*left--
		if s.take(ev) {
			return true
		}
	}
}

// take makes ev what comes next in the ring. False: it has to be looked at more closely, by more.
func (s *stream) take(ev *Event) bool {
	var packed cwinmm.Event
	s.in.Ring.Next(&packed)
	if packed.Kind() == cwinmm.KindGap && !s.in.Ring.Meet(&s.loss) {
		return false
	}
	emptied := s.emptied
	s.emptied = false
	switch packed.Kind() {
	case cwinmm.KindGap:
		s.gap(ev, Instant(packed.Ticks))
		return true
	case cwinmm.KindLong, cwinmm.KindLongError:
		s.open(&packed, emptied)
		return false
	}
	ev.read(&packed)
	ev.Port = s.port
	if tag := packed.Routed(); tag != 0 {
		ev.Routed = s.tags[tag]
		s.arming = s.arming && tag != s.tag
	}
	if s.sysex.partial && ev.Kind == KindMessage && ev.Message.Status() < Clock {
		// Any status but a realtime one ends a system exclusive message (MIDI 1.0, System Exclusive).
		s.at, s.driver = ev.Time, ev.Driver
		s.stash = *ev
		s.held, s.interrupted, s.behind = true, true, true
		return false
	}
	if s.notes != nil {
		s.note(ev.Message)
	}
	return true
}

// open begins with a buffer. emptied: the event before was an empty one.
func (s *stream) open(packed *cwinmm.Event, emptied bool) {
	s.behind = true
	s.at, s.driver = Instant(packed.Ticks), DriverTime(packed.DriverMS)
	s.buffer, s.dry = packed.Buffer()
	s.rest = s.in.Bytes(s.buffer)
	s.interrupted = packed.Kind() == cwinmm.KindLongError
	if len(s.rest) == 0 && !s.interrupted {
		s.counts[KindSysExEmpty].Add(1)
		s.emptied, s.void = true, !emptied
	}
}

// gap makes ev the place where s.loss happened, which is followed by what that would have ended.
func (s *stream) gap(ev *Event, at Instant) {
	s.lostBy = lostBy(&s.loss.By)
	*ev = Event{Time: at, Kind: KindGap, Port: s.port, Lost: s.loss.By.Total(), LostBy: &s.lostBy}
	s.counts[KindGap].Add(1)
	s.at, s.driver, s.behind = at, 0, true
	s.ends, s.endsRouted = s.loss.Ends, nil
	if tags := s.loss.Tags; tags > 1 { // more than 0, which is none
		ev.Routed = s.tags[bits.Len16(tags)-1]
		if bits.OnesCount16(tags) == 1 {
			s.endsRouted = ev.Routed
		}
	}
	s.interrupted = s.sysex.partial && s.lostBy.SysExBuffers > 0
	if s.endsRouted == nil { // a callback has sent nothing but what was lost
		s.endHeld()
	}
}

// endHeld adds the notes that are held to what is to be ended.
func (s *stream) endHeld() {
	if s.notes == nil {
		return
	}
	for channel := range s.notes.notes {
		for half := range s.notes.notes[channel] {
			s.ends.NoteOff[channel][half] |= s.notes.notes[channel][half]
		}
	}
	s.ends.PedalUp |= s.notes.pedals
}

// vanish has the end of the device delivered, and before it the end of what was going on.
func (s *stream) vanish() {
	s.breakOff()
	s.gone, s.goneTold = true, true
}

// breakOff has the end of what was going on delivered.
func (s *stream) breakOff() {
	s.at, s.driver, s.behind = Now(), 0, true
	s.interrupted, s.endsRouted = s.sysex.partial, nil
	s.endHeld()
}

// goesOn reports whether anything is going on.
func (s *stream) goesOn() bool {
	return s.sysex.partial || s.notes != nil && *s.notes != notesHeld{}
}

// follow goes on with another opening of the device.
func (s *stream) follow(in *cwinmm.Input) {
	s.in, s.goneTold, s.emptied = in, false, false
	s.tag = 0 // adopted again
}

// more makes ev what is to be delivered before the ring is read on. False: nothing is, any more.
func (s *stream) more(ev *Event) bool {
	if s.buffer >= 0 && s.read(ev) {
		return true
	}
	switch {
	case s.void:
		s.void = false
		*ev = Event{Time: s.at, Driver: s.driver, Port: s.port, Kind: KindSysExEmpty}
	case s.interrupted:
		_, message := s.sysex.complete(KindSysExInterrupted)
		s.long(ev, KindSysExInterrupted, message)
	case s.dry:
		s.dry = false
		s.long(ev, KindSysExDry, nil)
	case s.held:
		s.held = false
		*ev = s.stash
		if s.notes != nil {
			s.note(ev.Message)
		}
	default:
		return s.end(ev)
	}
	return true
}

// end makes ev the end of a note, of what else is held, or of the device. False: there is none.
func (s *stream) end(ev *Event) bool {
	message, ok := takeEnd(&s.ends)
	switch {
	case ok:
		*ev = Event{Time: s.at, Port: s.port, Message: message, Recovered: true, Routed: s.endsRouted}
		s.ended.Add(1)
		if s.notes != nil {
			s.note(message)
		}
	case s.gone:
		s.gone = false
		was := s.was
		*ev = Event{Time: s.at, Kind: KindPortLost, Port: s.port, Info: &was}
	default:
		s.behind = false
		return false
	}
	return true
}

// read makes ev the next message of the buffer. False: there is none left; the buffer, whose last message has
// been delivered, is given back.
func (s *stream) read(ev *Event) bool {
	for len(s.rest) > 0 {
		used, kind, message, ok := s.sysex.next(s.rest)
		s.rest = s.rest[used:]
		if ok {
			s.long(ev, kind, message)
			return true
		}
	}
	s.in.Return(s.buffer)
	s.buffer = -1
	return false
}

// long makes ev an event of a buffer.
func (s *stream) long(ev *Event, kind Kind, message []byte) {
	*ev = Event{Time: s.at, Driver: s.driver, Port: s.port, Kind: kind, SysEx: message}
	s.counts[kind].Add(1)
	if kind == KindSysExInterrupted {
		s.interrupted = false // told
	}
}

// note follows which notes and pedals are held.
func (s *stream) note(m Message) {
	channel, note := m.Status()&15, m.Data1()&0x7F
	word, bit := &s.notes.notes[channel][note/64], uint64(1)<<(note%64)
	switch status := m.Status() &^ 15; {
	case status == NoteOn && m.Data2() > 0:
		*word |= bit
	case status == NoteOn, status == NoteOff:
		*word &^= bit
	case status == ControlChange && (note == allSoundOff || note >= allNotesOff):
		s.notes.notes[channel] = [2]uint64{}
	case status == ControlChange && note == holdPedal && m.Data2() >= 64:
		s.notes.pedals |= 1 << channel
	case status == ControlChange && note == holdPedal:
		s.notes.pedals &^= 1 << channel
	}
}

// Controllers that end something (MIDI 1.0, Channel Mode Messages).
const (
	holdPedal   = 64
	allSoundOff = 120
	allNotesOff = 123 // and the modes 124 to 127, which are that too
	offVelocity = 64  // where none is known (MIDI 1.0, Note-Off)
)

// takeEnd takes the next of what is to be ended, as a message. ok is false when there is nothing left.
func takeEnd(ends *cwinmm.Ends) (m Message, ok bool) {
	for channel := range ends.NoteOff {
		for half := range ends.NoteOff[channel] {
			if word := &ends.NoteOff[channel][half]; *word != 0 {
				note := 64*half + bits.TrailingZeros64(*word)
				*word &= *word - 1
				return pack(NoteOff, channel, note, offVelocity), true
			}
		}
	}
	if ends.PedalUp != 0 {
		channel := bits.TrailingZeros16(ends.PedalUp)
		ends.PedalUp &= ends.PedalUp - 1
		return pack(ControlChange, channel, holdPedal, 0), true
	}
	if ends.AllOff != 0 {
		channel := bits.TrailingZeros16(ends.AllOff)
		ends.AllOff &= ends.AllOff - 1
		return pack(ControlChange, channel, allNotesOff, 0), true
	}
	return 0, false
}

func pack(status, channel, data1, data2 int) Message {
	return Message(status | channel | data1<<8 | data2<<16)
}
