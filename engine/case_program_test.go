//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

func TestCase22HandlerPanics(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{})
	r.play(t, 0, engine.Source{Count: 3})()
	boom := errors.New("boom")
	err := r.Run(t.Context(), func(*engine.Event) { panic(boom) })
	var panicked *engine.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.ErrorIs(t, err, boom)
	assert.Equal(t, engine.SourceMessage(0), panicked.Event.Message)
	assert.Contains(t, string(panicked.Stack), "case_program_test.go")

	// The driver's thread lives, and the event is not delivered again.
	r.play(t, 0, engine.Source{Count: 1})()
	var got []engine.DriverTime
	r.run(t, func(ev *engine.Event) bool {
		got = append(got, ev.Driver)
		return len(got) == 3
	})
	assert.Equal(t, []engine.DriverTime{1, 2, 0}, got)
	assert.Equal(t, uint64(4), in.Stats().Delivered)
}

// A handler that blocks holds up nobody's closing for longer than the deadline; what it may look at stays until it
// returns.
func TestCase22HandlerBlocks(t *testing.T) {
	r := newCase(t, engine.Options{Deadline: 200 * time.Millisecond})
	in, other := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})
	out := r.output(t, 0, engine.OutputOptions{})
	require.NoError(t, out.SendSysEx(sysex(100, 1)))
	inside, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- r.Run(t.Context(), func(ev *engine.Event) {
			close(inside)
			<-release
			assert.Equal(t, sysex(100, 1), ev.SysEx)
		})
	}()
	<-inside
	require.NoError(t, out.Send(0x643C90)) // nobody waits for the handler
	require.Eventually(t, func() bool { return in.Stats().Waiting == 1 }, hang, time.Millisecond)
	within(t, "closing the input", func() { assert.ErrorContains(t, in.Close(), "handler still busy") })
	within(t, "closing the engine", func() {
		err := r.Close()
		assert.ErrorIs(t, err, engine.ErrTimedOut)
		assert.ErrorContains(t, err, "handler still busy")
	})
	assert.Zero(t, r.loop.OpenPorts())
	close(release)
	assert.ErrorIs(t, <-ended, engine.ErrClosed)
	assert.Equal(t, uint64(1), in.Stats().Dropped.Closed)
	assert.Zero(t, other.Stats().Received)
}

func TestCase22HandlerClosesTheEngine(t *testing.T) {
	r := newCase(t, engine.Options{})
	in, out := r.input(t, 0, engine.InputOptions{}), r.output(t, 0, engine.OutputOptions{})
	r.script(t, "midiInClose -> delay 300ms") // which Run waits for
	r.play(t, 0, engine.Source{Count: 10})()
	handled := 0
	var err error
	within(t, "Run", func() {
		err = r.Run(t.Context(), func(*engine.Event) {
			handled++
			assert.NoError(t, r.Close())
			assert.NoError(t, r.Close())
		})
	})
	assert.ErrorIs(t, err, engine.ErrClosed)
	assert.Equal(t, 1, handled)
	assert.Zero(t, r.loop.OpenPorts(), "closed when Run has returned")
	assert.ErrorIs(t, out.Send(messages(t, "clock")[0]), engine.ErrClosed)
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, uint64(9), s.Dropped.Closed)
}

func TestCase22HandlerClosesAPort(t *testing.T) {
	r := newCase(t, engine.Options{})
	first, second := r.input(t, 0, engine.InputOptions{}), r.input(t, 1, engine.InputOptions{})
	out := r.output(t, 1, engine.OutputOptions{})
	r.play(t, 0, engine.Source{Count: 10})()
	r.play(t, 1, engine.Source{Count: 10})()
	var handled [2]int
	r.run(t, func(ev *engine.Event) bool {
		handled[ev.Port]++
		if ev.Port == first.Port() {
			assert.NoError(t, first.Close())
			assert.NoError(t, out.Close())
		}
		return handled[1] == 10
	})
	assert.Equal(t, [2]int{1, 10}, handled)
	balanced(t, first.Stats())
	balanced(t, second.Stats())
	assert.Equal(t, 1, r.loop.OpenPorts())

	again := r.input(t, 0, engine.InputOptions{})
	assert.NotEqual(t, first.Port(), again.Port())
}

