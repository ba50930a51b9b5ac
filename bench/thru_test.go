//go:build cgo

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// outside returns a Thru from one cable to another, which nothing joins.
func outside(t *testing.T) (*Thru, *engine.Loopback) {
	t.Helper()
	loop, err := engine.NewLoopback("There", "Back")
	require.NoError(t, err)
	t.Cleanup(loop.Close)
	return &Thru{
		Plan: Plan{
			Loads: []string{"millisecond", "chord"}, Rounds: 2, Duration: 50 * time.Millisecond,
			WarmUp: 10 * time.Millisecond, Seed: 1, SourceCPU: -1, PollerCPU: -1,
		},
		Driver: loop, Out: engine.Named("There"), In: engine.Named("Back"), Name: "program",
	}, loop
}

// join sends on what comes from one cable to the other, as another program would, until the test ends.
func join(t *testing.T, loop *engine.Loopback) {
	t.Helper()
	eng, err := engine.Open(engine.Options{Driver: loop})
	require.NoError(t, err)
	_, err = eng.OpenInput(engine.Named("There"), engine.InputOptions{})
	require.NoError(t, err)
	out, err := eng.OpenOutput(engine.Named("Back"), engine.OutputOptions{})
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		ended <- eng.Run(context.Background(), func(ev *engine.Event) { _ = out.Send(ev.Message) })
	}()
	t.Cleanup(func() {
		require.NoError(t, eng.Close())
		require.ErrorIs(t, <-ended, engine.ErrClosed)
	})
}

func TestAProgramIsMeasuredFromOutside(t *testing.T) {
	thru, loop := outside(t)
	join(t, loop)
	report, err := thru.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, report.Cells, 2)
	for _, c := range report.Cells {
		assert.Equal(t, "program", c.Contender)
		require.Len(t, c.Rounds, 2)
		for i := range c.Rounds {
			r := &c.Rounds[i]
			assert.NotZero(t, r.Sent)
			assert.Zero(t, r.Lost())
			back := r.Get(Return)
			require.NotNil(t, back)
			assert.Equal(t, r.Sent, back.Count())
			assert.Positive(t, back.Percentile(50))
			assert.NotNil(t, r.Get(ReturnIntended))
		}
	}
}

// A port that is connected to itself needs no program: what is measured then is the drivers'.
func TestACableAloneIsMeasured(t *testing.T) {
	thru, _ := outside(t)
	thru.In, thru.Plan.SourceCPU = thru.Out, 0
	report, err := thru.Run(t.Context())
	require.NoError(t, err)
	assert.Contains(t, report.granted(), " on processor 0;")
	assert.Zero(t, report.Cells[0].Rounds[0].Lost())
}

// Of the load sysex the notes are measured, also where it ends with a system exclusive message.
func TestSystemExclusiveMessagesFromOutside(t *testing.T) {
	thru, _ := outside(t)
	thru.In, thru.Plan.Loads, thru.Plan.WarmUp = thru.Out, []string{"sysex"}, 0
	thru.Plan.Duration = 35 * time.Millisecond // it is due at 34.88 ms
	load, err := FindLoad("sysex")
	require.NoError(t, err)
	plan := load.Schedule(0, thru.Plan.Duration, 1)
	require.True(t, isLong(plan.Message[len(plan.At)-1]))
	report, err := thru.Run(t.Context())
	require.NoError(t, err)
	for _, round := range report.Cells[0].Rounds {
		assert.EqualValues(t, 16, round.Sent)
		assert.EqualValues(t, 16, round.Received)
		assert.EqualValues(t, 16, round.Get(Late).Count())
	}
}

func TestNothingComesBack(t *testing.T) {
	thru, loop := outside(t)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err := thru.Run(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Zero(t, loop.OpenPorts())
}

func TestAProgramThatEnds(t *testing.T) {
	thru, loop := outside(t)
	thru.Command = exec.Command(os.Args[0], "-no-such-flag") // ends with exit status 2
	_, err := thru.Run(t.Context())
	assert.EqualError(t, err, "program ended before a message had come back (exit status 2)")
	assert.Zero(t, loop.OpenPorts())
}

// endAs is a program that ends with its standard input, with an interrupt, or not at all, and says so.
func endAs(how string) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	fmt.Println("ready")
	switch how {
	case "input":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "interrupt":
		<-interrupted
	default:
		time.Sleep(time.Hour)
	}
	fmt.Println("ended by", how)
}

// voice keeps what a program writes, and tells when it begins to.
type voice struct {
	text  bytes.Buffer
	first sync.Once
	began chan struct{}
}

func (v *voice) Write(p []byte) (int, error) {
	defer v.first.Do(func() { close(v.began) })
	return v.text.Write(p)
}

// ended measures a program that ends as it is told to, and returns what it says and how it ended.
func ended(t *testing.T, how string) (said string, state *os.ProcessState) {
	t.Helper()
	thru, _ := outside(t)
	thru.In = thru.Out
	program := &voice{began: make(chan struct{})}
	thru.Progress = func(Progress) { <-program.began }
	thru.Command = exec.Command(os.Args[0])
	thru.Command.Env = append(os.Environ(), "ONSET_TEST_END="+how)
	thru.Command.Stdout, thru.Command.Stderr = program, os.Stderr
	report, err := thru.Run(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Cells[0].Rounds, 2)
	return program.text.String(), thru.Command.ProcessState
}

// A program that is measured is asked to end.
func TestAProgramEndsWithItsInput(t *testing.T) {
	said, state := ended(t, "input")
	assert.Equal(t, "ready\nended by input\n", said)
	assert.True(t, state.Success(), "%v", state)
}

func TestAProgramThatDoesNotEndIsKilled(t *testing.T) {
	said, state := ended(t, "not at all")
	assert.Equal(t, "ready\n", said)
	assert.False(t, state.Success(), "%v", state)
}

func TestAProgramWhoseInputIsTaken(t *testing.T) {
	thru, loop := outside(t)
	thru.Command = exec.Command(os.Args[0])
	thru.Command.Stdin = os.Stdin
	_, err := thru.Run(t.Context())
	assert.EqualError(t, err, "start of program: exec: Stdin already set")
	assert.Zero(t, loop.OpenPorts())
}

func TestAProgramThatIsNotThere(t *testing.T) {
	thru, loop := outside(t)
	thru.Command = exec.Command("no-such-program")
	_, err := thru.Run(t.Context())
	assert.ErrorIs(t, err, exec.ErrNotFound)
	assert.ErrorContains(t, err, "start of program")
	assert.Zero(t, loop.OpenPorts())
}

func TestAPlanThatCannotBeMeasuredFromOutside(t *testing.T) {
	thru, loop := outside(t)
	thru.Plan.Loads = []string{"fast"}
	_, err := thru.Run(t.Context())
	assert.ErrorContains(t, err, `load "fast": there are sparse, `)
	assert.Zero(t, loop.OpenPorts())
}
