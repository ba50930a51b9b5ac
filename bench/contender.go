package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// Contender is a way from the driver's callback to a consumer.
type Contender struct {
	Name  string
	What  string // in a line
	start func(*stage) (rival.Rival, error)
}

// stage is what a contender is put on: cables in and out, and the trace that it writes.
type stage struct {
	loop      *cwinmm.Loopback
	trace     *cwinmm.Trace
	route     bool
	source    int // its processor; below 0: any
	processor int // the contender's; below 0: any
	raise     bool
}

// The cables of a stage.
const (
	inCable = iota
	outCable
)

// contenders are those there are, by name.
func contenders() []Contender {
	return []Contender{
		{"spin", "Onset, its poller spinning", startEngine(engine.WaitSpin)},
		{"hybrid", "Onset, its poller spinning for a while, then parked", startEngine(engine.WaitHybrid)},
		{"park", "Onset, its poller parked whenever there is nothing", startEngine(engine.WaitPark)},
		{"spin" + raised, "spin at a raised priority", raise(startEngine(engine.WaitSpin))},
		{"hybrid" + raised, "hybrid at a raised priority", raise(startEngine(engine.WaitHybrid))},
		{"park" + raised, "park at a raised priority", raise(startEngine(engine.WaitPark))},
		{"spin" + unnoted, "spin, whose handler notes nothing: what noting costs, from in to out", startUnnoted(engine.WaitSpin)},
		{"park" + unnoted, "park, whose handler notes nothing", startUnnoted(engine.WaitPark)},
		{direct, "Onset, its poller parked, what is sent on sent by the callback", startDirect},
		{"c-spin", "a thread in C on the same ring, spinning: the floor for spin", func(s *stage) (rival.Rival, error) {
			return rival.Floor(s.setup(), true)
		}},
		{"c-park", "a thread in C on the same ring, parked: the floor for park", func(s *stage) (rival.Rival, error) {
			return rival.Floor(s.setup(), false)
		}},
		{apart, "c-park, kept on another processor than the source's", func(s *stage) (rival.Rival, error) {
			setup := s.setup()
			setup.Processor = (s.source + 1) % runtime.NumCPU()
			return rival.Floor(setup, false)
		}},
		{"exported", "an exported Go function, called on the driver's thread", startExported},
		{"datagram", "a lock, and a datagram on the loopback interface", func(s *stage) (rival.Rival, error) {
			return rival.Datagram(s.setup())
		}},
		{"channel", "Onset, and a Go channel behind it", startChannel},
		{immediate, "the message sent on inside the callback, in C: the floor for in-to-out", startInCallback},
	}
}

// ContenderNames returns the contenders' names.
func ContenderNames() []string {
	return names(contenders(), func(c Contender) string { return c.Name })
}

const (
	direct  = "direct"
	apart   = "c-apart"
	raised  = "-raised"
	unnoted = "-unnoted"
)

// onlySends reports whether there is nothing to measure of a contender but what it sends on.
func onlySends(contender string) bool {
	return contender == immediate || strings.HasSuffix(contender, unnoted)
}

// needsRoute reports whether a contender is measured with routing only: direct without is park.
func needsRoute(contender string) bool {
	return onlySends(contender) || contender == direct
}

// raise has a contender's thread ask for a higher priority, whatever the plan says.
func raise(start func(*stage) (rival.Rival, error)) func(*stage) (rival.Rival, error) {
	return func(s *stage) (rival.Rival, error) {
		s.raise = true
		return start(s)
	}
}

// FindContender returns the contender of that name. The error says which there are.
func FindContender(name string) (Contender, error) {
	return find("contender", name, contenders(), func(c Contender) string { return c.Name })
}

func (s *stage) setup() rival.Setup {
	out := -1
	if s.route {
		out = outCable
	}
	return rival.Setup{
		Driver: s.loop.Shim(), In: inCable, Out: out, Trace: s.trace, Clock: engine.StampClock(),
		Processor: s.processor, Raise: s.raise,
	}
}

// arrive is what every contender in Go does first with a message.
func arrive(trace *cwinmm.Trace, row uint32, entered uint64) {
	now := engine.Now()
	if int(row) < len(trace.Arrived) {
		trace.Entered[row] = entered
		trace.Arrived[row] = uint64(now)
	}
}

func startExported(s *stage) (rival.Rival, error) {
	return rival.Exported(s.setup(), func(ticks uint64, _, stamp uint32) { arrive(s.trace, stamp, ticks) })
}

func startInCallback(s *stage) (rival.Rival, error) {
	return rival.InCallback(s.setup())
}

// polled is a running engine.
type polled struct {
	eng       *engine.Engine
	processor int
	ended     chan error
}

// mapping is what the engines route: every pitch bend and note of one port to another.
const mapping = `[winmidi in]
read = 0
[winmidi out]
write = 1
[map]
in.ch0.pitch > out.ch0.pitch
in.ch0.note{0..127} > out.ch0.note{0..127}
`

