//go:build cgo

package bench

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/onset-midi/onset/engine"
)

// BenchmarkDispatch measures from the callback's time stamp to the handler's first instruction, and
// how long the callback kept the driver's thread, for each way of waiting, and for the floor: a thread in
// C on the same ring, spinning and parking. An op is an event, so ns/op is the interval between them;
// read the other columns.
func BenchmarkDispatch(b *testing.B) {
	for _, interval := range []time.Duration{time.Millisecond, 200 * time.Microsecond} {
		for _, spin := range []bool{true, false} {
			name := map[bool]string{true: "C-spin", false: "C-park"}[spin]
			b.Run(name+"/"+interval.String(), func(b *testing.B) { floor(b, interval, spin) })
		}
		for _, wait := range []engine.Wait{engine.WaitSpin, engine.WaitHybrid, engine.WaitPark} {
			b.Run(wait.String()+"/"+interval.String(), func(b *testing.B) {
				loop, err := engine.NewLoopback("Bench")
				if err != nil {
					b.Fatal(err)
				}
				defer loop.Close()
				held := make([]time.Duration, b.N)
				latency := dispatch(b, engine.Options{Driver: loop, Wait: wait}, func(*engine.Output) error {
					_, err := loop.Play(0, engine.Source{Count: uint64(b.N), Interval: interval, Held: held})
					return err
				})
				report(b, latency, "dispatch")
				report(b, held, "held")
			})
		}
	}
}

// floor measures the floor.
func floor(b *testing.B, interval time.Duration, spin bool) {
	loop, err := engine.NewLoopback("Bench")
	if err != nil {
		b.Fatal(err)
	}
	defer loop.Close()
	f, err := engine.OpenFloor(loop, engine.Index(0), uint64(b.N), spin)
	if err != nil {
		b.Fatal(err)
	}
	held := make([]time.Duration, b.N)
	b.ResetTimer()
	if _, err := loop.Play(0, engine.Source{Count: uint64(b.N), Interval: interval, Held: held}); err != nil {
		b.Fatal(err)
	}
	latency := f.Finish()
	b.StopTimer()
	if len(latency) != b.N {
		b.Fatalf("%d of %d messages", len(latency), b.N)
	}
	report(b, latency, "dispatch")
	report(b, held, "held")
}

// dispatch runs an engine on its port 0 while source sends b.N messages to it, and returns each one's
// time from callback to handler.
func dispatch(b *testing.B, options engine.Options, source func(*engine.Output) error) []time.Duration {
	b.Helper()
	eng, err := engine.Open(options)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := eng.Close(); err != nil {
			b.Error(err)
		}
	}()
	in, err := eng.OpenInput(engine.Index(0), engine.InputOptions{})
	if err != nil {
		b.Fatal(err)
	}
	out, err := eng.OpenOutput(engine.Index(0), engine.OutputOptions{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	latency := make([]time.Duration, 0, b.N)
	ended := make(chan error)
	go func() {
		ended <- eng.Run(ctx, func(ev *engine.Event) {
			now := engine.Now()
			latency = append(latency, now.Sub(ev.Time))
			if len(latency) == b.N {
				cancel()
			}
		})
	}()
	b.ResetTimer()
	if err := source(out); err != nil {
		b.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		b.Fatal(err)
	}
	b.StopTimer()
	if s := in.Stats(); s.Delivered != uint64(b.N) {
		b.Fatalf("%+v", s)
	}
	return latency
}

// report adds columns with the median, the 99th percentile and the maximum, in microseconds.
func report(b *testing.B, samples []time.Duration, what string) {
	slices.Sort(samples)
	at := func(q float64) float64 {
		return float64(samples[int(q*float64(len(samples)-1))]) / float64(time.Microsecond)
	}
	b.ReportMetric(at(0.5), what+"-p50-µs")
	b.ReportMetric(at(0.99), what+"-p99-µs")
	b.ReportMetric(at(1), what+"-max-µs")
}
