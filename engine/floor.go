package engine

import (
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine/internal/tick"
)

// Floor receives an input port's messages in C, on the same callback, ring and wait word as an Engine's
// poller: what that takes is what a hand-over to another thread costs in any language. It is there to
// measure against.
type Floor struct{ floor *cwinmm.Floor }

// OpenFloor opens a driver's input port for a Floor that is to receive count messages: spinning, or asleep
// whenever there is none. The error is a *NotFoundError or a *PortError.
func OpenFloor(driver Driver, port Selector, count uint64, spin bool) (*Floor, error) {
	d := driver.driver()
	info, err := pick(d, In, port)
	if err != nil {
		return nil, err
	}
	f, err := cwinmm.OpenFloor(d, info.Index, count, spin, clock(), floorDeadline)
	if err != nil {
		return nil, &PortError{info, err}
	}
	return &Floor{f}, nil
}

const floorDeadline = 5 * time.Second

// Finish waits until all messages have come or been lost, closes the port, and returns for each that came
// the time from the callback until the thread in C had it. Call it once.
func (f *Floor) Finish() []time.Duration {
	ticks := f.floor.Finish(floorDeadline)
	latency := make([]time.Duration, len(ticks))
	for i, t := range ticks {
		latency[i] = tick.Duration(int64(t))
	}
	return latency
}
