package engine

import "sync/atomic"

// closer has the work of a Close done once, whoever calls it how often from where.
type closer struct {
	begun atomic.Bool
	done  chan struct{} // closed when the work is done
	err   error         // its result
}

func newCloser() closer { return closer{done: make(chan struct{})} }

// close does the work or waits until it is done, and returns its result. On the poller's thread, that
// is in a handler, which the work may have to wait for, it only starts it and returns nil: Run waits.
func (c *closer) close(e *Engine, work func() error) error {
	first := c.begun.CompareAndSwap(false, true)
	run := func() {
		c.err = work()
		close(c.done)
	}
	if e.poller.isThisThread() {
		if first {
			e.poller.background.Go(run) // this is its thread
		}
		return nil
	}
	if first {
		run()
	}
	<-c.done
	return c.err
}
