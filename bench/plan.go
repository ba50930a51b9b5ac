package bench

import (
	"time"
)

// Plan is what a run measures. Every contender meets every load under every background, in each round.
type Plan struct {
	Contenders  []string      `json:"contenders"`
	Loads       []string      `json:"loads"`
	Backgrounds []string      `json:"backgrounds"`
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of each cell's round
	WarmUp      time.Duration `json:"warm_up_ns"`  // before it; not counted
	Seed        uint64        `json:"seed"`        // of the loads and of the order within a round

	SourceCPU    int  `json:"source_cpu"`    // the processor of the driver's thread; below 0: any
	PollerCPU    int  `json:"poller_cpu"`    // the contender's; below 0: any
	NormalSource bool `json:"normal_source"` // do not ask for real-time priority for the driver's thread
	// What the driver's thread does besides: a Runner's, not a Thru's.
	SourceBusy  time.Duration `json:"source_busy_ns"` // it computes for so long after each callback
	SourceMoves int           `json:"source_moves"`   // after so many messages it moves to the next processor; 0: it does not
	Raise       bool          `json:"raise"`          // ask for it for the contender's thread
	Route       bool          `json:"route"`          // each message is also sent on, for InToOut
}

// Machine is what the run found itself on.
type Machine struct {
	OS         string `json:"os"`   // name and build
	GOOS       string `json:"goos"` // as Go calls it
	Wine       string `json:"wine"` // its version; empty: not under Wine
	Arch       string `json:"arch"`
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Hypervisor bool   `json:"hypervisor"` // it is a virtual machine
	Go         string `json:"go"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	GOGC       string `json:"gogc"`
	Onset      string `json:"onset"` // version control's revision, if the build has it

	Clock           string        `json:"clock"`               // that messages are stamped with
	ClockStep       time.Duration `json:"clock_step_ns"`       // the smallest difference of two readings
	StampCost       float64       `json:"stamp_cost_ns"`       // of reading it from Go
	StampCostC      float64       `json:"stamp_cost_c_ns"`     // and from C
	RecordCost      float64       `json:"record_cost_ns"`      // of the handler that notes a message's arrival
	TimerResolution time.Duration `json:"timer_resolution_ns"` // how late a sleep of 1 ms ended, at the median
}