// What a handler sends, of any kind, goes out in order, also to the cable that its own input is on.
func TestCase22HandlerSends(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Nanosecond} {
		t.Run(map[bool]string{true: "inline", false: "by a thread"}[slow == 0], func(t *testing.T) {
			const count = 600
			r := newCase(t, engine.Options{})
			r.input(t, 0, engine.InputOptions{SysExBuffers: 256}) // enough for all
			out := r.output(t, 0, engine.OutputOptions{Slow: slow, Calm: time.Hour})
			sent, heard := 0, 0
			send := func() {
				var err error
				switch n := sent; n % 3 {
				case 0:
					err = out.SendSysEx(sysex(20, n))
				case 1:
					err = out.Send(numbered(0, n))
				default:
					err = out.SendNow(numbered(0, n))
				}
				assert.NoError(t, err)
				sent++
			}
			send()
			r.run(t, func(ev *engine.Event) bool {
				if heard%3 == 0 {
					assert.Equal(t, sysex(20, heard), ev.SysEx)
				} else {
					assert.Equal(t, numbered(0, heard), ev.Message)
				}
				heard++
				for range min(3, count-sent) {
					send()
				}
				return heard == count
			})
		})
	}
}

// A handler that panics keeps no buffer, and neither does one that closes the input.
func TestCase22BuffersComeBack(t *testing.T) {
	r := newCase(t, engine.Options{})
	in := r.input(t, 0, engine.InputOptions{SysExBuffers: 1})
	out := r.output(t, 0, engine.OutputOptions{})
	for i := range 5 {
		require.NoError(t, out.SendSysEx(sysex(10, i)))
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		var panicked *engine.PanicError
		require.ErrorAs(t, r.Run(ctx, func(ev *engine.Event) {
			if ev.Kind == engine.KindSysEx {
				assert.Equal(t, sysex(10, i), ev.SysEx)
				panic("no")
			}
		}), &panicked)
		cancel()
	}
	require.NoError(t, out.SendSysEx(sysex(10, 9)))
	r.run(t, func(ev *engine.Event) bool {
		if ev.Kind != engine.KindSysEx {
			return false
		}
		assert.NoError(t, in.Close())
		assert.Equal(t, sysex(10, 9), ev.SysEx, "good until the handler returns")
		return true
	})
}

// Opening and closing ten thousand inputs and five thousand outputs with traffic, while the poller runs: nothing is
// left, nothing unaccounted.
func TestCase23OpenAndClose(t *testing.T) {
	const workers, warm, rounds = 4, 500, 5000
	r := newCase(t, engine.Options{Wait: engine.WaitPark}, "A", "B", "C", "D", "E", "F", "G", "H")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	var delivered uint64
	go func() {
		ended <- r.Run(ctx, func(ev *engine.Event) {
			if ev.Kind == engine.KindMessage && !ev.Recovered || ev.Kind == engine.KindSysEx {
				delivered++
			}
		})
	}()
	var counted atomic.Uint64
	work := func(from, to int) {
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for n := from + w; n < to; n += workers {
					counted.Add(r.openAndClose(t, 2*w, n))
				}
			})
		}
		all.Wait()
	}
	work(0, warm)
	before, memory := measure(t), resident(t)
	work(warm, rounds)
	after := measure(t)
	assert.InDelta(t, before.threads, after.threads, 3*workers, "threads") // some may be about to end
	assert.Equal(t, before.handles, after.handles, "handles")
	grown := resident(t) - memory
	if !raced {
		assert.Less(t, grown, 8<<20, "bytes of memory")
	}
	t.Logf("from round %d to %d: from %+v to %+v, %d KiB more; %d messages", warm, rounds, before, after, grown>>10, r.more.Load())
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	assert.Equal(t, delivered, counted.Load())
	assert.NotZero(t, delivered)
}

