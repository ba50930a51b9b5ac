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

	looked chan struct{} // closed when it has looked for the first time
	once   sync.Once     // closes that

	// Under the engine's mu.
	running bool
	ended   chan struct{} // closed when it no longer looks

	abandoned atomic.Bool // Close has given up waiting for that

	// Its own.
	list, whole ports // as last read; as last read with nothing missing
}

// ports is a list of ports, both ways.
type ports struct {
	version uint64    // grows when the list changes; 0: never read
	sums    [2]uint64 // by Direction
	partial bool      // a device did not say what it is
	in, out []PortInfo
}

func (l *ports) of(direction Direction) []PortInfo {
	if direction == Out {
		return l.out
	}
	return l.in
}

// sumOf returns a number that tells a driver's list of ports from another one.
func sumOf(d *cwinmm.Driver, direction Direction) uint64 {
	if direction == Out {
		return d.OutputSum()
	}
	return d.InputSum()
}

func sumsOf(d *cwinmm.Driver) [2]uint64 { return [2]uint64{In: sumOf(d, In), Out: sumOf(d, Out)} }

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
	}
	e.watch.abandoned.Store(true)
	select {
	case <-ended: // just now
		e.watch.abandoned.Store(false)
	default:
	}
	return fmt.Errorf("list of ports: %w", ErrTimedOut)
}

// stuck returns 1 if Close has given up waiting for the watch, and it is still in the driver.
func (w *watch) stuck() int {
	if w.abandoned.Load() {
		return 1
	}
	return 0
}

func (e *Engine) runWatch(ended chan struct{}) {
	defer e.unuse()
	w := &e.watch
	var workers sync.WaitGroup
	defer workers.Wait()
	defer w.abandoned.Store(false)
	defer close(ended)
	looker, err := cwinmm.StartWatch(e.driver, w.waiter, lookEvery)
	limit := forever
	if err == nil {
		defer func() { _ = looker.Stop(e.options.Deadline) }() // an abandoned one is counted
	} else {
		limit = lookEvery // out of threads: look here
	}
	for e.keepWatch() && !w.stop.Load() {
		command := w.waiter.Command() // before the look: what comes after it tells again
		again := e.look(&workers)
		w.once.Do(func() { close(w.looked) })
		if err == nil {
			looker.Insist(again)
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
	e.readList()
	e.mu.Lock()
	inputs, outputs := e.inputs, e.outputs
	e.mu.Unlock()
	again = len(inputs)+len(outputs) == 0 // whether the watch is needed
	for _, in := range inputs {
		again = in.attend(e.watch.list, workers) || again
	}
	for _, out := range outputs {
		again = out.attend(e.watch.list, workers) || again
	}
	return again
}

// readList reads the list of ports if it has changed, and tells how. One that changes while it is read is left for
// the next look.
func (e *Engine) readList() {
	w := &e.watch
	sums := sumsOf(e.driver)
	if w.list.version > 0 && sums == w.list.sums {
		return
	}
	in, err1 := list(e.driver, In)
	out, err2 := list(e.driver, Out)
	if err1 != nil || err2 != nil || sums != sumsOf(e.driver) {
		return
	}
	nameless := func(p PortInfo) bool { return p.Name == "" }
	partial := slices.ContainsFunc(in, nameless) || slices.ContainsFunc(out, nameless)
	w.list = ports{w.list.version + 1, sums, partial, in, out}
	if partial {
		return
	}
	if w.whole.version > 0 {
		e.tellChanges(w.whole.in, in)
		e.tellChanges(w.whole.out, out)
	}
	w.whole = w.list
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
