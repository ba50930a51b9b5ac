//go:build cgo

package rival_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
)

const count = 500

// stage makes cables in and out and a trace of count pitch bends, 50 µs apart.
func stage(t *testing.T) (*cwinmm.Loopback, rival.Setup) {
	t.Helper()
	loop, err := cwinmm.NewLoopback("In", "Out")
	require.NoError(t, err)
	t.Cleanup(loop.Close)
	trace, err := cwinmm.NewTrace(count)
	require.NoError(t, err)
	t.Cleanup(trace.Free)
	for n := range trace.AtNS {
		trace.AtNS[n] = uint64(n) * uint64(50*time.Microsecond)
		trace.Message[n] = 0xE0 | uint32(n&0x7F)<<8 | uint32(n>>7)<<16
	}
	loop.Sink(1, trace, cwinmm.ClockOS)
	return loop, rival.Setup{Driver: loop.Shim(), In: 0, Out: 1, Trace: trace, Clock: cwinmm.ClockOS, Processor: -1}
}

func rivals(trace func() *cwinmm.Trace) map[string]func(rival.Setup) (rival.Rival, error) {
	return map[string]func(rival.Setup) (rival.Rival, error){
		"spinning floor": func(s rival.Setup) (rival.Rival, error) { return rival.Floor(s, true) },
		"parked floor":   func(s rival.Setup) (rival.Rival, error) { return rival.Floor(s, false) },
		"datagram":       rival.Datagram,
		"in callback":    rival.InCallback,
		"exported": func(s rival.Setup) (rival.Rival, error) {
			return rival.Exported(s, func(ticks uint64, _, stamp uint32) {
				trace().Entered[stamp], trace().Arrived[stamp] = ticks, cwinmm.OSNanoseconds()
			})
		},
	}
}

// Each rival is given every message, notes when, sends it on, and leaves nothing open.
func TestEveryRivalDelivers(t *testing.T) {
	var trace *cwinmm.Trace
	for name, open := range rivals(func() *cwinmm.Trace { return trace }) {
		t.Run(name, func(t *testing.T) {
			loop, setup := stage(t)
			trace = setup.Trace
			r, err := open(setup)
			require.NoError(t, err)
			played := loop.Perform(0, trace, cwinmm.Performance{Clock: setup.Clock, Processor: -1})
			assert.EqualValues(t, count, played.Delivered)
			assert.Eventually(t, r.Drained, 5*time.Second, time.Millisecond)
			require.NoError(t, r.Close())
			assert.Zero(t, loop.OpenHandles())
			for n := range count {
				require.NotZero(t, trace.Entered[n], "message %d", n)
				require.LessOrEqual(t, trace.Sent[n], trace.Entered[n])
				require.LessOrEqual(t, trace.Sent[n], trace.Left[n])
				require.LessOrEqual(t, trace.Entered[n], trace.Reached[n])
				if name != "in callback" {
					require.LessOrEqual(t, trace.Entered[n], trace.Arrived[n])
				}
			}
		})
	}
}

// A rival says which processor its thread was granted, and is not started without the one it should have.
func TestARivalOnItsProcessor(t *testing.T) {
	for name, open := range rivals(nil) {
		t.Run(name, func(t *testing.T) {
			loop, setup := stage(t)
			own := name != "in callback" && name != "exported" // they have no thread
			for _, processor := range []int{-1, 0} {
				setup.Processor = processor
				r, err := open(setup)
				require.NoError(t, err)
				if own {
					assert.Equal(t, processor, r.Processor())
				} else {
					assert.Negative(t, r.Processor())
				}
				require.NoError(t, r.Close())
			}
			if own {
				setup.Processor = 9999
				_, err := open(setup)
				assert.EqualError(t, err, "processor 9999 for the contender: not granted")
				assert.Zero(t, loop.OpenHandles())
			}
		})
	}
}

// processors returns those that the calling thread may be on.
func processors() (all []int) {
	waiter, err := cwinmm.NewWaiter()
	if err != nil {
		return nil
	}
	defer waiter.Close()
	tether := waiter.Tether()
	tether.Begin()
	defer tether.End()
	for n := runtime.NumCPU() - 1; n >= 0; n-- {
		if tether.Narrow(n) {
			all = append(all, n)
		}
	}
	return all
}

