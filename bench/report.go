package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Format is what a Report's JSON says it is. It changes when older readers would misread a newer file.
const Format = "onset-bench 1"

// Report is what a run of the harness found.
type Report struct {
	Format  string    `json:"format"`
	Began   time.Time `json:"began"`
	Plan    Plan      `json:"plan"`
	Machine Machine   `json:"machine"`
	Cells   []Cell    `json:"cells"`
}

// Cell is one contender under one load and one background, in all rounds of the run.
type Cell struct {
	Contender  string  `json:"contender"`
	Load       string  `json:"load"`
	Background string  `json:"background"`
	Rounds     []Round `json:"rounds"`
}

// Round is one measurement of a cell. The rounds of all cells are interleaved, so that the machine's
// drift hits all alike: the n-th rounds of two cells belong together.
type Round struct {
	Began           time.Duration  `json:"began_ns"`                   // since the run began
	Took            time.Duration  `json:"took_ns"`                    // from the first message that counts to the last
	Sent            uint64         `json:"sent"`                       // messages that count: the warm-up's do not
	Received        uint64         `json:"received"`                   // of those
	SourcePriority  string         `json:"source_priority"`            // of the driver's thread, as granted
	SourceProcessor *int           `json:"source_processor,omitempty"` // that it was kept on; nil: on none
	Priority        string         `json:"priority"`                   // of the contender's thread, as granted
	Processor       *int           `json:"processor,omitempty"`        // that it was kept on; nil: on none, or it is the driver's thread
	CPU             float64        `json:"cpu"`                        // CPU seconds a second, without the source's
	IdleCPU         float64        `json:"idle_cpu"`                   // the same while no message comes
	Allocations     *float64       `json:"allocs_per_event,omitempty"` // heap objects an event; nil: others allocate too
	Measured        []Distribution `json:"measured"`
	Timeline        []Slice        `json:"timeline"`
}

// Lost returns how many messages were sent and never received.
func (r *Round) Lost() uint64 { return r.Sent - r.Received }

// Get returns a measure's distribution; nil: it was not measured.
func (r *Round) Get(m Measure) *Distribution {
	for i := range r.Measured {
		if r.Measured[i].Measure == m {
			return &r.Measured[i]
		}
	}
	return nil
}

// Slice is a short stretch of a round: the latency of the messages that were sent in it, of the measure
// Dispatch, or Return where there is no other.
type Slice struct {
	At    time.Duration `json:"at_ns"` // its beginning, since the run began
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Measure names a latency.
type Measure string

// The measures. Those against the intended time begin when the source should have sent the message: a
// stall then counts for every message that it delayed.
const (
	Dispatch         Measure = "dispatch"            // from the callback's entry to the handler's
	DispatchIntended Measure = "dispatch-intended"   // from the intended time to the handler's entry
	DispatchFirst    Measure = "dispatch-first"      // Dispatch of messages that were due 5 ms or more after the one before
	Held             Measure = "held"                // how long the callback kept the driver's thread
	HeldBehind       Measure = "held-behind"         // Held of those that were due less than 1 ms after such a first one
	DriverToCallback Measure = "driver-to-callback"  // from the driver's call to the callback's entry
	InToOut          Measure = "in-to-out"           // from the driver's call until the message reached the output driver
	InToOutIntended  Measure = "in-to-out-intended"  // the same from the intended time
	Return           Measure = "round-trip"          // from sending to a port until the callback of another
	ReturnIntended   Measure = "round-trip-intended" // the same from the intended time
	Late             Measure = "sent-after-intended" // how late the source itself was
)

// Explain says in a line what a measure is.
func (m Measure) Explain() string {
	return map[Measure]string{
		Dispatch:         "from the callback's entry to the handler's",
		DispatchIntended: "from the time a message was due to the handler's entry",
		DispatchFirst:    "from the callback's entry to the handler's, of messages due 5 ms or more after the one before",
		Held:             "how long the callback kept the driver's thread",
		HeldBehind:       "how long the callback kept the driver's thread, of messages due less than 1 ms after one that ended a silence of 5 ms or more",
		DriverToCallback: "from the driver's call to the callback's entry",
		InToOut:          "from the driver's call until the message reached the output driver",
		InToOutIntended:  "from the time a message was due until it reached the output driver",
		Return:           "from sending a message to one port until another port's callback had it",
		ReturnIntended:   "from the time a message was due until another port's callback had it",
		Late:             "how late the source sent a message itself",
	}[m]
}

// Find returns the cell of this contender, load and background; nil: there is none.
func (r *Report) Find(contender, load, background string) *Cell {
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Contender == contender && c.Load == load && c.Background == background {
			return c
		}
	}
	return nil
}

// Measures returns what the cell has, in the order of its first round.
func (c *Cell) Measures() []Measure {
	var all []Measure
	if len(c.Rounds) > 0 {
		for _, d := range c.Rounds[0].Measured {
			all = append(all, d.Measure)
		}
	}
	return all
}

// Merged returns a measure's distribution over all rounds; nil: it was not measured.
func (c *Cell) Merged(m Measure) *Distribution {
	var all *Distribution
	for i := range c.Rounds {
		d := c.Rounds[i].Get(m)
		if d == nil {
			continue
		}
		if all == nil {
			all = NewDistribution(m)
		}
		all.Merge(d)
	}
	return all
}

// WriteJSON writes the report with its histograms.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// ReadJSON reads what WriteJSON wrote. name is for the error, which says what is wrong with the file.
func ReadJSON(r io.Reader, name string) (*Report, error) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return nil, fmt.Errorf("%s is not a report of onset bench: %w", name, err)
	}
	if report.Format != Format {
		return nil, fmt.Errorf("%s: its format is %q; this program reads %q", name, report.Format, Format)
	}
	return &report, nil
}
