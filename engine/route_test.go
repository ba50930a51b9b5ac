//go:build cgo

package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// thru routes every channel message to outputs as it is.
func thru(outs ...*engine.Output) *engine.Routes {
	r := &engine.Routes{Cells: make([]engine.RouteCell, engine.RouteCells), Outputs: outs}
	// add has messages that begin as m send a step's.
	add := func(step engine.RouteStep, m ...engine.Message) {
		cell := engine.RouteCell{First: uint32(len(r.Targets)), Count: uint32(len(outs))}
		for i := range outs {
			r.Targets = append(r.Targets, engine.RouteTarget{First: uint32(len(r.Steps)), Output: uint16(i), Count: 1})
		}
		r.Steps = append(r.Steps, step)
		for _, m := range m {
			r.Cells[engine.RouteCellOf(m)] = cell
		}
	}
	for channel := range engine.Message(16) {
		program, pressure, pitch := engine.ProgramChange|channel, engine.ChannelPressure|channel, engine.PitchBend|channel
		var programs, pressures, pitches []engine.Message
		for number := range engine.Message(128) {
			note := engine.NoteOn | channel | number<<8
			add(engine.RouteStep{Base: uint32(note), Low: 16, High: 32}, note, engine.NoteOff|channel|number<<8)
			for _, status := range []engine.Message{engine.KeyPressure, engine.ControlChange} {
				m := status | channel | number<<8
				add(engine.RouteStep{Base: uint32(m), Low: 16, High: 32}, m)
			}
			programs = append(programs, program|number<<8)
			pressures = append(pressures, pressure|number<<8)
			pitches = append(pitches, pitch|number<<8)
		}
		add(engine.RouteStep{Base: uint32(program), Low: 8, High: 32}, programs...)
		add(engine.RouteStep{Base: uint32(pressure), Low: 8, High: 32}, pressures...)
		add(engine.RouteStep{Base: uint32(pitch), Source: 1, Low: 8, High: 16}, pitches...)
	}
	return r
}

// through is what thru makes of a message.
func through(m engine.Message) engine.Message {
	if m.Status()&^15 == engine.NoteOff {
		return engine.NoteOn | engine.Message(m.Status()&15) | engine.Message(m.Data1())<<8
	}
	return m & (1<<(8*m.Len()) - 1) // drivers may leave anything behind a message
}

// What comes is sent by the callback, and delivered with what it has been sent along.
func TestRoutesAreSentByTheCallback(t *testing.T) {
	r := newRig(t, engine.Options{})
	source, in := r.output(t, 0, engine.OutputOptions{}), r.input(t, 0, engine.InputOptions{})
	out, far := r.output(t, 1, engine.OutputOptions{Slow: time.Hour}), r.input(t, 1, engine.InputOptions{})
	routes := thru(out)
	require.NoError(t, in.Route(routes))
	direct := uint64(0)
	for n := range 50 {
		m := messages(t, "note-on 1 60 100")[0] + engine.Message(n%27)<<16
		require.NoError(t, source.SendNow(m))
		seen := 0
		r.run(t, func(ev *engine.Event) bool {
			switch ev.Port {
			case far.Port():
				assert.Equal(t, m, ev.Message)
				seen++
			case in.Port():
				assert.Equal(t, m, ev.Message)
				if ev.Routed == nil {
					require.NoError(t, out.Send(ev.Message))
				} else {
					assert.Same(t, routes, ev.Routed)
					direct++
				}
				seen++
			}
			return seen == 2
		})
	}
	assert.Greater(t, direct, uint64(45))
	assert.Equal(t, direct, in.Stats().Routed)
	assert.Equal(t, direct, out.Stats().Direct)
	assert.Equal(t, uint64(50), out.Stats().Sent)
}

