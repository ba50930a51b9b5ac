//go:build cgo && (linux || windows)

package cwinmm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A driver that has kept a buffer may call with it at any time, so what such a call looks at is nobody else's: there
// is one place fewer for open inputs.
func TestThePlaceOfAnInputWhoseBufferWasKeptIsNotUsedAgain(t *testing.T) {
	loop, err := NewLoopback(strings.Split(strings.Repeat("A", 255), "")...)
	require.NoError(t, err)
	defer loop.Close()
	more, err := NewLoopback("B", "C")
	require.NoError(t, err)
	defer more.Close()
	waiter, err := NewWaiter()
	require.NoError(t, err)
	defer waiter.Close()
	open := func(d *Driver, id int) (*Input, error) {
		return OpenInput(d, id, waiter, InputOptions{Capacity: 16, Buffers: 1, Size: 16}, time.Minute)
	}
	places := func() int {
		var all []*Input
		for n := 0; ; n++ {
			d, id := &loop.Driver, n
			if n >= 255 {
				d, id = &more.Driver, n-255
			}
			in, err := open(d, id)
			if err != nil {
				require.EqualError(t, err, "midiInOpen: too many ports are open in this process")
				break
			}
			all = append(all, in)
		}
		for _, in := range all {
			require.NoError(t, in.Close(time.Minute))
			in.Free()
		}
		return len(all)
	}

	before, kept := places(), KeptPools()
	faults, err := ParseFaults(strings.NewReader("midiInReset -> NOERROR"), "script")
	require.NoError(t, err)
	require.NoError(t, more.Script(faults))
	in, err := open(&more.Driver, 1)
	require.NoError(t, err)
	require.Error(t, in.Close(2*time.Second))
	in.Free()
	require.NoError(t, more.Script(Faults{}))
	assert.Equal(t, kept+1, KeptPools())
	assert.Equal(t, before-1, places())
}
