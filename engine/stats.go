package engine

import "github.com/onset-midi/onset/cwinmm"

// Stats are an engine's statistics since it was opened.
type Stats struct {
	Wait     Wait
	Priority string // of Run's thread, as granted: "normal" if none was
	Parks    uint64 // times the poller went to sleep
	Follows  int    // the processor that a parking poller keeps to, its driver's; -1: none
	LetGo    uint64 // times that it was let go of it because an input's ring was full
	// LateWakeups counts how often the poller, woken for something else, found a message that should have
	// woken it more than a second before. It stays 0, or there is a defect in Onset.
	LateWakeups uint64
	// StaleCallbacks counts drivers' calls for ports that had been closed or abandoned, in the whole process.
	// They are harmless.
	StaleCallbacks uint64
	// Abandoned counts handles, and questions for the list of ports, that were given up at a deadline because
	// their driver did not return, and has not yet, in the whole process. What they hold is kept.
	Abandoned int
	// KeptBuffers counts inputs whose driver did not give all buffers back when they were closed, in the whole
	// process. Their memory is kept for good.
	KeptBuffers int
	// LeftOpen counts handles that their driver refused to close (MIDIERR_STILLPLAYING and the like), in the
	// whole process. They stay open, with nothing of Onset's behind them but what KeptBuffers counts.
	LeftOpen int
	// Held counts long messages that drivers have not given back at their deadline, and not yet, in the whole
	// process, those of closed outputs among them. What they hold is kept.
	Held    int
	Machine Machine
	Inputs  []InputStats  // of those open now
	Outputs []OutputStats // of those open now
}

// InputStats are an input's statistics since it was opened, all its openings together where its device has come
// back. While events flow they are read one after the other; once they stand still, Received = Delivered + Waiting +
// Filtered + Dropped.Total(). What a driver calls with for an earlier opening that it has not let be closed in time is
// in none of them, once the input has gone on with the next.
type InputStats struct {
	Info      PortInfo
	Port      Port
	Device    Device
	Received  uint64 // messages that the driver called with
	Delivered uint64 // messages that a handler or reader was given
	Waiting   uint64 // messages in the ring
	Filtered  uint64 // see InputOptions.Ignore
	Dropped   Dropped
	DroppedBy LostBy // what was dropped as Full or Concurrent
	MoreData  uint64 // of Received: came as MIM_MOREDATA, the driver found the program slow
	Malformed uint64 // of Received: no valid message (MIM_ERROR)
	HighWater uint64 // most events found waiting at the start of a pass

	// A system exclusive message counts above once for each buffer that the driver gave back. Here it counts
	// once, when it has been delivered.
	SysEx            uint64
	SysExCut         uint64 // longer than InputOptions.SysExLimit
	SysExInterrupted uint64 // without their end
	SysExEmpty       uint64 // buffers that came back without a byte, not counting those at closing
	SysExDry         uint64 // times that the driver had used up all buffers
	SysExRefused     uint64 // times that the driver did not take a buffer back
	Recovered        uint64 // events with Recovered

	Routed uint64 // of Received: sent along by the driver's callback (Input.Route)
	Unsent uint64 // messages of those, for outputs whose device had gone or that had been closed
	Looped uint64 // of Routed: not sent along because they go round (KindFeedback)

	Capacity uint64 // events that may wait

	// Stuck is the call that the driver has not returned from for Options.Deadline, while nobody waits for it: a
	// *DriverError, which is ErrTimedOut; nil: none. The driver gets no buffers meanwhile.
	Stuck error
}

// Dropped counts messages that were not delivered, by cause.
type Dropped struct {
	Full       uint64 // the ring was full: the handler is too slow, or nobody was in Run
	Concurrent uint64 // the driver called on two threads at once, and one was held up for too long
	Late       uint64 // came while the input was being closed
	Closed     uint64 // waited in the ring when the input was closed
}

// Total returns the sum of all causes.
func (d Dropped) Total() uint64 { return d.Full + d.Concurrent + d.Late + d.Closed }

