package rig

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// sink is an open output, with the notes that the rig has switched on and not off.
type sink struct {
	out  *engine.Output
	held noteSet
	lost noteSet // what was held when its device went, which may still sound: nothing has reached it since
	away bool    // the device is

	lapses  uint64         // as counted when a callback last ended a note
	doubted engine.Instant // until when what callbacks sent may not have arrived
}

// noteSet is a set of notes of all channels, and of channels with the sustain pedal down.
type noteSet struct {
	notes [16][2]uint64
	pedal uint16
}

func (n *noteSet) add(channel, note byte) { n.notes[channel][note>>6&1] |= 1 << (note & 63) }
func (n *noteSet) has(channel, note byte) bool {
	return n.notes[channel][note>>6&1]>>(note&63)&1 != 0
}
func (n *noteSet) remove(channel, note byte) { n.notes[channel][note>>6&1] &^= 1 << (note & 63) }

// join adds another set.
func (n *noteSet) join(other *noteSet) {
	for channel := range n.notes {
		n.notes[channel][0] |= other.notes[channel][0]
		n.notes[channel][1] |= other.notes[channel][1]
	}
	n.pedal |= other.pedal
}

// part takes away what is in another set.
func (n *noteSet) part(other *noteSet) {
	for channel := range n.notes {
		n.notes[channel][0] &^= other.notes[channel][0]
		n.notes[channel][1] &^= other.notes[channel][1]
	}
	n.pedal &^= other.pedal
}

const (
	sustain     = 64  // control change: the pedal
	allSoundOff = 120 // channel mode messages (MIDI 1.0, Table IV)
	allNotesOff = 123 // and all after it
)

// Send sends a message, and keeps account of the notes that are held.
func (s *sink) Send(m engine.Message) error {
	if err := s.out.Send(m); err != nil {
		return err
	}
	s.held.follow(m)
	return nil
}

// SendTogether sends messages, and keeps account of the notes that are held.
func (s *sink) SendTogether(messages []engine.Message) error {
	if len(messages) == 1 {
		return s.Send(messages[0])
	}
	err := s.out.SendTogether(messages)
	for _, m := range messages {
		// With an error some may have been sent: what they would begin is to be ended, what they end may go on.
		if err == nil || begins(m) {
			s.held.follow(m)
		}
	}
	return err
}

// begins reports whether a message begins a note, or puts the pedal down.
func begins(m engine.Message) bool {
	switch m.Status() &^ 15 {
	case engine.NoteOn:
		return m.Data2() > 0
	case engine.ControlChange:
		return m.Data1() == sustain && m.Data2() >= 64
	}
	return false
}

// Sent keeps account of messages that the driver's callback has sent, at a time. If the driver may have refused them,
// or its device has gone, a note that one of these ends counts as held: it may be.
func (s *sink) Sent(messages []engine.Message, at engine.Instant) {
	for _, m := range messages {
		after := s.held
		after.follow(m)
		if s.away && begins(m) {
			s.lost.follow(m) // it may be back already
		} else if after != s.held && (begins(m) || !s.lapsed(at)) {
			s.held = after
		}
	}
}

// mayHold has notes count as held: they may be.
func (s *sink) mayHold(notes *noteSet) {
	if s.away {
		s.lost.join(notes)
	} else {
		s.held.join(notes)
	}
}

// lapsed reports whether a message of that time may not have reached the device. Others than this may have been
// refused: it is so of all that came before that was seen.
func (s *sink) lapsed(at engine.Instant) bool {
	lapses, lost := s.out.Lapses()
	if lapses != s.lapses {
		s.lapses, s.doubted = lapses, engine.Now()
	}
	return lost || at <= s.doubted
}

// SendSysEx sends a system exclusive message, of which the output makes a copy.
func (s *sink) SendSysEx(bytes []byte) error { return s.out.SendSysEx(bytes) }

// follow keeps account of a message that has been sent.
func (n *noteSet) follow(m engine.Message) {
	channel := m.Status() & 15
	switch m.Status() &^ 15 {
	case engine.NoteOn:
		if m.Data2() > 0 {
			n.add(channel, m.Data1())
		} else {
			n.remove(channel, m.Data1())
		}
	case engine.NoteOff:
		n.remove(channel, m.Data1())
	case engine.ControlChange:
		switch number := m.Data1(); {
		case number == sustain && m.Data2() >= 64:
			n.pedal |= 1 << channel
		case number == sustain:
			n.pedal &^= 1 << channel
		case number == allSoundOff, number >= allNotesOff:
			n.notes[channel] = [2]uint64{}
		}
	}
}

