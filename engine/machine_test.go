//go:build cgo

package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sleepy is an engine on a cable, which a script can have believe that the machine has slept.
func sleepy(t *testing.T, options Options) (*Engine, *Loopback) {
	loop, err := NewLoopback("Alpha")
	require.NoError(t, err)
	options.Driver, options.NormalPriority = loop, true
	eng, err := Open(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, eng.Close())
		loop.Close()
	})
	return eng, loop
}

// sleepFor has the machine have slept, and the engine's beat come.
func sleepFor(t *testing.T, eng *Engine, loop *Loopback, d time.Duration) {
	script := fmt.Sprintf("at=0s cable=0 -> suspend %v", d)
	before := eng.driver.Slept()
	faults, err := ParseFaults(strings.NewReader(script), t.Name())
	require.NoError(t, err)
	require.NoError(t, loop.Script(faults))
	require.Eventually(t, func() bool { return eng.driver.Slept() >= before+d }, time.Minute, time.Millisecond)
	eng.onBeat()
}

// Each time that the machine has slept is told once, after what came before and before what comes then.
func TestSleepIsTold(t *testing.T) {
	for _, merge := range []bool{false, true} {
		t.Run(map[bool]string{false: "by pass", true: "merged"}[merge], func(t *testing.T) {
			eng, loop := sleepy(t, Options{Merge: merge})
			in, err := eng.OpenInput(Index(0), InputOptions{StayLost: true})
			require.NoError(t, err)
			out, err := eng.OpenOutput(Index(0), OutputOptions{StayLost: true})
			require.NoError(t, err)
			one := make([]Event, 1)
			next := func() Event {
				eng.SetReadDeadline(time.Now().Add(time.Minute))
				_, err := eng.ReadInto(one)
				require.NoError(t, err)
				return one[0]
			}
			before := eng.Stats().Machine
			for _, hours := range []time.Duration{8, 1} {
				require.NoError(t, out.Send(Start))
				ev := next()
				assert.Equal(t, []any{KindMessage, Message(Start), in.Port()}, []any{ev.Kind, ev.Message, ev.Port})
				began := Now()
				sleepFor(t, eng, loop, hours*time.Hour)
				ev = next()
				assert.Equal(t, []any{KindResumed, NoPort}, []any{ev.Kind, ev.Port})
				assert.GreaterOrEqual(t, ev.Time, began)
				after := eng.Stats().Machine
				assert.Equal(t, before.Resumes+1, after.Resumes)
				assert.Equal(t, before.Slept+hours*time.Hour, after.Slept.Round(time.Minute))
				before = after
			}
			require.NoError(t, out.Send(Stop))
			ev := next()
			assert.Equal(t, []any{KindMessage, Message(Stop)}, []any{ev.Kind, ev.Message})
		})
	}
}

// While it sleeps the counter may have stood still: then the time of day is wrong until that is put right.
func TestTheTimeOfDayIsRightAfterSleep(t *testing.T) {
	eng, loop := sleepy(t, Options{})
	now := Now()
	anchor.Store(&anchored{time.Now().Add(-8 * time.Hour), now}) // as it is then
	require.Less(t, now.Time(), time.Now().Add(-time.Hour))
	sleepFor(t, eng, loop, 8*time.Hour)
	eng.SetReadDeadline(time.Now().Add(time.Minute))
	events := make([]Event, 1)
	_, err := eng.ReadInto(events)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), events[0].Time.Time(), time.Minute)
}

// Who does not listen meanwhile is told when he does; nobody is told of less than a moment.
func TestSleepIsToldLater(t *testing.T) {
	eng, loop := sleepy(t, Options{})
	sleepFor(t, eng, loop, 10*time.Millisecond)
	assert.Zero(t, eng.Stats().Machine.Resumes)
	sleepFor(t, eng, loop, time.Second)
	sleepFor(t, eng, loop, time.Second)
	assert.Equal(t, uint64(2), eng.Stats().Machine.Resumes)
	eng.SetReadDeadline(time.Now().Add(time.Minute))
	events := make([]Event, 9)
	n, err := eng.ReadInto(events)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	assert.Equal(t, [2]Kind{KindResumed, KindResumed}, [2]Kind{events[0].Kind, events[1].Kind})
}

// The system tells of a sleep when its clocks show it, later, or alone: each is told once.
func TestOneSleepIsToldOnce(t *testing.T) {
	type look struct {
		hours time.Duration // slept in all
		heard uint32        // wakings
		told  bool
	}
	for name, looks := range map[string][]look{
		"nothing":             {{0, 0, false}, {0, 0, false}},
		"by the clocks":       {{8, 0, true}, {8, 0, false}, {9, 0, true}},
		"both at once":        {{8, 1, true}, {8, 1, false}, {9, 2, true}},
		"the system later":    {{8, 0, true}, {8, 1, false}, {8, 1, false}, {9, 1, true}, {9, 2, false}},
		"the system alone":    {{0, 1, true}, {0, 1, false}, {0, 2, true}},
		"all of it":           {{0, 1, true}, {8, 1, true}, {8, 2, false}, {8, 3, true}, {9, 4, true}, {9, 5, true}},
		"clocks running back": {{8, 0, true}, {7, 0, false}, {8, 0, false}, {9, 0, true}},
	} {
		var m machine
		for i, l := range looks {
			assert.Equal(t, l.told, m.look(l.hours*time.Hour, l.heard), "%s, look %d", name, i)
		}
	}
}

// The machine is kept awake, and the process at full speed, while a port is open and nobody is against it, and
// statistics say so, or why not.
func TestWhatIsGrantedIsSaid(t *testing.T) {
	eng, _ := sleepy(t, Options{})
	is := func() [2]string { m := eng.Stats().Machine; return [2]string{m.Awake, m.FullSpeed} }
	assert.Equal(t, [2]string{"no port is open", "no port is open"}, is())
	want, wakings := "^(granted|granted, but not of timers|not granted: .+)$", "told"
	if runtime.GOOS == "linux" {
		want, wakings = "^not granted: not supported$", "not told: not supported"
	}
	assert.Equal(t, wakings, eng.Stats().Machine.Wakings)
	input := func() error {
		in, err := eng.OpenInput(Index(0), InputOptions{})
		require.NoError(t, err)
		assert.Regexp(t, want, is()[0])
		assert.Regexp(t, want, is()[1])
		return in.Close()
	}
	require.NoError(t, input())
	assert.Equal(t, [2]string{"no port is open", "no port is open"}, is())
	out, err := eng.OpenOutput(Index(0), OutputOptions{})
	require.NoError(t, err)
	require.NoError(t, input())
	assert.Regexp(t, want, is()[0], "there is another")
	require.NoError(t, out.Close())
	assert.Equal(t, [2]string{"no port is open", "no port is open"}, is())

	eng, _ = sleepy(t, Options{AllowSleep: true, AllowThrottling: true})
	_, err = eng.OpenInput(Index(0), InputOptions{})
	require.NoError(t, err)
	assert.Equal(t, [2]string{"not asked for", "not asked for"}, is())
}
