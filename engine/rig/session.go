package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// Notice is something that a running rig has to tell.
type Notice struct {
	Kind     NoticeKind
	Instance string
	Change   control.Change  // of a Changed
	Lost     uint64          // of a Gap: messages
	What     engine.Kind     // of a SysExLoss: KindSysExCut, KindSysExInterrupted or KindSysExDry
	Port     engine.PortInfo // of a Gone, Found, Back, Slow or Quick; of a Feedback, the output
}

// NoticeKind is what a Notice tells.
type NoticeKind uint8

// The kinds of Notice.
const (
	Changed   NoticeKind = iota // a control that arrived; only while Rig.Detect is on
	Gap                         // messages of the instance's input were lost; Instance is empty: what the engine had to tell was, as of outputs
	Gone                        // the device of one of the instance's ports has gone; it is waited for
	Found                       // it is there again, and is being opened
	Back                        // that is done
	Slow                        // the instance's output is slow or refuses messages: its own thread sends them
	Quick                       // it is no longer so
	Feedback                    // messages of the instance's input go round: that output leads back to it
	SysExLoss                   // a system exclusive message of the instance's input was lost in part, or may be
	Resumed                     // the machine has slept; Instance is empty
)

// Session is a rig that runs on an engine: its open ports, and what is done to each message that
// arrives. Instances that name the same port share it; the ports are the session's, which closes them. Its
// methods may be called concurrently, but within a handler only Handle.
type Session struct {
	engine  *engine.Engine
	notices chan<- Notice

	mu      sync.Mutex               // Replace and Close
	last    sync.Mutex               // Close, and the beginning of Run, which does not wait for mu; what is the handler's when the engine is closed
	closed  bool                     // by whoever has both; callbacks do not begin to send any more
	failed  error                    // of closing what Replace had no more use for
	inputs  map[string]*engine.Input // by what the rig calls the port
	outputs map[string]*sink

	// The handler's own: changed by way of Engine.Call.
	routing *routing
	before  []*routing     // whose routes events may still come by
	early   []engine.Event // of inputs that are not in the routing yet
	running bool           // Run is under way
	ended   bool           // the last one has: callbacks send nothing

	reading atomic.Bool   // there may be events that have been read and not handled
	opening atomic.Bool   // ports that are not in the routing yet
	dropped atomic.Uint64 // notices
}

// routing is what the handler needs of a rig.
type routing struct {
	rig     *Rig
	router  *Router
	sinks   []*sink                          // by instance, nil if it has no output
	readers [][]int                          // by engine.Port: the instances that read it; nil: not the rig's
	holders map[*sink]*holders               // of its outputs' notes
	routes  map[*engine.Input]*engine.Routes // what their callbacks send; nil: nothing
	begun   [][]hanging                      // by instance: what its input's callback may begin
	settled map[*engine.Input]bool           // what its callback has sent has been handled, and it sends nothing more
}

// Start opens the ports of a rig and has a session for them, whose Handle must be run: Run does. What
// there is to tell is sent to notices, if that is not nil; what does not fit is dropped and counted. The
// error joins those of all ports that cannot be opened; then none is left open.
func Start(e *engine.Engine, r *Rig, notices chan<- Notice) (*Session, error) {
	s := &Session{engine: e, notices: notices, routing: &routing{}}
	if err := s.Replace(r); err != nil {
		return nil, err
	}
	return s, nil
}

// Run handles what arrives until ctx is cancelled, then what had arrived by then, and returns ctx's
// error. Other errors are those of Engine.Run. It sets the engine's read deadline.
func (s *Session) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer func() { _ = s.engine.Call(func() { s.running = false }) }() // an engine that is closed runs no more
	err := s.engine.Run(ctx, s.Handle)
	if ctx.Err() != nil {
		// Before, so that nothing is sent that would not be known of.
		_ = s.engine.Call(func() { s.ended = true; s.routing.end() })
		s.drain()
	}
	return err
}

// begin has callbacks send, if the end of another Run has had them stop.
func (s *Session) begin() error {
	var refused error
	err := s.engine.Call(func() {
		s.last.Lock()
		defer s.last.Unlock()
		switch {
		case s.closed:
			refused = engine.ErrClosed
		case s.running:
			refused = engine.ErrBusy
		default:
			s.running = true
			if s.ended {
				s.ended = false
				s.routing.begin()
			}
		}
	})
	return cmp.Or(err, refused)
}

