//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
)

var (
	soakFor  = flag.Duration("soak", 4*time.Second, "how long TestSoak runs")
	soakSeed = flag.Uint64("soak-seed", 0, "what TestSoak's random numbers begin with; 0: the time")
)

// Ports are opened and closed, sources play, programs send, drivers misbehave, and the handler stalls and panics,
// all by chance and at once. At the end the books balance to the last message, and nothing is left. The seed says
// what everybody does, not who comes first.
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-soak-seed %d", seed)
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	names := []string{"Soak A", "Soak B", "Soak C", "Soak D"}
	s := &soak{
		trial: newCase(t, engine.Options{Deadline: 400 * time.Millisecond, Wait: strategies[seed%2]}, names...),
		t:     t, ctx: ctx, seed: seed, names: names, heard: map[engine.Port]uint64{}, toHear: map[engine.Port]uint64{},
	}
	for cable := range names {
		s.start(10+cable, func(r *rand.Rand) { s.useInput(r, cable) })
		s.start(20+cable, func(r *rand.Rand) { s.useOutput(r, cable) })
		s.start(30+cable, func(r *rand.Rand) { s.playSource(r, cable) })
		s.start(40+cable, func(r *rand.Rand) { s.callRogue(r, cable) })
	}
	s.start(50, s.misbehave)
	polling, stop := context.WithCancel(t.Context())
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		s.poll(polling, s.random(60))
	}()
	<-ctx.Done()
	s.script(t) // what hangs goes on
	within(t, "what was begun", s.all.Wait)
	stop()
	<-polled
	s.compare()
}

// soak is what TestSoak's goroutines have in common.
type soak struct {
	*trial
	t     *testing.T
	ctx   context.Context // its time
	seed  uint64
	names []string
	all   sync.WaitGroup

	mu     sync.Mutex
	heard  map[engine.Port]uint64 // short messages, well-formed or not, that the program has been given
	toHear map[engine.Port]uint64 // what an input that had nothing else says of them
	kinds  [engine.KindResumed + 1]uint64
	panics int
	in     engine.InputStats  // sums of the inputs that have been closed
	out    engine.OutputStats // and of the outputs

	inputs, outputs, abandoned, refusals, scripts, faults uint64
}

func (s *soak) random(number int) *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(number))) }

// start has f called until the time is over.
func (s *soak) start(number int, f func(*rand.Rand)) {
	s.all.Go(func() {
		for r := s.random(number); s.ctx.Err() == nil; {
			f(r)
		}
	})
}

// pause waits for up to so long, or until the time is over.
func (s *soak) pause(r *rand.Rand, most time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-time.After(upTo(r, most)):
	}
}

func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

// failed notes what opening or closing came to, and reports whether it has failed.
func (s *soak) failed(err error) bool {
	if err == nil {
		return false
	}
	var port *engine.PortError
	if !errors.As(err, &port) {
		assert.ErrorIs(s.t, err, engine.ErrNoDevice)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, engine.ErrTimedOut) {
		s.abandoned++
	} else {
		s.refusals++
	}
	return true
}

