package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onset-midi/onset/engine"
)

type demoCommand struct{}

// phrase is what the demo plays: an arpeggio, then its chord with a swell of the modulation wheel.
var phrase = []string{
	"note-on 1 60 96", "note-off 1 60 0",
	"note-on 1 64 96", "note-off 1 64 0",
	"note-on 1 67 96", "note-off 1 67 0",
	"note-on 1 72 112 note-on 1 67 96 note-on 1 64 96 note-on 1 60 96",
	"control-change 1 1 32", "control-change 1 1 64", "control-change 1 1 127",
	"pitch-bend 1 12288", "pitch-bend 1 8192",
	"note-off 1 72 0 note-off 1 67 0 note-off 1 64 0 note-off 1 60 0",
}

func (demoCommand) Run(ctx context.Context, p program) (err error) {
	loop, err := engine.NewLoopback("Onset Demo")
	if err != nil {
		return err
	}
	defer loop.Close()
	eng, err := engine.Open(engine.Options{Driver: loop})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	in, err := eng.OpenInput(engine.Named("Onset Demo"), engine.InputOptions{})
	if err != nil {
		return err
	}
	out, err := eng.OpenOutput(engine.Named("Onset Demo"), engine.OutputOptions{})
	if err != nil {
		return err
	}

	count := uint64(0)
	steps := make([][]engine.Message, len(phrase))
	for i, words := range phrase {
		if steps[i], err = engine.ParseMessages(words); err != nil {
			return err
		}
		count += uint64(len(steps[i]))
	}
	fmt.Fprintf(p.stdout, "%-15s  %-20s  %-26s  %-8s  %11s\n", "time", "port", "message", "bytes", "latency")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	played := make(chan error, 1)
	go func() {
		err := play(ctx, out, steps)
		if err != nil {
			cancel() // nothing more will come
		}
		played <- err
	}()
	err = p.monitor(ctx, eng, []*engine.Input{in}, count)
	if err = errors.Join(err, <-played); err != nil || ctx.Err() != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s\nclock: %s\n", account(in.Stats()), engine.ClockSource())
	return nil
}

func play(ctx context.Context, out *engine.Output, steps [][]engine.Message) error {
	beat := time.NewTicker(120 * time.Millisecond)
	defer beat.Stop()
	for _, step := range steps {
		for _, m := range step {
			if err := out.Send(m); err != nil {
				return err
			}
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