// begin has the inputs' callbacks send along the routes.
func (r *routing) begin() {
	clear(r.settled)
	for in, routes := range r.routes {
		_ = in.Route(routes) // without memory the program sends
	}
}

// end has them send no more.
func (r *routing) end() {
	for in := range r.routes {
		_ = in.Route(nil) // which takes no memory
	}
}

// drain handles what is waiting, and what callbacks are sending, if that takes no longer than a moment; the rest is counted
// when the inputs are closed, and what it may have begun counts as held.
func (s *Session) drain() {
	s.engine.SetReadDeadline(time.Unix(1, 0))
	defer s.engine.SetReadDeadline(time.Time{})
	events := make([]engine.Event, 256)
	for end := time.Now().Add(moment); time.Now().Before(end); {
		s.reading.Store(true)
		n, err := s.engine.ReadInto(events)
		settled := false
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			err = s.engine.Call(func() { // as within a handler: Replace and Stats are kept out
				for i := range events[:n] {
					s.Handle(&events[i])
				}
				s.reading.Store(false)
				settled = len(s.unsettled([]*routing{s.routing})) == 0
			})
		}
		s.reading.Store(false)
		if err != nil || settled {
			return
		}
		if n == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// Handle does what the rig says to an event. It is for a handler of engine.Run, together with whatever
// else that does; it ignores ports that are not the rig's.
func (s *Session) Handle(ev *engine.Event) {
	s.handle(ev)
	if ev.Routed != nil && (ev.Kind == engine.KindGap || ev.Recovered) {
		s.doubt(ev.Port, ev.Routed)
	}
}

func (s *Session) handle(ev *engine.Event) {
	if ev.Kind == engine.KindResumed {
		s.tell(Notice{Kind: Resumed})
		return
	}
	r := s.routing
	if ev.Port < 0 {
		if ev.Kind == engine.KindGap {
			s.missed(ev.Lost)
		}
		return
	}
	if ev.Kind == engine.KindMessage && ev.Routed != nil && !r.sends(ev.Routed) {
		s.handleOlder(ev)
		return
	}
	reads := int(ev.Port) < len(r.readers) && r.readers[ev.Port] != nil
	if !reads && s.opening.Load() && !r.writes(ev.Port) {
		s.early = append(s.early, kept(ev))
		return
	}
	if ev.Info != nil {
		s.plugged(ev)
	}
	if !reads {
		return
	}
	for _, instance := range r.readers[ev.Port] {
		switch ev.Kind {
		case engine.KindMessage:
			r.route(instance, ev)
		case engine.KindSysEx:
			r.router.RouteSysEx(instance, ev.SysEx)
		case engine.KindSysExCut, engine.KindSysExInterrupted:
			r.router.Broken(instance)
			s.tell(Notice{Kind: SysExLoss, Instance: r.rig.Instances[instance].Name, What: ev.Kind})
		case engine.KindSysExDry:
			s.tell(Notice{Kind: SysExLoss, Instance: r.rig.Instances[instance].Name, What: ev.Kind})
		case engine.KindGap:
			r.router.Reset(instance)
			s.tell(Notice{Kind: Gap, Instance: r.rig.Instances[instance].Name, Lost: ev.Lost})
		case engine.KindPortLost:
			r.router.Reset(instance)
		}
	}
}

// route routes a message, as far as the driver's callback has not.
func (r *routing) route(instance int, ev *engine.Event) {
	if ev.Routed == nil {
		r.router.Route(instance, ev.Message)
	} else {
		r.router.Routed(instance, ev.Message, ev.Time)
	}
}

// sends reports whether routes are of this routing.
func (r *routing) sends(routes *engine.Routes) bool {
	for _, of := range r.routes {
		if of == routes {
			return true
		}
	}
	return false
}

// handleOlder does with a message, which the driver's callback has sent by the routes of a routing before, what else
// that one does.
func (s *Session) handleOlder(ev *engine.Event) {
	s.older(ev.Routed, func(r *routing) {
		for _, instance := range r.readers[ev.Port] {
			r.route(instance, ev)
		}
	})
}

// doubt takes notice that messages of an input are missing which the callback has sent along routes: whatever they may have
// begun counts as held. So it does when what one of them ended has been told: a later one may have begun it again.
func (s *Session) doubt(input engine.Port, routes *engine.Routes) {
	hold := func(r *routing) {
		for _, instance := range r.readers[input] {
			for _, h := range r.begun[instance] {
				h.sink.mayHold(&h.notes)
			}
		}
	}
	if s.routing.sends(routes) {
		hold(s.routing)
	} else {
		s.older(routes, hold)
	}
}

// older has the routing before that routes are of take notice of something. What it then holds and has not held, and what
// other controls set now, is ended.
func (s *Session) older(routes *engine.Routes, notice func(*routing)) {
	i := slices.IndexFunc(s.before, func(r *routing) bool { return r.sends(routes) })
	if i < 0 {
		return // another session's
	}
	r := s.before[i]
	earlier := make(map[*sink]noteSet)
	for sink := range r.holders {
		earlier[sink] = sink.held
	}
	notice(r)
	for _, h := range endOrphans(r.holders, s.routing.holders, earlier) {
		go h.sink.switchOff(&h.notes)
	}
}

// missed takes notice that events are missing which may have been of outputs: any of those may have gone, and be back.
func (s *Session) missed(events uint64) {
	for _, sink := range s.routing.sinks {
		if sink != nil {
			sink.lose()
			sink.comeBack()
		}
	}
	s.tell(Notice{Kind: Gap, Lost: events})
}

// plugged tells of a port whose device has gone or come back.
func (s *Session) plugged(ev *engine.Event) {
	var kind NoticeKind
	switch ev.Kind {
	case engine.KindPortLost:
		kind = Gone
	case engine.KindPortFound:
		kind = Found
	case engine.KindPortReopened:
		kind = Back
	case engine.KindOutputSlow:
		kind = Slow
	case engine.KindOutputQuick:
		kind = Quick
	case engine.KindFeedback:
		kind = Feedback
	default:
		return
	}
	r := s.routing
	for i, sink := range r.sinks {
		reads := int(ev.Port) < len(r.readers) && slices.Contains(r.readers[ev.Port], i)
		writes := sink != nil && sink.out.Port() == ev.Port
		if writes && kind == Gone {
			sink.lose()
		}
		if writes && kind == Back {
			sink.comeBack()
		}
		if reads || writes {
			s.tell(Notice{Kind: kind, Instance: r.rig.Instances[i].Name, Port: *ev.Info})
		}
	}
}

// writes reports whether a port is one of the rig's outputs.
func (r *routing) writes(port engine.Port) bool {
	return slices.ContainsFunc(r.sinks, func(s *sink) bool { return s != nil && s.out.Port() == port })
}

// kept returns a copy of an event that is good for as long as it is wanted. What LostBy says is not.
func kept(ev *engine.Event) engine.Event {
	e := *ev
	e.SysEx, e.LostBy = slices.Clone(e.SysEx), nil
	return e
}

func (s *Session) tell(n Notice) {
	if s.notices == nil {
		return
	}
	select {
	case s.notices <- n:
	default:
		s.dropped.Add(1)
	}
}

// Replace has the session do what another rig says, from one event to the next: none is lost and none
// sees half of both. Ports that both rigs name stay open; what is known of parameters and pairs stays
// with instances of the same name and input. Notes that are held and whose mappings differ are switched
// off. The error is that of Start; then the session goes on with the old rig.
func (s *Session) Replace(r *Rig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	s.opening.Store(true)
	defer s.opening.Store(false)

	var next *routing
	var before []*routing
	var unsent []hanging
	inputs, outputs, err := s.openPorts(r)
	if err == nil {
		next = newRouting(r, inputs, outputs)
		before = s.routings()
		err = s.engine.Call(func() { unsent = s.install(next) })
	}
	if err != nil {
		forget := func() { s.early = nil }
		if s.engine.Call(forget) != nil {
			forget() // the engine is closed: no event is being handled
		}
		return errors.Join(err, closePorts(missing(inputs, s.inputs), missing(outputs, s.outputs)))
	}
	next.setResets()
	for _, h := range unsent {
		// Its queue was full. The output's end ends this too.
		go h.sink.switchOff(&h.notes)
	}
	oldInputs, oldOutputs := missing(s.inputs, inputs), missing(s.outputs, outputs)
	s.inputs, s.outputs = inputs, outputs
	s.failed = errors.Join(s.failed, s.release(before, oldInputs, oldOutputs))
	return nil
}

// openPorts opens the ports of a rig that are not open yet. With an error, those it opened are in the
// maps too.
func (s *Session) openPorts(r *Rig) (inputs map[string]*engine.Input, outputs map[string]*sink, err error) {
	inputs, outputs = make(map[string]*engine.Input), make(map[string]*sink)
	var failed []error
	for i := range r.Instances {
		instance := &r.Instances[i]
		if name := instance.Read; name != "" && inputs[name] == nil {
			in, err := s.openInput(name, inputs)
			if err != nil {
				failed = append(failed, fmt.Errorf("instance %s: %w", instance.Name, err))
			} else {
				inputs[name] = in
			}
		}
		if name := instance.Write; name != "" && outputs[name] == nil {
			out, err := s.openOutput(name, outputs)
			if err != nil {
				failed = append(failed, fmt.Errorf("instance %s: %w", instance.Name, err))
			} else {
				outputs[name] = out
			}
		}
	}
	return inputs, outputs, errors.Join(failed...)
}

func (s *Session) openInput(name string, opened map[string]*engine.Input) (*engine.Input, error) {
	if in, ok := s.inputs[name]; ok {
		return in, nil
	}
	return find(s, engine.In, name, func(info engine.PortInfo) (*engine.Input, error) {
		for _, ports := range []map[string]*engine.Input{s.inputs, opened} {
			for _, in := range ports {
				if in.Info() == info {
					return in, nil
				}
			}
		}
		return s.engine.OpenInput(engine.Exactly(info), engine.InputOptions{EndNotes: true})
	})
}

func (s *Session) openOutput(name string, opened map[string]*sink) (*sink, error) {
	if out, ok := s.outputs[name]; ok {
		return out, nil
	}
	return find(s, engine.Out, name, func(info engine.PortInfo) (*sink, error) {
		for _, ports := range []map[string]*sink{s.outputs, opened} {
			for _, sink := range ports {
				if sink.out.Info() == info {
					return sink, nil
				}
			}
		}
		out, err := s.engine.OpenOutput(engine.Exactly(info), engine.OutputOptions{})
		if err != nil {
			return nil, err
		}
		return &sink{out: out}, nil
	})
}

// find finds a port by what the rig calls it, and has it shared or opened: again if the list of ports has changed
// meanwhile, which tells them apart only as it is.
func find[P any](s *Session, direction engine.Direction, name string, open func(engine.PortInfo) (P, error)) (P, error) {
	const most = 5 // tries
	for tries := 1; ; tries++ {
		info, err := s.engine.Find(direction, engine.Named(name))
		if err != nil {
			var none P
			return none, err
		}
		port, err := open(info)
		var changed *engine.NotFoundError
		if tries == most || !errors.As(err, &changed) {
			return port, err
		}
	}
}

// missing returns the ports of one map that are not in the other, each once.
func missing[P comparable](of, in map[string]P) []P {
	var ports []P
	kept := make(map[P]bool)
	for _, p := range in {
		kept[p] = true
	}
	for _, p := range of {
		if !kept[p] {
			kept[p] = true
			ports = append(ports, p)
		}
	}
	return ports
}

func newRouting(r *Rig, inputs map[string]*engine.Input, outputs map[string]*sink) *routing {
	next := &routing{rig: r, sinks: make([]*sink, len(r.Instances)), routes: make(map[*engine.Input]*engine.Routes), settled: make(map[*engine.Input]bool)}
	to := make([]Output, len(r.Instances))
	for i, instance := range r.Instances {
		if instance.Read != "" {
			port := int(inputs[instance.Read].Port())
			next.readers = append(next.readers, make([][]int, max(0, port+1-len(next.readers)))...)
			next.readers[port] = append(next.readers[port], i)
		}
		if instance.Write != "" {
			sink := outputs[instance.Write]
			next.sinks[i], to[i] = sink, sink
		}
	}
	next.router = NewRouter(r, to)
	next.holders = next.findHolders()
	next.compile(inputs)
	return next
}

// compile makes the routes of inputs' callbacks.
func (r *routing) compile(inputs map[string]*engine.Input) {
	input := func(i int) any {
		if in := inputs[r.rig.Instances[i].Read]; in != nil {
			return in
		}
		return nil
	}
	output := func(i int) any {
		if s := r.sinks[i]; s != nil {
			return s
		}
		return nil
	}
	l := r.rig.findLanes(input, output)
	outputs := make([]*engine.Output, len(r.sinks))
	for i, s := range r.sinks {
		if s != nil {
			outputs[i] = s.out
		}
	}
	for _, in := range inputs {
		if _, ok := r.routes[in]; !ok {
			r.routes[in] = r.rig.compileDirect(r.readers[in.Port()], l, outputs)
		}
	}
	for i := range r.rig.Instances {
		for o := range r.rig.Instances {
			r.router.direct[i][o], _ = l.direct(i, o)
		}
		r.begun = append(r.begun, r.findBegun(i))
	}
}

// findBegun returns the notes and pedals that what an instance's input's callback sends may begin.
func (r *routing) findBegun(instance int) (all []hanging) {
	t := r.rig.tables
	if t.inputs[instance] < 0 {
		return nil
	}
	begun := make(map[*sink]noteSet)
	for _, c := range t.mapped(uint32(t.inputs[instance])) {
		for _, target := range t.find(uint32(t.inputs[instance]), c) {
			if !r.router.direct[instance][target.output] {
				continue
			}
			s := r.sinks[target.output]
			notes := begun[s]
			for _, step := range t.steps[target.first : target.first+uint32(target.count)] {
				notes.mayFollow(step)
			}
			begun[s] = notes
		}
	}
	for s, notes := range begun {
		if notes != (noteSet{}) {
			all = append(all, hanging{s, notes})
		}
	}
	return all
}

// setResets has outputs reset when they are closed, unless all instances that share one are against it.
func (r *routing) setResets() {
	reset := make(map[*sink]bool)
	for i, sink := range r.sinks {
		if sink != nil {
			reset[sink] = reset[sink] || !r.rig.Instances[i].NoReset
		}
	}
	for sink, reset := range reset {
		sink.out.ResetOnClose(reset)
	}
}

// install makes a routing the session's, and returns the notes that should have been switched off and
// could not be. It is called between two events.
func (s *Session) install(next *routing) []hanging {
	if s.routing.rig != nil {
		for i, instance := range next.rig.Instances {
			same := func(old Instance) bool {
				return old.Name == instance.Name && old.Backend == instance.Backend && old.Read == instance.Read
			}
			if old := slices.IndexFunc(s.routing.rig.Instances, same); old >= 0 {
				next.router.inherit(i, s.routing.router, old)
			}
		}
	}
	if next.rig.Detect {
		next.router.Changed = func(instance int, c control.Change) {
			s.tell(Notice{Kind: Changed, Instance: next.rig.Instances[instance].Name, Change: c})
		}
	}
	unsent := endOrphans(s.routing.holders, next.holders, nil)
	s.before = slices.DeleteFunc(append(s.before, s.routing), func(r *routing) bool { return !r.expected() })
	s.routing.end() // of inputs that go, for good: what they have sent comes before they are closed
	s.routing = next
	if !s.ended { // or the next Run has them begin
		next.begin()
	}
	early := s.early
	s.early = nil
	s.opening.Store(false)
	for i := range early {
		s.Handle(&early[i])
	}
	return unsent
}

// routings returns the routing and those before. Only install changes them: the caller holds mu.
func (s *Session) routings() []*routing { return append(slices.Clone(s.before), s.routing) }

// expected reports whether messages may come that have been sent by its routes.
func (r *routing) expected() bool {
	for in, routes := range r.routes {
		if routes != nil && in.Expects(routes) {
			return true
		}
	}
	return false
}

// late is an input that has not been settled in time.
type late struct {
	in     *engine.Input
	routes *engine.Routes // along which its callback may have sent what nobody knows of; nil: none
}

// unsettled returns the inputs of routings, which have ended, that have brought or may bring what has not been handled, and
// notes which have not: what comes later has been sent by no callback. It is called between two events.
func (s *Session) unsettled(ended []*routing) (all []late) {
	reading := s.reading.Load()
	for _, r := range ended {
		for in, routes := range r.routes {
			if !r.settled[in] && (reading || !in.Settled()) {
				all = append(all, late{in, routes})
			} else {
				r.settled[in] = true
			}
		}
	}
	return all
}

// settle waits, but no longer than a moment, until what the inputs of routings have brought has been handled, and returns
// those where it has not.
func (s *Session) settle(ended []*routing) []late {
	found := make(chan []late, 1)
	go func() {
		for end := time.Now().Add(moment); ; time.Sleep(time.Millisecond) {
			var all []late
			err := s.engine.Call(func() { all = s.unsettled(ended) }) // with an error no event is being handled any more
			if err != nil || len(all) == 0 || time.Now().After(end) {
				found <- all
				return
			}
		}
	}()
	select {
	case all := <-found:
		return all
	case <-time.After(2 * moment): // a handler does not return
	}
	var all []late
	for _, r := range ended {
		for in, routes := range r.routes {
			all = append(all, late{in, routes})
		}
	}
	return all
}

// release closes ports that routings before have had, the outputs when the notes that they hold are off. Those are known when
// what all inputs have brought has been handled. Where that takes too long, or nobody does it, whatever the rest may have
// begun counts as held.
func (s *Session) release(before []*routing, inputs []*engine.Input, outputs []*sink) error {
	if len(inputs)+len(outputs) == 0 {
		return nil
	}
	unknown := slices.DeleteFunc(s.settle(before), func(l late) bool { return l.routes == nil || !l.in.Expects(l.routes) })
	err := closePorts(inputs, nil)
	off := make(chan struct{})
	go func() {
		defer close(off)
		s.switchOff(outputs, unknown)
	}()
	select {
	case <-off:
	case <-time.After(patience): // closing has a deadline of its own
	}
	return errors.Join(err, closePorts(nil, outputs))
}

// switchOff switches off what outputs hold, and what inputs may have begun that nobody knows of, and closes them, all at once.
func (s *Session) switchOff(outputs []*sink, unknown []late) {
	known, rest := make([]noteSet, len(outputs)), make([]noteSet, len(outputs))
	held := func(into []noteSet) {
		for i, sink := range outputs {
			into[i] = sink.held
			into[i].join(&sink.lost)
		}
	}
	take := func() {
		held(known)
		for _, l := range unknown {
			s.doubt(l.in.Port(), l.routes)
		}
		held(rest)
	}
	if s.engine.Call(take) != nil { // the engine is closed: no event is being handled
		s.last.Lock()
		take()
		s.last.Unlock()
	}
	var off sync.WaitGroup
	for i, sink := range outputs {
		off.Go(func() {
			sink.switchOff(&known[i]) // first: with a slow driver there may be no time for all
			rest[i].part(&known[i])
			sink.switchOff(&rest[i])
			_ = sink.out.Close() // release has the error
		})
	}
	off.Wait()
}

const (
	patience = 2 * time.Second        // for notes to be switched off
	moment   = 100 * time.Millisecond // for what has come to be handled
)

// closePorts closes ports all at once, so that a stuck driver does not use up the others' time.
func closePorts(inputs []*engine.Input, outputs []*sink) error {
	failed := make([]error, len(inputs)+len(outputs))
	var closing sync.WaitGroup
	for i, in := range inputs {
		closing.Go(func() { failed[i] = in.Close() })
	}
	for i, sink := range outputs {
		closing.Go(func() { failed[len(inputs)+i] = sink.out.Close() })
	}
	closing.Wait()
	return errors.Join(failed...)
}

// Close ends the session in order: its inputs are closed, what its outputs have queued is sent, notes
// that are held are switched off, the devices are reset unless the rig says otherwise, and closed. It
// must not be called within a handler. The error joins those of all ports that the session has closed.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.last.Lock()
	s.closed = true
	s.routing.end()
	s.last.Unlock()
	return errors.Join(s.failed, s.release(s.routings(), missing(s.inputs, nil), missing(s.outputs, nil)))
}

// Stats are a session's statistics. Those of its ports are the engine's.
type Stats struct {
	Instances []InstanceStats
	Dropped   uint64 // notices that did not fit
}

// InstanceStats are what became of an instance's messages.
type InstanceStats struct {
	Name string
	RouterCounts
}

// Stats returns the statistics since the session was started. It waits for a handler that is busy.
func (s *Session) Stats() Stats {
	var stats Stats
	take := func() {
		for i, instance := range s.routing.rig.Instances {
			stats.Instances = append(stats.Instances, InstanceStats{instance.Name, s.routing.router.Counts(i)})
		}
	}
	if err := s.engine.Call(take); errors.Is(err, os.ErrClosed) {
		take() // no event is being handled
	}
	stats.Dropped = s.dropped.Load()
	return stats
}
