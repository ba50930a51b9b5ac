//go:build cgo && winmm

package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// These tests run through winmm.dll. They need the cables of cwinmm/wine, or loopback ports of these
// names on a real Windows.
const (
	cable1 = "Onset Cable 1"
	cable2 = "Onset Cable 2"
)

func openWinMM(t *testing.T, options engine.Options) *engine.Engine {
	t.Helper()
	eng, err := engine.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, eng.Close())
		assert.Zero(t, eng.Stats().LateWakeups)
	})
	return eng
}

func openCable(t *testing.T, eng *engine.Engine, name string) (*engine.Input, *engine.Output) {
	t.Helper()
	in, err := eng.OpenInput(engine.Named(name), engine.InputOptions{})
	require.NoError(t, err)
	out, err := eng.OpenOutput(engine.Named(name), engine.OutputOptions{})
	require.NoError(t, err)
	return in, out
}

func TestWinMMLists(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	inputs, err := eng.Inputs()
	require.NoError(t, err)
	outputs, err := eng.Outputs()
	require.NoError(t, err)
	for _, ports := range [][]engine.PortInfo{inputs, outputs} {
		var names []string
		for i, p := range ports {
			assert.Equal(t, i, p.Index)
			names = append(names, p.Name)
		}
		assert.Subset(t, names, []string{cable1, cable2})
	}
}

func TestWinMMOpensByNameAndIndex(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	inputs, err := eng.Inputs()
	require.NoError(t, err)
	for _, p := range inputs {
		for _, port := range []engine.Selector{engine.Index(p.Index), engine.Named(p.Name)} {
			in, err := eng.OpenInput(port, engine.InputOptions{})
			require.NoError(t, err)
			assert.Equal(t, p, in.Info())
			require.NoError(t, in.Close())
		}
	}
	_, err = eng.OpenInput(engine.Named("Nowhere"), engine.InputOptions{})
	assert.ErrorIs(t, err, engine.ErrNoDevice)
	assert.ErrorContains(t, err, cable2)
	_, err = eng.OpenOutput(engine.Index(len(inputs)+100), engine.OutputOptions{})
	assert.ErrorIs(t, err, engine.ErrNoDevice)
}

func TestWinMMDeviceInUse(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	in, out := openCable(t, eng, cable1)
	_, err := eng.OpenInput(engine.Named(cable1), engine.InputOptions{})
	assert.ErrorIs(t, err, engine.ErrInUse)
	assert.ErrorContains(t, err, "MMSYSERR_ALLOCATED")
	_, err = eng.OpenOutput(engine.Named(cable1), engine.OutputOptions{})
	assert.ErrorIs(t, err, engine.ErrInUse)
	require.NoError(t, in.Close())
	require.NoError(t, out.Close())
	openCable(t, eng, cable1)
}

func TestWinMMCarriesEveryDefinedMessage(t *testing.T) {
	for _, wait := range strategies {
		t.Run(wait.String(), func(t *testing.T) {
			eng := openWinMM(t, engine.Options{Wait: wait})
			in, out := openCable(t, eng, cable1)
			for _, m := range defined() {
				require.NoError(t, out.Send(m))
			}
			assert.Empty(t, cmp.Diff(defined(), rig{Engine: eng}.receive(t, len(defined()))))
			balanced(t, in.Stats())
			for m, why := range refused {
				assert.ErrorContains(t, out.Send(m), why)
				assert.ErrorContains(t, out.SendNow(m), why)
			}
			assert.Equal(t, uint64(len(defined())), out.Stats().Sent)
		})
	}
}

// Long messages go through winmm.dll whole and in chunks, and short ones keep their places around them.
func TestWinMMSendsSystemExclusive(t *testing.T) {
	for _, chunk := range []int{0, 256} {
		t.Run(fmt.Sprintf("chunks of %d", chunk), func(t *testing.T) {
			eng := openWinMM(t, engine.Options{})
			in, err := eng.OpenInput(engine.Named(cable1), engine.InputOptions{Ignore: engine.Ignore{SysEx: true}})
			require.NoError(t, err)
			out, err := eng.OpenOutput(engine.Named(cable1), engine.OutputOptions{LongChunk: chunk})
			require.NoError(t, err)
			var sent []engine.Message
			bytes := 0
			for n, length := range []int{2, 3, 4, 257, 20_000} {
				long := make([]byte, length)
				long[0], long[length-1] = engine.SysEx, engine.EndOfSysEx
				require.NoError(t, out.SendSysEx(long))
				bytes += length
				sent = append(sent, numbered(0, n))
				require.NoError(t, out.Send(sent[n]))
			}
			assert.Empty(t, cmp.Diff(sent, rig{Engine: eng}.receive(t, len(sent))))
			require.NoError(t, out.Close())
			s := out.Stats()
			assert.Equal(t, uint64(2*len(sent)), s.Sent, "%+v", s)
			assert.Equal(t, engine.OutputSysEx{Sent: uint64(len(sent)), Bytes: uint64(bytes)}, s.SysEx)
			require.NoError(t, in.Close())
		})
	}
}

