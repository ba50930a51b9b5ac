//go:build cgo

package engine_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// routed is a case with an input on cable 0, whose messages the callback sends to an output on cable 1, and the far end of
// that, an input of another engine, so that both are as slow as they like.
type routed struct {
	*trial
	in     *engine.Input
	out    *sender
	routes *engine.Routes
}

func newRouted(t *testing.T, options engine.OutputOptions) *routed {
	t.Helper()
	r := &routed{trial: newCase(t, engine.Options{Deadline: 10 * time.Second}, "Alpha", "Beta", "Gamma")}
	r.in, r.out = r.input(t, 0, engine.InputOptions{Capacity: 1 << 16}), r.output(t, 1, options)
	r.routes = thru(r.out.Output)
	require.NoError(t, r.in.Route(r.routes))
	r.direct(t)
	return r
}

// farEnd is what hears an output, an engine of its own, so that both are as slow as they like.
type farEnd struct {
	*engine.Engine
	in *engine.Input
	r  *trial
}

func (r *trial) farEnd(t *testing.T, cable int) *farEnd {
	t.Helper()
	far, err := engine.Open(engine.Options{Driver: r.loop, NormalPriority: true})
	require.NoError(t, err)
	in, err := far.OpenInput(engine.Index(cable), engine.InputOptions{Capacity: 1 << 17})
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	return &farEnd{far, in, r}
}

// expect waits for the first count messages of a source, as thru sends them on, in order, and closes the engine.
func (f *farEnd) expect(t *testing.T, count uint64) {
	t.Helper()
	events := make([]engine.Event, 1024)
	f.SetReadDeadline(time.Now().Add(time.Minute))
	for next := uint64(0); next < count; {
		n, err := f.ReadInto(events)
		require.NoError(t, err)
		for _, ev := range events[:n] {
			if ev.Kind == engine.KindMessage {
				require.Equal(t, through(engine.SourceMessage(next)), ev.Message, "number %d", next)
				next++
			}
		}
	}
	f.close(t)
}

// close closes the engine, whose input's events are to be in the books.
func (f *farEnd) close(t *testing.T) {
	t.Helper()
	f.r.more.Add(f.in.Stats().Received)
	require.NoError(t, f.Close())
}

// direct plays until the callback sends, and counts what the program has to send until then.
func (r *routed) direct(t *testing.T) {
	t.Helper()
	for before := r.in.Stats().Routed; r.in.Stats().Routed == before; {
		r.play(t, 0, engine.Source{Count: 1})()
		r.drain(t)
	}
}

// drain handles what has come: what the callback has not sent, the program sends.
func (r *routed) drain(t *testing.T) {
	t.Helper()
	events := make([]engine.Event, 64)
	r.SetReadDeadline(time.Unix(1, 0))
	defer r.SetReadDeadline(time.Time{})
	for {
		n, err := r.ReadInto(events)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		require.NoError(t, err)
		for _, ev := range events[:n] {
			if ev.Port == r.in.Port() && ev.Kind == engine.KindMessage && ev.Routed == nil {
				_ = r.out.Send(ev.Message) // counted
			}
		}
	}
}

// settle has all that is queued sent, and the books balance: whatever the callback sent is counted by the output.
func (r *routed) settle(t *testing.T) {
	t.Helper()
	r.drain(t)
	in, out := r.in.Stats(), r.out.Stats()
	balanced(t, in)
	want := in.Routed - in.Looped + r.out.accepted.Load() + r.out.refused.Load() // each routed one is one message
	sum := func() uint64 {
		out = r.out.Stats()
		return out.Sent + out.Failed + out.Dropped + out.Refused + in.Unsent
	}
	require.Eventually(t, func() bool { return sum() >= want }, hang, time.Millisecond)
	assert.Equal(t, want, sum(), "sent, in all: %+v %+v", in, out)
	r.out.accepted.Add(out.Sent + out.Failed + out.Dropped - r.out.accepted.Load()) // for audit
	r.out.refused.Store(out.Refused)
}

