package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Load is a stream of messages as a player, a machine or a line makes it. Its times are a plan: the source
// sends each message at its own, whatever happened to those before.
type Load struct {
	Name string
	What string // in a line
	// gaps returns how long after each message the next is due.
	gaps   func(*rand.Rand) func() time.Duration
	status byte // of its messages; 0: notes on and off
	flood  bool // as many messages as count says, at once
	every  int  // above 0: a system exclusive message of sysexBytes follows every so many
}

const (
	dinByte    = 320 * time.Microsecond // 31,250 baud, ten bits a byte (MIDI 1.0, Hardware)
	sysexBytes = 64
	pitchBend  = 0xE0
	noteOn     = 0x90
	noteOff    = 0x80
)

// regular returns messages that are the same time apart.
func regular(gap time.Duration) func(*rand.Rand) func() time.Duration {
	return func(*rand.Rand) func() time.Duration { return func() time.Duration { return gap } }
}

// loads are those there are, by name.
func loads() []Load {
	return []Load{
		{Name: "sparse", What: "20 notes a second at random times: a player", gaps: func(random *rand.Rand) func() time.Duration {
			return func() time.Duration { return time.Duration(random.ExpFloat64() * float64(time.Second/20)) }
		}},
		{Name: "millisecond", What: "a note each millisecond", gaps: regular(time.Millisecond)},
		{Name: "din", What: "1,041 notes a second: a DIN line that is never silent", gaps: regular(3 * dinByte)},
		{Name: "chord", What: "16 notes back to back every 250 ms", gaps: func(*rand.Rand) func() time.Duration {
			n := 0
			return func() time.Duration {
				if n++; n%16 != 0 {
					return 0
				}
				return 250 * time.Millisecond
			}
		}},
		{Name: "dense", What: "10,000 controller messages a second", gaps: regular(100 * time.Microsecond), status: pitchBend},
		{Name: "flood", What: "as fast as the source goes", flood: true, gaps: regular(0), status: pitchBend},
		{Name: "sysex", What: fmt.Sprintf("notes on a DIN line that carries a system exclusive message of %d bytes after every 16 of them", sysexBytes),
			gaps: regular(3 * dinByte), every: 16},
	}
}

// LoadNames returns the loads' names.
func LoadNames() []string { return names(loads(), func(l Load) string { return l.Name }) }

// FindLoad returns the load of that name. The error says which there are.
func FindLoad(name string) (Load, error) {
	return find("load", name, loads(), func(l Load) string { return l.Name })
}

// find looks all through for a name.
func find[T any](kind, name string, all []T, nameOf func(T) string) (T, error) {
	if i := slices.IndexFunc(all, func(t T) bool { return nameOf(t) == name }); i >= 0 {
		return all[i], nil
	}
	var none T
	return none, fmt.Errorf("%s %q: there are %s", kind, name, strings.Join(names(all, nameOf), ", "))
}

func names[T any](all []T, nameOf func(T) string) []string {
	var s []string
	for _, t := range all {
		s = append(s, nameOf(t))
	}
	return s
}

// Schedule is a load's messages and when they are due.
type Schedule struct {
	At      []time.Duration // since the start; never before the one before
	Message []uint32        // its data bytes are its number modulo 2^14, low 7 bits first
	Counted int             // the number of the first that counts; those before are the warm-up
}

// longRow marks a row of a trace that is a system exclusive message: ONSET_ROW_LONG in trace.h. It is sent like
// the others, and not measured: what it does to them is.
const longRow = 1 << 24

func isLong(message uint32) bool { return message>>24 == longRow>>24 }

// floodRate is how many messages a second of flood is: more than any consumer here takes.
const floodRate = 200_000

// Schedule plans the load for a duration after a warm-up, and on until a message counts: that of a sparse load
// may be due later. The same seed gives the same plan.
func (l Load) Schedule(warmUp, duration time.Duration, seed uint64) Schedule {
	var s Schedule
	next := l.gaps(rand.New(rand.NewPCG(seed, 0)))
	end := warmUp + duration
	most := int(warmUp.Seconds() * floodRate)
	if l.flood {
		s.Counted = most
	}
	most += max(1, int(duration.Seconds()*floodRate))
	counts := false // a message does
	for n, at := 0, time.Duration(0); (at < end || !counts) && n < most; n++ {
		message := l.message(n)
		if l.every > 0 && n%(l.every+1) == l.every {
			at += (sysexBytes - 3) * dinByte // it arrives when it is complete; a note's time has been counted
			message = longRow | sysexBytes
		}
		s.At = append(s.At, at)
		s.Message = append(s.Message, message)
		if at < warmUp && !l.flood {
			s.Counted = n + 1
		} else if n >= s.Counted && !isLong(message) {
			counts = true
		}
		at += next()
	}
	return s
}

// message returns the n-th.
func (l Load) message(n int) uint32 {
	status := l.status
	if status == 0 {
		status = noteOn
		if n&1 == 1 {
			status = noteOff
		}
	}
	return uint32(status) | uint32(n&0x7F)<<8 | uint32(n>>7&0x7F)<<16
}
