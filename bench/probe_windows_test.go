//go:build cgo && winmm

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// These tests need Wine with the driver and the programs that cwinmm/wine/test.sh provides.

// thru is a rig that passes the source's messages on to the sink.
const thru = `[winmidi in]
read = ` + ProbeSource + `

[winmidi out]
write = ` + ProbeSink + `

[map]
in.ch0.pitch > out.ch0.pitch
`

// measuredProgram is a program to measure.
type measuredProgram struct {
	name    string
	command []string
}

// rivals returns a program that sends inside its callback, and onset run with each way of waiting.
func rivals(tb testing.TB) []measuredProgram {
	tb.Helper()
	folder, err := os.MkdirTemp("", "onset") // TempDir's cleanup fails in Wine 8
	require.NoError(tb, err)
	file := filepath.Join(folder, "rig.cfg")
	require.NoError(tb, os.WriteFile(file, []byte(thru), 0o600))
	tb.Cleanup(func() {
		assert.NoError(tb, os.Remove(file))
		assert.NoError(tb, os.Remove(folder))
	})
	all := []measuredProgram{{"in-callback", []string{"onset-thru.exe", ProbeSource, ProbeSink}}}
	for _, wait := range []engine.Wait{engine.WaitSpin, engine.WaitHybrid, engine.WaitPark} {
		run := []string{"onset.exe", "run", file, "--wait=" + wait.String()}
		all = append(all, measuredProgram{"onset " + wait.String(), append(slices.Clone(run), "-i", "out.lane=poller")},
			measuredProgram{"direct " + wait.String(), run})
	}
	return all
}

// measure runs a program as a process of its own, carries the plan out, and ends it. No message may reach the
// sink twice.
func measure(tb testing.TB, program measuredProgram, plan ProbePlan, warmUp int) Round {
	tb.Helper()
	p, err := NewProbe(plan)
	require.NoError(tb, err)
	defer func() { assert.NoError(tb, p.Close()) }()
	ctx, cancel := context.WithCancelCause(tb.Context())
	defer cancel(nil)
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()

	c := exec.Command(program.command[0], program.command[1:]...)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	stdin, err := c.StdinPipe() // thru.c ends with it
	require.NoError(tb, err)
	require.NoError(tb, c.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := c.Wait()
		cancel(fmt.Errorf("%s has ended: %w: %s", program.name, err, output.String()))
	}()
	defer func() {
		_ = stdin.Close()
		_ = c.Process.Kill() // unless it has ended
		<-ended
	}()

	require.NoError(tb, p.Ready(ctx))
	p.Go()
	require.NoError(tb, p.Wait(ctx))
	require.Zero(tb, p.Strays(), program.name)
	return p.Round(warmUp)
}

func TestWinMMInToOut(t *testing.T) {
	const count, interval = 200, time.Millisecond
	for _, program := range rivals(t) {
		t.Run(program.name, func(t *testing.T) {
			r := measure(t, program, Every(interval, count), 0)
			assert.EqualValues(t, count, r.Sent)
			assert.Zero(t, r.Lost())
			assert.Equal(t, "time-critical", r.SourcePriority)
			for _, d := range r.Measured {
				assert.EqualValues(t, count, d.Count(), d.Measure)
				assert.Positive(t, d.Max, d.Measure)
			}
			late := r.Get(Late).Max
			assert.GreaterOrEqual(t, r.Get(InToOutIntended).Max, max(r.Get(InToOut).Max, late))
			assert.Greater(t, r.Took, (count-1)*interval*99/100-late, "the source keeps to its plan")
			if program.name == "in-callback" {
				assert.Greater(t, r.Get(Held).Max, r.Get(InToOut).Percentile(50), "the message is sent while the callback holds the source")
			}
		})
	}
}

// An engine in this process is the program: one that loses a message, sends one twice and one of its own.
func TestWinMMProbeTellsWhatIsLost(t *testing.T) {
	const count = 50
	p, err := NewProbe(Every(time.Millisecond, count))
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	_, err = NewProbe(Every(time.Millisecond, count))
	assert.ErrorContains(t, err, "already exists")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	early, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	err = p.Ready(early)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, `the program has not started "Onset Source" and not opened "Onset Sink"`)

	eng, err := engine.Open(engine.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, eng.Close()) }()
	_, err = eng.OpenInput(engine.Named(ProbeSource), engine.InputOptions{})
	require.NoError(t, err)
	out, err := eng.OpenOutput(engine.Named(ProbeSink), engine.OutputOptions{})
	require.NoError(t, err)
	running, end := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		n := 0
		ended <- eng.Run(running, func(ev *engine.Event) {
			switch n++; n {
			case 10: // another message with its bits is none
				assert.NoError(t, out.Send(ev.Message&^0xF0|engine.ControlChange))
			case 20:
				assert.NoError(t, out.Send(ev.Message))
				assert.NoError(t, out.Send(ev.Message))
			case 30:
				assert.NoError(t, out.Send(engine.Clock))
				assert.NoError(t, out.Send(ev.Message+5)) // channel 6: the sink takes any
			default:
				assert.NoError(t, out.Send(ev.Message))
			}
		})
	}()
	require.NoError(t, p.Ready(ctx))
	p.Go()
	require.NoError(t, p.Wait(ctx))
	end()
	assert.ErrorIs(t, <-ended, context.Canceled)
	assert.Equal(t, 3, p.Strays())
	r := p.Round(5)
	assert.EqualValues(t, count-5, r.Sent)
	assert.EqualValues(t, 1, r.Lost())
	assert.EqualValues(t, count-6, r.Get(InToOut).Count())
	assert.EqualValues(t, count-5, r.Get(Held).Count())
}

