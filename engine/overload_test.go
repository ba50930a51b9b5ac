//go:build cgo

package engine_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

// synth is what a receiver believes to be held.
type synth struct {
	notes  [16][128]bool
	pedals [16]bool
}

func (s *synth) hear(m engine.Message) {
	channel, _ := m.Channel()
	switch m.Status() &^ 15 {
	case engine.NoteOn:
		s.notes[channel][m.Data1()] = m.Data2() > 0
	case engine.NoteOff:
		s.notes[channel][m.Data1()] = false
	case engine.ControlChange:
		switch {
		case m.Data1() == 64:
			s.pedals[channel] = m.Data2() >= 64
		case m.Data1() == 120, m.Data1() >= 123:
			s.notes[channel] = [128]bool{}
		}
	}
}

// hangs counts what s holds and the sender does not.
func (s *synth) hangs(sender *synth) (n int) {
	for channel := range s.notes {
		for note, held := range s.notes[channel] {
			if held && !sender.notes[channel][note] {
				n++
			}
		}
		if s.pedals[channel] && !sender.pedals[channel] {
			n++
		}
	}
	return n
}

// randomMessage makes few different ones, so that they concern each other: notes, some off by velocity 0,
// pedals, and now and then all notes off.
func randomMessage(random *rand.Rand) engine.Message {
	status, data1, data2 := engine.NoteOn, random.IntN(4), random.IntN(2)*100
	switch random.IntN(8) {
	case 0, 1:
		status, data2 = engine.NoteOff, 64
	case 2:
		status, data1 = engine.ControlChange, 64
	case 3:
		if random.IntN(8) == 0 {
			status, data1, data2 = engine.ControlChange, []int{120, 123, 124, 127}[random.IntN(4)], 0
		}
	case 4:
		status = engine.PitchBend
	}
	return engine.Message(status | random.IntN(2) | data1<<8 | data2<<16)
}

// Whatever is refused by a ring that is full, no note and no pedal hangs: what would have ended it is delivered
// where the gap is.
func TestNothingHangsAfterAnOverload(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		r := newRig(t, engine.Options{})
		in := r.input(t, 0, engine.InputOptions{Capacity: 16})
		out := r.output(t, 0, engine.OutputOptions{Slow: time.Hour})
		var sender, receiver synth
		var sent, delivered, lost, recovered uint64
		events := make([]engine.Event, 64)
		read := func(most int) error {
			n, err := r.ReadInto(events[:most])
			for _, ev := range events[:n] {
				switch {
				case ev.Kind == engine.KindGap:
					lost += ev.Lost
					assert.Equal(t, ev.Lost, ev.LostBy.Notes+ev.LostBy.Controllers+ev.LostBy.OtherChannel)
				case ev.Recovered:
					recovered++
					receiver.hear(ev.Message)
				default:
					delivered++
					receiver.hear(ev.Message)
				}
			}
			return err
		}
		for range 20 {
			for range random.IntN(60) {
				m := randomMessage(random)
				sender.hear(m)
				require.NoError(t, out.Send(m))
				sent++
			}
			for in.Stats().Received < sent {
				time.Sleep(10 * time.Microsecond)
			}
			for delivered+lost < sent && random.IntN(4) > 0 {
				require.NoError(t, read(1+random.IntN(len(events))))
			}
		}
		for err := error(nil); err == nil; {
			r.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			err = read(len(events))
		}
		s := in.Stats()
		balanced(t, s)
		require.Zero(t, receiver.hangs(&sender), "seed %d", seed)
		require.Equal(t, sent, delivered+lost, "seed %d", seed)
		assert.Equal(t, lost, s.Dropped.Full)
		assert.Equal(t, recovered, s.Recovered)
	}
}
