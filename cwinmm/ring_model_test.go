//go:build cgo && (linux || windows)

package cwinmm

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plainRing is what a ring does, as a list: no indices, no atomics, no memory that is used again.
type plainRing struct {
	capacity, buffers int

	waiting []plainEntry // the next one first
	seen    int          // of those, by look
	records int          // gap records in waiting
	longs   int          // buffers in waiting

	lost     LostBy // in all
	recorded LostBy // by the last gap record
	told     LostBy // to the consumer
	lostSeen LostBy // by look
	unsaid   ended  // by what was lost since the last gap record
}

// plainEntry is an event, or a gap record.
type plainEntry struct {
	event Event
	gap   bool
	lost  LostBy
	ended ended
}

// ended is what lost messages end, and the tags that they had.
type ended struct {
	Ends
	tags uint16
}

func (r *plainRing) refuse(ev Event) {
	status, channel := ev.Data>>4&0xF, ev.Data&0xF
	data1, data2 := ev.Data>>8&0x7F, ev.Data>>16&0x7F
	switch {
	case ev.Kind() == KindMalformed:
		r.lost[LostMalformed]++
		return
	case status == 0x8, status == 0x9:
		r.lost[LostNotes]++
	case status == 0xB:
		r.lost[LostControllers]++
	case status == 0xF:
		r.lost[LostSystem]++
	default:
		r.lost[LostChannel]++
	}
	r.unsaid.tags |= 1 << ev.Routed()
	switch {
	case status == 0x8, status == 0x9 && data2 == 0:
		r.unsaid.NoteOff[channel][data1/64] |= 1 << (data1 % 64)
	case status == 0xB && data1 == 64 && data2 < 64:
		r.unsaid.PedalUp |= 1 << channel
	case status == 0xB && (data1 == 120 || data1 >= 123):
		r.unsaid.AllOff |= 1 << channel
	}
}

// push reports whether the event was not refused.
func (r *plainRing) push(ev Event) bool {
	untold := r.lost != r.recorded
	need := 1
	if untold {
		need = 2
	}
	// One entry is kept for what is lost next.
	entry := r.records < len(Ring{}.gap)-1
	if ev.Kind() >= KindLong {
		r.longs++
	} else if len(r.waiting)+need > r.capacity || untold && !entry {
		r.refuse(ev)
		return false
	}
	if untold && entry {
		r.waiting = append(r.waiting, plainEntry{gap: true, lost: r.lost, ended: r.unsaid})
		r.records++
		r.recorded, r.unsaid = r.lost, ended{}
	}
	r.waiting = append(r.waiting, plainEntry{event: ev})
	return true
}

func (r *plainRing) look() uint64 {
	r.seen, r.lostSeen = len(r.waiting), r.lost
	return uint64(r.seen)
}

func (r *plainRing) news() bool { return len(r.waiting) > 0 || r.lost != r.told }

// next takes the next entry: an event, or a loss, which is nil if there is nothing of it to be told any more.
func (r *plainRing) next() (ev Event, gap bool, loss *Loss) {
	e := r.waiting[0]
	r.waiting, r.seen = r.waiting[1:], r.seen-1
	if e.gap {
		r.records--
		return ev, true, r.tell(e.lost, e.ended)
	}
	if e.event.Kind() >= KindLong {
		r.longs--
	}
	return e.event, false, nil
}

// silent returns the loss behind everything; nil: none is known, or it is not behind everything.
func (r *plainRing) silent() *Loss {
	if len(r.waiting) > 0 || r.lostSeen.Total() <= r.told.Total() {
		return nil
	}
	loss := r.tell(r.lost, r.unsaid)
	r.unsaid = ended{}
	return loss
}

func (r *plainRing) tell(total LostBy, end ended) *Loss {
	loss := Loss{Ends: end.Ends, Tags: end.tags}
	for i := range total {
		if total[i] > r.told[i] {
			loss.By[i] = total[i] - r.told[i]
			r.told[i] = total[i]
		}
	}
	if loss.By == (LostBy{}) && loss.Ends == (Ends{}) {
		return nil
	}
	return &loss
}

