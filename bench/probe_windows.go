package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/onset-midi/onset/engine"
)

// Probe measures a MIDI program from inside Wine's MIDI driver: cwinmm/wine/probe.h, which explains it.
// The program under test opens the input ProbeSource and the output ProbeSink and passes pitch bends of
// channel 1 on from one to the other; it is started after NewProbe. One run, then Close. There is one
// Probe at a time in a Wine prefix. It is not for concurrent use.
type Probe struct {
	section windows.Handle
	shared  *shared
	plan    ProbePlan
}

// The ports that the program under test opens.
const (
	ProbeSource = "Onset Source"
	ProbeSink   = "Onset Sink"
)

// ProbePlan is what a Probe's source sends.
type ProbePlan struct {
	Due       []time.Duration // of each message, after Go: ascending, at most 65536
	Processor int             // that the source's thread runs on, 0 to 63; below 0: any
}

// Every returns a plan of count messages, one each interval, from any processor.
func Every(interval time.Duration, count int) ProbePlan {
	plan := ProbePlan{Due: make([]time.Duration, count), Processor: -1}
	for n := range plan.Due {
		plan.Due[n] = time.Duration(n+1) * interval
	}
	return plan
}

// shared is struct probe in probe.h.
type shared struct {
	magic     atomic.Uint32
	version   uint32
	count     uint32
	processor int32
	begin     atomic.Uint32 // go
	_         [44]byte

	source   atomic.Uint32
	played   uint32
	thread   uint32
	priority int32
	_        [48]byte

	open    atomic.Uint32
	arrived atomic.Uint32
	strays  atomic.Uint32
	_       [52]byte

	due, late, sent, left, reached [probeMessages]uint64
}

const (
	probeMagic    = 0x4F52504F
	probeVersion  = 1
	probeMessages = 1 << 16

	sourceReady = 1
	sourceDone  = 2
)

// Constants that are not negative: the offsets are those of probe.h, both ways.
const (
	_ = uint(unsafe.Offsetof(shared{}.begin)-16) + uint(16-unsafe.Offsetof(shared{}.begin))
	_ = uint(unsafe.Offsetof(shared{}.source)-64) + uint(64-unsafe.Offsetof(shared{}.source))
	_ = uint(unsafe.Offsetof(shared{}.priority)-76) + uint(76-unsafe.Offsetof(shared{}.priority))
	_ = uint(unsafe.Offsetof(shared{}.open)-128) + uint(128-unsafe.Offsetof(shared{}.open))
	_ = uint(unsafe.Offsetof(shared{}.strays)-136) + uint(136-unsafe.Offsetof(shared{}.strays))
	_ = uint(unsafe.Offsetof(shared{}.due)-192) + uint(192-unsafe.Offsetof(shared{}.due))
	_ = uint(unsafe.Offsetof(shared{}.reached)-probeReached) + uint(probeReached-unsafe.Offsetof(shared{}.reached))
)

const probeReached = 192 + 4*8*probeMessages

// NewProbe lays out a plan for the next program that opens the source and the sink.
func NewProbe(plan ProbePlan) (*Probe, error) {
	if n := len(plan.Due); n == 0 || n > probeMessages {
		return nil, fmt.Errorf("probe: %d messages: from 1 to %d are possible", n, probeMessages)
	}
	if engine.ClockSource() != "time-stamp counter" {
		return nil, errors.New("probe: this processor's time-stamp counter is not invariant")
	}
	name, err := windows.UTF16PtrFromString("Onset Probe")
	if err != nil {
		return nil, err
	}
	const size = unsafe.Sizeof(shared{})
	section, err := windows.CreateFileMapping(windows.InvalidHandle, nil, windows.PAGE_READWRITE, 0, uint32(size), name)
	if err != nil { // also that it was there before
		if section != 0 {
			_ = windows.CloseHandle(section)
		}
		return nil, fmt.Errorf("probe: the section: %w", err)
	}
	view, err := windows.MapViewOfFile(section, windows.FILE_MAP_WRITE, 0, 0, size)
	if err != nil {
		_ = windows.CloseHandle(section)
		return nil, fmt.Errorf("probe: the section: %w", err)
	}
	// By way of its address, since view is no pointer that Go's rules would let become one. The memory
	// is not Go's: it neither moves nor is collected.
	p := &Probe{section: section, shared: *(**shared)(unsafe.Pointer(&view)), plan: plan}
	s := p.shared
	for n, due := range plan.Due {
		s.due[n] = uint64(due)
	}
	s.version, s.count, s.processor = probeVersion, uint32(len(plan.Due)), int32(plan.Processor)
	s.magic.Store(probeMagic) // publishes the above; pairs with the load in map_probe
	return p, nil
}

