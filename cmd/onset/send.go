package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onset-midi/onset/engine"
)

type sendCommand struct {
	Port     string   `arg:"" help:"Output port: its index, its name, or how its name begins."`
	Messages []string `arg:"" name:"message" help:"In words, with channels from 1 to 16 (note-on 1 60 100, control-change 1 7 127, pitch-bend 1 8192, clock; sysex 7E 7F 06 01), or hexadecimal bytes (90 3C 64, F0 7E 7F 06 01 F7). Any number, one after the other."`
}

func (s *sendCommand) Run(ctx context.Context, p program, c *commands) (err error) {
	messages, err := engine.ParseAny(s.Messages...)
	if err != nil {
		return err
	}
	eng, end, err := p.open(c, engine.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	out, err := eng.OpenOutput(engine.Named(s.Port), engine.OutputOptions{})
	if err != nil {
		return err
	}
	for i, m := range messages {
		if ctx.Err() == nil {
			err = send(ctx, out, m)
		} else {
			err = ctx.Err()
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("interrupted after %d of %d messages", i, len(messages))
		case err != nil:
			return fmt.Errorf("message %d of %d (%s): %w", i+1, len(messages), brief(m), err)
		}
	}
	return nil
}

// send returns when the driver is done with m, or with ctx's error when that ends.
func send(ctx context.Context, out *engine.Output, m engine.AnyMessage) error {
	if m.SysEx == nil {
		sent := make(chan error, 1)
		go func() { sent <- out.SendNow(m.Short) }()
		select {
		case err := <-sent:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := out.SendSysEx(m.SysEx); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s := out.Stats()
		if s.SysEx.Queued == 0 {
			if s.SysEx.Failed > 0 {
				return &engine.PortError{Port: out.Info(), Err: s.LastError}
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// brief writes m in words, for a line.
func brief(m engine.AnyMessage) string {
	const most = 60
	text := m.String()
	if len(text) > most {
		text = fmt.Sprintf("%s ... of %d bytes", text[:most], len(m.SysEx))
	}
	return text
}
