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