// A target without other messages for values below its threshold sends none for those.
func TestARouteWithAThreshold(t *testing.T) {
	r := newRig(t, engine.Options{})
	source, in := r.output(t, 0, engine.OutputOptions{}), r.input(t, 0, engine.InputOptions{})
	out, far := r.output(t, 1, engine.OutputOptions{Slow: time.Hour}), r.input(t, 1, engine.InputOptions{})
	routes := thru(out)
	controller := messages(t, "control-change 1 1 0")[0]
	routes.Targets[routes.Cells[engine.RouteCellOf(controller)].First].Threshold = 64 << 7 // of 14 bits
	require.NoError(t, in.Route(routes))
	var came []engine.Message
	value := engine.Message(0)
	require.NoError(t, source.SendNow(controller))
	r.run(t, func(ev *engine.Event) bool {
		switch ev.Port {
		case far.Port():
			came = append(came, ev.Message)
		case in.Port():
			if ev.Routed != nil { // else once more: the callback does not send yet
				value++
			}
			if value < 128 {
				require.NoError(t, source.SendNow(controller|value<<16))
			}
		}
		return value == 128 && len(came) >= 64
	})
	require.Len(t, came, 64)
	for i, m := range came {
		assert.Equal(t, controller|engine.Message(64+i)<<16, m)
	}
}

// newPassage has a message on its way from source to in, which is to be sent on from out to far.
func newPassage(t *testing.T) (r rig, source *engine.Output, in *engine.Input, out *engine.Output, far *engine.Input) {
	t.Helper()
	r = newRig(t, engine.Options{})
	source, in = r.output(t, 0, engine.OutputOptions{}), r.input(t, 0, engine.InputOptions{})
	out, far = r.output(t, 1, engine.OutputOptions{Slow: time.Hour}), r.input(t, 1, engine.InputOptions{})
	require.NoError(t, source.SendNow(numbered(0, 0)))
	return r, source, in, out, far
}

// New routes begin when what came before them has been handled: nothing overtakes it on its way to an output.
func TestNewRoutesDoNotOvertake(t *testing.T) {
	const count = 50
	r, source, in, out, far := newPassage(t)
	var came []engine.Message
	r.run(t, func(ev *engine.Event) bool {
		switch {
		case ev.Port == far.Port():
			came = append(came, ev.Message)
		case ev.Message == numbered(0, 0): // while it is handled more come, and the routes, and more
			for n := 1; n <= 2*count; n++ {
				if n == count {
					assert.NoError(t, in.Route(thru(out)))
				}
				assert.NoError(t, source.SendNow(numbered(0, n)))
			}
			require.Eventually(t, func() bool { return in.Stats().Received == 2*count+1 }, hang, time.Millisecond)
			fallthrough
		case ev.Routed == nil:
			assert.NoError(t, out.Send(ev.Message))
		}
		return len(came) == 2*count+1
	})
	for n, m := range came {
		assert.Equal(t, numbered(0, n), m)
	}
}

// The same for a program that has been given events by ReadInto, and not come back yet.
func TestNewRoutesDoNotOvertakeWhatIsBeingRead(t *testing.T) {
	const count = 20
	r, source, in, out, far := newPassage(t)
	require.NoError(t, in.Route(thru(out)))
	r.SetReadDeadline(time.Now().Add(hang))
	var came []engine.Message
	for n := 1; len(came) < count; {
		events := make([]engine.Event, 8)
		got, err := r.ReadInto(events)
		require.NoError(t, err)
		if n < count { // before it handles what it has been given
			require.NoError(t, source.SendNow(numbered(0, n)))
			n++
			require.Eventually(t, func() bool { return in.Stats().Received == uint64(n) }, hang, 10*time.Microsecond)
		}
		for _, ev := range events[:got] {
			if ev.Port == far.Port() {
				came = append(came, ev.Message)
			} else if ev.Routed == nil {
				require.NoError(t, out.Send(ev.Message))
			}
		}
	}
	for n, m := range came {
		assert.Equal(t, numbered(0, n), m)
	}
}
