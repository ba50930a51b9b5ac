//go:build cgo && winmm

package bench

import (
	"testing"
	"time"

	"github.com/onset-midi/onset/engine"
)

// BenchmarkWinMMDispatch is BenchmarkDispatch through winmm.dll: a goroutine sends every millisecond,
// the port's driver calls back. It needs an input and an output with index 0 that are connected.
func BenchmarkWinMMDispatch(b *testing.B) {
	for _, wait := range []engine.Wait{engine.WaitSpin, engine.WaitHybrid, engine.WaitPark} {
		b.Run(wait.String(), func(b *testing.B) {
			latency := dispatch(b, engine.Options{Wait: wait}, func(out *engine.Output) error {
				beat := time.NewTicker(time.Millisecond)
				defer beat.Stop()
				for range b.N {
					<-beat.C
					if err := out.SendNow(engine.Clock); err != nil {
						return err
					}
				}
				return nil
			})
			report(b, latency, "dispatch")
		})
	}
}