// A source that moves is on one processor for so many messages, then on the next, and free afterwards.
func TestASourceMoves(t *testing.T) {
	loop, setup := stage(t)
	setup.Out = -1
	var seen [][]int
	r, err := rival.Exported(setup, func(uint64, uint32, uint32) { seen = append(seen, processors()) })
	require.NoError(t, err)
	for name, c := range map[string]struct{ first, moves int }{"from anywhere": {-1, 4}, "from the last": {runtime.NumCPU() - 1, 7}} {
		seen = nil
		played := loop.Perform(0, setup.Trace, cwinmm.Performance{Clock: setup.Clock, Processor: c.first, Moves: c.moves})
		assert.True(t, played.Pinned, name)
		require.Len(t, seen, count)
		for n, at := range seen {
			require.Equal(t, []int{(max(c.first, 0) + n/c.moves) % runtime.NumCPU()}, at, "%s, message %d", name, n)
		}
	}
	seen = nil
	loop.Perform(0, setup.Trace, cwinmm.Performance{Clock: setup.Clock, Processor: -1})
	assert.Len(t, seen[0], runtime.NumCPU())
	assert.False(t, loop.Perform(0, setup.Trace, cwinmm.Performance{Clock: setup.Clock, Processor: 9999, Moves: 3}).Pinned)
	require.NoError(t, r.Close())
}

// A source that is busy sends nothing meanwhile.
func TestASourceIsBusy(t *testing.T) {
	loop, setup := stage(t)
	r, err := rival.InCallback(setup)
	require.NoError(t, err)
	const busy = 200 * time.Microsecond
	start := cwinmm.OSNanoseconds()
	played := loop.Perform(0, setup.Trace, cwinmm.Performance{Clock: setup.Clock, Processor: -1, Busy: busy})
	took := cwinmm.OSNanoseconds() - start
	require.NoError(t, r.Close())
	assert.EqualValues(t, count, played.Delivered)
	assert.GreaterOrEqual(t, took, uint64(count*busy))
}

// A floor that was overrun for long takes what comes after.
func TestAFloorOutlivesBeingOverrun(t *testing.T) {
	loop, setup := stage(t)
	loop.Sink(1, nil, 0) // a cable, whose input counts what the floor sends
	waiter, err := cwinmm.NewWaiter()
	require.NoError(t, err)
	defer waiter.Close()
	out, err := cwinmm.OpenInput(loop.Shim(), 1, waiter, cwinmm.InputOptions{Capacity: 2}, 5*time.Second)
	require.NoError(t, err)
	defer out.Free()
	loop.Slow(1, 20*time.Microsecond)
	r, err := rival.Floor(setup, false)
	require.NoError(t, err)
	rogue := loop.Rogue(0)
	for out.Counts().Received < 1000 { // the ring is full long before, and has a gap for every two that it takes
		rogue.Data(100)
	}
	loop.Slow(1, 0)
	require.Eventually(t, r.Drained, 10*time.Second, time.Millisecond)
	for n := range setup.Trace.Arrived {
		setup.Trace.Arrived[n] = 0
	}
	loop.Perform(0, setup.Trace, cwinmm.Performance{Clock: setup.Clock, Processor: -1})
	require.Eventually(t, r.Drained, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Close())
	require.NoError(t, out.Close(5*time.Second))
	assert.NotContains(t, setup.Trace.Arrived, uint64(0), "messages after the last gap")
}

// A rival that cannot have its ports says so, and leaves nothing open.
func TestARivalWithoutItsPorts(t *testing.T) {
	for name, open := range rivals(nil) {
		t.Run(name, func(t *testing.T) {
			loop, setup := stage(t)
			bad := setup
			bad.In = 7
			_, err := open(bad)
			assert.ErrorIs(t, err, cwinmm.ErrNoDevice)
			bad = setup
			bad.Out = 7
			_, err = open(bad)
			assert.ErrorIs(t, err, cwinmm.ErrNoDevice)
			assert.Zero(t, loop.OpenHandles())
		})
	}
}

// A sink knows a message by its number, also after some that never came.
func TestASinkKnowsMessagesByTheirNumber(t *testing.T) {
	loop, setup := stage(t)
	trace := setup.Trace
	trace.Message[7] = 0xE0 | 9<<8 // stands for 9: 7 and 8 have been lost, and 9 comes twice
	trace.Message[8] = 0xE0 | 9<<8
	r, err := rival.InCallback(setup)
	require.NoError(t, err)
	loop.Perform(0, trace, cwinmm.Performance{Clock: setup.Clock, Processor: -1})
	require.NoError(t, r.Close())
	assert.NotZero(t, trace.Reached[6])
	assert.Zero(t, trace.Reached[7])
	assert.Zero(t, trace.Reached[8])
	assert.NotZero(t, trace.Reached[9])
	assert.NotZero(t, trace.Reached[10])
}
