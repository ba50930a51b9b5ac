package engine

import (
	"slices"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// The parts of Routes.
type (
	// RouteCell is a run of targets: Count of them from First on.
	RouteCell = cwinmm.RouteCell
	// RouteTarget is what is sent to an output, together: Count steps from First on, or for values in 14 bits
	// below Threshold the Under steps that follow them.
	RouteTarget = cwinmm.RouteTarget
	// RouteStep is one message: Base, with the low seven bits of a value at bit Low and those above at bit High; 32
	// is nowhere. Source 0 is the value in 7 bits, 1 in 14, 2 the velocity that a key is let go of with.
	RouteStep = cwinmm.RouteStep
)

// RouteCells is how many cells Routes have.
const RouteCells = cwinmm.RouteCells

// Routes say which messages each short message of an input leads to (Input.Route). They are tables: a message has
// a cell (RouteCellOf), that has targets, in the order in which they are sent, and a target has steps. Package rig makes
// them of a rig. They are read only, and may be used for several inputs.
type Routes struct {
	Cells   []RouteCell // RouteCells of them
	Targets []RouteTarget
	Steps   []RouteStep
	Outputs []*Output // by RouteTarget.Output; of the same engine
}

// RouteCellOf returns a message's cell: one for all messages that begin with the same two bytes.
func RouteCellOf(m Message) int { return int(m.Status()&0x7F)<<7 | int(m.Data1()&0x7F) }

// echoWindow is how soon a message that goes round comes back: a few bytes on a DIN cable and the drivers on its way.
const echoWindow = 5 * time.Millisecond

// routing is what an input is to send by itself. Under the device's mu.
type routing struct {
	routes *Routes     // nil: nothing
	tag    uint8       // that it has for the driver's callback
	tags   [16]*Routes // what events' tags stand for
	looped uint64      // messages that have been told to go round
	calmed uint8       // the tag when the poller has last said that all is handled: events may have that, or tag
}

// Route has the driver's callback itself send what its short messages lead to, with no other thread in between: what it
// has sent so is delivered as ever, with Event.Routed. It begins when what came before has been handled, so that
// nothing overtakes that; from then on the order in which one input's messages reach an output is that in which they
// came. Routes replace those before from one message to the next, and nil ends it. Route waits for nobody, and may be
// called concurrently, also within a handler.
//
// An output sends within the callback only while it is idle and its driver quick. Otherwise its messages are queued for
// its thread. One call that takes longer than OutputOptions.Slow, or fails, has that done until the driver has been
// calm (KindOutputSlow, KindOutputQuick). Microsoft's two pages on MidiInProc contradict each
// other here: the older (ms711612) lists midiOutShortMsg among what may be called in a callback, the newer (dd798460) allows
// no multimedia function, because of deadlocks. Such a driver must not be given routes.
//
// A message that comes back each time it is sent, 32 times in a row within 5 ms each, is not sent again
// (KindFeedback, InputStats.Looped). The error is a *PortError: no memory.
func (in *Input) Route(routes *Routes) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.routing.routes = routes
	return in.routeNow()
}

// routeNow has the callback send along the routes. The caller holds mu.
func (in *Input) routeNow() error {
	r := &in.routing
	if r.routes == nil {
		return in.newest().Route(nil)
	}
	// Events in the ring may have the tag now, or calmed: not another.
	tag := r.tag%15 + 1
	if tag == r.calmed {
		tag = tag%15 + 1
	}
	outputs := make([]*cwinmm.Output, len(r.routes.Outputs))
	for i, out := range r.routes.Outputs {
		if on := out.now.Load(); on != nil && on.enter() {
			defer on.leave() // the callback has a reference of its own then
			outputs[i] = on.out
		}
	}
	err := in.newest().Route(&cwinmm.Routes{
		Cells: r.routes.Cells, Targets: r.routes.Targets, Steps: r.routes.Steps, Outputs: outputs, Tag: tag,
		Window: tick.Ticks(echoWindow),
	})
	if err != nil {
		return &PortError{in.identity.info, err}
	}
	r.tag = tag
	r.tags[tag] = r.routes
	in.engine.waiter.Tell() // the poller has to say when all is handled
	return nil
}

// routeAgain has another opening of the device send along the routes. The caller holds mu.
func (in *Input) routeAgain() {
	if in.routing.routes != nil {
		_ = in.routeNow() // without memory the poller sends
	}
}

// Expects reports whether events may come that have been sent along routes, also if others have replaced them since.
func (in *Input) Expects(routes *Routes) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := &in.routing
	return r.routes == routes || r.tags[r.calmed] == routes
}

// Settled reports whether what has come has been delivered, and no callback is sending along routes that Route has replaced.
// Call it in a handler or in Engine.Call. What ReadInto has given away counts as delivered.
func (in *Input) Settled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.stream.behind && in.in.Settled() && (in.next == nil || in.next.Settled())
}

// reroute has inputs send to the output as it is now: it has been opened again, or is closed.
func (o *Output) reroute() {
	e := o.engine
	e.mu.Lock()
	if e.freed {
		e.mu.Unlock()
		return
	}
	e.users++
	inputs := e.inputs
	e.mu.Unlock()
	defer e.unuse()
	for _, in := range inputs {
		in.mu.Lock()
		if r := in.routing.routes; r != nil && slices.Contains(r.Outputs, o) {
			_ = in.routeNow() // without memory it stays with what has gone, which is counted
		}
		in.mu.Unlock()
	}
}

// report tells whether the output has moved to its thread, or back. For the watch.
func (o *Output) report() {
	n, info := o.sum(), o.Info()
	tell := func(kind Kind) { o.engine.post(Event{Time: Now(), Kind: kind, Port: o.port, Info: &info}) }
	if n.Moved != o.moves {
		o.moves, o.threaded = n.Moved, true
		tell(KindOutputSlow)
	}
	if o.threaded && !n.Threaded {
		o.threaded = false
		tell(KindOutputQuick)
	}
}

// report tells of messages that go round. For the watch.
func (in *Input) report() {
	n := in.sum()
	in.mu.Lock()
	defer in.mu.Unlock()
	r := &in.routing
	if n.Looped == r.looped {
		return
	}
	r.looped = n.Looped
	if r.routes == nil {
		return
	}
	cell := r.routes.Cells[RouteCellOf(Message(n.Loop))]
	for _, target := range r.routes.Targets[cell.First : cell.First+cell.Count] {
		info := r.routes.Outputs[target.Output].Info()
		in.engine.post(Event{Time: Now(), Kind: KindFeedback, Port: in.port, Info: &info})
	}
}

// adoptRoutes has the poller know the input's routes. The caller holds mu.
func (in *Input) adoptRoutes() {
	s, r := &in.stream, &in.routing
	if s.tag != r.tag || s.tags[r.tag] != r.tags[r.tag] || r.routes == nil {
		s.tag, s.arming = r.tag, r.routes != nil
		s.tags = r.tags
	}
}

// calm says that the poller has handled all that has come, if so: then the callback may send along new routes.
func (in *Input) calm() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.in.Ring.Calm() {
		in.routing.calmed = in.routing.tag
	}
}
