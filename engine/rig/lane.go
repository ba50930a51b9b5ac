package rig

import (
	"fmt"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// Lane says who sends what an output is to be sent by a rig.
type Lane string

// The lanes.
const (
	// AutoLane is DirectLane wherever that is possible.
	AutoLane Lane = "auto"
	// DirectLane has the driver's callback of the input send, before the program hears of the message
	// (engine.Input.Route).
	DirectLane Lane = "direct"
	// PollerLane has the program send.
	PollerLane Lane = "poller"
)

// lanes say which pairs of an input and an output port take the poller lane, and why; the others take the direct one.
// All that leads from one to the other takes the same: what the callback sends would overtake what the program has
// still to send.
type lanes struct {
	in, out func(instance int) any // an instance's ports; nil: none
	why     map[[2]any]string
}

// findLanes decides for all pairs.
func (r *Rig) findLanes(in, out func(instance int) any) lanes {
	l := lanes{in, out, make(map[[2]any]string)}
	for i := range r.Instances {
		if r.tables.inputs[i] < 0 || in(i) == nil {
			continue
		}
		input := uint32(r.tables.inputs[i])
		keep := func(targets []target, why string) {
			for _, t := range targets {
				if out(int(t.output)) == nil {
					continue
				}
				pair := [2]any{in(i), out(int(t.output))}
				if _, ok := l.why[pair]; ok {
					continue
				}
				switch {
				case r.Instances[t.output].Lane == PollerLane:
					l.why[pair] = "lane = poller"
				case why != "":
					l.why[pair] = why
				case r.sendsLong(t):
					l.why[pair] = fmt.Sprintf("%s is system exclusive", r.sets[t.first])
				}
			}
		}
		for _, c := range r.tables.mapped(input) {
			why := ""
			if c.Type == control.Pair || c.Type >= control.RPN {
				why = fmt.Sprintf("%s.%s comes in several messages", r.Instances[i].Name, c)
			}
			keep(r.tables.find(input, c), why)
		}
		for _, status := range passed {
			why := ""
			if status == engine.SysEx {
				why = "system exclusive messages are passed on"
			}
			keep(r.tables.findSystem(input, status), why)
		}
	}
	return l
}

// sendsLong reports whether a target has a system exclusive message in it.
func (r *Rig) sendsLong(t target) bool {
	for _, step := range r.tables.steps[t.first : t.first+uint32(t.count)+uint32(t.under)] {
		if _, ok := step.Long(); ok {
			return true
		}
	}
	return false
}

// direct reports whether what comes from an instance is sent to another one by the callback; if not, why.
func (l lanes) direct(from, to int) (ok bool, why string) {
	in, out := l.in(from), l.out(to)
	if in == nil || out == nil {
		return false, "there is no port"
	}
	why, poller := l.why[[2]any{in, out}]
	return !poller, why
}

// named are the lanes as far as a rig tells, for whom it names the ports alike.
func (r *Rig) named() lanes {
	name := func(port string) any {
		if port == "" {
			return nil
		}
		return port
	}
	return r.findLanes(func(i int) any { return name(r.Instances[i].Read) }, func(i int) any { return name(r.Instances[i].Write) })
}

// compileDirect makes the routes of the callback from tables, for an input that instances read. outputs are by
// instance. nil: there are none.
func (r *Rig) compileDirect(readers []int, l lanes, outputs []*engine.Output) *engine.Routes {
	routes := &engine.Routes{Cells: make([]engine.RouteCell, engine.RouteCells)}
	numbers := make(map[*engine.Output]uint16)
	steps := make(map[uint32]uint32)          // where the table's begin
	made := make(map[uint32]engine.RouteCell) // by the table's
	add := func(t target) {
		first, ok := steps[t.first]
		if !ok {
			first = uint32(len(routes.Steps))
			steps[t.first] = first
			for _, s := range r.tables.steps[t.first : t.first+uint32(t.count)+uint32(t.under)] {
				routes.Steps = append(routes.Steps, engine.RouteStep{
					Base: uint32(s.Base), Source: uint8(s.Source), Low: s.Low, High: s.High,
				})
			}
		}
		out := outputs[t.output]
		number, ok := numbers[out]
		if !ok {
			number = uint16(len(routes.Outputs))
			numbers[out] = number
			routes.Outputs = append(routes.Outputs, out)
		}
		routes.Targets = append(routes.Targets, engine.RouteTarget{
			First: first, Output: number, Threshold: t.threshold, Count: t.count, Under: t.under,
		})
	}
	for at := range routes.Cells {
		status, data1 := byte(0x80|at>>7), byte(at&0x7F)
		place := placeOf(status, data1)
		cell, ok := made[place]
		if !ok {
			first := uint32(len(routes.Targets))
			for _, i := range readers {
				for _, t := range r.sentBy(i, status, data1) {
					if ok, _ := l.direct(i, int(t.output)); ok {
						add(t)
					}
				}
			}
			cell = engine.RouteCell{First: first, Count: uint32(len(routes.Targets)) - first}
			made[place] = cell
		}
		routes.Cells[at] = cell
	}
	if len(routes.Targets) == 0 {
		return nil
	}
	return routes
}

// sentBy returns what a message that begins with two bytes sends when it arrives at an instance.
func (r *Rig) sentBy(instance int, status, data1 byte) []target {
	if status&0xF0 == engine.ControlChange && !r.Instances[instance].Decoder.Delivers(uint16(data1)) {
		return nil
	}
	c := r.tables.cells[uint32(r.tables.inputs[instance])*cellsPerInput+placeOf(status, data1)]
	return r.tables.targets[c.first : c.first+c.count]
}