// mayFollow adds what a step's message may begin, whatever its value is.
func (n *noteSet) mayFollow(step control.Step) {
	if !step.Varies() && !begins(step.Base) {
		return
	}
	channel, number := step.Base.Status()&15, step.Base.Data1()
	anyNumber := step.Low == 8 || step.High == 8
	if status := step.Base.Status() &^ 15; status == engine.NoteOn {
		n.add(channel, number)
		if anyNumber {
			n.notes[channel] = [2]uint64{^uint64(0), ^uint64(0)}
		}
	} else if status == engine.ControlChange && (number == sustain || anyNumber) {
		n.pedal |= 1 << channel
	}
}

// hold adds what a message of off ends.
func (n *noteSet) hold(off engine.Message) {
	if channel := off.Status() & 15; off.Status()&^15 == engine.NoteOff {
		n.add(channel, off.Data1())
	} else {
		n.pedal |= 1 << channel
	}
}

// off returns the messages that end what is in the set.
func (n *noteSet) off() []engine.Message {
	var all []engine.Message
	for channel := range engine.Message(16) {
		for note := range engine.Message(128) {
			if n.has(byte(channel), byte(note)) {
				all = append(all, engine.NoteOff|channel|note<<8|64<<16)
			}
		}
		if n.pedal>>channel&1 != 0 {
			all = append(all, engine.ControlChange|channel|sustain<<8)
		}
	}
	return all
}

// switchOff sends what ends a set, after all that is queued and however long it takes.
func (s *sink) switchOff(held *noteSet) {
	for _, m := range held.off() {
		_ = s.out.SendNow(m) // what the driver refuses is counted
	}
}

// lose takes notice that the device has gone.
func (s *sink) lose() {
	s.lost.join(&s.held)
	s.held, s.away = noteSet{}, true
}

// comeBack switches off what was held when the device went, but for what the program has switched on again since. If it has gone once more, that is done when it is back from there.
func (s *sink) comeBack() {
	s.lost.part(&s.held)
	var unsent noteSet
	for _, m := range s.lost.off() {
		switch err := s.out.Send(m); {
		case errors.Is(err, engine.ErrNoDevice):
			return // still away
		case errors.Is(err, engine.ErrQueueFull):
			unsent.hold(m)
		}
	}
	s.lost, s.away = noteSet{}, false
	if unsent != (noteSet{}) {
		go s.switchOff(&unsent) // the output's end ends this too
	}
}

// hanging are notes of an output that may be sounding, and that something has to end.
type hanging struct {
	sink  *sink
	notes noteSet
}

// holders say by sums which controls set each note of an output, and how. Equal sums: the same; 0: none.
type holders struct {
	notes [16][128]uint64
	pedal [16]uint64
}

// findHolders returns the holders of each output's notes.
func (r *routing) findHolders() map[*sink]*holders {
	all := make(map[*sink]*holders)
	for _, s := range r.sinks {
		if s != nil && all[s] == nil {
			all[s] = &holders{}
		}
	}
	t := r.rig.tables
	for i, instance := range r.rig.Instances {
		if t.inputs[i] < 0 {
			continue
		}
		input := uint32(t.inputs[i])
		for _, c := range t.mapped(input) {
			for _, target := range t.find(input, c) {
				if s := r.sinks[target.output]; s != nil {
					source := fmt.Sprint(instance.Read, " ", instance.Name, " ", c)
					all[s].add(source, t.steps[target.first:target.first+uint32(target.count)+uint32(target.under)])
				}
			}
		}
	}
	return all
}

func (h *holders) add(source string, steps []control.Step) {
	for _, step := range steps {
		sum := fnv.New64a()
		_, _ = fmt.Fprint(sum, source, step) // a hash takes everything
		channel, number := step.Base.Status()&15, step.Base.Data1()
		switch status := step.Base.Status() &^ 15; {
		case status == engine.NoteOn || status == engine.NoteOff:
			h.notes[channel][number] += sum.Sum64()
		case status == engine.ControlChange && number == sustain:
			h.pedal[channel] += sum.Sum64()
		}
	}
}

// endOrphans switches off what is held, but for what was so at an earlier time, and has other holders from now on: the
// key that holds it may end something else. It returns what it could not switch off.
func endOrphans(before, after map[*sink]*holders, earlier map[*sink]noteSet) (unsent []hanging) {
	for s, next := range after {
		old, ok := before[s]
		if !ok {
			continue
		}
		held, was := s.held, earlier[s]
		held.part(&was)
		if held == (noteSet{}) {
			continue
		}
		var orphans noteSet
		for channel := range byte(16) {
			for note := range byte(128) {
				if held.has(channel, note) && old.notes[channel][note] != next.notes[channel][note] {
					orphans.add(channel, note)
				}
			}
			if held.pedal>>channel&1 != 0 && old.pedal[channel] != next.pedal[channel] {
				orphans.pedal |= 1 << channel
			}
		}
		failed := hanging{sink: s}
		for _, m := range orphans.off() {
			if s.Send(m) != nil {
				failed.notes.hold(m)
			}
		}
		if failed.notes != (noteSet{}) {
			unsent = append(unsent, failed)
		}
	}
	return unsent
}
