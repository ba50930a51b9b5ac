package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// device is what is behind an open port, and may go and come back: what an Input and an Output have in common.
//
// It is open until it is lost, which anybody notices who hears of it. Then the watch has its handle closed, looks
// for it in the list of ports, and opens it again. Closing and opening may take their time, so each is
// done on a goroutine of its own, one at a time: work. Closing the port for good waits for that.
type device struct {
	engine *Engine
	port   Port
	keep   bool // to be opened again
	side   side

	mu       sync.Mutex
	identity identity
	seen     uint64        // the version of the watch's list that it was last looked for in
	opened   uint64        // the watch's last look when it was: what it has read by then may be older
	lost     bool          // it has gone, and is not open again
	closed   bool          // its handle is, or is being given up
	ending   bool          // Close has begun: nothing does any more
	work     chan struct{} // closed when what is under way is done; nil: nothing is
	counts   Device

	// Of the loss.
	gone  uint64 // the watch's last look when it was noticed
	away  bool   // it has been missing in the list
	there bool   // it is in the list, to be opened
	told  bool   // KindPortFound has been

	// Of opening again.
	reopened time.Time         // when it last was
	late     *cwinmm.LateError // the last time, the driver had not returned in time; nil: it had
	lateIn   uint64            // the version of the list that was
	kept     int               // times that the driver has not given back what it had, of mostKept
}

// mostKept is how often a device is closed whose driver does not give back all that it has, or does not return. Each
// time memory, and one of the 256 places for inputs, is gone for good; after that it is not opened again.
const mostKept = 8

// side is what an Input and an Output do each in its own way.
type side interface {
	// isGone reports whether the driver has said that the device has gone. The caller holds mu.
	isGone() bool
	// lose is called when it has, or anything else has told so, at once. The caller holds mu.
	lose(info PortInfo)
	// tell has an event told. The caller holds mu.
	tell(kind Kind, info PortInfo)
	// isReady reports whether it could be opened again. The caller holds mu.
	isReady() bool
	// closeLost closes the handle of the device that has gone. kept: the driver has not given back all that it had.
	closeLost() (kept bool, err error)
	// openAt opens the device at its place in the list. Then use, with mu held, has it used, or undo closes it
	// again.
	openAt(info PortInfo) (use, undo func(), err error)
}

// Device are a port's statistics of its device's comings and goings.
type Device struct {
	Lost     bool   // it has gone and is not open
	Losses   uint64 // times that it has gone
	Reopened uint64 // times that it has been opened again
	// LastError is why it could not be closed in time after it had gone, or not be opened again, the last time; nil
	// if it could. One whose driver has kept buffers, or has not returned, eight times is not opened again: it has to be
	// closed and opened by the program.
	LastError error
}

// current describes the port as the last list did that it was in.
func (d *device) current() PortInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity.info
}

// openFirst opens the port that a selector selects. Devices are opened by their place in the list, which may change at
// any time: it has to be the same list before and after. If not, the port is looked for in the new one; what has its
// place there may be another.
func (d *device) openFirst(e *Engine, direction Direction, port Selector, keep bool, s side) error {
	d.engine, d.side, d.keep = e, s, keep
	info, all, err := pick(e.driver, direction, port, e.options.Deadline)
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		use, undo, err := s.openAt(info)
		same, now, unanswered := e.listAgain(direction, all)
		id := identify(info, all)
		if same {
			if err == nil {
				d.identity, d.opened = id, e.watch.looks.Load()
				use()
			}
			return err
		}
		if err == nil {
			undo()
		}
		found, ok := id.find(now, false)
		switch {
		case ok && tries < mostTries:
			info, all = found, now
		case err != nil:
			return err
		case unanswered != nil:
			return &PortError{info, unanswered}
		case ok:
			return &PortError{info, errListChanged}
		default:
			return &PortError{info, ErrNoDevice}
		}
	}
}

// mostTries is how often a device is opened while the list of ports changes.
const mostTries = 5

func (d *device) stats() Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// noteGone takes notice that the device has gone. Any thread.
func (d *device) noteGone() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.goneNow()
}

// goneNow is noteGone with mu held.
func (d *device) goneNow() {
	if d.lost || d.ending {
		return
	}
	d.lost, d.closed = true, false
	d.gone, d.away, d.there, d.told = d.engine.watch.looks.Load(), false, false, false
	d.counts.Lost = true
	d.counts.Losses++
	d.side.lose(d.identity.info)
	d.engine.watch.wake()
}

// awake has the device opened again if the machine has slept and it is to be: as if it had gone meanwhile.
func (d *device) awake(slept bool) {
	if slept && d.keep {
		d.noteGone()
	}
}

