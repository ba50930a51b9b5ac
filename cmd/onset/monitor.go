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

// monitor writes a line for each event until ctx is cancelled, count messages have come or been lost (0:
// no limit) or no input is left. The error tells which inputs were lost.
func (p program) monitor(ctx context.Context, eng *engine.Engine, inputs []*engine.Input, count uint64) error {
	stop := context.AfterFunc(ctx, func() { eng.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	ports := make(map[engine.Port]engine.PortInfo, len(inputs))
	for _, in := range inputs {
		ports[in.Port()] = in.Info()
	}
	w := bufio.NewWriter(p.stdout)
	events := make([]engine.Event, 256)
	var lost []error
	for seen := uint64(0); (count == 0 || seen < count) && len(lost) < len(inputs); {
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
			port := ports[ev.Port]
			writeEvent(w, port, ev, now.Sub(ev.Time))
			switch ev.Kind {
			case engine.KindGap:
				seen += ev.Lost
			case engine.KindSysExEmpty, engine.KindSysExDry, engine.KindResumed: // no messages
			case engine.KindPortLost:
				exist, _ := eng.Inputs() // an empty list says enough
				lost = append(lost, fmt.Errorf("port lost: %w",
					&engine.NotFoundError{Direction: engine.In, Wanted: engine.Named(port.Name), Exist: exist}))
			default:
				if !ev.Recovered {
					seen++
				}
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return errors.Join(lost...)
}

// writeEvent writes time of day, port, what happened, the bytes, and how long after the driver's call
// the program had it.
func writeEvent(w io.Writer, port engine.PortInfo, ev engine.Event, latency time.Duration) {
	what, bytes := "", ""
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
		what = "port lost"
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
