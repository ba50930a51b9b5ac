package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/onset-midi/onset/cwinmm"
	"github.com/onset-midi/onset/cwinmm/rival"
	"github.com/onset-midi/onset/engine"
)

// Runner measures what its plan says, on a virtual cable of its own whose thread plays the loads. The
// zero value but for Plan is ready. It is for one goroutine.
type Runner struct {
	Plan Plan
	// Busy makes a command that calls Spin, for the background busy-processes. nil: that background fails.
	Busy func() *exec.Cmd
	// Progress, if not nil, is called before each measurement.
	Progress func(Progress)

	began time.Time
	loop  *cwinmm.Loopback
}

// Progress is how far a run has come.
type Progress struct {
	Done, All                   int // measurements
	Contender, Load, Background string
}

// Check says what is wrong with a plan, in one error; nil: nothing.
func (p *Plan) Check() error {
	wrong := []error{p.checkLoads()}
	for _, b := range p.Backgrounds {
		_, err := FindBackground(b)
		wrong = append(wrong, err)
	}
	for _, c := range p.Contenders {
		_, err := FindContender(c)
		wrong = append(wrong, err)
		if needsRoute(c) && !p.Route {
			wrong = append(wrong, fmt.Errorf("contender %s: it is about what is sent on: measure it with routing", c))
		}
		if c == apart && (p.SourceCPU < 0 || p.SourceMoves > 0 || runtime.NumCPU() < 2) {
			wrong = append(wrong, fmt.Errorf("contender %s: it is kept on another processor than the source's: say which that is, and do not have it move; there are %d",
				c, runtime.NumCPU()))
		}
	}
	if p.SourceBusy < 0 || p.SourceBusy > mostBusy || p.SourceMoves < 0 {
		wrong = append(wrong, fmt.Errorf("source busy for %v, moving after %d messages: from 0 to %v, and from 0, are possible", p.SourceBusy, p.SourceMoves, mostBusy))
	}
	if p.SourceMoves > 0 && runtime.NumCPU() < 2 {
		wrong = append(wrong, errors.New("the source cannot move: there is one processor"))
	}
	if len(p.Contenders) == 0 || len(p.Backgrounds) == 0 {
		wrong = append(wrong, errors.New("at least one contender and one background are needed"))
	}
	return errors.Join(wrong...)
}

// mostBusy is how long the source may compute after a callback.
const mostBusy = 10 * time.Millisecond

// checkLoads is Check for what every way of measuring uses.
func (p *Plan) checkLoads() error {
	var wrong []error
	for _, l := range p.Loads {
		_, err := FindLoad(l)
		wrong = append(wrong, err)
	}
	if len(p.Loads) == 0 || p.Rounds < 1 {
		wrong = append(wrong, fmt.Errorf("%d loads, %d rounds: at least 1 of each is needed", len(p.Loads), p.Rounds))
	}
	if p.Duration <= 0 || p.Duration > time.Minute || p.WarmUp < 0 || p.WarmUp > time.Minute {
		wrong = append(wrong, fmt.Errorf("duration %v, warm-up %v: from above 0 to 1m, and from 0 to 1m, are possible", p.Duration, p.WarmUp))
	}
	if most := runtime.NumCPU(); p.SourceCPU >= most || p.PollerCPU >= most {
		wrong = append(wrong, fmt.Errorf("processor %d for the source, %d for the poller: there are 0 to %d", p.SourceCPU, p.PollerCPU, most-1))
	}
	return errors.Join(wrong...)
}

// Run measures, and returns its report. When ctx is cancelled it returns the rounds that were completed by
// then, if there are any, and ctx's error.
func (r *Runner) Run(ctx context.Context) (*Report, error) {
	if err := r.Plan.Check(); err != nil {
		return nil, err
	}
	loop, err := cwinmm.NewLoopback("Bench in", "Bench out")
	if err != nil {
		return nil, err
	}
	defer loop.Close()
	r.loop, r.began = loop, time.Now()
	report := &Report{Format: Format, Began: r.began, Plan: r.Plan, Machine: Inspect()}
	cells := r.cells(report)
	done := 0
	for round := range r.Plan.Rounds {
		if err := r.round(ctx, uint64(round), cells, &done); err != nil {
			report.keep(round)
			return report, err
		}
	}
	return report, nil
}

// cells lays out the report's cells, and returns them by block.
func (r *Runner) cells(report *Report) map[string][]*Cell {
	p := &r.Plan
	report.Cells = make([]Cell, 0, len(p.Backgrounds)*len(p.Loads)*len(p.Contenders)) // never grown: pointers
	cells := make(map[string][]*Cell)
	for _, background := range p.Backgrounds {
		for _, load := range p.Loads {
			for _, contender := range p.Contenders {
				report.Cells = append(report.Cells, Cell{Contender: contender, Load: load, Background: background})
				key := background + "/" + load
				cells[key] = append(cells[key], &report.Cells[len(report.Cells)-1])
			}
		}
	}
	return cells
}