// A driver that blocks holds one callback up, once: its output's thread has what comes then, in order.
func TestARouteThatBlocks(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: 100 * time.Millisecond, Calm: 50 * time.Millisecond, Capacity: 1 << 16})
	far := r.farEnd(t, 1)
	r.script(t, "midiOutShortMsg cable=1 nth=100 -> delay 500ms")
	start := time.Now()
	r.play(t, 0, engine.Source{Count: 10_000, Interval: 200 * time.Microsecond})()
	assert.Less(t, time.Since(start), 4*time.Second, "a callback was held up more than once")
	r.settle(t)
	s := r.out.Stats()
	assert.GreaterOrEqual(t, s.Moved, uint64(1))
	assert.False(t, s.Threaded, "it has been calm since: %+v", s)
	assert.Greater(t, s.Direct, uint64(5_000))
	far.expect(t, 10_000)
}

// An output answers for its own time: that another before it is slow does not have its thread send.
func TestARouteBehindASlowOne(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	second := r.output(t, 2, engine.OutputOptions{Slow: 200 * time.Millisecond})
	require.NoError(t, r.in.Route(thru(r.out.Output, second.Output)))
	r.direct(t)
	r.script(t, "midiOutShortMsg cable=1 nth=1 -> delay 500ms")
	r.play(t, 0, engine.Source{Count: 1})()
	s := second.Stats()
	assert.Zero(t, s.Moved)
	assert.Equal(t, uint64(1), r.loop.Struck())
	require.NoError(t, r.in.Route(nil))
	r.drain(t)
	second.accepted.Store(second.Stats().Sent)
	r.out.accepted.Store(r.out.Stats().Sent)
}

// The event of a callback that is held up while its routes are replaced, twice, says what it has been sent along, and
// that is expected until it comes.
func TestRoutesAreExpectedWhileACallbackRunsThem(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	r.script(t, "midiOutShortMsg cable=1 nth=1 -> hang")
	played := r.play(t, 0, engine.Source{Count: 1})
	require.Eventually(t, func() bool { return r.loop.Struck() == 1 }, hang, time.Millisecond)
	for range 2 {
		require.NoError(t, r.in.Route(thru(r.out.Output)))
		r.drain(t)
	}
	assert.True(t, r.in.Expects(r.routes))
	require.NoError(t, r.loop.Script(engine.Faults{}))
	played()
	r.run(t, func(ev *engine.Event) bool {
		assert.Same(t, r.routes, ev.Routed)
		return true
	})
	r.direct(t)
	assert.False(t, r.in.Expects(r.routes))
	r.settle(t)
}

// holdUp has the callback of a message held up by the output's driver, until release ends it.
func (r *routed) holdUp(t *testing.T) (release func()) {
	t.Helper()
	struck := r.loop.Struck()
	r.script(t, "midiOutShortMsg cable=1 nth=1 -> hang")
	played := r.play(t, 0, engine.Source{Count: 1})
	require.Eventually(t, func() bool { return r.loop.Struck() == struck+1 }, hang, time.Millisecond)
	return func() {
		r.script(t)
		played()
	}
}

// What a driver calls with meanwhile is refused and counted; which notes, pedals and channels that would have ended is
// delivered.
func TestMessagesBesideACallbackThatIsHeldUp(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	release := r.holdUp(t)
	const count = 500
	r.rogue(0).Data(count)
	assert.Equal(t, uint64(count), r.in.Stats().Dropped.Concurrent)
	release()
	var keys synth // holds everything
	for channel := range engine.Message(16) {
		for note := range engine.Message(128) {
			keys.hear(engine.NoteOn | channel | note<<8 | 1<<16)
		}
		keys.hear(engine.ControlChange | channel | 64<<8 | 127<<16)
	}
	want, got := keys, keys
	for n := range uint64(count) {
		if m := engine.SourceMessage(n); m.Status()&^15 != engine.NoteOn || m.Data2() == 0 {
			want.hear(m)
		}
	}
	require.NotZero(t, keys.hangs(&want))
	events, lost := make([]engine.Event, 64), uint64(0)
	r.SetReadDeadline(time.Now().Add(hang))
	for { // what that ends comes at once behind the gap
		n, err := r.ReadInto(events)
		if lost == count && errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		require.NoError(t, err)
		for _, ev := range events[:n] {
			lost += ev.Lost
			if ev.Recovered {
				got.hear(ev.Message)
			}
		}
		if lost == count {
			r.SetReadDeadline(time.Unix(1, 0))
		}
	}
	r.SetReadDeadline(time.Time{})
	assert.Zero(t, got.hangs(&want), "all of that is ended")
	assert.Zero(t, want.hangs(&got), "and nothing else")
	r.settle(t)
}

