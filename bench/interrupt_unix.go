//go:build unix

package bench

import (
	"os"
	"os/exec"
)

// prepareInterrupt has a command that has not been started get what interrupt sends.
func prepareInterrupt(*exec.Cmd) {}

// interrupt asks a process to end, as Ctrl-C does.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
