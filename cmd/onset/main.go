// Onset runs rig files, lists MIDI ports, shows what arrives on them and sends messages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	p := program{stdout: os.Stdout, stderr: os.Stderr, driver: openDriver}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is what the commands get from the world around them.
type program struct {
	stdout, stderr io.Writer
	driver         func(name string) (engine.Driver, error)
}

type commands struct {
	Driver string `enum:"winmm,loopback" default:"${driver}" help:"Where ports come from: winmm.dll, or virtual cables within this process (${enum}; default: ${default})."`

	Faults string `placeholder:"FILE" help:"Have virtual cables go wrong, a fault a line, as README's \"Rehearsing failures\" says; at the end it is told how often each has."`
	faults engine.Faults

	List    listCommand    `cmd:"" help:"List the input and output ports."`
	Monitor monitorCommand `cmd:"" help:"Show what arrives on input ports, until Ctrl-C."`
	Send    sendCommand    `cmd:"" help:"Send messages to an output port."`
	Run     runCommand     `cmd:"" help:"Run a rig file, until Ctrl-C."`
	Check   checkCommand   `cmd:"" help:"Read a rig file and show what it does, opening nothing."`
	Bench   benchCommand   `cmd:"" help:"Measure latency: of Onset, or of any other program."`
	Demo    demoCommand    `cmd:"" help:"Play a short phrase through a virtual cable and show it arriving."`
}

// run carries one command line out and returns the exit code: 0, or 1 with one line on stderr.
func (p program) run(ctx context.Context, args []string) int {
	var c commands
	exited := false
	parser, err := kong.New(&c,
		kong.Name("onset"),
		kong.Description("A MIDI engine: from the driver's callback to Go with as little delay as the machine allows."),
		kong.Vars{"driver": defaultDriver()},
		kong.Vars(benchVars()),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { exited = true }), // after --help
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err == nil {
		var command *kong.Context
		command, err = parser.Parse(args)
		if exited {
			return 0
		}
		if err == nil {
			c.faults, err = c.readFaults(command.Command())
		}
		if err == nil {
			err = command.Run(&c)
		}
	}
	if err != nil {
		p.complain(err)
		return 1
	}
	return 0
}

// complain writes an error in one line, also where several things went wrong or an argument has line
// breaks; but a line for each problem of a rig file.
func (p program) complain(err error) {
	var problems rig.Problems
	if !errors.As(err, &problems) {
		fmt.Fprintf(p.stderr, "onset: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	const most = 100
	for _, problem := range problems[:min(len(problems), most)] {
		fmt.Fprintf(p.stderr, "onset: %v\n", problem)
	}
	if len(problems) > most {
		fmt.Fprintf(p.stderr, "onset: and %d more\n", len(problems)-most)
	}
}

func defaultDriver() string {
	if runtime.GOOS == "windows" {
		return "winmm"
	}
	return "loopback"
}

func openDriver(name string) (engine.Driver, error) {
	if name == "winmm" {
		return engine.WinMM()
	}
	return engine.NewLoopback("Loopback A", "Loopback B")
}

// open opens an engine on the driver of the command line; end closes both.
func (p program) open(c *commands, options engine.Options) (eng *engine.Engine, end func() error, err error) {
	driver, endDriver, err := p.openDriver(c)
	if err != nil {
		return nil, nil, err
	}
	options.Driver = driver
	eng, err = engine.Open(options)
	if err != nil {
		endDriver()
		return nil, nil, err
	}
	return eng, func() error {
		defer endDriver()
		return eng.Close()
	}, nil
}
