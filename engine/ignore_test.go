//go:build cgo

package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/cwinmm"
)

// Each status that Ignore can name is filtered by its own setting and by no other. The messages go to
// the driver directly: Output refuses F0 and F7.
func TestIgnoreFiltersWhatItNames(t *testing.T) {
	statuses := []uint32{NoteOn, NoteOn | 15, SysEx, QuarterFrame, EndOfSysEx, Clock, Start, ActiveSensing, SystemReset}
	for name, c := range map[string]struct {
		ignore   Ignore
		filtered []uint32
	}{
		"nothing":        {Ignore{}, nil},
		"active sensing": {Ignore{ActiveSensing: true}, []uint32{ActiveSensing}},
		"clock":          {Ignore{Clock: true}, []uint32{Clock}},
		"sysex":          {Ignore{SysEx: true}, []uint32{SysEx, EndOfSysEx}},
		"channels":       {Ignore{Channels: 1<<0 | 1<<15}, []uint32{NoteOn, NoteOn | 15}},
	} {
		t.Run(name, func(t *testing.T) {
			loop, err := NewLoopback("Cable")
			require.NoError(t, err)
			defer loop.Close()
			eng, err := Open(Options{Driver: loop})
			require.NoError(t, err)
			defer func() { assert.NoError(t, eng.Close()) }()
			in, err := eng.OpenInput(Index(0), InputOptions{Ignore: c.ignore})
			require.NoError(t, err)
			out, err := cwinmm.OpenOutput(loop.Shim(), 0, cwinmm.OutputOptions{Capacity: 16, SlowTicks: 1 << 62}, time.Second)
			require.NoError(t, err)
			defer out.Free()
			var want, got []uint32
			for _, status := range statuses {
				require.NoError(t, out.SendNow(status))
				if !slices.Contains(c.filtered, status) {
					want = append(want, status)
				}
			}
			require.NoError(t, out.Close(time.Second))
			events := make([]Event, len(statuses))
			for len(got) < len(want) {
				n, err := eng.ReadInto(events)
				require.NoError(t, err)
				for _, ev := range events[:n] {
					got = append(got, uint32(ev.Message))
				}
			}
			assert.Equal(t, want, got)
			assert.Eventually(t, func() bool { return in.Stats().Filtered == uint64(len(c.filtered)) }, time.Minute, time.Millisecond)
		})
	}
}