// attend does what there is to do for the device, which is looked for in a list, if that is new. again: that may
// have to be done again. For the watch.
func (d *device) attend(l roster, workers *sync.WaitGroup) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending {
		return false
	}
	news := l.version != d.seen && !l.partial && l.look > d.opened
	missing := news && d.identity.missing(l.ports)
	if !d.lost && (missing || d.side.isGone()) {
		d.goneNow()
		d.away = missing
	}
	if news {
		d.seen = l.version
		d.identity.follow(l.ports, d.lost)
	}
	if !d.lost || d.work != nil {
		return d.lost && d.there
	}
	if !d.closed {
		d.begin(workers, d.closeHandle)
		return false
	}
	if !d.keep || d.kept >= mostKept {
		return false
	}
	return l.look <= d.gone || d.find(l, workers) // a list of before may have it as it was
}

// find looks for the device that has gone, and has it opened if it is there. again: that may have to be done again.
// The caller holds mu.
func (d *device) find(l roster, workers *sync.WaitGroup) (again bool) {
	info, ok := d.identity.find(l.ports, true)
	d.there = ok && (info.Identity != "" || !l.partial) // by its name alone it might be the one that does not say its own
	if !d.there {
		d.away = true
		return false
	}
	if d.away { // else it may be about to go from the list too: opening it will tell
		d.tellFound(info)
	}
	switch {
	case !d.side.isReady():
		return false
	case d.late != nil && d.lateIn == l.version && !d.late.Back(): // not another thread in the driver for each look
		return true
	case time.Since(d.reopened) < lookEvery: // nor all the time if it opens and fails at once
		return true
	}
	d.begin(workers, func() { d.openAgain(info, l) })
	return true
}

// tellFound has it told, once for each loss, that the device is there again. The caller holds mu.
func (d *device) tellFound(info PortInfo) {
	if !d.told {
		d.told = true
		d.side.tell(KindPortFound, info)
	}
}

// begin begins work. The caller holds mu.
func (d *device) begin(workers *sync.WaitGroup, work func()) {
	done := make(chan struct{})
	d.work = done
	workers.Go(func() {
		work()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.work = nil
		close(done)
		if !d.there {
			d.engine.watch.wake() // closed: it may be back already
		}
	})
}

func (d *device) closeHandle() {
	kept, err := d.side.closeLost()
	late := errors.Is(err, ErrTimedOut)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if late { // it cannot be closed in good order
		d.counts.LastError = &PortError{d.identity.info, err}
	}
	if kept || late {
		d.kept++
	}
	if d.kept == mostKept {
		d.counts.LastError = &PortError{d.identity.info, errKept}
	}
}

var errKept = fmt.Errorf("not opened again: %d times its driver has kept buffers or not returned", mostKept)

// openAgain opens the device at its place in a list, if that is still the list.
func (d *device) openAgain(info PortInfo, l roster) {
	use, undo, err := d.side.openAt(info)
	listed, _, _ := d.engine.listAgain(info.Direction, l.ports)
	if err == nil && !listed {
		undo()
		err = &PortError{info, errListChanged}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.LastError = err
	d.late, d.lateIn = nil, l.version
	errors.As(err, &d.late)
	switch {
	case errors.Is(err, ErrInUse) && listed:
		d.tellFound(info) // it is there
	case err != nil:
	case d.ending:
		d.mu.Unlock()
		undo()
		d.mu.Lock()
	default:
		d.identity = d.identity.identifyAgain(info, l.ports)
		d.seen = l.version
		d.opened, d.reopened = d.engine.watch.looks.Load(), time.Now()
		d.lost, d.closed = false, false
		d.counts.Lost = false
		d.counts.Reopened++
		d.tellFound(info)
		use()
		d.side.tell(KindPortReopened, info)
	}
}

// isUnlisted reports whether the driver's list is certain to lack the device.
func (d *device) isUnlisted() bool {
	now, err := list(d.engine.driver, d.current().Direction, d.engine.options.Deadline)
	d.mu.Lock()
	defer d.mu.Unlock()
	return err == nil && d.identity.missing(now)
}

// end ends the device's comings and goings, and reports whether a handle is open that has to be closed. The error
// is ErrTimedOut: a driver is still closing or opening it.
func (d *device) end() (open bool, err error) {
	d.mu.Lock()
	d.ending = true
	work := d.work
	d.mu.Unlock()
	if work != nil {
		select {
		case <-work:
		case <-time.After(d.engine.options.Deadline):
			return false, fmt.Errorf("the device is still being closed or opened: %w", ErrTimedOut)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.closed, nil
}