// The end of a device is told although a callback is held up, and what came beside that is still to be passed on.
func TestADeviceThatVanishesWhileACallbackIsHeldUp(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	release := r.holdUp(t)
	r.rogue(0).Data(1)
	r.rogue(0).r.Vanish()
	r.next(t, engine.KindPortLost, r.in.Port())
	release()
	r.next(t, engine.KindPortReopened, r.in.Port())
	r.direct(t)
	r.settle(t)
}

// An event says what it has been sent along, and an event of the newest routes is known as one, however often they
// have been replaced between two looks of the poller: there are no more than 15 tags.
func TestRoutesAreKnownHoweverOftenTheyAreReplaced(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	replace := func() {
		r.routes = thru(r.out.Output)
		require.NoError(t, r.in.Route(r.routes))
	}
	came := func(of *engine.Routes, count int) {
		r.run(t, func(ev *engine.Event) bool {
			require.Same(t, of, ev.Routed, "after %d more replacements", count)
			return true
		})
	}
	for count := range 2 * 18 {
		before, release := r.routes, r.holdUp(t) // a message is sent along those
		replace()
		if count%2 == 0 {
			r.drain(t) // it has looked, and nothing can be said to be handled
		}
		for range count / 2 {
			replace()
		}
		release()
		came(before, count/2)
		r.direct(t)
		r.play(t, 0, engine.Source{Count: 1})()
		came(r.routes, count/2)
	}
	r.settle(t)
}

// Routes begin in the midst of a flood, end and begin again: all of it arrives, in order.
func TestRoutesBeginInTheMidstOfAFlood(t *testing.T) {
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{Capacity: 1 << 16}), r.output(t, 1, engine.OutputOptions{Slow: time.Hour, Capacity: 1 << 16})
	far := r.farEnd(t, 1)
	const count = 30_000
	played := r.play(t, 0, engine.Source{Count: count, Interval: 20 * time.Microsecond})
	routes, polled := []*engine.Routes{thru(out.Output), nil}, uint64(0)
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindMessage && ev.Routed == nil {
			assert.NoError(t, out.Send(through(ev.Message)))
			polled++
		}
		if n := uint64(ev.Driver); n%1500 == 0 {
			assert.NoError(t, in.Route(routes[n/1500%2]))
		}
		return ev.Driver == count-1
	})
	played()
	require.NoError(t, in.Route(nil))
	s := in.Stats()
	assert.Equal(t, uint64(count), s.Routed+polled)
	assert.NotZero(t, s.Routed)
	t.Logf("%d routed, %d polled", s.Routed, polled)
	far.expect(t, count)
	out.accepted.Store(out.Stats().Sent)
}

// A driver that refuses what it is given is left to the output's thread until it is calm; that is told.
func TestARouteThatFails(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Calm: 50 * time.Millisecond})
	r.script(t, "midiOutShortMsg cable=1 nth=5 -> NOTREADY")
	r.play(t, 0, engine.Source{Count: 20, Interval: time.Millisecond})()
	var kinds []engine.Kind
	r.run(t, func(ev *engine.Event) bool {
		if ev.Port == r.out.Port() {
			kinds = append(kinds, ev.Kind)
		}
		if len(kinds) == 1 && r.in.Stats().Waiting == 0 {
			time.Sleep(60 * time.Millisecond)
			_, _ = r.loop.Play(0, engine.Source{Count: 1}) // which finds that it has been calm
		}
		return len(kinds) == 2
	})
	assert.Equal(t, []engine.Kind{engine.KindOutputSlow, engine.KindOutputQuick}, kinds)
	r.settle(t)
	assert.Equal(t, uint64(1), r.out.Stats().Failed)
}

