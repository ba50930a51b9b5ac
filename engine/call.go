package engine

// call is a function that waits to be called between two events.
type call struct {
	f    func()
	done chan struct{} // closed when f has returned
}

// Call has f called while no event is being handled, and returns when f has returned. f is called on
// the goroutine that is in Run or ReadInto, between two events, or, while nobody is, on the caller's; then
// Run and ReadInto wait for it. So f may change what the handler uses, with no lock. It holds up
// events, and must not panic.
//
// Within a handler f is called at once. The error is ErrClosed; then f has not been called.
func (e *Engine) Call(f func()) error {
	if e.poller.isThisThread() {
		f()
		return nil
	}
	e.mu.Lock()
	for e.calling && !e.polling {
		e.called.Wait()
	}
	if e.closer.begun.Load() {
		e.mu.Unlock()
		return ErrClosed
	}
	c := call{f, make(chan struct{})}
	e.calls = append(e.calls, c)
	if e.polling {
		e.waiter.Tell()
		e.mu.Unlock()
		<-c.done
		return nil
	}
	e.callAll()
	e.mu.Unlock()
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
	e.called.Broadcast()
}

func (c call) run() {
	defer close(c.done)
	c.f()
}
