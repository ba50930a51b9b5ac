package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// batch is how many events of one input are delivered before the next input is looked at.
const batch = 64

// beat is how often the engine looks whether the machine has slept, and wakes the poller and the watch.
//
// The poller does not need it: every event, loss and command wakes it. If it ever finds anything, Stats.LateWakeups
// says so. It is no timeout of the poller's sleep: setting and cancelling a timer costs microseconds at each waking.
//
// The watch needs it while the driver does not return from a look at the list of ports (cwinmm.Watch): until it does,
// a change is told only after a beat, or when something else wakes the watch.
const beat = 10 * time.Second

const forever = time.Duration(-1)

// looks is how often the poller looks for news between two passes when it spins.
const looks = 64

// poller drains the inputs' rings. All but the atomics belong to whoever is in Run or ReadInto.
type poller struct {
	engine *Engine
	inputs []*Input
	// In ticks.
	spin uint64 // that WaitHybrid spins

	// Where events go: to handle, or, if that is nil, into buffer.
	handle func(*Event)
	buffer []Event
	filled int
	event  Event // the one being delivered
	// The input that owns what the last event in a buffer points at, until the next ReadInto or Run; nil: none. Read
	// also by who holds Engine.mu while nobody polls.
	lent *Input

	background *sync.WaitGroup // closing begun within Run's handler

	command   uint32 // the last that was obeyed
	idle      bool   // the last pass was without an event
	idleSince uint64 // ticks at the first such pass
	gap       uint64 // ticks between that and the one before with events in between
	yield     yielder
	follow    follower
	slept     bool // the next event is the first after a sleep
	first     int  // the input that the next pass begins with

	thread      atomic.Uint64 // that Run is locked to; 0: none
	granted     atomic.Uint32 // cwinmm.Priority of that thread
	deadline    atomic.Int64  // of ReadInto, Unix time in ns; 0: none
	parks       atomic.Uint64
	lateWakeups atomic.Uint64
}

// isThisThread reports whether the caller runs on the poller's own thread, and so within a handler:
// Run has locked its goroutine to the thread.
func (p *poller) isThisThread() bool {
	thread := p.thread.Load()
	return thread != 0 && thread == cwinmm.ThreadID()
}

// start has the first round look at everything.
func (p *poller) start() {
	p.command--
	p.idle = false
}

// changed reports whether there is something to obey.
func (p *poller) changed() bool { return p.engine.waiter.Command() != p.command }

// obey looks at what has changed besides events, and delivers what comes from no ring. The error is ErrClosed.
func (p *poller) obey() error {
	p.command = p.engine.waiter.Command() // before the looks below: a later change tells again
	if p.engine.closer.begun.Load() {
		return ErrClosed
	}
	p.inputs = p.engine.adopt()
	for _, in := range p.inputs {
		in.look()
	}
	for !p.engine.closer.begun.Load() && p.engine.notices.take(&p.event) {
		if !p.deliver() {
			break
		}
	}
	return nil
}

// lookAgain has it look at what has changed before it sleeps.
func (p *poller) lookAgain() { p.command-- }

// deliver hands p.event over. False: there is no room for another.
func (p *poller) deliver() bool {
	if p.slept {
		p.slept = false
		p.follow.woken(tick.Now() - uint64(p.event.Time))
	}
	if p.handle != nil {
		p.handle(&p.event)
		return true
	}
	p.buffer[p.filled] = p.event
	p.filled++
	// What an event points at is good until its input is read on.
	return p.filled < len(p.buffer) && p.event.SysEx == nil && p.event.LostBy == nil
}

// pass delivers what has arrived, at most a batch of each input, and reports whether there was
// anything.
func (p *poller) pass() bool {
	if p.engine.options.Merge {
		return p.passMerged()
	}
	any := false
	for range p.inputs {
		if p.first >= len(p.inputs) {
			p.first = 0
		}
		in := p.inputs[p.first]
		p.first++
		left := min(in.in.Ring.Look(), batch)
		calm(in, left)
		for in.open() && (in.stream.next(&p.event, &left) || in.silence(&p.event)) {
			any = true
			if !p.deliver() {
				return true
			}
		}
	}
	return any
}

