package bench

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// prepareInterrupt has a command that has not been started get what interrupt sends: it becomes a process
// group of its own.
func prepareInterrupt(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.CreationFlags |= windows.CREATE_NEW_PROCESS_GROUP
}

// interrupt asks a process to end, as Ctrl-Break does: Ctrl-C cannot be sent to one group alone. It fails
// without a console in common, and under Wine.
func interrupt(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}