// openAndClose opens the inputs of a cable and the next, and the output of the latter, and closes all amid traffic.
// It returns how many messages the inputs have delivered.
func (r *trial) openAndClose(t *testing.T, cable, n int) (delivered uint64) {
	played, err := r.OpenInput(engine.Index(cable), engine.InputOptions{Capacity: 64})
	require.NoError(t, err)
	in, err := r.OpenInput(engine.Index(cable+1), engine.InputOptions{SysExBuffers: 1 + n%8})
	require.NoError(t, err)
	o, err := r.OpenOutput(engine.Index(cable+1), engine.OutputOptions{Capacity: 16})
	require.NoError(t, err)
	out := sender{Output: o}
	wait := r.play(t, cable, engine.Source{Count: 1 << 40, Interval: 5 * time.Microsecond})
	for range n % 4 {
		require.NoError(t, out.Send(0xF8))
		require.NoError(t, out.SendSysEx(sysex(10, n)))
	}
	for played.Stats().Received < uint64(n%64) {
		time.Sleep(10 * time.Microsecond)
	}
	if n%2 == 0 {
		require.NoError(t, out.Close())
	}
	for _, in := range []*engine.Input{played, in} {
		require.NoError(t, in.Close())
		s := in.Stats()
		balanced(t, s)
		delivered += s.Delivered
		r.more.Add(s.Received)
	}
	wait()
	require.NoError(t, out.Close())
	s := out.Stats()
	require.Equal(t, out.accepted.Load(), s.Sent+s.Failed+s.Dropped)
	return delivered
}

// Two engines of a process have nothing to do with each other, on one driver or on two: not their events, not their
// statistics, not a driver that is stuck in the one.
func TestCase24TwoEngines(t *testing.T) {
	const count = 50_000
	for _, shared := range []bool{true, false} {
		t.Run(map[bool]string{true: "one driver", false: "two drivers"}[shared], func(t *testing.T) {
			a := newCase(t, engine.Options{Deadline: 300 * time.Millisecond})
			b := &trial{rig: a.rig}
			if shared {
				var err error
				b.Engine, err = engine.Open(engine.Options{Driver: a.loop, NormalPriority: true})
				require.NoError(t, err)
			} else {
				b.rig = openRig(t, engine.Options{NormalPriority: true})
				a.other = &b.rig
			}
			t.Cleanup(func() { assert.NoError(t, b.Close()) })
			ina, inb := a.input(t, 0, engine.InputOptions{}), b.input(t, 1, engine.InputOptions{})
			a.add(inb) // to the books of both
			if shared {
				_, err := b.OpenInput(engine.Index(0), engine.InputOptions{})
				assert.ErrorIs(t, err, engine.ErrInUse)
			} else {
				a.add(b.input(t, 0, engine.InputOptions{}))
			}

			var both sync.WaitGroup
			for r, in := range map[*trial]*engine.Input{a: ina, b: inb} {
				cable := in.Info().Index
				wait := r.play(t, cable, engine.Source{Count: count, Follow: in})
				both.Go(func() {
					next := uint64(0)
					r.run(t, func(ev *engine.Event) bool {
						assert.Equal(t, next, uint64(ev.Driver))
						assert.Equal(t, in.Port(), ev.Port)
						next++
						return next == count
					})
					assert.EqualValues(t, count, wait())
				})
			}
			both.Wait()
			assert.Len(t, a.Stats().Inputs, 1)
			assert.EqualValues(t, count, ina.Stats().Delivered)
			assert.EqualValues(t, count, inb.Stats().Delivered)

			a.script(t, "midiInClose cable=0 -> hang")
			within(t, "closing the engine", func() { assert.ErrorIs(t, a.Close(), engine.ErrTimedOut) })
			b.play(t, 1, engine.Source{Count: 1})()
			b.run(t, func(ev *engine.Event) bool { return ev.Driver == 0 })
			within(t, "closing the other engine", func() { assert.NoError(t, b.Close()) })
		})
	}
}