func TestWinMMFloodLosesNothingUncounted(t *testing.T) {
	const count = 100_000
	eng := openWinMM(t, engine.Options{})
	in, out := openCable(t, eng, cable2)
	sent := make(chan error, 1)
	go func() {
		for n := range count {
			if err := out.SendNow(numbered(n/16384%16, n%16384)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	var delivered, lost uint64
	next := 0
	rig{Engine: eng}.run(t, func(ev *engine.Event) bool {
		switch ev.Kind {
		case engine.KindGap:
			lost += ev.Lost
			next += int(ev.Lost)
		case engine.KindMessage:
			if ev.Recovered {
				break
			}
			require.Equal(t, numbered(next/16384%16, next%16384), ev.Message, "message %d", next)
			next++
			delivered++
		}
		return next == count
	})
	require.NoError(t, <-sent)
	s := in.Stats()
	balanced(t, s)
	assert.Equal(t, uint64(count), s.Received)
	assert.Equal(t, delivered, s.Delivered)
	assert.Equal(t, lost, s.Dropped.Total())
	t.Logf("%d of %d lost and told", lost, count)
}

func TestWinMMStampsAreMilliseconds(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	_, out := openCable(t, eng, cable1)
	events := make([]engine.Event, 1)
	var first engine.Event
	for i := range 2 {
		require.NoError(t, out.SendNow(0xF8))
		_, err := eng.ReadInto(events)
		require.NoError(t, err)
		if i == 0 {
			first = events[0]
			time.Sleep(300 * time.Millisecond)
		}
	}
	driver := (events[0].Driver - first.Driver).Duration()
	assert.InDelta(t, events[0].Time.Sub(first.Time), driver, float64(50*time.Millisecond))
}

// Opening and closing with traffic through winmm.dll.
func TestWinMMOpensAndClosesUnderTraffic(t *testing.T) {
	eng := openWinMM(t, engine.Options{Wait: engine.WaitPark})
	out, err := eng.OpenOutput(engine.Named(cable1), engine.OutputOptions{})
	require.NoError(t, err)
	stop, sent := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, out.SendNow(0xF8))
			}
		}
	}()
	for range 20 {
		in, err := eng.OpenInput(engine.Named(cable1), engine.InputOptions{})
		require.NoError(t, err)
		_, err = eng.ReadInto(make([]engine.Event, 16))
		require.NoError(t, err)
		require.NoError(t, in.Close())
		balanced(t, in.Stats())
	}
	close(stop)
	<-sent
}

func TestWinMMRaisesThePollersThread(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	_, out := openCable(t, eng, cable1)
	require.NoError(t, out.Send(0xF8))
	rig{Engine: eng}.run(t, func(*engine.Event) bool { return true })
	assert.Contains(t, []string{`MMCSS "Pro Audio"`, "time-critical"}, eng.Stats().Priority)
	t.Logf("granted: %s", eng.Stats().Priority)
}

// Long messages through the real winmm.dll, both ways at once, in order with short ones.
func TestWinMMCase15SysExLongerThanThePool(t *testing.T) {
	eng := openWinMM(t, engine.Options{})
	kept := eng.Stats().KeptBuffers
	in, err := eng.OpenInput(engine.Named("Onset Cable 1"), engine.InputOptions{SysExBuffers: 8, SysExBufferSize: 256})
	require.NoError(t, err)
	out, err := eng.OpenOutput(engine.Named("Onset Cable 1"), engine.OutputOptions{})
	require.NoError(t, err)
	sizes := []int{2, 3, 255, 256, 257, 1000, 5000}
	for i, size := range sizes {
		require.NoError(t, out.SendSysEx(sysex(size, i)))
		require.NoError(t, out.Send(engine.Message(engine.ProgramChange|i<<8)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := 0
	require.ErrorIs(t, eng.Run(ctx, func(ev *engine.Event) {
		if ev.Kind == engine.KindSysExDry || n == 2*len(sizes) {
			return
		}
		if n%2 == 0 {
			assert.Equal(t, engine.KindSysEx, ev.Kind)
			assert.Equal(t, sysex(sizes[n/2], n/2), ev.SysEx)
		} else {
			assert.Equal(t, engine.Message(engine.ProgramChange|n/2<<8), ev.Message)
		}
		if n++; n == 2*len(sizes) {
			cancel()
		}
	}), context.Canceled)
	assert.EqualValues(t, len(sizes), out.Stats().SysEx.Sent)
	require.NoError(t, in.Close())
	assert.Equal(t, kept, eng.Stats().KeptBuffers)
	balanced(t, in.Stats())
}