// anyMessage is any short message with any tag, mostly such as end something.
var anyMessage = rapid.Custom(func(t *rapid.T) uint32 {
	data := rapid.SampledFrom([]uint32{0, 1, 63, 64, 65, 119, 120, 121, 122, 123, 127})
	return rapid.Uint32Range(0x80, 0xFF).Draw(t, "status") | data.Draw(t, "data 1")<<8 | data.Draw(t, "data 2")<<16 |
		uint32(rapid.SampledFrom([]Kind{KindShort, KindMore, KindMalformed}).Draw(t, "kind"))<<24 |
		rapid.Uint32Range(0, 2).Draw(t, "tag")<<28
})

// Pushes of all kinds, losses, looks and drains in any order, also between a look and what follows it: the consumer is
// told what a plain list says, losses at their place with what they end; a buffer's event is never refused.
func TestTheRingDoesWhatAPlainListDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := &plainRing{
			capacity: rapid.SampledFrom([]int{2, 4, 8, 64, 256}).Draw(t, "capacity"),
			buffers:  rapid.IntRange(0, 80).Draw(t, "buffers"),
		}
		ring, err := newRing(plain.capacity, plain.buffers)
		require.NoError(t, err)
		defer ring.free()
		pushed := uint32(0)
		push := func(data uint32) {
			pushed++
			ev := Event{Ticks: uint64(pushed) << 32, Data: data, DriverMS: pushed}
			require.Equal(t, plain.push(ev), ring.push(ev), "push %d, %x", pushed, data)
		}
		pushLong := func() {
			if plain.longs < plain.buffers {
				push(uint32(KindLong)<<24 | pushed&0xFF)
			}
		}
		look := func() { require.Equal(t, plain.look(), ring.Look()) }
		lose := func(data uint32) {
			ring.lose(data, 1)
			plain.refuse(Event{Data: data})
		}
		next := func() {
			ticks := ring.NextTicks()
			var ev Event
			ring.Next(&ev)
			require.Equal(t, ticks, ev.Ticks)
			want, gap, wantLoss := plain.next()
			require.Equal(t, gap, ev.Kind() == KindGap, "%+v instead of %+v", ev, want)
			if !gap {
				require.Equal(t, want, ev)
				return
			}
			var loss Loss
			if told := ring.Meet(&loss); told || wantLoss != nil {
				require.Equal(t, wantLoss, &loss)
			}
		}
		silent := func() {
			want := plain.silent()
			var loss Loss
			told := ring.Lost(&loss)
			require.Equal(t, want != nil, told)
			if told {
				require.Equal(t, want, &loss)
			}
		}
		count := func(t *rapid.T) int { return rapid.IntRange(1, 2*plain.capacity).Draw(t, "count") }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) { push(anyMessage.Draw(t, "message")) },
			"push many": func(t *rapid.T) { // a stalled consumer
				message := anyMessage.Draw(t, "message")
				for range count(t) {
					push(message)
				}
			},
			"push buffer": func(*rapid.T) { pushLong() },
			"lose":        func(t *rapid.T) { lose(anyMessage.Draw(t, "message")) },
			"lose between": func(t *rapid.T) {
				message := anyMessage.Draw(t, "message")
				for range count(t) {
					lose(message)
					pushLong()
					push(message)
				}
			},
			"look": func(*rapid.T) { look() },
			"take": func(t *rapid.T) {
				for range min(count(t), plain.seen) {
					next()
				}
			},
			"lost": func(*rapid.T) { silent() },
			"drain": func(*rapid.T) {
				look()
				for plain.seen > 0 {
					next()
				}
				silent()
			},
			"": func(t *rapid.T) {
				require.Equal(t, plain.news(), ring.News())
				require.Equal(t, plain.seen == 0, ring.Drained())
			},
		})
	})
}
