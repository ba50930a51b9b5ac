package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// modelled is what the whole stream says, byte by byte.
func modelled(limit int, stream []byte) (all []string) {
	var message []byte
	end := func(kind Kind) {
		if kind == KindSysEx && len(message) > limit {
			kind = KindSysExCut
		}
		all = append(all, fmt.Sprintf("%d: % X", kind, message[:min(limit, len(message))]))
		message = nil
	}
	for _, b := range stream {
		if b == SysEx && len(message) > 0 {
			end(KindSysExInterrupted)
		}
		message = append(message, b)
		if b == EndOfSysEx {
			if message[0] == SysEx {
				end(KindSysEx)
			} else {
				end(KindSysExInterrupted)
			}
		}
	}
	if len(message) > 0 {
		end(KindSysExInterrupted)
	}
	return all
}

// However the driver cuts the stream into buffers, the messages are those of the stream. Bytes without a
// beginning are the exception: each buffer's are told as they come.
func TestMessagesAreTheSameHoweverTheyAreCut(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 0))
		stream := []byte{SysEx}
		for range random.IntN(60) {
			stream = append(stream, []byte{SysEx, EndOfSysEx, 1, 2, 3, 4, 5, 6, 7, 8}[random.IntN(10)])
		}
		stream = bytes.ReplaceAll(stream, []byte{EndOfSysEx}, []byte{EndOfSysEx, SysEx})
		var cut [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			cut = append(cut, rest[:n])
			rest = rest[n:]
		}
		limit := 4 + random.IntN(40)
		require.Empty(t, cmp.Diff(modelled(limit, stream), parts(limit, cut...)), "seed %d: % X", seed, cut)
	}
}

func TestBytesWithoutABeginning(t *testing.T) {
	assert.Equal(t, []string{"6: 01 02 F7", "4: F0 03 F7"}, parts(100, []byte{1, 2, EndOfSysEx, SysEx, 3, EndOfSysEx}))
	assert.Equal(t, []string{"6: 01", "6: 02"}, parts(100, []byte{1}, []byte{2}))
}