// startEngine returns what starts an engine with a way of waiting, whose handler notes each message and,
// with routing, gives it to a rig.
func startEngine(wait engine.Wait) func(*stage) (rival.Rival, error) {
	return func(s *stage) (rival.Rival, error) {
		return s.poll(wait, func(ev *engine.Event) { arrive(s.trace, uint32(ev.Driver), uint64(ev.Time)) })
	}
}

// startDirect has a session of the rig route, which has the callback send (rig.DirectLane).
func startDirect(s *stage) (rival.Rival, error) {
	eng, err := engine.Open(engine.Options{Driver: s.loop, Wait: engine.WaitPark, NormalPriority: !s.raise})
	if err != nil {
		return nil, err
	}
	r, err := rig.Parse("bench.cfg", func(string) ([]byte, error) { return []byte(mapping), nil })
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	session, err := rig.Start(eng, r, nil)
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	return s.run(eng, func(ev *engine.Event) {
		arrive(s.trace, uint32(ev.Driver), uint64(ev.Time))
		session.Handle(ev)
	})
}

// startUnnoted does the same but for noting: only the source's stamp and the output's are left.
func startUnnoted(wait engine.Wait) func(*stage) (rival.Rival, error) {
	return func(s *stage) (rival.Rival, error) { return s.poll(wait, func(*engine.Event) {}) }
}

// poll runs an engine with a handler, behind which it routes.
func (s *stage) poll(wait engine.Wait, handle func(*engine.Event)) (p *polled, err error) {
	eng, err := engine.Open(engine.Options{Driver: s.loop, Wait: wait, NormalPriority: !s.raise})
	if err != nil {
		return nil, err
	}
	if _, err = eng.OpenInput(engine.Index(inCable), engine.InputOptions{}); err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	all := handle
	if s.route {
		router, err := s.router(eng)
		if err != nil {
			return nil, errors.Join(err, eng.Close())
		}
		all = func(ev *engine.Event) {
			handle(ev)
			router.Route(0, ev.Message)
		}
	}
	return s.run(eng, all)
}

// run runs an engine with a handler. It closes one that does not run.
func (s *stage) run(eng *engine.Engine, all func(*engine.Event)) (p *polled, err error) {
	p = &polled{eng: eng, processor: s.processor, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			_ = eng.Close() // it has done nothing yet
		}
	}()
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread, which may be pinned, ends with the goroutine
		if s.processor >= 0 && !cwinmm.PinThread(s.processor) {
			ready <- fmt.Errorf("processor %d for the contender: not granted", s.processor)
			return
		}
		ready <- nil
		p.ended <- eng.Run(context.Background(), all)
	}()
	return p, <-ready
}

func (s *stage) router(eng *engine.Engine) (*rig.Router, error) {
	out, err := eng.OpenOutput(engine.Index(outCable), engine.OutputOptions{})
	if err != nil {
		return nil, err
	}
	r, err := rig.Parse("bench.cfg", func(string) ([]byte, error) { return []byte(mapping), nil })
	if err != nil {
		return nil, err
	}
	return rig.NewRouter(r, []rig.Output{nil, polledOnly{out}}), nil
}

// polledOnly is an output that no driver's callback sends to.
type polledOnly struct{ *engine.Output }

// Sent does nothing: there is nothing that has been sent.
func (polledOnly) Sent([]engine.Message, engine.Instant) {}

// Priority is what the poller was granted.
func (p *polled) Priority() string { return p.eng.Stats().Priority }

// Processor is the one that the poller was granted; below 0: any.
func (p *polled) Processor() int { return p.processor }

// Drained reports whether the ring is empty.
func (p *polled) Drained() bool { return p.eng.Stats().Inputs[0].Waiting == 0 }

// Close ends it. The event that the poller took last has been handled then, and sent on.
func (p *polled) Close() error {
	err := errors.Join(p.eng.Call(func() {}), p.eng.Close())
	if ran := <-p.ended; !errors.Is(ran, engine.ErrClosed) {
		err = errors.Join(err, ran)
	}
	return err
}

// piped is an engine with a Go channel behind it.
type piped struct {
	*polled
	channel  chan engine.Event
	consumer chan struct{} // closed when it has ended
}

func startChannel(s *stage) (rival.Rival, error) {
	p := &piped{channel: make(chan engine.Event, 4096), consumer: make(chan struct{})}
	var err error
	send := func(ev *engine.Event) { p.channel <- *ev }
	if p.polled, err = s.poll(engine.WaitHybrid, send); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.consumer)
		for ev := range p.channel {
			arrive(s.trace, uint32(ev.Driver), uint64(ev.Time))
		}
	}()
	return p, nil
}

// Drained reports whether ring and channel are empty.
func (p *piped) Drained() bool { return p.polled.Drained() && len(p.channel) == 0 }

// Close ends it, after the messages in the channel.
func (p *piped) Close() error {
	err := p.polled.Close()
	close(p.channel)
	<-p.consumer
	return err
}