// A program that closes the source ends the run at once, however long the plan is. And in a plan longer
// than 14 bits a message that comes twice is no later one.
func TestWinMMProbeEndsWithTheSource(t *testing.T) {
	plan := ProbePlan{Due: make([]time.Duration, 20_000), Processor: 0}
	for n := range plan.Due {
		plan.Due[n] = time.Duration(n/2) * time.Hour // two at once
	}
	p, err := NewProbe(plan)
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	eng, err := engine.Open(engine.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, eng.Close()) }()
	in, err := eng.OpenInput(engine.Named(ProbeSource), engine.InputOptions{})
	require.NoError(t, err)
	out, err := eng.OpenOutput(engine.Named(ProbeSink), engine.OutputOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, p.Ready(ctx))
	p.Go()
	short, stop := context.WithTimeoutCause(ctx, 50*time.Millisecond, errors.New("enough"))
	defer stop()
	assert.ErrorContains(t, p.Wait(short), "the source is not done, or the sink not calm; 0 of 20000 messages arrived: enough")
	for range 2 { // both events, and both times the first one's message
		_, err := eng.ReadInto(make([]engine.Event, 1))
		require.NoError(t, err)
		require.NoError(t, out.Send(engine.PitchBend))
	}
	require.NoError(t, in.Close())
	require.NoError(t, p.Wait(ctx))
	r := p.Round(0)
	assert.EqualValues(t, 2, r.Sent)
	assert.EqualValues(t, 1, r.Lost())
	assert.Equal(t, 1, p.Strays(), "not the message that has these bits again, the 16385th")
}

// BenchmarkWinMMInToOut measures programs by the driver's own clock readings: from the moment the driver
// calls winmm until the message is back at the driver's output, and how long the call kept the driver's
// thread. An op is five rounds of all programs in turn; read the tables. Each figure is the median of the
// rounds, and the least and the most. The ratios are to the in-callback program in the same round, which
// does nothing but send.
func BenchmarkWinMMInToOut(b *testing.B) {
	const rounds, warmUp = 5, 200
	programs := rivals(b)
	order := rand.New(rand.NewPCG(1, 1)) // so that no program always follows the same one
	for _, load := range []struct {
		interval time.Duration
		count    int
	}{{time.Millisecond, 2000}, {200 * time.Microsecond, 5000}} {
		b.Run(load.interval.String(), func(b *testing.B) {
			for b.Loop() {
				measured := make([][]Round, len(programs))
				for range rounds {
					for _, i := range order.Perm(len(programs)) {
						r := measure(b, programs[i], Every(load.interval, warmUp+load.count), warmUp)
						require.Zero(b, r.Lost(), programs[i].name)
						measured[i] = append(measured[i], r)
					}
				}
				b.Log(columns(programs, measured))
			}
		})
	}
}

// table shows what the programs did; the first is what the others are compared with.
func columns(programs []measuredProgram, measured [][]Round) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "µs\tin-to-out p50\tp99\theld p50\tp99\tratio in-to-out p50\tp99\theld p50\tp99\tlate p50")
	columns := []struct {
		measure    Measure
		percentile float64
	}{{InToOut, 50}, {InToOut, 99}, {Held, 50}, {Held, 99}}
	for i, program := range programs {
		figure := func(program, round int, m Measure, percentile float64) float64 {
			return float64(measured[program][round].Get(m).Percentile(percentile)) / float64(time.Microsecond)
		}
		rounds := len(measured[i])
		cells := []string{program.name}
		for _, c := range columns {
			cells = append(cells, over(rounds, func(n int) float64 { return figure(i, n, c.measure, c.percentile) }))
		}
		for _, c := range columns {
			cells = append(cells, over(rounds, func(n int) float64 {
				return figure(i, n, c.measure, c.percentile) / figure(0, n, c.measure, c.percentile)
			}))
		}
		cells = append(cells, over(rounds, func(n int) float64 { return figure(i, n, Late, 50) }))
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // to a builder
	return "\n" + text.String()
}

// spread writes the median of a figure over the rounds, and the least and the most.
func over(rounds int, figure func(round int) float64) string {
	all := make([]float64, rounds)
	for n := range all {
		all[n] = figure(n)
	}
	slices.Sort(all)
	return fmt.Sprintf("%.3g (%.3g–%.3g)", all[len(all)/2], all[0], all[len(all)-1])
}
