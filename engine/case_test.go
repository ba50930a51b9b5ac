//go:build cgo

package engine_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// The tests named TestCase01 to TestCase25 each take one thing that drivers, or programs, are known to do. What
// they have in common is checked when they end: all that the driver called with and all that was sent is accounted
// for, and nothing is left but what the engine says is left. They do not run in parallel, because a leak is found
// by counting what the process has.

// trial is a rig for such a test. Its ports are opened with input and output, its rogues made with rogue.
type trial struct {
	rig
	mu   sync.Mutex
	ins  []*engine.Input
	outs []*sender

	rogues atomic.Uint64 // calls that rogues have made
	more   atomic.Uint64 // received by inputs that are not among ins
	other  *rig          // a driver of its own, whose inputs are among ins, for end to close; nil: none
	closed bool          // by the test
	calmed func()        // ends the faults of a driver that is no loopback

	// What the driver is to keep for good: all buffers of so many inputs, and so many handles open.
	keeps, leaves int

	// What the process had before.
	left            leftovers
	stale, emptied  uint64
	held, abandoned int
	kept, leftOpen  int
	goroutines      goleak.Option
}

// hang is how long a test waits for what ought to come soon, whatever else the machine does.
const hang = 30 * time.Second

// Its threads' priority is normal. Names are those of its cables, as of openRig.
func newCase(t *testing.T, options engine.Options, names ...string) *trial {
	t.Helper()
	options.NormalPriority = true
	return newRaisedCase(t, options, names...)
}

// newRaisedCase is newCase with the options as they are.
func newRaisedCase(t *testing.T, options engine.Options, names ...string) *trial {
	t.Helper()
	r := newTrial(t)
	r.rig = openRig(t, options, names...)
	t.Cleanup(func() { r.end(t) })
	return r
}

// newTrial looks at what there is before a trial's engine is opened.
func newTrial(t *testing.T) *trial {
	t.Helper()
	left := settled(t)
	return &trial{
		left: left, goroutines: goleak.IgnoreCurrent(), stale: cwinmm.StaleCallbacks(), emptied: cwinmm.EmptiedBuffers(),
		held: cwinmm.Held(), abandoned: cwinmm.Abandoned(), kept: cwinmm.KeptPools(), leftOpen: cwinmm.LeftOpen(),
	}
}

// settled waits until what ended before has gone, and returns what the process has.
func settled(t *testing.T) leftovers {
	t.Helper()
	const looks = 20 // alike: threads may end one by one, with pauses
	now, alike := measure(t), 0
	require.Eventually(t, func() bool {
		before := now
		now = measure(t)
		if alike++; now != before || now.blocks != 0 {
			alike = 0
		}
		return alike == looks
	}, hang, 3*time.Millisecond, "something is left of what was before: %+v", &now)
	return now
}

// leftovers is what the process has.
type leftovers struct {
	blocks  int // of C memory, but for buffers that are kept since the driver has kept them
	threads int // that are not Go's own
	handles int // of files; where they cannot be told from those of threads, 0
}

// within reports whether there is no more than before. There may be less, where what ended earlier took its time.
func (l leftovers) within(before leftovers) bool {
	return l.blocks <= before.blocks && l.threads <= before.threads && l.handles <= before.handles
}

func measure(t *testing.T) leftovers {
	t.Helper()
	threads, handles := osCounts(t)
	return leftovers{cwinmm.Blocks() - cwinmm.KeptPools(), threads, handles}
}

func (r *trial) input(t *testing.T, cable int, options engine.InputOptions) *engine.Input {
	t.Helper()
	in := r.rig.input(t, cable, options)
	r.add(in)
	return in
}

func (r *trial) add(in *engine.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ins = append(r.ins, in)
}

// sender is an output that counts what is sent.
type sender struct {
	*engine.Output
	accepted, refused atomic.Uint64
}

func (r *trial) output(t *testing.T, cable int, options engine.OutputOptions) *sender {
	t.Helper()
	return r.addOut(r.rig.output(t, cable, options))
}

func (r *trial) addOut(out *engine.Output) *sender {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &sender{Output: out}
	r.outs = append(r.outs, s)
	return s
}

