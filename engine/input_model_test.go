//go:build cgo

package engine_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/engine"
)

// plainInput is what an input does, as a list.
type plainInput struct {
	options    engine.InputOptions
	waiting    []plainEvent
	lost       []plainEvent // since the last record of a loss, and not told
	unrecorded bool         // something has been lost since then
	tells      []engine.Message
	expected   engine.InputStats // counts only
}

// plainEvent is a message, or, with record, a place where some were lost.
type plainEvent struct {
	message   engine.Message
	driver    engine.DriverTime
	malformed bool
	record    bool
	lost      []plainEvent
}

// receive takes what a driver calls with.
func (p *plainInput) receive(ev plainEvent) {
	p.expected.Received++
	if channel := ev.message.Status() & 15; !ev.malformed && p.options.Ignore.Channels>>channel&1 != 0 {
		p.expected.Filtered++
		return
	}
	need := 1
	if p.unrecorded {
		need = 2
	}
	if len(p.waiting)+need > p.options.Capacity {
		p.expected.Dropped.Full++
		p.lost, p.unrecorded = append(p.lost, ev), true
		return
	}
	if p.unrecorded {
		p.waiting = append(p.waiting, plainEvent{record: true, lost: p.lost})
		p.lost, p.unrecorded = nil, false
	}
	p.waiting = append(p.waiting, ev)
	p.expected.Waiting++
}

// deliver returns what the program is told next. ok is false if that is nothing.
func (p *plainInput) deliver() (ev engine.Event, ok bool) {
	switch {
	case len(p.tells) > 0:
		ev = engine.Event{Message: p.tells[0], Recovered: true}
		p.tells = p.tells[1:]
		return ev, true
	case len(p.waiting) == 0:
		lost := p.lost
		p.lost = nil
		return p.tell(lost)
	}
	next := p.waiting[0]
	p.waiting = p.waiting[1:]
	switch {
	case next.record && len(next.lost) == 0: // told while nothing else waited
		return p.deliver()
	case next.record:
		return p.tell(next.lost)
	case next.malformed:
		ev.Kind = engine.KindMalformed
	}
	p.expected.Waiting--
	p.expected.Delivered++
	ev.Message, ev.Driver = next.message, next.driver
	return ev, true
}

// tell makes a gap of what was lost, which is followed by the end of what it would have ended: notes, pedals, all
// notes, each by channel and number.
func (p *plainInput) tell(lost []plainEvent) (ev engine.Event, ok bool) {
	if len(lost) == 0 {
		return ev, false
	}
	by := engine.LostBy{}
	ends := map[engine.Message]bool{}
	for _, l := range lost {
		m := l.message
		channel := engine.Message(m.Status() & 15)
		switch status := m.Status() &^ 15; {
		case l.malformed:
			by.Malformed++
		case status == engine.NoteOff, status == engine.NoteOn:
			by.Notes++
			if status == engine.NoteOff || m.Data2() == 0 {
				ends[engine.NoteOff|channel|engine.Message(m.Data1())<<8|64<<16] = true
			}
		case status == engine.ControlChange:
			by.Controllers++
			switch {
			case m.Data1() == 64 && m.Data2() < 64:
				ends[engine.ControlChange|channel|64<<8] = true
			case m.Data1() == 120 || m.Data1() >= 123:
				ends[engine.ControlChange|channel|123<<8] = true
			}
		default:
			by.OtherChannel++
		}
	}
	for m := range ends {
		p.tells = append(p.tells, m)
	}
	order := func(m engine.Message) int { // notes before pedals before all notes
		if m.Status()&^15 == engine.NoteOff {
			return int(m.Status()&15)<<8 | int(m.Data1())
		}
		return 1<<16 | int(m.Data1())<<8 | int(m.Status()&15)
	}
	slices.SortFunc(p.tells, func(a, b engine.Message) int { return order(a) - order(b) })
	return engine.Event{Kind: engine.KindGap, Lost: uint64(len(lost)), LostBy: &by}, true
}

// close returns what the statistics are to say then.
func (p *plainInput) close() {
	p.expected.Dropped.Closed, p.expected.Waiting = p.expected.Waiting, 0
}

