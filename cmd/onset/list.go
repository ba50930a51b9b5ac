package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/onset-midi/onset/engine"
)

type listCommand struct{}

func (listCommand) Run(p program, c *commands) (err error) {
	eng, end, err := p.open(c, engine.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return p.listPorts(eng)
}

func (p program) listPorts(eng *engine.Engine) error {
	inputs, err := eng.Inputs()
	outputs, err2 := eng.Outputs()
	w := tabwriter.NewWriter(p.stdout, 0, 0, 3, ' ', 0)
	writePorts(w, "input", inputs)
	fmt.Fprintln(w)
	writePorts(w, "output", outputs)
	return errors.Join(err, err2, w.Flush()) // a driver that does not answer hides no other
}

func writePorts(w *tabwriter.Writer, kind string, ports []engine.PortInfo) {
	if len(ports) == 0 {
		fmt.Fprintf(w, "no %s ports\n", kind)
		return
	}
	fmt.Fprintf(w, "%s\tname\tmanufacturer\tproduct\tdriver\n", kind)
	for _, p := range ports {
		fmt.Fprintf(w, "%d\t%s\t%04X\t%04X\t%s\n", p.Index, p.Name, p.Manufacturer, p.Product, p.Version)
	}
}
