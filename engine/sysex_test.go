package engine

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// parts is what an assembly makes of buffers: "kind: bytes" for each message.
func parts(limit int, buffers ...[]byte) (all []string) {
	a := assembly{limit: limit}
	for _, b := range buffers {
		for len(b) > 0 {
			used, kind, message, ok := a.next(b)
			if ok {
				all = append(all, fmt.Sprintf("%d: % X", kind, message))
			}
			b = b[used:]
		}
	}
	if a.partial {
		_, message := a.complete(KindSysExInterrupted)
		all = append(all, fmt.Sprintf("%d: % X", KindSysExInterrupted, message))
	}
	return all
}

// plainParts is what the buffers' bytes say, one by one. Those without a beginning are told at the end of each buffer.
func plainParts(limit int, buffers ...[]byte) (all []string) {
	var message []byte
	end := func(kind Kind) {
		if kind == KindSysEx && len(message) > limit {
			kind = KindSysExCut
		}
		all = append(all, fmt.Sprintf("%d: % X", kind, message[:min(limit, len(message))]))
		message = nil
	}
	for _, buffer := range buffers {
		for _, b := range buffer {
			if b == SysEx && len(message) > 0 {
				end(KindSysExInterrupted)
			}
			message = append(message, b)
			switch {
			case b == EndOfSysEx && message[0] == SysEx:
				end(KindSysEx)
			case b == EndOfSysEx:
				end(KindSysExInterrupted)
			}
		}
		if len(message) > 0 && message[0] != SysEx {
			end(KindSysExInterrupted)
		}
	}
	if len(message) > 0 {
		end(KindSysExInterrupted)
	}
	return all
}

var anyBytes = rapid.SliceOf(rapid.SampledFrom([]byte{SysEx, EndOfSysEx, 1, 2, 3, Clock}))

// Whatever is in the buffers, the messages are those of the bytes.
func TestMessagesFromAnyBuffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, buffers := rapid.IntRange(1, 20).Draw(t, "limit"), rapid.SliceOf(anyBytes).Draw(t, "buffers")
		require.Equal(t, plainParts(limit, buffers...), parts(limit, buffers...))
	})
}

// The same for streams that are cut at the places that cuts says.
func FuzzSysEx(f *testing.F) {
	f.Add([]byte{SysEx, 1, 2, EndOfSysEx}, []byte{2}, uint8(100))
	f.Add([]byte{1, EndOfSysEx, SysEx, 2, SysEx, 3, EndOfSysEx, SysEx}, []byte{1, 3, 0}, uint8(2))
	f.Add([]byte{SysEx, 1, Clock, 2, EndOfSysEx, 3, 4}, []byte{3, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, stream, cuts []byte, limit uint8) {
		var buffers [][]byte
		for _, n := range cuts {
			n := min(int(n), len(stream))
			buffers, stream = append(buffers, stream[:n]), stream[n:]
		}
		buffers = append(buffers, stream)
		most := max(1, int(limit))
		require.Equal(t, plainParts(most, buffers...), parts(most, buffers...))
	})
}

// However the driver cuts a stream into buffers, the messages are the same, as long as every byte is of one with a
// beginning.
func TestMessagesAreTheSameHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		stream := append([]byte{SysEx}, anyBytes.Draw(t, "stream")...)
		stream = bytes.ReplaceAll(stream, []byte{EndOfSysEx}, []byte{EndOfSysEx, SysEx})
		var cut [][]byte
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			cut = append(cut, rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, parts(limit, stream), parts(limit, cut...))
	})
}

func TestBytesWithoutABeginning(t *testing.T) {
	assert.Equal(t, []string{"6: 01 02 F7", "4: F0 03 F7"}, parts(100, []byte{1, 2, EndOfSysEx, SysEx, 3, EndOfSysEx}))
	assert.Equal(t, []string{"6: 01", "6: 02"}, parts(100, []byte{1}, []byte{2}))
}
