package tick

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDurationAgreesWithTheSystemClock(t *testing.T) {
	ticks, wall := Now(), osTicks()
	time.Sleep(50 * time.Millisecond)
	ticks, wall = Now()-ticks, osTicks()-wall
	assert.InEpsilon(t, time.Duration(wall*1e9/osHz()), Duration(int64(ticks)), 0.02)
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