// OutputStats are an output's statistics since it was opened, long messages among them. Once no send is
// under way, what was accepted, with no error or with the driver's refusal for one, is Sent + Failed + Dropped +
// Queued; that also holds for OutputSysEx alone.
type OutputStats struct {
	Info      PortInfo
	Port      Port
	Device    Device
	Unsent    uint64 // refused with ErrLost
	Sent      uint64 // taken by the driver
	Failed    uint64 // refused by the driver
	Refused   uint64 // refused by the queue, which was full or whose driver is stuck
	Dropped   uint64 // dropped from the queue: for newer ones (OutputOptions.DropOldest), since Close could not wait, or since the device had gone
	Queued    uint64 // waiting in the queue, and the long message that is being sent
	Slow      uint64 // calls for short messages that took longer than OutputOptions.Slow
	Moved     uint64 // times the output was moved to its own thread
	Direct    uint64 // of Sent and Failed: times that a driver's callback has sent (Input.Route), messages that belong together once
	Threaded  bool   // it is on its own thread now
	LastError error  // why the last of Failed has failed, a *DriverError; nil if none has
	Stuck     error  // the call that the driver has not returned from for Options.Deadline, as in InputStats
	SysEx     OutputSysEx
}

// OutputSysEx are an output's statistics of long messages (Output.SendSysEx).
type OutputSysEx struct {
	// Of the counts in OutputStats.
	Sent    uint64 // taken by the driver, and given back
	Failed  uint64 // refused by the driver, not given back in time, or cut off by Close
	Refused uint64 // not queued
	Dropped uint64
	Queued  uint64 // waiting, or being sent

	Bytes   uint64 // taken by the driver and given back; it grows with each chunk
	Memory  uint64 // bytes of the messages that are queued, being sent or held: at most 32 MiB
	Retried uint64 // calls made again because the driver was not ready
	Held    uint64 // messages that the driver has not given back in time, and not yet
}

// Stats returns the statistics. It may be called while Run is under way, and does not hold it up.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	inputs, outputs, machine := e.inputs, e.outputs, e.machineStats()
	e.mu.Unlock()
	s := Stats{
		Wait:           e.options.Wait,
		Priority:       cwinmm.Priority(e.poller.granted.Load()).String(),
		Parks:          e.poller.parks.Load(),
		Follows:        int(e.poller.follow.at.Load()),
		LetGo:          e.poller.follow.freed.Load(),
		LateWakeups:    e.poller.lateWakeups.Load(),
		StaleCallbacks: cwinmm.StaleCallbacks() + cwinmm.StaleDones(),
		Abandoned:      cwinmm.Abandoned(),
		KeptBuffers:    cwinmm.KeptPools(),
		LeftOpen:       cwinmm.LeftOpen(),
		Held:           cwinmm.Held(),
		Machine:        machine,
	}
	for _, in := range inputs {
		s.Inputs = append(s.Inputs, in.Stats())
	}
	for _, out := range outputs {
		s.Outputs = append(s.Outputs, out.Stats())
	}
	return s
}

// Stats returns the statistics, after Close too.
func (in *Input) Stats() InputStats {
	n := in.sum()
	s := InputStats{
		Info:      in.Info(),
		Port:      in.port,
		Device:    in.stats(),
		Received:  n.Received,
		Delivered: n.Delivered,
		Waiting:   n.Waiting,
		Filtered:  n.Filtered,
		Dropped:   Dropped{Full: n.Full, Concurrent: n.Concurrent, Late: n.Late},
		DroppedBy: lostBy(&n.LostBy),
		MoreData:  n.More,
		Malformed: n.Malformed,
		HighWater: n.HighWater,
		Capacity:  n.Capacity,

		SysEx:            in.stream.counts[KindSysEx].Load(),
		SysExCut:         in.stream.counts[KindSysExCut].Load(),
		SysExInterrupted: in.stream.counts[KindSysExInterrupted].Load(),
		SysExEmpty:       in.stream.counts[KindSysExEmpty].Load(),
		SysExDry:         n.Dry,
		SysExRefused:     n.Unqueued,
		Recovered:        in.stream.ended.Load(),
		Routed:           n.Routed,
		Unsent:           n.Unsent,
		Looped:           n.Looped,
		Stuck:            in.stuck(),
	}
	if !in.open() {
		s.Waiting, s.Dropped.Closed = 0, n.Waiting
	}
	return s
}

// Stats returns the statistics, after Close too.
func (o *Output) Stats() OutputStats {
	n := o.sum()
	return OutputStats{
		Info:      o.Info(),
		Port:      o.port,
		Device:    o.stats(),
		Unsent:    o.unsent.Load(),
		Sent:      n.Sent,
		Failed:    n.Failed,
		Refused:   n.Refused,
		Dropped:   n.Dropped,
		Queued:    n.Queued,
		Slow:      n.Slow,
		Moved:     n.Moved,
		Direct:    n.Direct,
		Threaded:  n.Threaded,
		LastError: n.LastError,
		Stuck:     n.Stuck,
		SysEx:     OutputSysEx(n.Long),
	}
}
