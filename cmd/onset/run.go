package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

type runCommand struct {
	rigFile `embed:""`

	Watch bool   `help:"Read the file again when it changes."`
	Wait  string `enum:"hybrid,spin,park" default:"hybrid" help:"How to wait for messages (${enum}): spin is quickest and uses up a processor."`
	Awake bool   `default:"true" negatable:"" help:"Keep the machine from sleeping, and the system from slowing the program down to save power (default: on)."`
	Raise bool   `default:"true" negatable:"" help:"Raise the priority of the thread that routes (default: on)."`
}

var waits = map[string]engine.Wait{"hybrid": engine.WaitHybrid, "spin": engine.WaitSpin, "park": engine.WaitPark}

func (c *runCommand) Run(ctx context.Context, p program, all *commands) (err error) {
	r, files, err := c.load()
	if err != nil {
		return err
	}
	p.warn(r)
	eng, end, err := p.open(all, engine.Options{
		Wait: waits[c.Wait], NormalPriority: !c.Raise, AllowSleep: !c.Awake, AllowThrottling: !c.Awake,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if r.List {
		if err := p.listPorts(eng); err != nil {
			return err
		}
	}
	notices := make(chan rig.Notice, 4096)
	session, err := rig.Start(eng, r, notices)
	if err != nil {
		return err
	}

	granted := eng.Stats().Machine
	fmt.Fprintf(p.stderr, "keeping the machine awake: %s; at full speed: %s\n", granted.Awake, granted.FullSpeed)
	printed := p.print(notices)
	err = c.runSession(ctx, p, session, r, files)
	err = errors.Join(err, session.Close())
	printed()
	p.account(session.Stats())
	return err
}

func (c *runCommand) runSession(ctx context.Context, p program, session *rig.Session, r *rig.Rig, files []string) error {
	if c.Watch {
		defer c.watch(p, session, r, files)()
	}
	fmt.Fprintf(p.stderr, "running %s; Ctrl-C ends\n", c.File)
	err := session.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// print has notices written as they come. end returns when those that have come are written.
func (p program) print(notices <-chan rig.Notice) (end func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case n := <-notices:
				writeNotice(p.stdout, p.stderr, n)
			case <-over:
				for len(notices) > 0 {
					writeNotice(p.stdout, p.stderr, <-notices)
				}
				return
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// writeNotice writes what a running rig has to tell: changes in the form that MIDIMonster writes them.
func writeNotice(stdout, stderr io.Writer, n rig.Notice) {
	switch n.Kind {
	case rig.Changed:
		fmt.Fprintf(stdout, "Incoming data on channel %s.%s, value %f\n", n.Instance, n.Change.Control, n.Change.Normalised())
	case rig.Gap:
		if n.Instance == "" {
			fmt.Fprintf(stderr, "%d events of outputs and of the list of ports were too many to be told\n", n.Lost)
			break
		}
		fmt.Fprintf(stderr, "%s: %d messages lost\n", n.Instance, n.Lost)
	case rig.Resumed:
		fmt.Fprintln(stderr, "the machine has slept")
	case rig.Gone:
		fmt.Fprintf(stderr, "%s: %s port %d %q has gone; waiting for it\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.Found:
		fmt.Fprintf(stderr, "%s: %s port %d %q is there again\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.Back:
		fmt.Fprintf(stderr, "%s: %s port %d %q is open again\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.Slow:
		fmt.Fprintf(stderr, "%s: %s port %d %q is slow or refuses messages; a thread of its own sends them now\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.Quick:
		fmt.Fprintf(stderr, "%s: %s port %d %q is quick again\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.Feedback:
		fmt.Fprintf(stderr, "%s: feedback: what %s port %d %q is sent comes back, and is not sent again\n", n.Instance, n.Port.Direction, n.Port.Index, n.Port.Name)
	case rig.SysExLoss:
		fmt.Fprintf(stderr, "%s: %s\n", n.Instance, sysExLosses[n.What])
	}
}

var sysExLosses = map[engine.Kind]string{
	engine.KindSysExCut:         "a sysex message was too long, and is left out",
	engine.KindSysExInterrupted: "a sysex message did not come to its end, and is left out",
	engine.KindSysExDry:         "all sysex buffers were used up: some sysex may be missing",
}

// account tells what became of the instances' messages.
func (p program) account(s rig.Stats) {
	for _, i := range s.Instances {
		broken := ""
		if i.Broken > 0 {
			broken = fmt.Sprintf(" (%d of them broken)", i.Broken)
		}
		fmt.Fprintf(p.stderr, "%s: %d changes and %d system messages received%s; %d messages sent, %d refused, %d without an output\n",
			i.Name, i.Changes, i.System, broken, i.Sent, i.Failed, i.Unsent)
	}
	if s.Dropped > 0 {
		fmt.Fprintf(p.stderr, "%d lines were left out\n", s.Dropped)
	}
}
