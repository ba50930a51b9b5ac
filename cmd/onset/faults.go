package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/onset-midi/onset/engine"
)

// withoutPorts are the commands that open no ports of --driver.
var withoutPorts = []string{"check", "demo", "bench run", "bench compare"}

// readFaults reads the script of faults that the command line names. None: the zero value.
func (c *commands) readFaults(command string) (faults engine.Faults, err error) {
	if c.Faults == "" {
		return faults, nil
	}
	if slices.ContainsFunc(withoutPorts, func(name string) bool { return strings.HasPrefix(command+" ", name+" ") }) {
		return faults, fmt.Errorf("--faults: %s opens no ports that could go wrong", strings.TrimSpace(strings.Split(command, "<")[0]))
	}
	if c.Driver != "loopback" {
		return faults, fmt.Errorf("--faults: only virtual cables go wrong at will: --driver loopback was expected, not %s", c.Driver)
	}
	file, err := os.Open(c.Faults)
	if err != nil {
		return faults, fmt.Errorf("--faults: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return engine.ParseFaults(file, c.Faults)
}

// scripted is a driver that can be made to misbehave.
type scripted interface {
	Script(engine.Faults) error
	Strikes() []engine.Strike
}

// openDriver opens the driver of the command line, which misbehaves as it says from then on. end tells what
// became of that, and closes it.
func (p program) openDriver(c *commands) (driver engine.Driver, end func(), err error) {
	driver, err = p.driver(c.Driver)
	if err != nil || c.Faults == "" {
		return driver, func() { driver.Close() }, err
	}
	cables := driver.(scripted)
	if err := cables.Script(c.faults); err != nil {
		driver.Close()
		return nil, nil, err
	}
	return driver, func() {
		p.tellStrikes(cables.Strikes())
		driver.Close()
	}, nil
}

// tellStrikes says how often each fault has happened.
func (p program) tellStrikes(strikes []engine.Strike) {
	for _, s := range strikes {
		times := fmt.Sprintf("%d times", s.Times)
		switch s.Times {
		case 0:
			times = "never"
		case 1:
			times = "once"
		}
		fmt.Fprintf(p.stderr, "%s: %s\n", shortened(s.Fault), times)
	}
}
