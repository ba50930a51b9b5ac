package rig

import (
	"slices"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// thru is an instance's option thru.OTHER.
type thru struct {
	from  int // instance
	other string
	at    Position
}

// compiler makes Tables.
type compiler struct {
	graph  *graph
	rig    *Rig
	tables *Tables
	made   map[int32]target // by node: its steps
}

// route resolves the mappings and compiles them.
func (r *reader) route() {
	g := newGraph(r)
	for i := range r.rig.Mappings {
		g.add(&r.rig.Mappings[i])
	}
	g.findCycles()
	r.checkThru()
	if len(r.problems) > 0 {
		return
	}
	c := compiler{graph: g, rig: r.rig, tables: newTables(), made: make(map[int32]target)}
	r.rig.sets = make(map[uint32]string)
	inputs := uint32(0)
	for _, i := range r.rig.Instances {
		if i.Read == "" {
			c.tables.inputs = append(c.tables.inputs, -1)
			continue
		}
		c.tables.inputs = append(c.tables.inputs, int32(inputs))
		inputs++
	}
	c.tables.cells = make([]cell, inputs*cellsPerInput)
	c.tables.pages = make([]uint32, inputs*pagesPerInput)
	c.controls()
	c.thru()
	r.rig.tables = c.tables
}

// controls compiles every control that something is mapped from.
func (c *compiler) controls() {
	visits := 0
	var targets []reached
	for id, n := range c.graph.nodes {
		if n.kind != controlNode || len(c.graph.edges[id]) == 0 {
			continue
		}
		var ok bool
		if targets, ok = c.graph.reach(int32(id), targets[:0], &visits); !ok {
			return
		}
		if input := c.tables.inputs[n.instance]; input >= 0 {
			at := c.cell(uint32(input), n.control)
			for _, t := range targets {
				c.append(at, c.target(t))
			}
		}
	}
}

// cell returns the index of a control's cell, which it makes if need be, for targets to be appended.
func (c *compiler) cell(input uint32, of control.Control) uint32 {
	t := c.tables
	if of.Type >= control.RPN {
		if page := &t.pages[input*pagesPerInput+pageOf(of)]; *page == 0 {
			*page = uint32(len(t.cells))
			t.cells = append(t.cells, make([]cell, 128)...)
		}
	}
	index, _ := t.place(input, of)
	return index
}

// append adds a target to a cell. A cell's targets are added one after the other.
func (c *compiler) append(index uint32, t target) {
	at := &c.tables.cells[index]
	if at.count == 0 {
		at.first = uint32(len(c.tables.targets))
	}
	at.count++
	c.tables.targets = append(c.tables.targets, t)
}

// target makes a node's messages, once for all that set it.
func (c *compiler) target(r reached) target {
	t, ok := c.made[r.node]
	if !ok {
		n := c.graph.nodes[r.node]
		instance := &c.rig.Instances[n.instance]
		var steps, under []control.Step
		if n.kind == messageNode {
			steps, t.threshold = c.message(instance, n.name)
		} else {
			steps, under, t.threshold = control.Encode(n.control, instance.Encoder)
		}
		t.first = uint32(len(c.tables.steps))
		t.output = uint16(n.instance)
		t.count, t.under = uint8(len(steps)), uint8(len(under))
		c.tables.steps = append(append(c.tables.steps, steps...), under...)
		c.made[r.node] = t
		c.rig.sets[t.first] = c.graph.name(r.node)
	}
	t.pass = r.pass
	return t
}

// message returns the steps of a named message, whose system exclusive ones it adds to the tables, and the
// least value that it is sent for: 1, but 0 if the value is part of it, so that a fader reaches its end.
func (c *compiler) message(i *Instance, name string) (steps []control.Step, threshold uint16) {
	at := slices.IndexFunc(i.Named, func(m Message) bool { return m.Name == name })
	template, _ := control.ParseTemplate(i.Named[at].Text) // it was parsed before
	steps, threshold = template.Steps, 1
	for s := range steps {
		if steps[s].Varies() {
			threshold = 0
		}
		if number, ok := steps[s].Long(); ok {
			steps[s] = steps[s].Renumbered(c.tables.addLong(template.Longs[number]))
		}
	}
	return steps, threshold
}

// checkThru looks at the thru options when all instances are known.
func (r *reader) checkThru() {
	for _, o := range r.thrus {
		r.at = o.at
		i, ok := r.named[o.other]
		switch {
		case !ok:
			r.problem(0, "thru.%s: %s", o.other, r.noInstance(o.other))
		case i < 0: // its section's problem has been told
		case r.rig.Instances[i].Backend != WinMIDI:
			r.problem(0, "thru.%s: a winmidi instance was expected", o.other)
		case r.rig.Instances[i].Write == "":
			r.warn(0, "instance %s has no write: what is sent to it is only counted", o.other)
		}
		if from := &r.rig.Instances[o.from]; from.Read == "" {
			r.warn(0, "instance %s has no read: nothing comes from it", from.Name)
		}
	}
}

// thru has inputs' system messages sent on as they are.
func (c *compiler) thru() {
	for from, instance := range c.rig.Instances {
		input := c.tables.inputs[from]
		if input < 0 {
			continue
		}
		for _, status := range passed {
			for _, thru := range instance.Thru {
				if long := status == engine.SysEx; long && !thru.SysEx || !long && !thru.Realtime {
					continue
				}
				step := control.Step{Base: engine.Message(status), Source: control.Value14, Low: 8, High: 16}
				t := target{first: uint32(len(c.tables.steps)), output: uint16(c.graph.reader.named[thru.Instance]), count: 1}
				c.rig.sets[t.first] = thru.Instance + " (thru)"
				c.tables.steps = append(c.tables.steps, step)
				c.append(uint32(input)*cellsPerInput+firstSystemCell+uint32(status&15), t)
			}
		}
	}
}