// calm says that an input's events have been handled, of which so many are left, if its callback waits for that.
func calm(in *Input, left uint64) {
	// Before any of them is put into the buffer of ReadInto: what that has given away has been handled when it is called
	// again, and no sooner.
	if in.stream.arming && left == 0 && !in.stream.behind && in.open() {
		in.calm()
	}
}

// passMerged is pass in the order of callback times: of all that has arrived when it begins, since a
// part of one input's events could be later than what another has.
func (p *poller) passMerged() bool {
	any := false
	// drain delivers so many events of an input. False: there is no room for another.
	drain := func(in *Input, left uint64) bool {
		for in.open() && in.stream.next(&p.event, &left) {
			any = true
			if !p.deliver() {
				return false
			}
		}
		return true
	}
	for _, in := range p.inputs {
		in.waiting = in.in.Ring.Look()
		calm(in, in.waiting)
		if !drain(in, 0) {
			return true
		}
	}
	for next := p.earliest(); next != nil; next = p.earliest() {
		if p.changed() {
			return true
		}
		next.waiting--
		any = true
		if !drain(next, 1) {
			return true
		}
	}
	for _, in := range p.inputs {
		if in.open() && in.silence(&p.event) {
			any = true
			if !p.deliver() {
				return true
			}
		}
	}
	return any
}

// earliest returns the input whose next event in this pass is the earliest; nil if there is none.
func (p *poller) earliest() *Input {
	var first *Input
	for _, in := range p.inputs {
		if in.waiting > 0 && in.open() &&
			(first == nil || int64(in.in.Ring.NextTicks()-first.in.Ring.NextTicks()) < 0) {
			first = in
		}
	}
	return first
}

// open reports whether the input's events are still wanted.
func (in *Input) open() bool { return !in.closer.begun.Load() && !in.engine.closer.begun.Load() }

// silence makes ev what the ring has no record of: a loss with nothing behind it, or that the device has
// gone, or come back. False: none of it.
func (in *Input) silence(ev *Event) bool {
	s := &in.stream
	if in.in.Ring.Lost(&s.loss) {
		s.gap(ev, Now())
		return true
	}
	if !in.vanished || !in.in.Ring.Drained() {
		return false
	}
	if !s.goneTold {
		s.vanish()
		return s.more(ev)
	}
	return in.back && in.comeBack(ev)
}

// rest is what the poller does after a pass without an event: spin for a moment, or sleep, the latter for at
// most limit; below 0 there is none.
func (p *poller) rest(limit time.Duration) {
	now := tick.Now()
	if !p.idle {
		p.idle = true
		p.gap = now - p.idleSince
		p.idleSince = now
	}
	idle := now - p.idleSince
	sleepy := p.engine.options.Wait == WaitPark || p.engine.options.Wait == WaitHybrid && idle >= p.spin
	switch {
	case p.yield.due(now, idle, p.gap, sleepy):
		runtime.Gosched()
		p.yield.last = tick.Now()
	case sleepy:
		p.sleep(limit)
	default:
		p.watch()
	}
}

// watch spins until there is something, but not for long.
func (p *poller) watch() {
	for range looks {
		if p.news() {
			return
		}
		tick.Pause()
	}
}

// sleep parks the poller until there is something, for at most limit.
func (p *poller) sleep(limit time.Duration) {
	w := p.engine.waiter
	follow := p.follow.able && p.engine.options.Wait == WaitPark
	if follow {
		p.follow.place(w.Waker())
	}
	w.Arm()
	if p.news() {
		w.Disarm()
		return
	}
	p.parks.Add(1)
	w.Wait(limit)
	w.Disarm()
	if p.changed() {
		if p.overdue() {
			p.lateWakeups.Add(1)
		}
	} else if follow {
		p.slept = true
	}
}

// overdue reports whether an event waits that should have woken the poller long ago.
func (p *poller) overdue() bool {
	for _, in := range p.inputs {
		if in.open() && in.in.Ring.Look() > 0 && tick.Duration(int64(tick.Now()-in.in.Ring.NextTicks())) > time.Second {
			return true
		}
	}
	return false
}

// news looks at everything that the poller can be woken for, between arm and sleep.
func (p *poller) news() bool {
	for _, in := range p.inputs {
		if in.open() && in.in.Ring.News() {
			return true
		}
	}
	return p.changed()
}