// Ready waits until the program has opened both ends. The error says which it has not, and why the
// waiting ended: ctx's cause.
func (p *Probe) Ready(ctx context.Context) error {
	s := p.shared
	for {
		// These pair with the stores in run_source and sink_open.
		source, sink := s.source.Load() == sourceReady, s.open.Load() == 1
		if source && sink {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			states := map[bool]string{false: "not ", true: ""}
			return fmt.Errorf("probe: the program has %sstarted %q and %sopened %q: %w", states[source], ProbeSource, states[sink], ProbeSink, err)
		}
	}
}

// Go has the source begin.
func (p *Probe) Go() { p.shared.begin.Store(1) } // pairs with the load in await_go

// Wait waits until the source has sent everything, or the program has stopped it, and the sink has had it
// all, or nothing for a quarter of a second: what has not come by then is lost. So as not to disturb, it
// looks once a second while messages are due. The error says how far the source has got.
func (p *Probe) Wait(ctx context.Context) error {
	const calm = 250 * time.Millisecond
	s := p.shared
	var arrived uint32
	var since time.Time
	begun := time.Now()
	for {
		due := p.plan.Due[len(p.plan.Due)-1] - time.Since(begun)
		delay := min(max(due, calm/10), time.Second)
		if err := pause(ctx, delay); err != nil {
			return fmt.Errorf("probe: the source is not done, or the sink not calm; %d of %d messages arrived: %w", s.arrived.Load(), s.count, err)
		}
		// These pair with the stores in run_source and sink_short: the rows are there.
		done, now := s.source.Load() == sourceDone, s.arrived.Load()
		if now != arrived || !done {
			arrived, since = now, time.Now()
		}
		if done && (now == s.count || time.Since(since) >= calm) {
			return nil
		}
	}
}

// pause returns after d, or with ctx's cause when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Round returns what Wait has waited for, without the first warmUp messages: InToOut, InToOutIntended,
// Held and Late. What is lost has no InToOut.
func (p *Probe) Round(warmUp int) Round {
	s := p.shared
	inToOut, intended := NewDistribution(InToOut), NewDistribution(InToOutIntended)
	held, late := NewDistribution(Held), NewDistribution(Late)
	r := Round{SourcePriority: p.priority()}
	for n := uint32(warmUp); n < s.played; n++ {
		r.Sent++
		sent, lateness := engine.Instant(s.sent[n]), time.Duration(s.late[n])
		held.Record(engine.Instant(s.left[n]).Sub(sent))
		late.Record(lateness)
		if s.reached[n] == 0 {
			continue
		}
		r.Received++
		r.Took = engine.Instant(s.reached[n]).Sub(engine.Instant(s.sent[warmUp]))
		latency := engine.Instant(s.reached[n]).Sub(sent)
		inToOut.Record(latency)
		intended.Record(lateness + latency)
	}
	r.Measured = []Distribution{*inToOut, *intended, *held, *late}
	return r
}

// Strays returns how many messages reached the sink that the source had not sent, or that had reached it
// before.
func (p *Probe) Strays() int { return int(p.shared.strays.Load()) }

// priority names what the source's thread was granted, as THREAD_PRIORITY_TIME_CRITICAL is.
func (p *Probe) priority() string {
	const timeCritical = 15
	if p.shared.priority == timeCritical {
		return "time-critical"
	}
	return fmt.Sprintf("%+d", p.shared.priority)
}

// Close gives the section up. The next Probe needs the program to have ended, too.
func (p *Probe) Close() error {
	err := windows.UnmapViewOfFile(uintptr(unsafe.Pointer(p.shared)))
	p.shared = nil
	return errors.Join(err, windows.CloseHandle(p.section))
}
