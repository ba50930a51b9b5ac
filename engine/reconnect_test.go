//go:build cgo

package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// An input whose device goes and comes back goes on, under its new name and at its new place.
func TestALostInputIsFoundAndOpenedAgain(t *testing.T) {
	for _, wait := range strategies {
		t.Run(wait.String(), func(t *testing.T) {
			r := newRig(t, engine.Options{Wait: wait})
			in := r.input(t, 0, engine.InputOptions{})
			before := in.Info()
			r.play(t, 0, engine.Source{Count: 3})()
			r.loop.Unplug(0)
			var kinds []engine.Kind
			delivered := 0
			r.run(t, func(ev *engine.Event) bool {
				switch ev.Kind {
				case engine.KindMessage:
					assert.Equal(t, in.Port(), ev.Port)
					delivered++
				case engine.KindPortLost:
					assert.Equal(t, before, *ev.Info)
					require.NoError(t, r.loop.Replug(0, 1, "2- Alpha"))
					kinds = append(kinds, ev.Kind)
				case engine.KindPortFound, engine.KindPortReopened:
					assert.Equal(t, in.Port(), ev.Port)
					assert.Equal(t, "2- Alpha", ev.Info.Name)
					assert.Equal(t, 1, ev.Info.Index)
					kinds = append(kinds, ev.Kind)
					if ev.Kind == engine.KindPortReopened {
						r.play(t, 0, engine.Source{Count: 5})
					}
				}
				return delivered == 8
			})
			assert.Equal(t, []engine.Kind{engine.KindPortLost, engine.KindPortFound, engine.KindPortReopened}, kinds)
			s := in.Stats()
			balanced(t, s)
			assert.Equal(t, engine.Device{Losses: 1, Reopened: 1}, s.Device)
			assert.Equal(t, "2- Alpha", in.Info().Name)
			assert.Equal(t, 1, r.loop.OpenPorts())
		})
	}
}

var _ = time.Second
