package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
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
	stuck    uint64        // the same, of the list in which it was opened and the driver did not return; 0: it did
	lost     bool          // it has gone, and is not open again
	found    bool          // but is in the list, which has been told
	closed   bool          // its handle is, or is being given up
	ending   bool          // Close has begun: nothing does any more
	work     chan struct{} // closed when what is under way is done; nil: nothing is
	counts   Device
}

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
	// closeLost closes the handle of the device that has gone.
	closeLost() error
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
	// if it could.
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
		now, _ := list(e.driver, direction, e.options.Deadline) // what it does not answer now it may have answered before
		id := identify(info, all)
		if slices.Equal(now, all) {
			if err == nil {
				d.identity = id
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
	d.lost, d.found, d.closed = true, false, false
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
func (d *device) attend(l ports, workers *sync.WaitGroup) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending {
		return false
	}
	all := l.of(d.identity.info.Direction)
	news := l.version != d.seen && !l.partial
	d.seen = l.version
	if d.side.isGone() || news && d.identity.missing(all) {
		d.goneNow()
	}
	if news {
		d.identity.follow(all, d.lost)
	}
	if !d.lost || d.work != nil {
		return d.found && d.lost
	}
	if !d.closed {
		d.begin(workers, d.closeHandle)
		return false
	}
	info, ok := d.identity.find(all, true)
	ok = ok && (info.Identity != "" || !l.partial) // by its name alone it might be the one that does not say its own
	if !ok || !d.keep || d.stuck == l.version || !d.side.isReady() {
		d.found = d.found && ok
		return false
	}
	if !d.found {
		d.found = true
		d.side.tell(KindPortFound, info)
	}
	d.begin(workers, func() { d.openAgain(info, l) })
	return true
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
		if !d.found {
			d.engine.watch.wake() // closed: it may be back already
		}
	})
}

func (d *device) closeHandle() {
	err := d.side.closeLost()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if errors.Is(err, ErrTimedOut) { // it cannot be closed in good order
		d.counts.LastError = &PortError{d.identity.info, err}
	}
}

// openAgain opens the device at its place in a list, if that is still the list.
func (d *device) openAgain(info PortInfo, l ports) {
	use, undo, err := d.side.openAt(info)
	if err == nil && !d.engine.isListed(info.Direction, l.of(info.Direction)) {
		undo()
		err = &PortError{info, errListChanged}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.LastError = err
	switch {
	case errors.Is(err, ErrTimedOut):
		d.stuck = l.version // not another thread in the driver for each look
	case err != nil:
	case d.ending:
		d.mu.Unlock()
		undo()
		d.mu.Lock()
	default:
		d.identity = d.identity.identifyAgain(info, l.of(info.Direction))
		d.seen = l.version
		d.lost, d.closed = false, false
		d.counts.Lost = false
		d.counts.Reopened++
		use()
		d.side.tell(KindPortReopened, info)
	}
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
