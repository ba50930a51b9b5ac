package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/onset-midi/onset/bench"
	"github.com/onset-midi/onset/engine"
)

type benchCommand struct {
	Run     benchRunCommand     `cmd:"" default:"withargs" help:"Measure Onset and its rivals on a virtual cable (the default)."`
	Thru    benchThruCommand    `cmd:"" help:"Measure another program from outside: send to a port that it reads, time what comes back on one that it writes."`
	Compare benchCompareCommand `cmd:"" help:"Say what changed between two reports beyond noise."`
	Spin    benchSpinCommand    `cmd:"" hidden:"" help:"Use up a processor until standard input ends."`
}

// planFlags are the part of a plan that both ways of measuring have.
type planFlags struct {
	Rounds       int           `default:"5" help:"How often everything is measured, in turn (default: ${default})."`
	Duration     time.Duration `default:"1s" help:"How long each time (default: ${default})."`
	WarmUp       time.Duration `default:"200ms" help:"What goes before and does not count (default: ${default})."`
	Seed         uint64        `default:"1" help:"Of the loads, and of the order in each round (default: ${default})."`
	SourceCPU    int           `name:"source-cpu" default:"-1" placeholder:"N" help:"Processor of the thread that sends, from 0; any without it."`
	NormalSource bool          `help:"Do not ask for real-time priority for that thread."`
}

func (f *planFlags) plan() bench.Plan {
	return bench.Plan{
		Rounds: f.Rounds, Duration: f.Duration, WarmUp: f.WarmUp, Seed: f.Seed,
		SourceCPU: f.SourceCPU, PollerCPU: -1, NormalSource: f.NormalSource,
	}
}

// reportFlags say where a report goes besides the terminal.
type reportFlags struct {
	JSON string `name:"json" placeholder:"FILE" help:"Write the report with its histograms to FILE."`
	HTML string `name:"html" placeholder:"FILE" help:"Write a page with curves to FILE."`
	Go   string `name:"go" placeholder:"FILE" help:"Write Go benchmark lines, as benchstat reads them, to FILE."`
}

type benchRunCommand struct {
	Contenders  []string `default:"${contenders}" help:"Who takes part: ${allContenders} (default: ${default})."`
	Loads       []string `default:"millisecond" help:"What is sent: ${allLoads} (default: ${default})."`
	Backgrounds []string `default:"quiet,gc" help:"What else the machine does: ${allBackgrounds} (default: ${default})."`
	planFlags   `embed:""`
	SourceBusy  time.Duration `placeholder:"TIME" help:"Have the source's thread compute so long after each callback, like 200us."`
	SourceMoves int           `placeholder:"N" help:"Have the source's thread move to the next processor after every N messages."`
	PollerCPU   int           `name:"poller-cpu" default:"-1" placeholder:"N" help:"Processor of the contender's thread, from 0; any without it."`
	Raise       bool          `help:"Raise the priority of the contender's thread."`
	Route       bool          `help:"Have contenders send each message on, and measure from in to out."`
	reportFlags `embed:""`
}

// benchVars are what the help says there is.
func benchVars() map[string]string {
	return map[string]string{
		"contenders":     "spin,hybrid,park,c-spin,c-park,exported,datagram,channel",
		"allContenders":  strings.Join(bench.ContenderNames(), ", "),
		"allLoads":       strings.Join(bench.LoadNames(), ", "),
		"allBackgrounds": strings.Join(bench.BackgroundNames(), ", "),
	}
}

func (c *benchRunCommand) Run(ctx context.Context, p program) error {
	plan := c.plan()
	plan.Contenders, plan.Loads, plan.Backgrounds = c.Contenders, c.Loads, c.Backgrounds
	plan.SourceBusy, plan.SourceMoves = c.SourceBusy, c.SourceMoves
	plan.PollerCPU, plan.Raise, plan.Route = c.PollerCPU, c.Raise, c.Route
	if err := plan.Check(); err != nil {
		return err // before a file is touched
	}
	runner := bench.Runner{Plan: plan, Busy: spinSelf, Progress: p.progress()}
	return p.report(c.reportFlags, func() (*bench.Report, error) { return runner.Run(ctx) })
}

