package cwinmm

// RouteCells is how many cells Routes have.
const RouteCells = 128 * 128

// MostTogether is how many messages can be sent together.
const MostTogether = 255

// RouteCell is a run of targets: struct onset_route_cell in routes.h, as the others are those of their names.
type RouteCell struct{ First, Count uint32 }

// RouteTarget is what is sent to an output: a run of steps, and another for values below the threshold.
type RouteTarget struct {
	First     uint32
	Output    uint16
	Threshold uint16
	Count     uint8
	Under     uint8
	_         uint16
}

// RouteStep is one message, with a value in it.
type RouteStep struct {
	Base              uint32
	Source, Low, High uint8
	_                 uint8
}

// Routes are what an input's callback is to send. They hold no pointers but those to outputs.
type Routes struct {
	Cells   []RouteCell // RouteCells of them
	Targets []RouteTarget
	Steps   []RouteStep
	Outputs []*Output // by RouteTarget.Output; nil: it has gone
	Tag     uint8     // of events that have been sent along them, 1 to 15
	Window  uint64    // ticks in which a message that goes round comes back
}
