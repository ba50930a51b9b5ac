//go:build cgo

package rival_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
)

// What the producer fills a ring with comes out of it, through either consumer, many times round.
func TestARingIsDrained(t *testing.T) {
	const count = 20_003
	for name, take := range map[string]func(*cwinmm.Ring, uint32) uint64{
		"in C": rival.Take,
		"in Go": func(ring *cwinmm.Ring, count uint32) (sum uint64) {
			var ev cwinmm.Event
			for count > 0 {
				for range min(ring.Look(), uint64(count)) {
					ring.Next(&ev)
					sum += uint64(ev.Data)
					count--
				}
			}
			return sum
		},
	} {
		t.Run(name, func(t *testing.T) {
			loop, _ := stage(t)
			waiter, err := cwinmm.NewWaiter()
			require.NoError(t, err)
			defer waiter.Close()
			in, err := cwinmm.OpenInput(loop.Shim(), 0, waiter, cwinmm.InputOptions{Capacity: 512}, time.Second)
			require.NoError(t, err)
			defer in.Free()
			rival.Fill(in.Ring, 10)
			assert.EqualValues(t, 0+1+2, take(in.Ring, 3), "no more than it is to take")
			assert.EqualValues(t, 3+4+5+6+7+8+9, take(in.Ring, 7))
			filled := make(chan struct{})
			go func() {
				rival.Fill(in.Ring, count)
				close(filled)
			}()
			assert.EqualValues(t, count*(count-1)/2, take(in.Ring, count))
			<-filled
			assert.Zero(t, in.Counts().Waiting)
			assert.Zero(t, in.Counts().Full)
			require.NoError(t, in.Close(time.Second))
		})
	}
}
