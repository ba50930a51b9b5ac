package rig

import (
	"fmt"
	"iter"
	"strings"

	"github.com/onset-midi/onset/engine/control"
)

// Route is what one control, or kind of system message, that arrives leads to on one output.
type Route struct {
	From     string // as in "in.ch0.cc7"
	To       string // as in "out.ch0.cc8"
	Messages string // that are sent, as control.ParseTemplate reads them; "F0 ... F7" is one that is passed on
	Over     int    // loopback channels on the way
	Lane     Lane   // DirectLane or PollerLane
	Why      string // it takes the PollerLane
}

// Routes yields all that the rig does, in the order of instances and their controls, and for each
// control in the order in which messages are sent.
func (r *Rig) Routes() iter.Seq[Route] {
	return func(yield func(Route) bool) {
		lanes := r.named()
		for i := range r.Instances {
			if !r.routes(i, lanes, yield) {
				return
			}
		}
	}
}

// routes yields what an instance's input leads to. False: no more is wanted.
func (r *Rig) routes(instance int, l lanes, yield func(Route) bool) bool {
	if r.tables.inputs[instance] < 0 {
		return true
	}
	input := uint32(r.tables.inputs[instance])
	name := r.Instances[instance].Name + "."
	all := func(from string, targets []target) bool {
		for _, t := range targets {
			over := max(int(t.pass)-1, 0)
			lane := PollerLane
			ok, why := l.direct(instance, int(t.output))
			if ok {
				lane = DirectLane
			}
			if !yield(Route{from, r.sets[t.first], r.messages(t), over, lane, why}) {
				return false
			}
		}
		return true
	}
	for _, c := range r.tables.mapped(input) {
		if !all(name+c.String(), r.tables.find(input, c)) {
			return false
		}
	}
	for _, status := range passed {
		if !all(fmt.Sprintf("%s%02X", name, status), r.tables.findSystem(input, status)) {
			return false
		}
	}
	return true
}

// mapped returns an input's controls that lead anywhere.
func (t *Tables) mapped(input uint32) []control.Control {
	var all []control.Control
	for typ := control.Note; typ <= control.NRPN; typ++ {
		for channel := range uint8(16) {
			for n := 0; n < typ.Numbers(); n++ {
				c := control.Control{Channel: channel, Type: typ, Number: uint16(n)}
				if _, ok := t.place(input, c); !ok {
					n |= 127 // none of its page
				} else if len(t.find(input, c)) > 0 {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// messages writes a target's.
func (r *Rig) messages(t target) string {
	text := func(steps []control.Step) string {
		words := make([]string, len(steps))
		for i, s := range steps {
			switch number, long := s.Long(); {
			case !long:
				words[i] = s.String()
			case number == asItCame:
				words[i] = "F0 ... F7"
			default:
				words[i] = r.tables.long(number).String()
			}
		}
		return strings.Join(words, " ")
	}
	first, end := t.first, t.first+uint32(t.count)
	s := text(r.tables.steps[first:end])
	if t.under > 0 {
		s += " or " + text(r.tables.steps[end:end+uint32(t.under)])
	}
	return s
}
