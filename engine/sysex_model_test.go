//go:build cgo

package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onset-midi/onset/engine"
)

// Long messages of any size, in any chunks, into buffers of any size, with realtime messages between the chunks: all arrive
// whole and in the order of their ends, and what came between came when it did. With a reader that stalls, and fewer
// buffers than they take, those that fit arrive, the one that does not is told as interrupted, and no part of any is lost
// without that the statistics and an event say so.
func TestLongMessagesArriveWholeOrAreTold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		buffers := rapid.OneOf(rapid.Just(256), rapid.IntRange(1, 6)).Draw(r, "buffers")
		size := rapid.IntRange(16, 64).Draw(r, "buffer size")
		chunk := rapid.SampledFrom([]int{0, 1, 7, 20, 100}).Draw(r, "chunk")
		sizes := rapid.SliceOfN(rapid.IntRange(3, 200), 1, 5).Draw(r, "message sizes")

		var want, script []string
		taken, calls, unfit := 0, 0, false
		for n, size_ := range sizes {
			chunks := 1
			if chunk > 0 {
				chunks = (size_ + chunk - 1) / chunk
			}
			between := rapid.IntRange(0, chunks).Draw(r, "realtime before chunk")
			if between > 0 {
				message := rapid.SampledFrom([]engine.Message{engine.Clock, engine.Start, engine.ActiveSensing}).Draw(r, "realtime")
				script = append(script, fmt.Sprintf("midiOutLongMsg nth=%d -> MIM_DATA message=%02X", calls+between, message.Status()))
				want = append(want, message.String())
			}
			calls += chunks
			begun := taken < buffers
			switch taken += (size_ + size - 1) / size; {
			case taken <= buffers:
				want = append(want, fmt.Sprintf("%x", sysex(size_, n)))
			case begun:
				unfit = true
			}
		}
		// The one that did not fit is over when something else than a realtime message has come.
		if unfit {
			want = append(want, "interrupted")
		}
		want = append(want, engine.Message(engine.TuneRequest).String())

		rig := openRig(t, engine.Options{NormalPriority: true, Wait: engine.WaitPark})
		defer rig.loop.Close()
		defer func() { require.NoError(r, rig.Close()) }()
		in := rig.input(t, 0, engine.InputOptions{SysExBuffers: buffers, SysExBufferSize: size})
		out := rig.output(t, 0, engine.OutputOptions{LongChunk: chunk})
		rig.script(t, script...)
		for n, size_ := range sizes {
			require.NoError(r, out.SendSysEx(sysex(size_, n)))
		}
		require.NoError(r, out.Send(engine.TuneRequest))
		sent := func() bool { return out.Stats().Sent == uint64(len(sizes)+1) }
		require.Eventually(r, sent, hang, 100*time.Microsecond)

		var got []string
		dry := uint64(0)
		events := make([]engine.Event, 1)
		rig.SetReadDeadline(time.Now().Add(hang))
		for events[0].Message != engine.TuneRequest {
			_, err := rig.ReadInto(events)
			require.NoError(r, err)
			switch ev := events[0]; ev.Kind {
			case engine.KindSysExDry:
				dry++
			case engine.KindSysEx:
				got = append(got, fmt.Sprintf("%x", ev.SysEx))
			case engine.KindSysExInterrupted:
				got = append(got, "interrupted")
			default:
				got = append(got, ev.Message.String())
			}
		}
		require.Equal(r, want, got)
		require.Equal(r, taken >= buffers, dry > 0)
		require.Equal(r, taken > buffers, rig.loop.Dropped(0) > 0)
		balanced(t, in.Stats())
	})
}