// spinSelf is a command that runs this program as one that uses up a processor.
func spinSelf() *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.Command(self, "bench", "spin")
}

type benchSpinCommand struct{}

func (benchSpinCommand) Run() error { return bench.Spin(os.Stdin) }

type benchThruCommand struct {
	Out         string   `required:"" placeholder:"PORT" help:"Output port that the program reads."`
	In          string   `required:"" placeholder:"PORT" help:"Input port that the program writes to."`
	Command     []string `arg:"" optional:"" passthrough:"" help:"The program and its arguments, which is asked to end afterwards; without one it should be running already."`
	Loads       []string `default:"millisecond" help:"What is sent: ${allLoads} (default: ${default})."`
	planFlags   `embed:""`
	reportFlags `embed:""`
}

func (c *benchThruCommand) Run(ctx context.Context, p program, all *commands) error {
	driver, end, err := p.openDriver(all)
	if err != nil {
		return err
	}
	defer end()
	thru := bench.Thru{
		Plan: c.plan(), Driver: driver, Out: engine.Named(c.Out), In: engine.Named(c.In),
		Name: "thru", Progress: p.progress(),
	}
	thru.Plan.Loads = c.Loads
	if args := c.Command; len(args) > 0 {
		if args[0] == "--" {
			args = args[1:]
		}
		thru.Command = exec.Command(args[0], args[1:]...)
		thru.Command.Stdout, thru.Command.Stderr = p.stderr, p.stderr
		thru.Name = strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	}
	return p.report(c.reportFlags, func() (*bench.Report, error) { return thru.Run(ctx) })
}

// progress returns what keeps a line on a terminal up to date, or nil if stderr is none.
func (p program) progress() func(bench.Progress) {
	file, ok := p.stderr.(*os.File)
	if !ok {
		return nil
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	start := time.Now()
	return func(now bench.Progress) {
		left := ""
		if now.Done > 0 {
			per := time.Since(start) / time.Duration(now.Done)
			left = ", " + (per * time.Duration(now.All-now.Done)).Round(time.Second).String() + " left"
		}
		fmt.Fprintf(p.stderr, "\r\x1b[K%d/%d: %s, %s, %s%s", now.Done+1, now.All, now.Contender, now.Load, now.Background, left)
		if now.Done+1 == now.All {
			fmt.Fprintf(p.stderr, "\r\x1b[K")
		}
	}
}

// report measures, and writes the report to the terminal and to the files. Files that cannot be written are
// found before anything is measured. A run that is cut short is reported as far as it came.
func (p program) report(to reportFlags, measure func() (*bench.Report, error)) (err error) {
	outputs := []struct {
		name  string
		write func(*bench.Report, io.Writer) error
		file  *os.File
	}{
		{name: to.JSON, write: (*bench.Report).WriteJSON},
		{name: to.HTML, write: (*bench.Report).WriteHTML},
		{name: to.Go, write: (*bench.Report).WriteGoBench},
	}
	for i := range outputs {
		o := &outputs[i]
		if o.name == "" {
			continue
		}
		// What an earlier run wrote stays until there is something to write.
		if o.file, err = os.OpenFile(o.name, os.O_WRONLY|os.O_CREATE, 0o666); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.file.Close()) }()
	}
	report, err := measure()
	if report == nil || len(report.Cells) == 0 || len(report.Cells[0].Rounds) == 0 {
		return err
	}
	err = errors.Join(err, report.WriteTable(p.stdout))
	for _, o := range outputs {
		if o.file != nil {
			err = errors.Join(err, o.file.Truncate(0), o.write(report, o.file))
		}
	}
	return err
}

type benchCompareCommand struct {
	A string `arg:"" name:"A.json" help:"The report that is compared with."`
	B string `arg:"" name:"B.json" help:"The one that is compared."`
}

func (c *benchCompareCommand) Run(p program) error {
	a, err := readReport(c.A)
	if err != nil {
		return err
	}
	b, err := readReport(c.B)
	if err != nil {
		return err
	}
	comparison, err := bench.Compare(a, b)
	if err != nil {
		return err
	}
	return comparison.Write(p.stdout)
}

func readReport(name string) (*bench.Report, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it has only been read
	return bench.ReadJSON(file, name)
}
