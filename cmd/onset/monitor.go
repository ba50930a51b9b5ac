package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/onset-midi/onset/engine"
)

type monitorCommand struct {
	Ports []string `arg:"" name:"port" help:"Input ports, each by its index, its name, or how its name begins."`
	Count uint64   `placeholder:"N" help:"End after N messages, lost ones included."`
}

func (m *monitorCommand) Run(ctx context.Context, p program, c *commands) (err error) {
	eng, end, err := p.open(c, engine.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	inputs := make([]*engine.Input, len(m.Ports))
	for i, name := range m.Ports {
		if inputs[i], err = eng.OpenInput(engine.Named(name), engine.InputOptions{}); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.stderr, "monitoring; Ctrl-C ends")
	err = p.monitor(ctx, eng, inputs, m.Count)
	for _, in := range inputs {
		err = errors.Join(err, in.Close())
		fmt.Fprintln(p.stderr, account(in.Stats()))
	}
	return err
}

// monitor writes a line for each event until ctx is cancelled or count messages have come or been lost (0: no limit).
func (p program) monitor(ctx context.Context, eng *engine.Engine, inputs []*engine.Input, count uint64) error {
	stop := context.AfterFunc(ctx, func() { eng.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	ports := make(map[engine.Port]engine.PortInfo, len(inputs))
	for _, in := range inputs {
		ports[in.Port()] = in.Info()
	}
	w := bufio.NewWriter(p.stdout)
	events := make([]engine.Event, 256)
	for seen := uint64(0); count == 0 || seen < count; {
		if count > 0 {
			events = events[:min(uint64(len(events)), count-seen)]
		}
		n, err := eng.ReadInto(events)
		now := engine.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			if ev.Kind == engine.KindPortReopened {
				ports[ev.Port] = *ev.Info // it may have another name now
			}
			writeEvent(w, ports[ev.Port], ev, now.Sub(ev.Time))
			seen += messagesOf(&ev)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// messagesOf returns how many messages that a driver had to deliver an event stands for.
func messagesOf(ev *engine.Event) uint64 {
	switch ev.Kind {
	case engine.KindMessage:
		if ev.Recovered {
			return 0
		}
		return 1
	case engine.KindMalformed, engine.KindSysEx, engine.KindSysExCut, engine.KindSysExInterrupted:
		return 1
	case engine.KindGap:
		return ev.Lost - ev.LostBy.Notices
	default:
		return 0
	}
}

// writeEvent writes time of day, port, what happened, the bytes, and how long after the driver's call
// the program had it.
func writeEvent(w io.Writer, port engine.PortInfo, ev engine.Event, latency time.Duration) {
	what, bytes := "", ""
	if ev.Info != nil {
		port = *ev.Info
	}
	switch ev.Kind {
	case engine.KindMessage:
		what, bytes = ev.Message.String(), ev.Message.Hex()
		if ev.Recovered {
			what += " (recovered)"
		}
	case engine.KindMalformed:
		what, bytes = "malformed", ev.Message.Hex()
	case engine.KindGap:
		what = "gap: " + lossText(ev.Lost, ev.LostBy)
	case engine.KindPortLost:
		what = "port lost; waiting for it"
	case engine.KindPortFound:
		what = "port found"
	case engine.KindPortReopened:
		what = "port open again"
	case engine.KindOutputSlow:
		what = "output is slow"
	case engine.KindOutputQuick:
		what = "output is quick again"
	case engine.KindFeedback:
		what = "feedback from this output"
	case engine.KindPortAdded:
		what = fmt.Sprintf("%s %d is new", ev.Info.Direction, ev.Info.Index)
	case engine.KindPortRemoved:
		what = fmt.Sprintf("%s %d has gone", ev.Info.Direction, ev.Info.Index)
	case engine.KindSysEx:
		what, bytes = fmt.Sprintf("sysex, %d bytes", len(ev.SysEx)), abridged(ev.SysEx)
	case engine.KindSysExCut:
		what, bytes = fmt.Sprintf("sysex, over %d bytes", len(ev.SysEx)), abridged(ev.SysEx)
	case engine.KindSysExInterrupted:
		what, bytes = fmt.Sprintf("sysex without end, %d bytes", len(ev.SysEx)), abridged(ev.SysEx)
	case engine.KindSysExEmpty:
		what = "empty sysex buffer"
	case engine.KindSysExDry:
		what = "sysex buffers used up"
	case engine.KindResumed:
		what = "the machine has slept"
	}
	fmt.Fprintf(w, "%s  %-20s  %-26s  %-8s  %8.1f µs\n", ev.Time.Time().Format("15:04:05.000000"),
		port.Name, what, bytes, float64(latency)/float64(time.Microsecond))
}

// lossText says how much was lost, and of what.
func lossText(lost uint64, by *engine.LostBy) string {
	var parts []string
	for _, part := range []struct {
		n    uint64
		what string
	}{
		{by.Notes, "notes"}, {by.Controllers, "controllers"}, {by.OtherChannel, "other channel messages"},
		{by.System, "system messages"}, {by.Malformed, "malformed"}, {by.SysExBuffers, "sysex buffers"},
		{by.Notices, "events of ports"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return fmt.Sprintf("%d lost (%s)", lost, strings.Join(parts, ", "))
}

// abridged writes the first bytes of a message.
func abridged(message []byte) string {
	const most = 64
	if len(message) <= most {
		return fmt.Sprintf("% X", message)
	}
	return fmt.Sprintf("% X ...", message[:most])
}

// account tells in a line what became of an input's messages.
func account(s engine.InputStats) string {
	return fmt.Sprintf("%s: %d received = %d delivered + %d filtered + %d dropped (ring full %d, concurrent %d, late %d, closed %d)",
		s.Info.Name, s.Received, s.Delivered, s.Filtered, s.Dropped.Total(),
		s.Dropped.Full, s.Dropped.Concurrent, s.Dropped.Late, s.Dropped.Closed)
}