func (s *soak) useInput(r *rand.Rand, cable int) {
	shorts := r.IntN(2) == 0
	in, err := s.OpenInput(engine.Named(s.names[cable]), engine.InputOptions{
		Ignore:   engine.Ignore{SysEx: shorts, Clock: r.IntN(4) == 0, Channels: uint16(r.Uint32() & r.Uint32() & r.Uint32())},
		Capacity: 16 << r.IntN(9), EndNotes: r.IntN(2) == 0,
		SysExBuffers: 1 + r.IntN(32), SysExBufferSize: 16 + r.IntN(500), SysExLimit: 16 + r.IntN(1000),
	})
	if s.failed(err) {
		s.pause(r, 5*time.Millisecond)
		return
	}
	s.pause(r, 200*time.Millisecond)
	failed := s.failed(in.Close())
	n := in.Stats()
	balanced(s.t, n)
	if failed { // it may not be over
		s.add(in)
	} else {
		s.more.Add(n.Received)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputs++
	if shorts {
		s.toHear[in.Port()] = n.Delivered
	}
	for _, sum := range []struct {
		of *uint64
		n  uint64
	}{
		{&s.in.Received, n.Received}, {&s.in.Delivered, n.Delivered}, {&s.in.Waiting, n.Waiting}, {&s.in.Filtered, n.Filtered},
		{&s.in.Dropped.Full, n.Dropped.Full}, {&s.in.Dropped.Concurrent, n.Dropped.Concurrent},
		{&s.in.Dropped.Late, n.Dropped.Late}, {&s.in.Dropped.Closed, n.Dropped.Closed}, {&s.in.SysEx, n.SysEx},
		{&s.in.SysExCut, n.SysExCut}, {&s.in.SysExInterrupted, n.SysExInterrupted}, {&s.in.Recovered, n.Recovered},
	} {
		*sum.of += sum.n
	}
}

func (s *soak) useOutput(r *rand.Rand, cable int) {
	o, err := s.OpenOutput(engine.Named(s.names[cable]), engine.OutputOptions{
		Slow: []time.Duration{0, time.Nanosecond, time.Hour}[r.IntN(3)], Calm: time.Millisecond,
		Capacity: 16 << r.IntN(6), DropOldest: r.IntN(2) == 0,
		LongChunk: []int{0, 7, 100}[r.IntN(3)], LongPause: upTo(r, 2*time.Millisecond) * time.Duration(r.IntN(2)),
	})
	if s.failed(err) {
		s.pause(r, 5*time.Millisecond)
		return
	}
	out := &sender{Output: o}
	var senders sync.WaitGroup
	for range 2 {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		senders.Go(func() { s.send(r, out) })
	}
	s.pause(r, 200*time.Millisecond)
	out.ResetOnClose(r.IntN(4) == 0)
	failed := s.failed(out.Close())
	senders.Wait()
	n := out.Stats()
	if failed { // it may not be over
		s.trial.mu.Lock()
		s.outs = append(s.outs, out)
		s.trial.mu.Unlock()
	} else {
		assert.Equal(s.t, out.accepted.Load(), n.Sent+n.Failed+n.Dropped, "%+v", n)
		assert.Equal(s.t, out.refused.Load(), n.Refused, "%+v", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs++
	s.out.Sent += n.Sent
	s.out.Failed += n.Failed
	s.out.Refused += n.Refused
	s.out.Dropped += n.Dropped
	s.out.SysEx.Sent += n.SysEx.Sent
}

// send sends until the output is closed.
func (s *soak) send(r *rand.Rand, out *sender) {
	for n := 0; ; n++ {
		var err error
		switch m := randomMessage(r); r.IntN(10) {
		case 0:
			err = out.SendSysEx(sysex(2+r.IntN(600), n))
		case 1:
			err = out.SendNow(m)
		case 2:
			err = out.Send(engine.Clock)
		default:
			err = out.Send(m)
		}
		var refused *engine.PortError
		switch {
		case errors.Is(err, engine.ErrClosed), errors.As(err, &refused) && s.ctx.Err() != nil:
			return
		case err != nil && !errors.Is(err, engine.ErrQueueFull) && refused == nil:
			assert.NoError(s.t, err)
		}
		if r.IntN(8) == 0 {
			time.Sleep(upTo(r, time.Millisecond))
		}
	}
}

func (s *soak) playSource(r *rand.Rand, cable int) {
	_, err := s.loop.Play(cable, engine.Source{Count: 1 + r.Uint64N(2000), Interval: time.Duration(r.IntN(200)) * time.Microsecond})
	assert.NoError(s.t, err)
	s.pause(r, 5*time.Millisecond)
}

// callRogue calls for whoever has the cable open, and on when that has closed.
func (s *soak) callRogue(r *rand.Rand, cable int) {
	for g := s.rogue(cable); g.r != nil && r.IntN(10) > 0 && s.ctx.Err() == nil; s.pause(r, 10*time.Millisecond) {
		switch n := 1 + r.Uint64N(20); r.IntN(3) {
		case 0:
			g.MoreData(n)
		case 1:
			g.Malformed(n)
		default:
			g.Data(n)
		}
	}
	s.pause(r, 5*time.Millisecond)
}

// misbehave has the driver do so for a while. Left out is what leaves something for good, which would be used up:
// an input whose buffers never come back, and a handle that never closes.
func (s *soak) misbehave(r *rand.Rand) {
	var lines []string
	for range r.IntN(8) {
		form := strings.Split(soakFaults[r.IntN(len(soakFaults))], "|")
		nth := 1 + r.IntN(3)
		if form[0] == "message" || form[0] == "midiOutShortMsg" {
			nth = 1 + r.IntN(1000)
		}
		lines = append(lines, fmt.Sprintf("%s cable=%d nth=%d..%d -> %s",
			form[0], r.IntN(len(s.names)), nth, nth+r.IntN(3), form[1+r.IntN(len(form)-1)]))
	}
	s.script(s.t, lines...)
	s.pause(r, []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second}[r.IntN(3)])
	s.mu.Lock()
	s.scripts++
	s.faults += s.loop.Struck()
	s.mu.Unlock()
	ports, err := s.Inputs()
	assert.NoError(s.t, err)
	for cable, name := range s.names {
		there := slices.ContainsFunc(ports, func(p engine.PortInfo) bool { return p.Name == name })
		if !there && r.IntN(2) == 0 {
			assert.NoError(s.t, s.loop.Replug(cable, r.IntN(4), ""))
		}
	}
}

var soakFaults = []string{
	"midiInOpen|ALLOCATED|NODRIVER|NOMEM|delay 20ms|hang|unplug",
	"midiInPrepareHeader|NOMEM|hang",
	"midiInAddBuffer|NOMEM|delay 5ms|hang|bounce|unplug",
	"midiInStart|NOMEM|delay 20ms|hang|MIM_DATA|MIM_LONGDATA bytes=9",
	"midiInStop|NODRIVER|delay 20ms|hang|MIM_DATA|MIM_MOREDATA|MIM_LONGERROR bytes=9|MIM_DATA after=5ms",
	"midiInReset|delay 20ms|hang|storm 1000|MIM_ERROR|MIM_LONGDATA bytes=9|MIM_LONGDATA|MIM_LONGERROR",
	"midiInUnprepareHeader|delay 5ms|hang",
	"midiInClose|STILLPLAYING|delay 20ms|hang|no-close|MIM_DATA|MIM_CLOSE|MIM_DATA after=5ms|MIM_CLOSE after=5ms",
	"midiOutOpen|ALLOCATED|BADDEVICEID|delay 20ms|hang|unplug",
	"midiOutShortMsg|NOTREADY|NODRIVER|delay 2ms|delay 50ms|hang|unplug",
	"midiOutPrepareHeader|NOMEM|delay 5ms|hang",
	"midiOutUnprepareHeader|delay 5ms|hang",
	"midiOutLongMsg|NOTREADY|NOMEM|delay 5ms|hang|done-inside|no-done|unplug",
	"midiOutReset|delay 20ms|hang",
	"midiOutClose|delay 20ms|hang",
	"message|delay 5ms|hang|unplug|MIM_ERROR|MIM_MOREDATA|MIM_LONGDATA bytes=9|MIM_LONGERROR bytes=9|MIM_LONGERROR|MIM_CLOSE|" +
		"stamp to=4294967295|stamp by=-100000",
}

// poll is the program: it takes what comes, in either way, stalls now and then, and panics.
func (s *soak) poll(ctx context.Context, r *rand.Rand) {
	events := make([]engine.Event, 32)
	for ctx.Err() == nil {
		if r.IntN(4) == 0 {
			s.SetReadDeadline(time.Now().Add(upTo(r, 20*time.Millisecond)))
			for n, err := s.ReadInto(events); err == nil; n, err = s.ReadInto(events) {
				for i := range events[:n] {
					s.hear(&events[i])
				}
			}
			continue
		}
		for_, cancel := context.WithTimeout(ctx, upTo(r, 300*time.Millisecond))
		err := s.Run(for_, func(ev *engine.Event) {
			s.hear(ev)
			switch r.IntN(20_000) {
			case 0:
				panic("soak")
			case 1, 2, 3, 4:
				time.Sleep(upTo(r, 20*time.Millisecond))
			}
		})
		cancel()
		var panicked *engine.PanicError
		if errors.As(err, &panicked) {
			assert.Equal(s.t, "soak", panicked.Value)
			s.panics++
		} else {
			assert.ErrorIs(s.t, err, for_.Err())
		}
	}
}

func (s *soak) hear(ev *engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ev.Kind == engine.KindGap:
		by := ev.LostBy
		assert.Equal(s.t, ev.Lost, by.Notes+by.Controllers+by.OtherChannel+by.System+by.Malformed+by.SysExBuffers)
	case ev.Kind == engine.KindMalformed, ev.Kind == engine.KindMessage && !ev.Recovered:
		s.heard[ev.Port]++
		return
	}
	s.kinds[ev.Kind]++
}

// compare holds what the program has heard against what is said to have been delivered.
func (s *soak) compare() {
	for port, n := range s.toHear {
		require.Equal(s.t, n, s.heard[port], "port %d", port)
	}
	assert.Equal(s.t, s.in.SysEx, s.kinds[engine.KindSysEx])
	assert.Equal(s.t, s.in.SysExCut, s.kinds[engine.KindSysExCut])
	assert.Equal(s.t, s.in.SysExInterrupted, s.kinds[engine.KindSysExInterrupted])
	assert.Equal(s.t, s.in.Recovered, s.kinds[engine.KindMessage])
	s.t.Logf("%d inputs and %d outputs opened, %d calls given up, %d refused; %d scripts, %d faults; %d panics",
		s.inputs, s.outputs, s.abandoned, s.refusals, s.scripts, s.faults, s.panics)
	s.t.Logf("in: %d received = %d delivered + %d filtered + %d dropped %+v; %d recovered, %d sysex, %d cut, %d interrupted",
		s.in.Received, s.in.Delivered, s.in.Filtered, s.in.Dropped.Total(), s.in.Dropped, s.in.Recovered, s.in.SysEx, s.in.SysExCut, s.in.SysExInterrupted)
	s.t.Logf("out: %d sent, %d failed, %d dropped, %d refused by a queue; %d sysex", s.out.Sent, s.out.Failed, s.out.Dropped, s.out.Refused, s.out.SysEx.Sent)
}
