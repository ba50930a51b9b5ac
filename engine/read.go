package engine

import (
	"errors"
	"os"
	"time"
)

// ReadInto waits until there are events, copies as many as there are and fit into events and returns
// their number, at least 1. The error is ErrClosed, os.ErrDeadlineExceeded (SetReadDeadline), or
// ErrBusy while Run or another ReadInto is under way; then no event has been taken.
//
// It polls only while it is called: between calls, up to InputOptions.Capacity events of each input
// wait. It does not allocate.
func (e *Engine) ReadInto(events []Event) (int, error) {
	if len(events) == 0 {
		return 0, errors.New("ReadInto: no room for an event")
	}
	if err := e.startPolling(); err != nil {
		return 0, err
	}
	defer e.stopPolling()
	return e.poller.readInto(events)
}

// SetReadDeadline has ReadInto, also one under way, return os.ErrDeadlineExceeded at t when there is no
// event. The zero time takes the deadline away.
func (e *Engine) SetReadDeadline(t time.Time) {
	deadline := int64(0)
	if !t.IsZero() {
		deadline = t.UnixNano()
	}
	e.poller.deadline.Store(deadline)
	e.tell()
}

func (p *poller) readInto(events []Event) (int, error) {
	p.start()
	p.buffer, p.filled = events, 0
	defer func() { p.buffer = nil }()
	for {
		if p.changed() {
			if err := p.obey(); err != nil {
				return 0, err
			}
		}
		if p.filled == 0 {
			p.pass()
		}
		if p.filled > 0 {
			p.lend(&events[p.filled-1])
			return p.filled, nil
		}
		limit := forever
		if deadline := p.deadline.Load(); deadline != 0 {
			limit = time.Until(time.Unix(0, deadline))
			if limit <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
		}
		p.rest(limit)
	}
}

// lend has the input whose memory the event points at kept when it is closed. Only the last event of a buffer can point
// at any (deliver).
func (p *poller) lend(last *Event) {
	if last.SysEx == nil {
		return // what LostBy points at is Go's
	}
	for _, in := range p.inputs {
		if in.port == last.Port {
			p.lent = in
		}
	}
}