// A device that vanishes in mid-callback is told, what comes for it is counted, and when it is back the callback sends
// to it again.
func TestARouteWhoseDeviceVanishes(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{Slow: time.Hour})
	r.script(t, "midiOutShortMsg cable=1 nth=10 -> unplug")
	r.play(t, 0, engine.Source{Count: 100})()
	r.next(t, engine.KindPortLost, r.out.Port())
	r.play(t, 0, engine.Source{Count: 10})()
	require.NoError(t, r.loop.Replug(1, 1, ""))
	r.next(t, engine.KindPortReopened, r.out.Port())
	r.script(t)
	before := r.out.Stats().Direct
	require.Eventually(t, func() bool {
		r.play(t, 0, engine.Source{Count: 1})()
		r.drain(t)
		return r.out.Stats().Direct > before
	}, hang, time.Millisecond)
	assert.Greater(t, r.in.Stats().Unsent, uint64(9))
	assert.Zero(t, r.out.Stats().Dropped, "nothing is queued for what has gone")
	r.settle(t)
}

// What goes round is found out and stopped; the loop is named.
func TestFeedbackIsStopped(t *testing.T) {
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, in.Route(thru(out.Output)))
	require.Eventually(t, func() bool { // what comes before it begins is not sent
		require.NoError(t, out.SendNow(numbered(0, 1)))
		r.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = r.ReadInto(make([]engine.Event, 64))
		return in.Stats().Looped > 0
	}, hang, time.Millisecond)
	ev, _ := r.next(t, engine.KindFeedback, in.Port())
	assert.Equal(t, out.Info(), *ev.Info)
	looped := in.Stats().Looped
	received := in.Stats().Received
	time.Sleep(50 * time.Millisecond)
	assert.Equal(t, received, in.Stats().Received, "it has stopped")
	require.NoError(t, out.SendNow(numbered(0, 2)), "what is another message is sent along again")
	require.Eventually(t, func() bool { return in.Stats().Looped > looped }, hang, time.Millisecond)
	s := out.Stats()
	out.accepted.Add(s.Sent - out.accepted.Load())
}

// What has gone round may be played again later: it is sent along until it has gone round again.
func TestWhatWentRoundIsSentAgain(t *testing.T) {
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, in.Route(thru(out.Output)))
	round := func() (sent uint64) {
		before, looped := out.Stats().Sent, in.Stats().Looped
		require.Eventually(t, func() bool { // what comes before it begins is not sent
			require.NoError(t, out.SendNow(numbered(0, 1)))
			r.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, _ = r.ReadInto(make([]engine.Event, 64))
			return in.Stats().Looped > looped
		}, hang, time.Millisecond)
		return out.Stats().Sent - before
	}
	round()
	time.Sleep(20 * time.Millisecond) // longer than a message takes to come back
	assert.Greater(t, round(), uint64(16))
	s := out.Stats()
	out.accepted.Add(s.Sent - out.accepted.Load())
}

// A message that somebody repeats has not gone round.
func TestWhatIsRepeatedIsNoFeedback(t *testing.T) {
	r := newRouted(t, engine.OutputOptions{})
	keys := r.output(t, 0, engine.OutputOptions{})
	for range 64 {
		require.NoError(t, keys.SendNow(numbered(0, 1)))
		time.Sleep(6 * time.Millisecond) // longer than a message takes to come back
		r.drain(t)
	}
	assert.Zero(t, r.in.Stats().Looped)
	r.settle(t)
}

