package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onset-midi/onset/cwinmm"
)

// Direction tells inputs from outputs.
type Direction uint8

// Both as seen from the program: an Input is where messages come from.
const (
	In Direction = iota
	Out
)

func (d Direction) String() string {
	if d == Out {
		return "output"
	}
	return "input"
}

// PortInfo describes a device as its driver does (MIDIINCAPS, MIDIOUTCAPS).
type PortInfo struct {
	Direction    Direction
	Index        int // WinMM's device id: its place in the list, from 0, until the list changes
	Name         string
	Identity     string // the id of its device interface, which it has again when it comes back; empty: unknown
	Manufacturer uint16 // id registered with Microsoft; FFFF: none
	Product      uint16 // the manufacturer's own id
	Version      DriverVersion
}

// DriverVersion is a driver's version: major in the high byte, minor in the low one.
type DriverVersion uint16

func (v DriverVersion) String() string { return fmt.Sprintf("%d.%d", v>>8, v&0xFF) }

// Selector says which port to open.
type Selector struct {
	byIndex bool
	index   int
	name    string
	exact   bool // this port:
	port    PortInfo
}

// Index selects the port with this index.
func Index(i int) Selector { return Selector{byIndex: true, index: i} }

// Exactly selects the port that is described so, in that place of the list: none once the list has changed and another
// one is there, or none.
func Exactly(port PortInfo) Selector { return Selector{exact: true, port: port} }

// Named selects as people write ports on command lines and in rig files: a number that is the index
// of a port selects that port; else the port whose Identity it is; else the first port of exactly this name;
// else the first, by index, whose name begins so. Case counts. An empty name selects none.
func Named(name string) Selector { return Selector{name: name} }

func (s Selector) String() string {
	if s.exact {
		return fmt.Sprintf("%d %q", s.port.Index, s.port.Name)
	}
	if s.byIndex {
		return strconv.Itoa(s.index)
	}
	return strconv.Quote(s.name)
}

// find returns the port that s selects; ok is false if there is none.
func (s Selector) find(ports []PortInfo) (port PortInfo, ok bool) {
	if s.exact {
		port, ok = at(ports, s.port.Index)
		return port, ok && port == s.port
	}
	if s.byIndex {
		return at(ports, s.index)
	}
	if s.name == "" {
		return PortInfo{}, false
	}
	if n, err := strconv.ParseUint(s.name, 10, 31); err == nil {
		if port, ok = at(ports, int(n)); ok {
			return port, true
		}
	}
	for _, p := range ports {
		if p.Identity == s.name {
			return p, true
		}
	}
	for _, p := range ports {
		if p.Name == s.name {
			return p, true
		}
	}
	for _, p := range ports {
		if strings.HasPrefix(p.Name, s.name) {
			return p, true
		}
	}
	return PortInfo{}, false
}

func at(ports []PortInfo, i int) (PortInfo, bool) {
	if i < 0 || i >= len(ports) {
		return PortInfo{}, false
	}
	return ports[i], true
}

// list returns a driver's ports of one direction. With an error, those that the driver has told of: the others
// have no name.
func list(d *cwinmm.Driver, direction Direction, deadline time.Duration) ([]PortInfo, error) {
	ask := d.Inputs
	if direction == Out {
		ask = d.Outputs
	}
	caps, err := ask(deadline)
	if err != nil {
		err = fmt.Errorf("list of %ss: %w", direction, err)
	}
	ports := make([]PortInfo, len(caps))
	for i, c := range caps {
		ports[i] = PortInfo{direction, i, c.Name, c.Identity, c.Manufacturer, c.Product, DriverVersion(c.Version)}
	}
	return ports, err
}

// pick returns the port that s selects, and the list that it is in, or a *NotFoundError, with what the driver has
// not answered.
func pick(d *cwinmm.Driver, direction Direction, s Selector, deadline time.Duration) (port PortInfo, all []PortInfo, err error) {
	all, err = list(d, direction, deadline)
	if port, ok := s.find(all); ok {
		return port, all, nil
	}
	switch missing := (&NotFoundError{direction, s, all}); {
	case err == nil:
		return PortInfo{}, nil, missing
	case len(all) == 0:
		return PortInfo{}, nil, err
	default:
		return PortInfo{}, nil, errors.Join(missing, err)
	}
}
