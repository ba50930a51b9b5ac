package tick

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDurationAgreesWithTheSystemClock(t *testing.T) {
	ticks, wall := Now(), osTicks()
	time.Sleep(50 * time.Millisecond)
	elapsed, want := Duration(int64(Now()-ticks)), time.Duration((osTicks()-wall)*1e9/osHz())
	assert.InEpsilon(t, want, elapsed, 0.02)
}

func TestTicksIsTheInverseOfDuration(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, time.Second, 24 * time.Hour} {
		assert.InDelta(t, d, Duration(int64(Ticks(d))), float64(d)/1e6+10)
		assert.InDelta(t, -d, Duration(-int64(Ticks(d))), float64(d)/1e6+10)
	}
}

func TestNowDoesNotRunBackwards(t *testing.T) {
	last := Now()
	for range 100_000 {
		now := Now()
		if now < last {
			t.Fatalf("%d came after %d", now, last)
		}
		last = now
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}
