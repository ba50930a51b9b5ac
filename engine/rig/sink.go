package rig

import "github.com/onset-midi/onset/engine"

// sink is an open output, with the notes that the rig has switched on and not off.
type sink struct {
	out  *engine.Output
	held noteSet
}

// noteSet is a set of notes of all channels, and of channels with the sustain pedal down.
type noteSet struct {
	notes [16][2]uint64
	pedal uint16
}

func (n *noteSet) add(channel, note byte)    { n.notes[channel][note>>6&1] |= 1 << (note & 63) }
func (n *noteSet) remove(channel, note byte) { n.notes[channel][note>>6&1] &^= 1 << (note & 63) }

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

// off returns the messages that end what is in the set.
func (n *noteSet) off() []engine.Message {
	var all []engine.Message
	for channel := range engine.Message(16) {
		for note := range engine.Message(128) {
			if n.notes[channel][note>>6]>>(note&63)&1 != 0 {
				all = append(all, engine.NoteOff|channel|note<<8|64<<16)
			}
		}
		if n.pedal>>channel&1 != 0 {
			all = append(all, engine.ControlChange|channel|sustain<<8)
		}
	}
	return all
}

// end switches off what is held and not in endable.
func (s *sink) end(endable *noteSet) {
	var hanging noteSet
	for channel := range s.held.notes {
		for half := range s.held.notes[channel] {
			hanging.notes[channel][half] = s.held.notes[channel][half] &^ endable.notes[channel][half]
		}
	}
	hanging.pedal = s.held.pedal &^ endable.pedal
	for _, m := range hanging.off() {
		_ = s.Send(m) // what the driver refuses is counted
	}
}

// switchOff sends what ends a set, after all that is queued and however long it takes.
func (s *sink) switchOff(held *noteSet) {
	for _, m := range held.off() {
		_ = s.out.SendNow(m) // what the driver refuses is counted
	}
}

// notes returns what the routing can end, by output: notes and pedals that it has messages for.
func (r *routing) notes() map[*sink]*noteSet {
	all := make(map[*sink]*noteSet)
	for _, s := range r.sinks {
		if s != nil && all[s] == nil {
			all[s] = &noteSet{}
		}
	}
	t := r.rig.tables
	for _, target := range t.targets {
		s := r.sinks[target.output]
		if s == nil {
			continue
		}
		for _, step := range t.steps[target.first : target.first+uint32(target.count)+uint32(target.under)] {
			channel, number := step.Base.Status()&15, step.Base.Data1()
			switch status := step.Base.Status() &^ 15; {
			case status == engine.NoteOn || status == engine.NoteOff:
				all[s].add(channel, number)
			case status == engine.ControlChange && number == sustain:
				all[s].pedal |= 1 << channel
			}
		}
	}
	return all
}
