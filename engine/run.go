package engine

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/onset-midi/onset/cwinmm"
)

// Run delivers events to handle, one at a time, until ctx is cancelled or the engine is closed, and
// returns ctx's error or ErrClosed. After ctx is cancelled, events that were on their way may still be
// delivered before it returns. It locks its goroutine to its thread for as long as it runs, and raises that
// thread's priority unless Options.NormalPriority says otherwise.
//
// The handler holds up all inputs' events, not the drivers: while it runs, up to InputOptions.Capacity
// events of each input wait. A handler that panics ends Run with a *PanicError; the event it was given
// counts as delivered, and Run may be called again. The error is ErrBusy while another Run or ReadInto
// is under way.
func (e *Engine) Run(ctx context.Context, handle func(*Event)) error {
	if handle == nil {
		return errors.New("Run: no handler")
	}
	if err := e.startPolling(); err != nil {
		return err
	}
	var background sync.WaitGroup
	defer background.Wait()
	defer e.stopPolling()

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := &e.poller
	p.background = &background
	p.thread.Store(cwinmm.ThreadID())
	defer p.thread.Store(0)
	p.follow.begin()
	defer p.follow.end()
	if !e.options.NormalPriority {
		granted, lower := cwinmm.RaiseThread(e.options.Wait != WaitPark)
		p.granted.Store(uint32(granted))
		defer lower()
	}
	stop := context.AfterFunc(ctx, e.tell)
	defer stop()
	return p.run(ctx, handle)
}

func (p *poller) run(ctx context.Context, handle func(*Event)) (err error) {
	p.start()
	p.handle = handle
	defer func() {
		p.handle = nil
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack(), Event: p.event}
		}
	}()
	for {
		if p.changed() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.obey(); err != nil {
				return err
			}
		}
		if p.pass() {
			p.idle = false
		} else {
			p.rest(forever)
		}
	}
}
