package engine

// call is a function that waits to be called between two events.
type call struct {
	f        func()
	done     chan struct{} // closed when f has returned
	panicked any           // what f panicked with
}

// Call has f called while no event is being handled, and returns when f has returned. f is called on
// the goroutine that is in Run or ReadInto, between two events, or, while nobody is, on a goroutine that is
// in Call; then Run and ReadInto wait for it. So f may change what the handler uses, with no lock. It
// holds up events, and must not call Call, Run or ReadInto. If it panics, Call does.
//
// Within a handler f is called at once. The error is ErrClosed; then f has not been called, and no
// event is being handled any more.
func (e *Engine) Call(f func()) error {
	if e.poller.isThisThread() {
		f()
		return nil
	}
	c := &call{f: f, done: make(chan struct{})}
	if err := e.enqueue(c); err != nil {
		return err
	}
	<-c.done
	if c.panicked != nil {
		panic(c.panicked)
	}
	return nil
}

// enqueue has c called by the poller, or calls it itself.
func (e *Engine) enqueue(c *call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.calling && !e.polling || e.closer.begun.Load() && (e.calling || e.polling) {
		e.idle.Wait()
	}
	if e.closer.begun.Load() {
		return ErrClosed
	}
	e.calls = append(e.calls, c)
	if e.polling {
		e.waiter.Tell()
	} else {
		e.callAll()
	}
	return nil
}

// callAll calls what waits to be called. The caller holds mu, which is given up meanwhile, and is the
// poller, or nobody is.
func (e *Engine) callAll() {
	e.calling = true
	e.users++
	for len(e.calls) > 0 {
		calls := e.calls
		e.calls = nil
		e.mu.Unlock()
		for _, c := range calls {
			c.run()
		}
		e.mu.Lock()
	}
	e.calling = false
	e.users--
	e.settle()
	e.idle.Broadcast()
}

func (c *call) run() {
	defer func() {
		c.panicked = recover()
		close(c.done)
	}()
	c.f()
}