// keep cuts all cells to the first rounds.
func (r *Report) keep(rounds int) {
	for i := range r.Cells {
		c := &r.Cells[i]
		c.Rounds = c.Rounds[:min(rounds, len(c.Rounds))]
	}
}

// round measures every cell once. Contenders of a block follow each other at once, in an order that
// changes from round to round.
func (r *Runner) round(ctx context.Context, number uint64, cells map[string][]*Cell, done *int) error {
	p := &r.Plan
	order := rand.New(rand.NewPCG(p.Seed, number+1))
	for _, name := range p.Backgrounds {
		background, err := FindBackground(name)
		if err != nil {
			return err
		}
		stop, err := background.start(r)
		if err != nil {
			return err
		}
		for _, load := range p.Loads {
			block := slices.Clone(cells[name+"/"+load])
			order.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
			for _, cell := range block {
				if err = ctx.Err(); err == nil {
					err = r.measure(cell, number, done)
				}
				if err != nil {
					stop()
					return err
				}
			}
		}
		stop()
	}
	return nil
}

func (r *Runner) measure(cell *Cell, number uint64, done *int) error {
	p := &r.Plan
	if r.Progress != nil {
		r.Progress(Progress{*done, p.Rounds * len(p.Backgrounds) * len(p.Loads) * len(p.Contenders), cell.Contender, cell.Load, cell.Background})
	}
	*done++
	load, err := FindLoad(cell.Load)
	if err != nil {
		return err
	}
	contender, err := FindContender(cell.Contender)
	if err != nil {
		return err
	}
	if p.Route {
		load.status = pitchBend // notes' velocities are not what a rig keeps when it is 0
	}
	round, err := r.perform(contender, load.Schedule(p.WarmUp, p.Duration, p.Seed+number), cell.Background)
	if err != nil {
		return fmt.Errorf("%s, %s, %s: %w", cell.Contender, cell.Load, cell.Background, err)
	}
	cell.Rounds = append(cell.Rounds, *round)
	return nil
}

const (
	idleFor  = 100 * time.Millisecond // that the CPU time of a contender without work is measured, at most
	drainFor = 2 * time.Second        // that a contender has to deliver what it was given
)

// perform has a contender take a schedule's messages.
func (r *Runner) perform(contender Contender, plan Schedule, background string) (round *Round, err error) {
	trace, err := cwinmm.NewTrace(len(plan.At))
	if err != nil {
		return nil, err
	}
	defer trace.Free()
	for n, at := range plan.At {
		trace.AtNS[n] = uint64(at)
		trace.Message[n] = plan.Message[n]
	}
	p := &r.Plan
	if p.Route {
		r.loop.Sink(outCable, trace, engine.StampClock())
		defer r.loop.Sink(outCable, nil, 0)
	}
	running, err := contender.start(&stage{r.loop, trace, p.Route, p.SourceCPU, p.PollerCPU, p.Raise})
	if err != nil {
		return nil, err
	}
	runtime.GC() // the harness's own garbage is not the contender's

	idle := measureCPU()
	time.Sleep(min(idleFor, r.Plan.Duration))
	round = &Round{Began: time.Since(r.began), IdleCPU: idle.rate(0)}
	objects, busy := allocated(), measureCPU()
	played := r.loop.Perform(inCable, trace, cwinmm.Performance{
		Clock: engine.StampClock(), Raise: !p.NormalSource, Processor: p.SourceCPU, Busy: p.SourceBusy, Moves: p.SourceMoves,
	})
	round.CPU = busy.rate(played.CPU)
	await(running)
	round.Allocations = perEvent(allocated()-objects, len(plan.At), background)
	round.SourcePriority, round.Priority = played.Granted.String(), running.Priority()
	round.Processor = kept(running.Processor())
	if p.SourceMoves == 0 {
		round.SourceProcessor = kept(p.SourceCPU)
	}
	if err := running.Close(); err != nil {
		return nil, err
	}
	if played.Delivered < uint64(len(plan.At)) {
		return nil, fmt.Errorf("the source sent %d of %d messages", played.Delivered, len(plan.At))
	}
	if !played.Pinned && p.SourceMoves > 0 {
		return nil, fmt.Errorf("the source on each of %d processors in turn: not granted", runtime.NumCPU())
	}
	if !played.Pinned && p.SourceCPU >= 0 {
		return nil, fmt.Errorf("processor %d for the source: not granted", p.SourceCPU)
	}
	return round, round.fold(trace, plan, measuresOf(contender.Name, p.Route))
}

// kept returns the processor that a thread is kept on; nil for none, which is below 0.
func kept(processor int) *int {
	if processor < 0 {
		return nil
	}
	return &processor
}

// await waits until a contender has delivered all, or seems not to be going to.
func await(c rival.Rival) {
	for end := time.Now().Add(drainFor); !c.Drained() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// perEvent is heap objects per event; nil where others allocate at the same time, or events are so few
// that the harness's own few objects would show.
func perEvent(objects uint64, events int, background string) *float64 {
	if background != quiet || events < 1000 {
		return nil
	}
	rate := float64(objects) / float64(events)
	return &rate
}
