package rig

import (
	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// Output is where a Router sends.
type Output interface {
	// SendTogether sends messages with nothing in between. It does not keep them.
	SendTogether(messages []engine.Message) error
	// SendSysEx sends a system exclusive message. It does not keep the bytes.
	SendSysEx(bytes []byte) error
	// Sent takes notice of messages that the driver's callback has sent, for one that came at that time.
	Sent(messages []engine.Message, at engine.Instant)
}

// Router does to messages what a rig says. It is for one goroutine, and does not allocate.
type Router struct {
	tables   *Tables
	decoders []*control.Decoder // by instance
	outputs  []Output           // by instance
	counts   []*RouterCounts    // by instance
	direct   [][]bool           // by instance that reads and one that writes: the callback sends
	routed   bool               // it has sent what is being routed
	sentAt   engine.Instant     // when, in that case
	together [maxSteps]engine.Message
	long     []byte // a system exclusive message with values in it; its memory is used again, so it grows to the longest

	// Changed, if not nil, is called with each change of a control that arrives, before what it sets is
	// sent.
	Changed func(instance int, c control.Change)
}

// RouterCounts are what became of an instance's messages.
type RouterCounts struct {
	Changes uint64 // of controls that arrived
	System  uint64 // system messages that arrived, which change no control
	Broken  uint64 // of those: system exclusive messages that were interrupted or cut, which are not passed on
	Sent    uint64 // messages that its output has taken, to send or to queue, or was given by a driver's callback
	Unsent  uint64 // messages for the instance that it has no output for
	Failed  uint64 // messages that its output refused
}

// NewRouter returns a Router for a rig. outputs are by the index of the instance, nil where there is
// none.
func NewRouter(r *Rig, outputs []Output) *Router {
	router := &Router{
		tables:   r.tables,
		decoders: make([]*control.Decoder, len(r.Instances)),
		outputs:  make([]Output, len(r.Instances)),
		counts:   make([]*RouterCounts, len(r.Instances)),
		direct:   make([][]bool, len(r.Instances)),
	}
	copy(router.outputs, outputs)
	for i, instance := range r.Instances {
		router.decoders[i] = &control.Decoder{Options: instance.Decoder}
		router.counts[i] = &RouterCounts{}
		router.direct[i] = make([]bool, len(r.Instances))
	}
	return router
}

// Route does what the rig says to a message that has arrived at an instance, which must have an input.
func (r *Router) Route(instance int, m engine.Message) {
	input := uint32(r.tables.inputs[instance])
	d := r.decoders[instance]
	c, ok, completed := d.Decode(m)
	switch {
	case completed:
		r.routeAll(instance, input, d.Completed(), c, ok)
	case ok:
		r.note(instance, c)
		if targets := r.tables.find(input, c.Control); len(targets) > 0 {
			values := control.NewValues(c.Wide(), c.Release)
			for i := range targets {
				r.send(instance, &targets[i], &values)
			}
		}
	case m.Status() >= engine.SysEx:
		r.counts[instance].System++
		r.passOn(instance, input, m)
	}
}

// Routed does the same with a message that the driver's callback has sent, at a time, wherever that sends.
func (r *Router) Routed(instance int, m engine.Message, at engine.Instant) {
	r.routed, r.sentAt = true, at
	r.Route(instance, m)
	r.routed = false
}

// RouteSysEx does what the rig says to a system exclusive message that has arrived at an instance, from F0 to F7.
// It does not keep the bytes.
func (r *Router) RouteSysEx(instance int, message []byte) {
	r.counts[instance].System++
	targets := r.tables.findSystem(uint32(r.tables.inputs[instance]), engine.SysEx)
	for i := range targets {
		out, counts := r.outputs[targets[i].output], r.counts[targets[i].output]
		if out == nil {
			counts.Unsent++
		} else {
			counts.note(1, out.SendSysEx(message))
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
		r.send(instance, &left[next][0], &values[next])
		left[next] = left[next][1:]
	}
}

// passOn sends a system message on as it is.
func (r *Router) passOn(instance int, input uint32, m engine.Message) {
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
		r.send(instance, &targets[i], &data)
	}
}

// send sends a target's messages, for what has come to an instance.
func (r *Router) send(from int, t *target, values *control.Values) {
	first, count := t.first, uint32(t.count)
	if values[control.Value14] < uint32(t.threshold) {
		first, count = first+count, uint32(t.under)
	}
	out, counts := r.outputs[t.output], r.counts[t.output]
	if out == nil {
		counts.Unsent += uint64(count)
		return
	}
	n := 0 // short messages that belong together
	for _, step := range r.tables.steps[first : first+count] {
		number, long := step.Long()
		if !long {
			r.together[n] = step.Message(values)
			n++
			continue
		}
		r.sendTogether(from, t, n)
		n = 0
		counts.note(1, out.SendSysEx(r.sysEx(step, number, values)))
	}
	r.sendTogether(from, t, n)
}

// sendTogether sends the first n of together, unless that has been done.
func (r *Router) sendTogether(from int, t *target, n int) {
	if n == 0 {
		return
	}
	out, counts := r.outputs[t.output], r.counts[t.output]
	if r.routed && r.direct[from][t.output] {
		out.Sent(r.together[:n], r.sentAt)
		counts.note(n, nil)
	} else {
		counts.note(n, out.SendTogether(r.together[:n]))
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

// note counts messages that an output has taken, or refused.
func (c *RouterCounts) note(messages int, err error) {
	if err != nil {
		c.Failed += uint64(messages)
	} else {
		c.Sent += uint64(messages)
	}
}

// Reset has an instance forget half-received parameters, as after a loss.
func (r *Router) Reset(instance int) { r.decoders[instance].Reset() }

// inherit takes over what another router knows of an instance and has counted. That goes on: messages that have been
// sent may still be to come to it.
func (r *Router) inherit(instance int, from *Router, old int) {
	r.counts[instance] = from.counts[old]
	if options := r.decoders[instance].Options; options == from.decoders[old].Options {
		r.decoders[instance] = from.decoders[old]
	} else {
		*r.decoders[instance] = *from.decoders[old]
		r.decoders[instance].Options = options
	}
}

// Counts returns an instance's counts.
func (r *Router) Counts(instance int) RouterCounts { return *r.counts[instance] }
