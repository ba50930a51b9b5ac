//go:build cgo

package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
	"github.com/onset-midi/onset/engine"
)

// BenchmarkDrain is a consumer in Go against one in C, on rings that the same producer in C fills; the two take
// turns. flood has the producer on a thread of its own, as fast as there is room, and the consumer spinning: most
// of that is what a cache line takes from one processor to the other. filled has the ring full before the
// consumer begins: what is left are the consumer's own instructions. The ratio is of the rounds' median, between
// the least and the greatest.
func BenchmarkDrain(b *testing.B) {
	const rounds = 10
	for _, c := range []struct {
		name    string
		measure func(*testing.B, take, int) time.Duration
	}{{"flood", drainFlood}, {"filled", drainFilled}} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			count := max(b.N/rounds, 1)
			var inGo, inC, ratio []float64
			for round := range rounds {
				var goes, cs time.Duration
				if round%2 == 0 {
					goes, cs = c.measure(b, takeInGo, count), c.measure(b, rival.Take, count)
				} else {
					cs, goes = c.measure(b, rival.Take, count), c.measure(b, takeInGo, count)
				}
				inGo, inC = append(inGo, float64(goes)/float64(count)), append(inC, float64(cs)/float64(count))
				ratio = append(ratio, float64(goes)/float64(cs))
			}
			b.ReportMetric(0, "ns/op") // of both consumers, with what goes before
			b.ReportMetric(median(inGo), "go-ns/event")
			b.ReportMetric(median(inC), "c-ns/event")
			if s, ok := spreadOf(ratio); ok {
				b.ReportMetric(s.median, "ratio")
				b.ReportMetric(s.low, "ratio-least")
				b.ReportMetric(s.high, "ratio-greatest")
			}
		})
	}
}

// take takes count events off a ring and returns the sum of their data.
type take func(ring *cwinmm.Ring, count uint32) uint64

// takeInGo does so as the poller does: at most 64 events between two looks.
func takeInGo(ring *cwinmm.Ring, count uint32) (sum uint64) {
	var ev cwinmm.Event
	for count > 0 {
		left := min(ring.Look(), 64, uint64(count))
		count -= uint32(left)
		for ; left > 0; left-- {
			ring.Next(&ev)
			sum += uint64(ev.Data)
		}
	}
	return sum
}

const drained = 4096 // events that the ring holds, as an engine's input's

// drainFlood returns how long a consumer takes for count events while the producer is at work, after some more.
func drainFlood(b *testing.B, take take, count int) time.Duration {
	const before = 4 * drained // the ring's memory has been touched, and both threads run
	ring, done := ringOf(b)
	defer done()
	filled := make(chan struct{})
	go func() {
		rival.Fill(ring, uint32(before+count))
		close(filled)
	}()
	sum := take(ring, before)
	start := engine.Now()
	sum += take(ring, uint32(count))
	took := engine.Now().Sub(start)
	<-filled
	checkSum(b, sum, before+count)
	return took
}

// drainFilled returns how long a consumer takes for count events, as many as the ring holds at a time.
func drainFilled(b *testing.B, take take, count int) (took time.Duration) {
	ring, done := ringOf(b)
	defer done()
	rival.Fill(ring, drained)
	take(ring, drained)
	for count > 0 {
		n := min(count, drained)
		count -= n
		rival.Fill(ring, uint32(n))
		start := engine.Now()
		sum := take(ring, uint32(n))
		took += engine.Now().Sub(start)
		checkSum(b, sum, n)
	}
	return took
}

// ringOf returns a new input's ring; its cable is silent.
func ringOf(b *testing.B) (ring *cwinmm.Ring, done func()) {
	b.Helper()
	loop, err := cwinmm.NewLoopback("Drain")
	if err != nil {
		b.Fatal(err)
	}
	waiter, err := cwinmm.NewWaiter()
	if err != nil {
		b.Fatal(err)
	}
	in, err := cwinmm.OpenInput(loop.Shim(), 0, waiter, cwinmm.InputOptions{Capacity: drained}, time.Second)
	if err != nil {
		b.Fatal(err)
	}
	return in.Ring, func() {
		if err := in.Close(time.Second); err != nil {
			b.Fatal(err)
		}
		in.Free()
		waiter.Close()
		loop.Close()
	}
}

// checkSum fails the benchmark unless a consumer has had the data of all events.
func checkSum(b *testing.B, sum uint64, count int) {
	b.Helper()
	want := uint64(0)
	for n := range count {
		want += uint64(n) & 0xFFFFFF
	}
	if sum != want {
		b.Fatalf("the sum of %d events is %d, not %d", count, sum, want)
	}
}
