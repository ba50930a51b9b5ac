package cwinmm

import "time"

// Clock says which counter an event is stamped with: enum onset_clock in clock.h.
type Clock uint32

// The counters there are.
const (
	ClockOS  Clock = iota // CLOCK_MONOTONIC in nanoseconds; QueryPerformanceCounter
	ClockTSC              // the processor's time-stamp counter
)

// Caps describes a device as its driver does.
type Caps struct {
	Name         string
	Identity     string // the device interface's id; empty: the driver gives none
	Manufacturer uint16 // MMSYSTEM manufacturer id
	Product      uint16 // product id, the manufacturer's own
	Version      uint16 // of the driver: major in the high byte, minor in the low byte
}

// InputOptions are what an input is opened with.
type InputOptions struct {
	Capacity int    // of the ring, in events: a power of two of at least 2
	Filter   uint32 // bit n: do not deliver messages of channel n; bit 16+n: of status F0+n
	Clock    Clock
	Buffers  int  // for long messages: 1 to 256
	Size     int  // of each, in bytes
	Raise    bool // the priority of the thread that gives them to the driver
}

// InputCounts are an input's counters: struct onset_input in input.h, and its ring's.
type InputCounts struct {
	Received   uint64 // callbacks that carried a message
	Delivered  uint64 // events taken from the ring
	Waiting    uint64 // events in the ring
	Filtered   uint64
	Full       uint64 // refused: the ring was full
	Concurrent uint64 // refused: another callback was inside for too long
	Late       uint64 // refused: came while the input was being closed
	More       uint64 // MIM_MOREDATA, among Received
	Malformed  uint64 // MIM_ERROR, among Received
	HighWater  uint64 // most events found waiting
	LostBy     LostBy // what Full and Concurrent were
	Dry        uint64 // times that the driver was left without a buffer
	Unqueued   uint64 // buffers that the driver did not take when it was offered them
	Capacity   uint64
	Routed     uint64 // among Received: sent along by the callback
	Unsent     uint64 // messages of those, for outputs that have gone or been closed
	Looped     uint64 // among Routed: not sent along because they go round
	Loop       uint32 // the last of those
}

// Add adds the counters of another opening of the same device, a later one.
func (n *InputCounts) Add(later InputCounts) {
	n.Received += later.Received
	n.Delivered += later.Delivered
	n.Waiting += later.Waiting
	n.Filtered += later.Filtered
	n.Full += later.Full
	n.Concurrent += later.Concurrent
	n.Late += later.Late
	n.More += later.More
	n.Malformed += later.Malformed
	n.HighWater = max(n.HighWater, later.HighWater)
	for i := range n.LostBy {
		n.LostBy[i] += later.LostBy[i]
	}
	n.Dry += later.Dry
	n.Unqueued += later.Unqueued
	n.Routed += later.Routed
	n.Unsent += later.Unsent
	n.Looped += later.Looped
	if later.Looped > 0 {
		n.Loop = later.Loop
	}
	n.Capacity = later.Capacity
}

// OutputOptions are what an output is opened with: struct onset_output_options in output.h.
type OutputOptions struct {
	Capacity   int  // of the queue, in messages: a power of two of at least 2
	DropOldest bool // when the queue is full; otherwise the new message is refused
	Clock      Clock
	SlowTicks  uint64 // a call that takes longer moves the output to its own thread
	CalmTicks  uint64 // without a slow call for this long, it comes back
	StuckTicks uint64 // the deadline of OpenOutput; 0: a short message's call may take any time
	LongChunk  int    // bytes of a long message that the driver is given at a time; 0: all
	LongPause  time.Duration
}

// OutputCounts are an output's counters.
type OutputCounts struct {
	Sent      uint64 // taken by the driver
	Failed    uint64 // refused by the driver
	Refused   uint64 // not queued: the queue was full
	Dropped   uint64 // dropped from the queue: to make room, or when the output was closed
	Slow      uint64 // calls slower than the limit
	Moved     uint64 // times the output moved to its own thread
	Direct    uint64 // times that a driver's callback has sent
	Queued    uint64 // in the queue now, and the long one that is being sent
	Threaded  bool   // sent by its own thread now
	LastError error  // of the last that failed, an *Error; nil if there was none
	Stuck     error  // the call that the driver has been in for longer than the deadline, an *Error; nil: none
	Long      LongCounts
}

// Add adds the counters of another opening of the same device, a later one.
func (n *OutputCounts) Add(later OutputCounts) {
	n.Sent += later.Sent
	n.Failed += later.Failed
	n.Refused += later.Refused
	n.Dropped += later.Dropped
	n.Slow += later.Slow
	n.Moved += later.Moved
	n.Direct += later.Direct
	n.Queued += later.Queued
	n.Threaded = later.Threaded
	if later.LastError != nil {
		n.LastError = later.LastError
	}
	if later.Stuck != nil {
		n.Stuck = later.Stuck
	}
	l := &later.Long
	n.Long.Sent += l.Sent
	n.Long.Failed += l.Failed
	n.Long.Refused += l.Refused
	n.Long.Dropped += l.Dropped
	n.Long.Queued += l.Queued
	n.Long.Bytes += l.Bytes
	n.Long.Memory += l.Memory
	n.Long.Retried += l.Retried
	n.Long.Held += l.Held
}

// LongCounts are an output's counters of long messages. The first five are also in OutputCounts.
type LongCounts struct {
	Sent    uint64
	Failed  uint64 // refused by the driver, or not given back in time
	Refused uint64
	Dropped uint64
	Queued  uint64
	Bytes   uint64 // that the driver has taken and given back
	Memory  uint64 // bytes of those that are queued or with the driver
	Retried uint64 // calls made again because the driver was not ready
	Held    uint64 // not given back in time, and not yet
}

// Priority is what raising a thread's priority came to: enum onset_priority in thread.h.
type Priority uint32

// The priorities a thread can be granted.
const (
	PriorityNormal       Priority = iota
	PriorityFIFO                  // Linux: SCHED_FIFO
	PriorityProAudio              // Windows: the MMCSS task "Pro Audio"
	PriorityTimeCritical          // Windows: THREAD_PRIORITY_TIME_CRITICAL
	PriorityNice                  // Linux: nice -20
)

// String names p as the system does.
func (p Priority) String() string {
	switch p {
	case PriorityFIFO:
		return "SCHED_FIFO"
	case PriorityProAudio:
		return `MMCSS "Pro Audio"`
	case PriorityTimeCritical:
		return "time-critical"
	case PriorityNice:
		return "nice -20"
	default:
		return "normal"
	}
}
