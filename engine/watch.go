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
// open or somebody polls, and sleeps until waiter is told: that something has changed (cwinmm.Watch), that somebody
// has noticed a loss or wants a look now (lookNow), or by the beat, should the driver not return from a look of
// cwinmm.Watch.
type watch struct {
	waiter *cwinmm.Waiter
	stop   atomic.Bool // Close has begun
	slept  atomic.Bool // the machine has, since the last look

	looked chan struct{} // closed when it has looked for the first time
	once   sync.Once     // closes that

	// Under the engine's mu.
	running bool
	ended   chan struct{} // closed when it no longer looks
	awaited chan struct{} // closed when it has looked from now on; nil: nobody waits for that

	// Its own.
	rosters [2]roster // by Direction
	stuck   bool      // the driver has not answered all of it in time

	looks atomic.Uint64 // that have begun
}

// roster is a list of ports of one direction, as the watch has read it.
type roster struct {
	ports   []PortInfo
	version uint64 // grows when it has changed; 0: never read
	look    uint64 // the last in which it was read
	partial bool   // a port in it does not say what it is, and may be any

	since    time.Time  // it has been as it is
	nameless int        // ports that do not say what they are, and have not for long: they are none of the others
	told     []PortInfo // what the changes told of have led to
}

// listAgain returns the driver's list of ports, as list does, and whether it is still the same as before. With an
// error it is too, if the driver had not answered the same then.
func (e *Engine) listAgain(direction Direction, before []PortInfo) (same bool, now []PortInfo, err error) {
	now, err = list(e.driver, direction, e.options.Deadline)
	return slices.Equal(now, before), now, err
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

// lookNow has the watch look, if it runs, and waits until it has: then ports that are open know their places in a list
// that is no older than the call.
func (e *Engine) lookNow() {
	e.mu.Lock()
	w := &e.watch
	if !w.running {
		e.mu.Unlock()
		return
	}
	if w.awaited == nil {
		w.awaited = make(chan struct{})
	}
	awaited := w.awaited
	w.wake()
	e.mu.Unlock()
	select {
	case <-awaited:
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
	for {
		keep, awaited := e.keepWatch()
		if !keep {
			break
		}
		command := w.waiter.Command() // before the look: what comes after it tells again
		again := e.look(&workers)
		w.once.Do(func() { close(w.looked) })
		if awaited != nil {
			close(awaited)
		}
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

// keepWatch reports whether the watch has anything to look after, and who waits for its next look. If it has not, it
// has ended, and nobody does.
func (e *Engine) keepWatch() (keep bool, awaited chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &e.watch
	awaited, w.awaited = w.awaited, nil
	w.running = (e.polling || len(e.inputs) > 0 || len(e.outputs) > 0) && !w.stop.Load()
	if !w.running && awaited != nil {
		close(awaited)
	}
	return w.running, awaited
}

// look looks at the lists and at the ports. again: there is something to try again.
func (e *Engine) look(workers *sync.WaitGroup) (again bool) {
	w := &e.watch
	w.looks.Add(1)
	w.stuck = false
	for direction := range w.rosters {
		again = e.readList(Direction(direction)) || again
	}
	e.mu.Lock()
	inputs, outputs := e.inputs, e.outputs
	e.mu.Unlock()
	again = again || len(inputs)+len(outputs) == 0 // whether the watch is needed
	slept := w.slept.Swap(false)
	for _, in := range inputs {
		in.report()
		in.awake(slept)
		again = in.attend(w.rosters[In], workers) || again
	}
	for _, out := range outputs {
		out.report()
		out.awake(slept)
		again = out.attend(w.rosters[Out], workers) || again
	}
	return again
}

// readList reads a list of ports, and tells how it has changed. One that changes while it is read is left for the
// next look. again: there had better be one.
func (e *Engine) readList(direction Direction) (again bool) {
	w := &e.watch
	r := &w.rosters[direction]
	ports, err := list(e.driver, direction, e.options.Deadline)
	w.stuck = w.stuck || err != nil
	if err != nil && len(ports) == 0 { // not even how many there are
		return false
	}
	first := r.version == 0
	if first || !slices.Equal(ports, r.ports) {
		if same, _, _ := e.listAgain(direction, ports); !same {
			return true
		}
		r.ports, r.since, r.partial = ports, time.Now(), true
		r.version++
		again = true // it may have changed back since the looker has seen it
	}
	r.look = w.looks.Load()
	if !r.partial {
		return again
	}
	nameless := 0
	for _, p := range ports {
		if p.Name == "" {
			nameless++
		}
	}
	// What the driver has not answered yet it may still answer.
	if !first && nameless > r.nameless && (err != nil || time.Since(r.since) < lookEvery) {
		return true
	}
	r.partial, r.nameless = false, nameless
	r.version++ // it says more than before
	if !first {
		e.tellChanges(r.told, ports)
	}
	r.told = ports
	return again
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