func (s *sender) Send(m engine.Message) error    { return s.count(s.Output.Send(m)) }
func (s *sender) SendNow(m engine.Message) error { return s.count(s.Output.SendNow(m)) }
func (s *sender) SendSysEx(b []byte) error       { return s.count(s.Output.SendSysEx(b)) }

// count counts what a send came to: accepted, which the driver may have refused; refused by the queue; or
// neither.
func (s *sender) count(err error) error {
	var driver *engine.DriverError
	switch {
	case errors.Is(err, engine.ErrQueueFull):
		s.refused.Add(1)
	case err == nil, errors.As(err, &driver) && driver.Result != invalidHandle: // what SendNow says when the output closes first
		s.accepted.Add(1)
	}
	return err
}

const invalidHandle = 5 // MMSYSERR_INVALHANDLE

// rogue is a rogue whose calls are counted.
type rogue struct {
	r *engine.Rogue
	n *atomic.Uint64
}

// rogue returns one for a cable's input; where that is not open, its r is nil.
func (r *trial) rogue(cable int) rogue { return rogue{r.loop.Rogue(cable), &r.rogues} }

func (g rogue) Data(count uint64) {
	g.n.Add(count)
	g.r.Data(count)
}

func (g rogue) MoreData(count uint64) {
	g.n.Add(count)
	g.r.MoreData(count)
}

func (g rogue) Malformed(count uint64) {
	g.n.Add(count)
	g.r.Malformed(count)
}

// Close closes the engine, for a test that wants to see what comes of it.
func (r *trial) Close() error {
	r.closed = true
	return r.rig.Close()
}

// end closes everything, and looks at what is left.
func (r *trial) end(t *testing.T) {
	r.calm(t) // what hangs goes on
	within(t, "closing the engine", func() {
		if err := r.rig.Close(); !r.closed {
			assert.NoError(t, err)
		}
	})
	assert.Zero(t, r.Stats().LateWakeups)
	assert.Eventually(t, func() bool {
		s := r.Stats()
		return s.Abandoned == r.abandoned && s.Held == r.held
	}, hang, time.Millisecond, "what was abandoned has not come back: %+v", r.Stats())
	r.audit(t)
	assert.Equal(t, r.keeps, r.Stats().KeptBuffers-r.kept, "inputs whose buffers are kept")
	assert.Equal(t, r.leaves, r.Stats().LeftOpen-r.leftOpen, "ports that are said to be left open")
	if r.loop != nil {
		assert.Equal(t, r.leaves, r.loop.OpenPorts(), "ports left open")
		r.loop.Close()
	}
	if r.other != nil {
		r.other.loop.Close()
	}
	now := measure(t)
	assert.Eventually(t, func() bool {
		now = measure(t)
		return now.within(r.left)
	}, hang, 3*time.Millisecond, "there was %+v, and is left %+v", r.left, &now)
	goleak.VerifyNone(t, r.goroutines)
}

// audit checks that the books balance, when everything is closed.
func (r *trial) audit(t *testing.T) {
	t.Helper()
	received := r.more.Load()
	for _, in := range r.ins {
		s := in.Stats()
		balanced(t, s)
		assert.Zero(t, s.Waiting)
		received += s.Received
	}
	if r.loop != nil {
		called := r.calls() + r.rogues.Load()
		if r.other != nil {
			called += r.other.calls()
		}
		assert.Equal(t, called, received+cwinmm.StaleCallbacks()-r.stale+cwinmm.EmptiedBuffers()-r.emptied,
			"the driver's calls, and what has become of them")
	}
	for _, out := range r.outs {
		s := out.Stats()
		assert.Equal(t, out.accepted.Load(), s.Sent+s.Failed+s.Dropped, "accepted: %+v", s)
		assert.Equal(t, out.refused.Load(), s.Refused, "refused: %+v", s)
		assert.Zero(t, s.Queued+s.SysEx.Queued)
	}
}

// calm ends all faults.
func (r *trial) calm(t *testing.T) {
	t.Helper()
	if r.loop != nil {
		r.script(t)
	} else {
		r.calmed()
	}
}

// calls returns how many callbacks the driver has made.
func (r *rig) calls() (sum uint64) {
	for cable := range r.cables {
		sum += r.loop.Calls(cable)
	}
	return sum
}

// within fails the test if f does not return. f then goes on until the script of faults ends.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(hang):
		require.Fail(t, what+" has not returned")
	}
}
