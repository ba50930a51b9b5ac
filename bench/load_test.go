package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func planned(t *testing.T, name string, warmUp, duration time.Duration, seed uint64) Schedule {
	t.Helper()
	load, err := FindLoad(name)
	require.NoError(t, err)
	return load.Schedule(warmUp, duration, seed)
}

func TestLoadsKeepTheirRate(t *testing.T) {
	for _, c := range []struct {
		load        string
		least, most int // messages in ten minutes
	}{
		{"sparse", 20 * 600 * 95 / 100, 20 * 600 * 105 / 100},
		{"millisecond", 600_000, 600_000},
		{"din", 625_000, 625_000}, // 960 µs apart
		{"chord", 600 * 4 * 16, 600 * 4 * 16},
		{"dense", 6_000_000, 6_000_000},
		{"sysex", 17 * 16741, 17 * 16742}, // 16 notes of 3 bytes and 64 bytes take 35.84 ms
	} {
		t.Run(c.load, func(t *testing.T) {
			n := len(planned(t, c.load, 0, 10*time.Minute, 1).At)
			assert.GreaterOrEqual(t, n, c.least)
			assert.LessOrEqual(t, n, c.most)
		})
	}
}

// What a player plays comes at random: neither evenly, nor at the same times again.
func TestSparseIsRandom(t *testing.T) {
	first := planned(t, "sparse", 0, time.Minute, 1)
	assert.Equal(t, first, planned(t, "sparse", 0, time.Minute, 1))
	assert.NotEqual(t, first.At, planned(t, "sparse", 0, time.Minute, 2).At)
	var gaps []time.Duration
	for n := 1; n < len(first.At); n++ {
		gaps = append(gaps, first.At[n]-first.At[n-1])
	}
	slices.Sort(gaps)
	assert.Less(t, gaps[len(gaps)/10], 10*time.Millisecond)
	assert.Greater(t, gaps[len(gaps)*9/10], 90*time.Millisecond)
}

func TestChordIsSixteenNotesAtOnce(t *testing.T) {
	s := planned(t, "chord", 0, time.Second, 1)
	require.Len(t, s.At, 64)
	for n, at := range s.At {
		assert.Equal(t, time.Duration(n/16)*250*time.Millisecond, at, "note %d", n)
	}
}

// A line that carries a system exclusive message carries no note meanwhile.
func TestSysexTakesTheLineItsTime(t *testing.T) {
	s := planned(t, "sysex", 0, time.Second, 1)
	const note, message = 3 * 320 * time.Microsecond, 64 * 320 * time.Microsecond
	notes := 0
	for n := 1; n < len(s.At); n++ {
		gap := s.At[n] - s.At[n-1]
		if !isLong(s.Message[n]) {
			notes++
			require.Equal(t, note, gap, "row %d", n)
			continue
		}
		require.Equal(t, message, gap, "row %d", n)
		require.EqualValues(t, 64, s.Message[n]&0xFFFF)
		require.Contains(t, []int{15, 16}, notes, "the first note is not counted here")
		notes = 0
	}
}

func TestFloodIsAsManyAsTheSourceCanSend(t *testing.T) {
	s := planned(t, "flood", 10*time.Millisecond, 40*time.Millisecond, 1)
	assert.Len(t, s.At, 10_000)
	assert.Equal(t, 2000, s.Counted)
	assert.Zero(t, s.At[len(s.At)-1])
}

func TestEveryPlanIsInOrderAndNumbered(t *testing.T) {
	for _, name := range LoadNames() {
		t.Run(name, func(t *testing.T) {
			duration := 20 * time.Second // more than 2^14 messages of most
			if name == "flood" {
				duration = 100 * time.Millisecond
			}
			s := planned(t, name, 0, duration, 7)
			assert.Equal(t, s, planned(t, name, 0, duration, 7))
			require.Len(t, s.Message, len(s.At))
			assert.True(t, slices.IsSorted(s.At))
			assert.Less(t, s.At[len(s.At)-1], duration)
			for n, message := range s.Message {
				if isLong(message) {
					continue
				}
				require.EqualValues(t, n&0x3FFF, message>>8&0x7F|message>>16&0x7F<<7, "message %d", n)
				require.Contains(t, []uint32{0x80, 0x90, 0xE0}, message&0xFF)
				require.Zero(t, message>>24|message&0x808000, "data bytes have 7 bits")
			}
		})
	}
}

func TestTheWarmUpDoesNotCount(t *testing.T) {
	for _, name := range LoadNames() {
		if name == "flood" {
			continue // all of its messages are due at once
		}
		s := planned(t, name, time.Second, time.Second, 1)
		require.Positive(t, s.Counted, name)
		assert.Less(t, s.At[s.Counted-1], time.Second, name)
		assert.GreaterOrEqual(t, s.At[s.Counted], time.Second, name)
		assert.Zero(t, planned(t, name, 0, time.Second, 1).Counted, name)
	}
	s := planned(t, "flood", 10*time.Millisecond, time.Nanosecond, 1)
	assert.Equal(t, 2000, s.Counted)
	assert.Len(t, s.At, 2001)
}

// A load that is sparser than a round is long is measured by its first message after the warm-up, which is none of
// the cold ones before.
func TestAMessageCounts(t *testing.T) {
	s := planned(t, "chord", 200*time.Millisecond, 10*time.Millisecond, 1)
	assert.Equal(t, 16, s.Counted)
	require.Len(t, s.At, 17)
	assert.Equal(t, 250*time.Millisecond, s.At[16])
	for warmUp := range 40 * time.Millisecond / time.Millisecond { // some end before a system exclusive message
		s := planned(t, "sysex", warmUp*time.Millisecond, time.Nanosecond, 1)
		assert.False(t, isLong(s.Message[len(s.At)-1]), "%d ms", warmUp)
	}
}

func TestUnknownNamesAreToldWhatThereIs(t *testing.T) {
	_, err := FindLoad("heavy")
	assert.EqualError(t, err, `load "heavy": there are sparse, millisecond, din, chord, dense, flood, sysex`)
	_, err = FindBackground("noise")
	assert.EqualError(t, err, `background "noise": there are quiet, gc, busy-go, busy-processes`)
	_, err = FindContender("go")
	assert.EqualError(t, err, `contender "go": there are spin, hybrid, park, spin-raised, hybrid-raised, park-raised, spin-unnoted, park-unnoted, direct, c-spin, c-park, c-apart, exported, datagram, channel, in-callback`)
}
