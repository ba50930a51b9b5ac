package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/onset-midi/onset/engine/rig"
)

type checkCommand struct {
	rigFile `embed:""`
}

func (c *checkCommand) Run(p program) error {
	r, _, err := c.load()
	if err != nil {
		return err
	}
	p.warn(r)
	w := tabwriter.NewWriter(p.stdout, 0, 0, 3, ' ', 0)
	for _, i := range r.Instances {
		fmt.Fprintf(w, "%s\t%s%s\n", i.Name, i.Backend, ports(i))
	}
	fmt.Fprintln(w)
	for route := range r.Routes() {
		more := ""
		if route.Over > 0 {
			more = fmt.Sprintf("   (over %d loopback)", route.Over)
		}
		if route.Why != "" {
			more += fmt.Sprintf("   (%s)", route.Why)
		}
		fmt.Fprintf(w, "%s\t> %s\t%s\t%s%s\n", route.From, route.To, route.Lane, shortened(route.Messages), more)
	}
	return w.Flush()
}

// shortened returns the beginning of a text that is too long to be read on a terminal.
func shortened(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return text[:most] + " ..."
}

// ports says which ports an instance names.
func ports(i rig.Instance) string {
	s := ""
	if i.Read != "" {
		s += fmt.Sprintf(", reads %q", i.Read)
	}
	if i.Write != "" {
		s += fmt.Sprintf(", writes %q", i.Write)
	}
	return s
}
