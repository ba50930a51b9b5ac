package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/onset-midi/onset/engine"
)

type sendCommand struct {
	Port     string   `arg:"" help:"Output port: its index, its name, or how its name begins."`
	Messages []string `arg:"" name:"message" help:"In words, with channels from 1 to 16 (note-on 1 60 100, control-change 1 7 127, pitch-bend 1 8192, clock), or hexadecimal bytes (90 3C 64). Any number, one after the other."`
}

func (s *sendCommand) Run(ctx context.Context, p program, c *commands) (err error) {
	messages, err := engine.ParseMessages(s.Messages...)
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
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d of %d messages", i, len(messages))
		}
		if err := out.SendNow(m); err != nil {
			return fmt.Errorf("message %d of %d (%s): %w", i+1, len(messages), m, err)
		}
	}
	return nil
}
