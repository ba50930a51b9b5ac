package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// Machine is what an engine has been granted of the machine that it runs on, and what it has noticed.
type Machine struct {
	// Awake and FullSpeed say what has become of what Options.AllowSleep and AllowThrottling are about: "granted",
	// "not asked for", "no port is open", or why it was not granted, or not in full.
	Awake, FullSpeed string
	// Wakings says whether the system tells when the machine has slept: "told", or why not. It is also seen from
	// the system's clocks, within 10 s.
	Wakings string
	Resumes uint64        // times that the machine has slept, since the engine was opened
	Slept   time.Duration // for how long, as far as its clocks show
}

const (
	granted  = "granted"
	notAsked = "not asked for"
	noPort   = "no port is open"
)

// machine looks after the machine for an engine. Under the engine's mu.
type machine struct {
	open             bool // a port is
	awake, fullSpeed string
	end              []func() // gives up what has been granted

	wakings string
	heard   uint32        // wakings that the system has told of
	slept   time.Duration // at the last look
	unheard bool          // that was seen, and has not been heard of yet

	resumes uint64
	total   time.Duration // slept
}

func (m *machine) begin(d *cwinmm.Driver) {
	m.awake, m.fullSpeed, m.wakings = noPort, noPort, "told"
	if err := cwinmm.HearWaking(); err != nil {
		m.wakings = fmt.Sprintf("not told: %v", err)
	}
	m.slept, m.heard = d.Slept(), cwinmm.Wakings()
}

// hold asks for what the options want as long as a port is open.
func (m *machine) hold(open bool, o *Options) {
	if open == m.open {
		return
	}
	m.open = open
	if !open {
		for _, end := range m.end {
			end()
		}
		m.end, m.awake, m.fullSpeed = nil, noPort, noPort
		return
	}
	ask := func(allowed bool, f func() (func(), error)) string {
		if allowed {
			return notAsked
		}
		end, err := f()
		m.end = append(m.end, end)
		switch {
		case err == nil:
			return granted
		case errors.Is(err, cwinmm.ErrHalfGranted):
			return fmt.Sprintf("%s, but %v", granted, err)
		default:
			return fmt.Sprintf("not granted: %v", err)
		}
	}
	m.awake = ask(o.AllowSleep, cwinmm.StayAwake)
	m.fullSpeed = ask(o.AllowThrottling, cwinmm.FullSpeed)
}

// leastSleep is the least time that the clocks have to show.
const leastSleep = 100 * time.Millisecond

// look reports whether the machine has slept since the last look, when its clocks show that it has slept for so
// long in all, and the system has told of so many wakings. A sleep shows in the clocks at once and is told of a
// moment later; one in which the clocks go on is only told of.
func (m *machine) look(slept time.Duration, heard uint32) bool {
	seen, told := slept-m.slept >= leastSleep, heard != m.heard
	m.heard = heard
	switch {
	case seen:
		m.total += slept - m.slept
		m.slept, m.unheard = slept, !told
	case told && m.unheard:
		m.unheard = false
		return false
	case !told:
		return false
	}
	m.resumes++
	return true
}

// resumed does what there is to do when the machine has slept: ports are opened again, since drivers do not all know
// a handle any more that was open before. The caller holds mu.
func (e *Engine) resumed() {
	anchorAgain()
	e.post(Event{Time: Now(), Kind: KindResumed, Port: NoPort}) // before the ports' events
	e.watch.slept.Store(e.watch.running)
	e.watch.wake()
}

// machineStats returns the statistics. The caller holds mu.
func (e *Engine) machineStats() Machine {
	m := &e.machine
	return Machine{
		Awake:     m.awake,
		FullSpeed: m.fullSpeed,
		Wakings:   m.wakings,
		Resumes:   m.resumes,
		Slept:     m.total,
	}
}
