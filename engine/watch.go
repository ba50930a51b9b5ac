package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// lookEvery is how often the list of ports is looked at when nothing has called for it. What its driver does not
// tell of is so told within 2 s.
const lookEvery = 1200 * time.Millisecond

// watch looks after the devices of an engine's ports, on a goroutine of its own: at the list of ports, for those
// that have gone or come, and at the ports, for what their drivers have said. It runs while a port is
// open or somebody polls, and sleeps until waiter is told: that something has changed (cwinmm.Watch), or that
// somebody has noticed a loss.
type watch struct {
	waiter *cwinmm.Waiter
	stop   atomic.Bool // Close has begun
	slept  atomic.Bool // the machine has, since the last look

	looked chan struct{} // closed when it has looked for the first time
	once   sync.Once     // closes that

	// Under the engine's mu.
	running bool
	ended   chan struct{} // closed when it no longer looks

	// Its own.
	list, whole ports // as last read; as last read with nothing missing
	stuck       bool  // the driver has not answered all of it in time
}

// ports is a list of ports, both ways.
type ports struct {
	version uint64 // grows when the list changes; 0: never read
	partial bool   // a device did not say what it is
	in, out []PortInfo
}

func (l *ports) of(direction Direction) []PortInfo {
	if direction == Out {
		return l.out
	}
	return l.in
}

// isListed reports whether the driver's list of ports is this one.
func (e *Engine) isListed(direction Direction, ports []PortInfo) bool {
	now, _ := list(e.driver, direction, e.options.Deadline) // what it does not answer now it may have answered before
	return slices.Equal(now, ports)
}

var errListChanged = errors.New("the list of ports changed meanwhile")

// wake has the watch look. For who keeps the waiter from being given up.
func (w *watch) wake() { w.waiter.Tell() }

// startWatch starts the watch if it does not run. The caller holds mu.
func (e *Engine) startWatch() {
	if e.watch.running || e.closer.begun.Load() {
		return
	}
	e.watch.running = true
	e.watch.ended = make(chan struct{})
	e.users++
	go e.runWatch(e.watch.ended)
}

// awaitWatch waits until the watch has looked for the first time: from then on each change of the list is told.
func (e *Engine) awaitWatch() {
	select {
	case <-e.watch.looked:
	case <-time.After(e.options.Deadline):
	}
}

// stopWatch ends the watch, but waits for no longer than the deadline: the driver may not return from a look.
func (e *Engine) stopWatch() error {
	e.watch.stop.Store(true)
	e.watch.wake()
	e.mu.Lock()
	ended := e.watch.ended
	e.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-time.After(e.options.Deadline):
		return fmt.Errorf("list of ports: %w", ErrTimedOut)
	}
}

func (e *Engine) runWatch(ended chan struct{}) {
	defer e.unuse()
	w := &e.watch
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(ended)
	looker, err := cwinmm.StartWatch(e.driver, w.waiter, lookEvery)
	if err == nil {
		defer func() { _ = looker.Stop(e.options.Deadline) }() // an abandoned one is counted
	}
	for e.keepWatch() && !w.stop.Load() {
		command := w.waiter.Command() // before the look: what comes after it tells again
		again := e.look(&workers)
		w.once.Do(func() { close(w.looked) })
		limit := forever
		if err == nil {
			looker.Insist(again)
		}
		if err != nil || w.stuck {
			limit = lookEvery // look here: out of threads, or the looker may be stuck too
		}
		w.waiter.Arm()
		if w.waiter.Command() == command {
			w.waiter.Wait(limit)
		}
		w.waiter.Disarm()
	}
}

// keepWatch reports whether the watch has anything to look after. If not, it has ended.
func (e *Engine) keepWatch() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch.running = e.polling || len(e.inputs) > 0 || len(e.outputs) > 0
	return e.watch.running
}

// look looks at the list and at the ports. again: there is something to try again.
func (e *Engine) look(workers *sync.WaitGroup) (again bool) {
	again = e.readList()
	e.mu.Lock()
	inputs, outputs := e.inputs, e.outputs
	e.mu.Unlock()
	again = again || len(inputs)+len(outputs) == 0 // whether the watch is needed
	slept := e.watch.slept.Swap(false)
	for _, in := range inputs {
		in.report()
		in.awake(slept)
		again = in.attend(e.watch.list, workers) || again
	}
	for _, out := range outputs {
		out.report()
		out.awake(slept)
		again = out.attend(e.watch.list, workers) || again
	}
	return again
}

// readList reads the list of ports, and tells how it has changed. One that changes while it is read is left for the
// next look. again: there had better be one.
func (e *Engine) readList() (again bool) {
	w := &e.watch
	in, err1 := list(e.driver, In, e.options.Deadline)
	out, err2 := list(e.driver, Out, e.options.Deadline)
	w.stuck = err1 != nil || err2 != nil
	if w.stuck && (len(in) == 0 || len(out) == 0) { // not even how many there are, perhaps
		return false
	}
	if w.list.version > 0 && slices.Equal(in, w.list.in) && slices.Equal(out, w.list.out) {
		return false
	}
	if !e.isListed(In, in) || !e.isListed(Out, out) {
		return true
	}
	nameless := func(p PortInfo) bool { return p.Name == "" }
	partial := slices.ContainsFunc(in, nameless) || slices.ContainsFunc(out, nameless)
	w.list = ports{w.list.version + 1, partial, in, out}
	if partial {
		return true
	}
	if w.whole.version > 0 {
		e.tellChanges(w.whole.in, in)
		e.tellChanges(w.whole.out, out)
	}
	w.whole = w.list
	return true // it may have changed back since the looker has seen it
}

// tellChanges tells which ports have gone from a list and which have come.
func (e *Engine) tellChanges(before, after []PortInfo) {
	for _, p := range others(before, after) {
		e.post(Event{Time: Now(), Kind: KindPortRemoved, Port: NoPort, Info: &p})
	}
	for _, p := range others(after, before) {
		e.post(Event{Time: Now(), Kind: KindPortAdded, Port: NoPort, Info: &p})
	}
}

// others returns the ports of one list that another one lacks, wherever they are in it.
func others(of, in []PortInfo) []PortInfo {
	in = slices.Clone(in)
	return slices.DeleteFunc(slices.Clone(of), func(p PortInfo) bool {
		i := slices.IndexFunc(in, func(q PortInfo) bool {
			q.Index = p.Index
			return p == q
		})
		if i >= 0 {
			in = slices.Delete(in, i, i+1)
		}
		return i >= 0
	})
}

// post has an event delivered that comes from no ring. For who keeps the waiter from being given up.
func (e *Engine) post(ev Event) {
	e.notices.put(ev)
	e.waiter.Tell()
}