// Two inputs that flood one output do not wait for each other, and each one's messages stay in order.
func TestTwoInputsFloodOneOutput(t *testing.T) {
	r := newCase(t, engine.Options{}, "Alpha", "Beta", "Gamma")
	a, b := r.input(t, 0, engine.InputOptions{Capacity: 1 << 16}), r.input(t, 1, engine.InputOptions{Capacity: 1 << 16})
	out := r.output(t, 2, engine.OutputOptions{Capacity: 1 << 18})
	require.NoError(t, a.Route(thru(out.Output)))
	require.NoError(t, b.Route(thru(out.Output)))
	far := r.farEnd(t, 2)
	const count = 20_000
	done := make(chan struct{})
	go func() { // the program sends what came before the callbacks did
		defer close(done)
		r.run(t, func(ev *engine.Event) bool {
			if ev.Kind == engine.KindMessage && ev.Routed == nil {
				_ = out.Send(ev.Message)
			}
			return a.Stats().Delivered+b.Stats().Delivered >= 2*count
		})
	}()
	first := uint64(0)
	for ; a.Stats().Routed == 0 || b.Stats().Routed == 0; first++ {
		r.play(t, 0, engine.Source{Count: 1})()
		r.play(t, 1, engine.Source{Count: 1})()
		time.Sleep(time.Millisecond)
	}
	waitA := r.play(t, 0, engine.Source{Count: count - first})
	waitB := r.play(t, 1, engine.Source{Count: count - first})
	waitA()
	waitB()
	<-done
	require.Eventually(t, func() bool { return out.Stats().Sent+out.Stats().Refused >= 2*count }, hang, time.Millisecond)
	s := out.Stats()
	assert.Equal(t, uint64(2*count), s.Sent+s.Refused)
	assert.Equal(t, a.Stats().Routed+b.Stats().Routed+out.accepted.Load()+out.refused.Load(), s.Sent+s.Refused)
	assert.NotZero(t, s.Direct)
	require.Eventually(t, func() bool { return far.in.Stats().Received == s.Sent }, hang, time.Millisecond)
	far.close(t)
	out.accepted.Store(s.Sent)
	out.refused.Store(s.Refused)
}

var replacements = flag.Int("replacements", 20_000, "how often TestReplacingRoutesUnderTraffic replaces them")

// Routes are replaced under full traffic: each message is sent by some of them, once.
func TestReplacingRoutesUnderTraffic(t *testing.T) {
	r := newCase(t, engine.Options{}, "Alpha", "Beta", "Gamma")
	in := r.input(t, 0, engine.InputOptions{Capacity: 1 << 16})
	outs := []*sender{r.output(t, 1, engine.OutputOptions{Capacity: 1 << 16}), r.output(t, 2, engine.OutputOptions{Capacity: 1 << 16})}
	tables := []*engine.Routes{thru(outs[0].Output), thru(outs[1].Output), nil}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for random := rand.New(rand.NewPCG(1, 2)); ; {
			select {
			case <-stop:
				return
			default:
				_, _ = r.loop.Play(0, engine.Source{Count: 1 + random.Uint64N(200)})
				time.Sleep(time.Duration(random.IntN(100)) * time.Microsecond)
			}
		}
	})
	all.Go(func() {
		defer close(stop)
		random := rand.New(rand.NewPCG(3, 4))
		for n := range *replacements {
			require.NoError(t, in.Route(tables[random.IntN(len(tables))]))
			if n%5000 == 4999 { // however slow the poller is: some are run
				before := in.Stats().Routed
				require.NoError(t, in.Route(tables[n/5000%2]))
				require.Eventually(t, func() bool { return in.Stats().Routed > before }, hang, time.Millisecond)
			}
			if random.IntN(20) == 0 {
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
			}
		}
	})
	polled := uint64(0)
	finished := make(chan struct{})
	go func() {
		all.Wait()
		close(finished)
		_, _ = r.loop.Play(0, engine.Source{Count: 1}) // so that the handler sees it
	}()
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind == engine.KindMessage && ev.Routed == nil && !ev.Recovered {
			polled++
			_ = outs[0].Send(ev.Message)
		}
		select {
		case <-finished:
			return in.Stats().Waiting == 0
		default:
			return false
		}
	})
	require.NoError(t, in.Route(nil))
	s := in.Stats()
	balanced(t, s)
	sum := s.Unsent
	require.Eventually(t, func() bool { // what has been queued is sent
		sum = s.Unsent
		for _, out := range outs {
			n := out.Stats()
			sum += n.Sent + n.Failed + n.Dropped + n.Refused
			out.accepted.Store(n.Sent + n.Failed + n.Dropped)
			out.refused.Store(n.Refused)
		}
		return sum >= s.Routed-s.Looped+polled
	}, hang, time.Millisecond)
	assert.Equal(t, s.Routed-s.Looped+polled, sum, "each once: %+v", s)
	assert.NotZero(t, s.Routed)
	t.Logf("%d of %d routed", s.Routed, s.Received)
}
