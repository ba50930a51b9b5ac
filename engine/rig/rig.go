package rig

import (
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine/control"
)

// Rig is what a rig file says. It is made by Load and Parse, and never changed: it may be used
// concurrently.
type Rig struct {
	List      bool // print the ports before starting
	Detect    bool // print every change of a control that arrives
	Instances []Instance
	Mappings  []Mapping
	Files     []string  // that it was read from, the first included first
	Warnings  []Problem // what was accepted, but may not do what was meant

	tables *Tables
	sets   map[uint32]string // by a target's first step: its name
}

// Backend says what an Instance is.
type Backend string

// The backends.
const (
	WinMIDI  Backend = "winmidi"
	Loopback Backend = "loopback"
)

// Instance is a pair of MIDI ports, or a set of named channels of which each gives out what is
// written to it (Loopback, which has no options).
type Instance struct {
	Name    string
	Backend Backend
	Read    string // the input port, as engine.Named takes it; empty: none
	Write   string // the output port; empty: none
	Decoder control.DecoderOptions
	Encoder control.EncoderOptions
	Lane    Lane      // of what is sent to the output; empty: AutoLane
	NoReset bool      // do not reset the output before closing it
	Named   []Message // controls of the rig file's own
	Thru    []Thru    // where system messages are passed on to

	at Position
}

// Thru says which system messages an instance's input passes on, as they are, to another instance's output.
type Thru struct {
	Instance string
	Realtime bool // those that keep sequencers in time: all but system exclusive and tune request
	SysEx    bool // system exclusive
}

// String writes t as the value of its option.
func (t Thru) String() string {
	switch {
	case t.Realtime && t.SysEx:
		return "realtime,sysex"
	case t.SysEx:
		return "sysex"
	default:
		return "realtime"
	}
}

// Message is a control that sends bytes when a value above 0 is written to it, or, if the value is part
// of them, any value.
type Message struct {
	Name string
	Text string // as in control.Template
}

// Arrow is a mapping's direction.
type Arrow string

// The arrows.
const (
	Right Arrow = ">"
	Left  Arrow = "<"
	Both  Arrow = "<>"
)

// Mapping is a line of a rig file's [map] section.
type Mapping struct {
	Left  Side
	Arrow Arrow
	Right Side

	at Position
}

func (m Mapping) String() string { return fmt.Sprintf("%s %s %s", m.Left, m.Arrow, m.Right) }

// Side is one side of a Mapping: an instance and a control or channel of it, or several of them in
// braces: "ch{0..15}.note{60,62}".
type Side struct {
	Instance string
	Channel  string

	at int // where it begins in its line
}

func (s Side) String() string { return s.Instance + "." + s.Channel }

// String writes the rig as a file that Parse reads as the same rig. What was included is part of it.
func (r *Rig) String() string {
	var s strings.Builder
	if r.List || r.Detect {
		s.WriteString("[backend winmidi]\n")
		option(&s, "list", "on", r.List)
		option(&s, "detect", "on", r.Detect)
		s.WriteString("\n")
	}
	for _, i := range r.Instances {
		fmt.Fprintf(&s, "[%s %s]\n", i.Backend, i.Name)
		option(&s, "read", i.Read, i.Read != "")
		option(&s, "write", i.Write, i.Write != "")
		option(&s, "epn-tx", "short", i.Encoder.Short)
		option(&s, "epn-rx", "msb", i.Decoder.Coarse)
		option(&s, "ignore-epn-cc", "on", i.Decoder.Bare)
		option(&s, "cc14", "on", i.Decoder.Pairs)
		option(&s, "note-off", "on", i.Encoder.NoteOff)
		option(&s, "reset", "off", i.NoReset)
		option(&s, "lane", string(i.Lane), i.Lane != "" && i.Lane != AutoLane)
		for _, m := range i.Named {
			option(&s, "message."+m.Name, m.Text, true)
		}
		for _, t := range i.Thru {
			option(&s, "thru."+t.Instance, t.String(), true)
		}
		s.WriteString("\n")
	}
	s.WriteString("[map]\n")
	for _, m := range r.Mappings {
		fmt.Fprintln(&s, m)
	}
	return s.String()
}

func option(s *strings.Builder, name, value string, set bool) {
	if set {
		fmt.Fprintf(s, "%s = %s\n", name, value)
	}
}
