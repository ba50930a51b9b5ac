package rig

import (
	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// Output is where a Router sends. An *engine.Output is one.
type Output interface {
	Send(engine.Message) error
	SendSysEx(bytes []byte) error // does not keep the bytes
}

// Router does to messages what a rig says. It is for one goroutine, and does not allocate.
type Router struct {
	tables   *Tables
	decoders []control.Decoder // by instance
	outputs  []Output          // by instance
	counts   []RouterCounts    // by instance
	long     []byte            // a system exclusive message with values in it; its memory is used again, so it grows to the longest

	// Changed, if not nil, is called with each change of a control that arrives, before what it sets is
	// sent.
	Changed func(instance int, c control.Change)
}

// RouterCounts are what became of an instance's messages.
type RouterCounts struct {
	Changes uint64 // of controls that arrived
	System  uint64 // system messages that arrived, which change no control
	Broken  uint64 // of those: system exclusive messages that were interrupted or cut, which are not passed on
	Sent    uint64 // messages that its output has taken, to send or to queue
	Unsent  uint64 // messages for the instance that it has no output for
	Failed  uint64 // messages that its output refused
}

// NewRouter returns a Router for a rig. outputs are by the index of the instance, nil where there is
// none.
func NewRouter(r *Rig, outputs []Output) *Router {
	router := &Router{
		tables:   r.tables,
		decoders: make([]control.Decoder, len(r.Instances)),
		outputs:  make([]Output, len(r.Instances)),
		counts:   make([]RouterCounts, len(r.Instances)),
	}
	copy(router.outputs, outputs)
	for i, instance := range r.Instances {
		router.decoders[i].Options = instance.Decoder
	}
	return router
}

// Route does what the rig says to a message that has arrived at an instance, which must have an input.
func (r *Router) Route(instance int, m engine.Message) {
	input := uint32(r.tables.inputs[instance])
	d := &r.decoders[instance]
	c, ok, completed := d.Decode(m)
	switch {
	case completed:
		r.routeAll(instance, input, d.Completed(), c, ok)
	case ok:
		r.note(instance, c)
		if targets := r.tables.find(input, c.Control); len(targets) > 0 {
			values := control.NewValues(c.Wide(), c.Release)
			for i := range targets {
				r.send(&targets[i], &values)
			}
		}
	case m.Status() >= engine.SysEx:
		r.counts[instance].System++
		r.passOn(input, m)
	}
}

// RouteSysEx does what the rig says to a system exclusive message that has arrived at an instance, from F0 to F7.
// It does not keep the bytes.
func (r *Router) RouteSysEx(instance int, message []byte) {
	r.counts[instance].System++
	targets := r.tables.findSystem(uint32(r.tables.inputs[instance]), engine.SysEx)
	for i := range targets {
		out, counts := r.outputs[targets[i].output], &r.counts[targets[i].output]
		if out == nil {
			counts.Unsent++
		} else {
			counts.note(out.SendSysEx(message))
		}
	}
}

// Broken takes notice of a system exclusive message of which an instance has got only a part.
func (r *Router) Broken(instance int) {
	r.counts[instance].System++
	r.counts[instance].Broken++
}

// note takes notice of a change that has arrived.
func (r *Router) note(instance int, c control.Change) {
	r.counts[instance].Changes++
	if r.Changed != nil {
		r.Changed(instance, c)
	}
}

// routeAll does what the rig says to the changes that one message was, its own last: by pass, and
// within each by change.
func (r *Router) routeAll(instance int, input uint32, completed []control.Change, own control.Change, ok bool) {
	var left [3][]target
	var values [3]control.Values
	n := 0
	add := func(c control.Change) {
		r.note(instance, c)
		left[n] = r.tables.find(input, c.Control)
		values[n] = control.NewValues(c.Wide(), c.Release)
		n++
	}
	for _, c := range completed {
		add(c)
	}
	if ok {
		add(own)
	}
	for {
		next := -1
		for i := range left {
			if len(left[i]) > 0 && (next < 0 || left[i][0].pass < left[next][0].pass) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		r.send(&left[next][0], &values[next])
		left[next] = left[next][1:]
	}
}

// passOn sends a system message on as it is.
func (r *Router) passOn(input uint32, m engine.Message) {
	targets := r.tables.findSystem(input, m.Status())
	if len(targets) == 0 {
		return
	}
	data := control.Values{control.Value14: uint32(m.Data2())<<7 | uint32(m.Data1())}
	switch m.Len() {
	case 1:
		data = control.Values{}
	case 2:
		data = control.Values{control.Value14: uint32(m.Data1())}
	}
	for i := range targets {
		r.send(&targets[i], &data)
	}
}

// send sends a target's messages.
func (r *Router) send(t *target, values *control.Values) {
	first, count := t.first, uint32(t.count)
	if values[control.Value14] < uint32(t.threshold) {
		first, count = first+count, uint32(t.under)
	}
	out, counts := r.outputs[t.output], &r.counts[t.output]
	if out == nil {
		counts.Unsent += uint64(count)
		return
	}
	for _, step := range r.tables.steps[first : first+count] {
		if number, ok := step.Long(); ok {
			counts.note(out.SendSysEx(r.sysEx(step, number, values)))
		} else {
			counts.note(out.Send(step.Message(values)))
		}
	}
}

// sysEx returns a step's message, which is good until the next.
func (r *Router) sysEx(step control.Step, number uint32, values *control.Values) []byte {
	long := r.tables.long(number)
	if !step.Varies() {
		return long
	}
	r.long = long.Append(r.long[:0], values)
	return r.long
}

// note counts a message that an output has taken, or refused.
func (c *RouterCounts) note(err error) {
	if err != nil {
		c.Failed++
	} else {
		c.Sent++
	}
}

// Reset has an instance forget half-received parameters, as after a loss.
func (r *Router) Reset(instance int) { r.decoders[instance].Reset() }

// inherit takes over what another router knows of an instance and has counted.
func (r *Router) inherit(instance int, from *Router, old int) {
	options := r.decoders[instance].Options
	r.decoders[instance] = from.decoders[old]
	r.decoders[instance].Options = options
	r.counts[instance] = from.counts[old]
}

// Counts returns an instance's counts.
func (r *Router) Counts(instance int) RouterCounts { return r.counts[instance] }
