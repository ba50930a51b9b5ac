//go:build cgo

package engine_test

import (
	"context"
	"flag"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// rig is an engine on two cables, "Alpha" and "Beta", or as many as there are.
type rig struct {
	*engine.Engine
	loop   *engine.Loopback
	cables int
}

// Its thread's priority is normal, as the other threads' of a test are.
func newRig(t *testing.T, options engine.Options) rig {
	t.Helper()
	options.NormalPriority = true
	return newRaisedRig(t, options)
}

// newRaisedRig is newRig with the options as they are.
func newRaisedRig(t *testing.T, options engine.Options) rig {
	t.Helper()
	r := openRig(t, options)
	t.Cleanup(func() {
		assert.NoError(t, r.Close())
		assert.Zero(t, r.loop.OpenPorts(), "ports left open")
		assert.Zero(t, r.Stats().LateWakeups)
		r.loop.Close()
	})
	return r
}

// openRig makes a rig that the caller has to close, with cables of these names.
func openRig(t *testing.T, options engine.Options, names ...string) rig {
	t.Helper()
	if len(names) == 0 {
		names = []string{"Alpha", "Beta"}
	}
	loop, err := engine.NewLoopback(names...)
	require.NoError(t, err)
	options.Driver = loop
	eng, err := engine.Open(options)
	require.NoError(t, err)
	return rig{eng, loop, len(names)}
}

func (r rig) input(t *testing.T, cable int, options engine.InputOptions) *engine.Input {
	t.Helper()
	in, err := r.OpenInput(engine.Index(cable), options)
	require.NoError(t, err)
	return in
}

func (r rig) output(t *testing.T, cable int, options engine.OutputOptions) *engine.Output {
	t.Helper()
	out, err := r.OpenOutput(engine.Index(cable), options)
	require.NoError(t, err)
	return out
}

// play has a cable's thread play a source while the test goes on; wait returns how many messages it
// delivered.
func (r rig) play(t *testing.T, cable int, s engine.Source) (wait func() uint64) {
	t.Helper()
	delivered := make(chan uint64, 1)
	go func() {
		n, err := r.loop.Play(cable, s)
		assert.NoError(t, err)
		delivered <- n
	}()
	return func() uint64 { return <-delivered }
}

// run has the engine run handle until done returns true for an event, or fails after a minute.
func (r rig) run(t *testing.T, handle func(*engine.Event) (done bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := false // cancelling takes a moment
	err := r.Run(ctx, func(ev *engine.Event) {
		if !done && handle(ev) {
			done = true
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}

// balanced checks that every message received is accounted for.
func balanced(t *testing.T, s engine.InputStats) {
	t.Helper()
	assert.Equal(t, s.Received, s.Delivered+s.Waiting+s.Filtered+s.Dropped.Total(), "%+v", s)
}

func messages(t *testing.T, words string) []engine.Message {
	t.Helper()
	m, err := engine.ParseMessages(words)
	require.NoError(t, err)
	return m
}

var strategies = []engine.Wait{engine.WaitHybrid, engine.WaitPark, engine.WaitSpin}

func TestWhatIsSentArrives(t *testing.T) {
	for _, wait := range strategies {
		t.Run(wait.String(), func(t *testing.T) {
			r := newRig(t, engine.Options{Wait: wait})
			in, out := r.input(t, 1, engine.InputOptions{}), r.output(t, 1, engine.OutputOptions{})
			sent := messages(t, "note-on 1 60 100 control-change 16 7 127 pitch-bend 2 8192 clock note-off 1 60 0")
			before := engine.Now()
			for _, m := range sent {
				require.NoError(t, out.Send(m))
			}
			var got []engine.Message
			r.run(t, func(ev *engine.Event) bool {
				assert.Equal(t, in.Port(), ev.Port)
				assert.Equal(t, engine.KindMessage, ev.Kind)
				assert.Positive(t, ev.Time.Sub(before))
				assert.Positive(t, engine.Now().Sub(ev.Time))
				assert.Less(t, ev.Driver.Duration(), time.Minute)
				got = append(got, ev.Message)
				return len(got) == len(sent)
			})
			assert.Empty(t, cmp.Diff(sent, got))
			assert.Equal(t, uint64(len(sent)), out.Stats().Sent)
			balanced(t, in.Stats())
		})
	}
}

var events = flag.Uint64("events", 10_000_000, "how many events TestEventsArriveInOrder has in each of its two passes")

// Two inputs, many events from two C threads that wait for room: none lost, none twice, none out of order, none torn.
// An event's number is in its message and in the driver's stamp, each in a word of its own, and the callback's clock
// has not gone back since the last one of its input.
func TestEventsArriveInOrder(t *testing.T) {
	for _, merge := range []bool{false, true} {
		t.Run(map[bool]string{false: "by pass", true: "merged"}[merge], func(t *testing.T) {
			r := newRig(t, engine.Options{Merge: merge})
			each := *events / 2
			var ins [2]*engine.Input
			var waits [2]func() uint64
			for i := range ins {
				ins[i] = r.input(t, i, engine.InputOptions{})
				waits[i] = r.play(t, i, engine.Source{Count: each, Follow: ins[i]})
			}
			var seen [2]sequence
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			begun, wrong := time.Now(), 0
			err := r.Run(ctx, func(ev *engine.Event) {
				s := &seen[ev.Port]
				if !s.see(ev) {
					if wrong++; wrong < 10 {
						t.Errorf("behind event %d of port %d is %+v", s.next-1, ev.Port, *ev)
					}
				}
				if seen[0].next >= each && seen[1].next >= each {
					cancel()
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			took := time.Since(begun)
			t.Logf("%d events in %v, %.2f million a second", 2*each, took.Round(time.Millisecond), float64(2*each)/took.Seconds()/1e6)
			for i, in := range ins {
				t.Logf("port %d: %d lost, %d twice, %d out of order, %d torn", i, seen[i].lost, seen[i].twice, seen[i].earlier, seen[i].torn)
				assert.Equal(t, each, waits[i]())
				assert.Equal(t, each, seen[i].next)
				assert.Zero(t, seen[i].lost+seen[i].twice+seen[i].earlier+seen[i].torn)
				s := in.Stats()
				balanced(t, s)
				assert.Equal(t, each, s.Delivered)
				assert.Zero(t, s.Dropped.Total())
			}
		})
	}
}

// sequence is what an input's events came to that a source has played.
type sequence struct {
	next                       uint64 // the number that the next event is to have
	at                         engine.Instant
	lost, twice, earlier, torn uint64
}

// see reports whether the event is the next one.
func (s *sequence) see(ev *engine.Event) bool {
	// Of its number the stamp has 32 bits; the rest is that of what has come.
	n := s.next&^0xFFFFFFFF | uint64(ev.Driver)
	last := s.at
	s.at = ev.Time
	switch {
	case ev.Kind != engine.KindMessage || ev.Message != engine.SourceMessage(n) || ev.Time < last:
		s.torn++ // two events' words, or what no source has played
		return false
	case n == s.next:
		s.next++
		return true
	case n > s.next:
		s.lost += n - s.next
		s.next = n + 1
	case n == s.next-1:
		s.twice++
	default:
		s.earlier++
	}
	return false
}

// An event that comes just when the poller is about to sleep wakes it, or keeps it from that: it does not wait for the
// next one.
func TestNoEventIsSleptThrough(t *testing.T) {
	const count = 30_000
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{Slow: time.Hour})
	var handled atomic.Uint64
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := range uint64(count) {
			for handled.Load() < n {
				runtime.Gosched()
			}
			for range n % 64 { // now sooner, now later
				_ = handled.Load()
			}
			assert.NoError(t, out.SendNow(numbered(0, int(n%128))))
		}
	}()
	r.run(t, func(ev *engine.Event) bool {
		assert.Equal(t, in.Port(), ev.Port)
		return handled.Add(1) == count
	})
	<-sent
	assert.Zero(t, r.Stats().LateWakeups)
}

// A source that waits for nobody and a consumer that stalls: what is missing is what is counted, and
// each gap stands where it is missing.
func TestGapsStandWhereEventsAreMissing(t *testing.T) {
	const count = 2_000_000
	r := newRig(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{Capacity: 256})
	wait := r.play(t, 0, engine.Source{Count: count})
	var next, lost, delivered uint64
	gaps := 0
	r.run(t, func(ev *engine.Event) bool {
		switch ev.Kind {
		case engine.KindGap:
			gaps++
			require.NotZero(t, ev.Lost)
			lost += ev.Lost
			next += ev.Lost
		case engine.KindMessage:
			if ev.Recovered {
				break
			}
			require.Equal(t, next, uint64(ev.Driver), "after %d gaps", gaps)
			require.Equal(t, engine.SourceMessage(next), ev.Message)
			next++
			delivered++
			if delivered%50_000 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		return next == count
	})
	require.Equal(t, uint64(count), wait())
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, uint64(count), s.Received)
	assert.Equal(t, delivered, s.Delivered)
	assert.Equal(t, lost, s.Dropped.Full)
	assert.Equal(t, s.Capacity, s.HighWater)
	assert.NotZero(t, gaps)
	t.Logf("%d gaps, %d of %d lost", gaps, lost, count)
}

// A loss with nothing behind it is told, while the poller has long gone to sleep or not.
func TestALossFollowedBySilenceIsTold(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	r.input(t, 0, engine.InputOptions{Capacity: 16})
	assert.Equal(t, uint64(100), r.play(t, 0, engine.Source{Count: 100})())
	var events []engine.Event
	r.run(t, func(ev *engine.Event) bool {
		events = append(events, *ev)
		return ev.Kind == engine.KindGap
	})
	require.Len(t, events, 17)
	assert.Equal(t, uint64(84), events[16].Lost)
}

func TestMergeDeliversInTheOrderOfCallbacks(t *testing.T) {
	r := newRig(t, engine.Options{Merge: true})
	r.input(t, 0, engine.InputOptions{})
	r.input(t, 1, engine.InputOptions{})
	for range 20 { // in turns, so that each pass finds both
		r.play(t, 0, engine.Source{Count: 3})()
		r.play(t, 1, engine.Source{Count: 5})()
	}
	var last engine.Instant
	n, changes, port := 0, 0, engine.Port(-1)
	r.run(t, func(ev *engine.Event) bool {
		assert.GreaterOrEqual(t, ev.Time, last)
		last = ev.Time
		if ev.Port != port {
			port = ev.Port
			changes++
		}
		n++
		return n == 20*8
	})
	assert.Equal(t, 40, changes)
}

func TestOneBusyInputDoesNotHoldUpTheOther(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{Capacity: 1024})
	r.input(t, 1, engine.InputOptions{})
	r.play(t, 0, engine.Source{Count: 1000})()
	r.play(t, 1, engine.Source{Count: 1})()
	before := 0
	r.run(t, func(ev *engine.Event) bool {
		if ev.Port == 1 {
			return true
		}
		before++
		return false
	})
	assert.Equal(t, 64, before)
}

func TestReadIntoTakesWhatFits(t *testing.T) {
	r := newRig(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{})
	r.play(t, 0, engine.Source{Count: 25})()
	events := make([]engine.Event, 10)
	var next uint64
	for _, want := range []int{10, 10, 5} {
		n, err := r.ReadInto(events)
		require.NoError(t, err)
		require.Equal(t, want, n)
		for _, ev := range events[:n] {
			assert.Equal(t, engine.SourceMessage(next), ev.Message)
			next++
		}
	}
	assert.Equal(t, uint64(25), in.Stats().Delivered)

	_, err := r.ReadInto(nil)
	assert.Error(t, err)
}

func TestReadIntoIsFairToAllInputs(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	r.input(t, 1, engine.InputOptions{})
	r.play(t, 0, engine.Source{Count: 100})()
	r.play(t, 1, engine.Source{Count: 100})()
	var from [2]int
	one := make([]engine.Event, 1)
	for range 20 {
		_, err := r.ReadInto(one)
		require.NoError(t, err)
		from[one[0].Port]++
	}
	assert.Equal(t, [2]int{10, 10}, from)
}

func TestReadDeadline(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	r.input(t, 0, engine.InputOptions{})
	one := make([]engine.Event, 1)
	r.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := r.ReadInto(one)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// Set while it waits without one.
	r.SetReadDeadline(time.Time{})
	time.AfterFunc(20*time.Millisecond, func() { r.SetReadDeadline(time.Now()) })
	_, err = r.ReadInto(one)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	r.SetReadDeadline(time.Time{})
	r.play(t, 0, engine.Source{Count: 1})()
	n, err := r.ReadInto(one)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

func TestRunAndReadIntoExcludeEachOther(t *testing.T) {
	r := newRig(t, engine.Options{})
	r.input(t, 0, engine.InputOptions{})
	r.play(t, 0, engine.Source{Count: 1})()
	r.run(t, func(*engine.Event) bool {
		assert.ErrorIs(t, r.Run(t.Context(), func(*engine.Event) {}), engine.ErrBusy)
		_, err := r.ReadInto(make([]engine.Event, 1))
		assert.ErrorIs(t, err, engine.ErrBusy)
		return true
	})
}

func TestIgnoredMessagesAreCountedNotDelivered(t *testing.T) {
	r := newRig(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{Ignore: engine.Ignore{ActiveSensing: true, Clock: true, Channels: 1<<0 | 1<<15}})
	out := r.output(t, 0, engine.OutputOptions{})
	for _, m := range messages(t, "note-on 1 60 100 active-sensing clock note-on 16 60 100 start note-on 2 60 100") {
		require.NoError(t, out.SendNow(m))
	}
	var got []engine.Message
	r.run(t, func(ev *engine.Event) bool {
		got = append(got, ev.Message)
		return len(got) == 2
	})
	assert.Empty(t, cmp.Diff(messages(t, "start note-on 2 60 100"), got))
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, uint64(4), s.Filtered)
}

func TestClosingEndsRun(t *testing.T) {
	for _, wait := range strategies {
		t.Run(wait.String(), func(t *testing.T) {
			r := newRig(t, engine.Options{Wait: wait})
			in := r.input(t, 0, engine.InputOptions{})
			ended := make(chan error)
			go func() { ended <- r.Run(t.Context(), func(*engine.Event) {}) }()
			time.Sleep(10 * time.Millisecond)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { assert.NoError(t, r.Close()) })
			}
			err := <-ended
			all.Wait()
			assert.ErrorIs(t, err, engine.ErrClosed)
			assert.ErrorIs(t, err, os.ErrClosed)
			assert.NoError(t, r.Close())
			assert.NoError(t, in.Close())

			_, err = r.OpenInput(engine.Index(0), engine.InputOptions{})
			assert.ErrorIs(t, err, os.ErrClosed)
			_, err = r.ReadInto(make([]engine.Event, 1))
			assert.ErrorIs(t, err, os.ErrClosed)
			_, err = r.Inputs()
			assert.ErrorIs(t, err, os.ErrClosed)
			assert.ErrorIs(t, r.Run(t.Context(), func(*engine.Event) {}), os.ErrClosed)
		})
	}
}

func TestAnUnpluggedInputIsTold(t *testing.T) {
	r := newRig(t, engine.Options{Wait: engine.WaitPark})
	in := r.input(t, 0, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	r.play(t, 0, engine.Source{Count: 3})()
	time.AfterFunc(10*time.Millisecond, func() { r.loop.Unplug(0) })
	var kinds []engine.Kind
	r.run(t, func(ev *engine.Event) bool {
		if ev.Port == in.Port() {
			kinds = append(kinds, ev.Kind)
		}
		return ev.Kind == engine.KindPortLost && ev.Port == in.Port()
	})
	assert.Equal(t, []engine.Kind{0, 0, 0, engine.KindSysExEmpty, engine.KindPortLost}, kinds, "the driver gives its buffers back")
	assert.NoError(t, in.Close())

	err := out.SendNow(messages(t, "clock")[0])
	assert.ErrorIs(t, err, engine.ErrNoDevice)
	ports, err := r.Inputs()
	require.NoError(t, err)
	require.Len(t, ports, 1)
	assert.Equal(t, "Beta", ports[0].Name)
}

// From callback to handler, nothing is allocated. AllocsPerRun would round down and set GOMAXPROCS.
func TestNoAllocationPerEvent(t *testing.T) {
	const count = 1_000_000
	objects := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	read := func() uint64 {
		metrics.Read(objects)
		return objects[0].Value.Uint64()
	}
	for _, pull := range []bool{false, true} {
		t.Run(map[bool]string{false: "Run", true: "ReadInto"}[pull], func(t *testing.T) {
			r := newRig(t, engine.Options{})
			in := r.input(t, 0, engine.InputOptions{})
			out := r.output(t, 1, engine.OutputOptions{})
			r.play(t, 0, engine.Source{Count: count, Follow: in})
			var before, after uint64
			n := 0
			handle := func(ev *engine.Event) bool {
				if ev.Kind != engine.KindMessage { // the output is slow at times
					return false
				}
				n++
				switch n {
				case 1000: // warm
					// What was allocated so far is counted when a collection empties the processors' caches:
					// let that not happen in between.
					runtime.GC()
					before = read()
				case count:
					after = read()
				}
				_ = out.Send(ev.Message)
				return n == count
			}
			if pull {
				events := make([]engine.Event, 64)
				for done := false; !done; {
					k, err := r.ReadInto(events)
					require.NoError(t, err)
					for i := range events[:k] {
						done = handle(&events[i]) || done
					}
				}
			} else {
				r.run(t, handle)
			}
			t.Logf("%d objects for %d events", after-before, count)
			assert.Less(t, after-before, uint64(100))
		})
	}
}