// Drivers call, in order or not, readers read or stall, inputs are closed and opened again: each input delivers what a plain
// list does, its statistics say so, and who calls for a closed one reaches nobody.
func TestInputsDoWhatPlainListsDo(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rig := openRig(t, engine.Options{
			NormalPriority: true, Wait: engine.WaitPark, Merge: rapid.Bool().Draw(r, "merge"),
		})
		defer rig.loop.Close()
		defer func() { require.NoError(r, rig.Close()) }()
		var ins [2]*engine.Input
		var plain [2]*plainInput
		var rogues [2]*cwinmm.Rogue
		var stale []*cwinmm.Rogue
		byPort := map[engine.Port]int{}
		compare := func(i int) {
			got, want := ins[i].Stats(), plain[i].expected
			require.Equal(r, want, engine.InputStats{
				Received: got.Received, Delivered: got.Delivered, Waiting: got.Waiting, Filtered: got.Filtered,
				Dropped: got.Dropped,
			}, "input %d", i)
		}
		open := func(r *rapid.T, i int) {
			plain[i] = &plainInput{options: engine.InputOptions{
				Capacity: rapid.SampledFrom([]int{16, 32, 64}).Draw(r, "capacity"),
				Ignore:   engine.Ignore{Channels: rapid.SampledFrom([]uint16{0, 2, 0xFFF0}).Draw(r, "ignore")},
			}}
			var err error
			ins[i], err = rig.OpenInput(engine.Index(i), plain[i].options)
			require.NoError(r, err)
			rogues[i] = rig.loop.Rogue(i)
			byPort[ins[i].Port()] = i
		}
		// read returns the number of events read, 0 if there was nothing.
		read := func(events []engine.Event) int {
			rig.SetReadDeadline(time.Now())
			n, err := rig.ReadInto(events)
			if n == 0 {
				require.ErrorIs(r, err, os.ErrDeadlineExceeded)
				return 0
			}
			require.NoError(r, err)
			for _, got := range events[:n] {
				i, ok := byPort[got.Port]
				require.True(r, ok, "of a closed input: %+v", got)
				want, ok := plain[i].deliver()
				require.True(r, ok, "there is nothing more, but %+v", got)
				want.Port, want.Time = got.Port, got.Time
				require.Equal(r, want, got)
			}
			return n
		}
		cable := rapid.IntRange(0, 1)
		open(r, 0)
		open(r, 1)
		r.Repeat(map[string]func(*rapid.T){
			"play": func(r *rapid.T) {
				i, n := cable.Draw(r, "cable"), rapid.Uint64Range(1, 1000).Draw(r, "count")
				delivered, err := rig.loop.Play(i, engine.Source{Count: n})
				require.NoError(r, err)
				require.Equal(r, n, delivered)
				for k := range n {
					plain[i].receive(plainEvent{message: engine.SourceMessage(k), driver: engine.DriverTime(k)})
				}
			},
			"rogue": func(r *rapid.T) {
				i, n := cable.Draw(r, "cable"), rapid.Uint64Range(1, 20).Draw(r, "count")
				malformed := rapid.Bool().Draw(r, "malformed")
				if malformed {
					rogues[i].Malformed(n)
				} else {
					rogues[i].MoreData(n)
				}
				for k := range n {
					plain[i].receive(plainEvent{message: engine.SourceMessage(k), driver: engine.DriverTime(k), malformed: malformed})
				}
			},
			"rogue of a closed input": func(r *rapid.T) {
				if len(stale) > 0 {
					n, before := rapid.Uint64Range(1, 20).Draw(r, "count"), cwinmm.StaleCallbacks()
					rapid.SampledFrom(stale).Draw(r, "rogue").Data(n)
					require.GreaterOrEqual(r, cwinmm.StaleCallbacks(), before+n)
				}
			},
			"read": func(r *rapid.T) {
				read(make([]engine.Event, rapid.IntRange(1, 100).Draw(r, "room")))
			},
			"drain": func(*rapid.T) {
				for events := make([]engine.Event, 7); read(events) > 0; {
				}
				for i := range plain {
					ev, ok := plain[i].deliver()
					require.False(r, ok, "input %d: %+v has not been told", i, ev)
				}
			},
			"close": func(r *rapid.T) {
				i := cable.Draw(r, "cable")
				delete(byPort, ins[i].Port())
				require.NoError(r, ins[i].Close())
				plain[i].close()
				compare(i)
				stale = append(stale, rogues[i])
				open(r, i)
			},
			"": func(*rapid.T) {
				compare(0)
				compare(1)
			},
		})
	})
}
