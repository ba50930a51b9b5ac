package rig

import (
	"slices"
	"strings"

	"github.com/onset-midi/onset/engine/control"
)

// setting is a line option = value.
type setting struct {
	name, value string
	at          int // where the value begins in the line
	override    bool
}

// setBackend applies a backend's option.
func (r *reader) setBackend(b Backend, o setting) {
	switch {
	case b == Loopback:
		r.warn(0, "the backend loopback has no options: %s is ignored", o.name)
	case o.name == "list":
		r.rig.List = r.choose(o, "on", "off")
	case o.name == "detect":
		r.rig.Detect = r.choose(o, "on", "off")
	default:
		r.problem(0, "the backend winmidi has no option %q; there are list and detect", o.name)
	}
}

const instanceOptions = "read (or source), write (or target), epn-tx, epn-rx, ignore-epn-cc, cc14, note-off, reset, lane, message.NAME and thru.INSTANCE"

// setInstance applies an instance's option.
func (r *reader) setInstance(index int, o setting) {
	i := &r.rig.Instances[index]
	if i.Backend == Loopback {
		r.warn(0, "a loopback instance has no options: %s is ignored", o.name)
		return
	}
	if name, ok := strings.CutPrefix(o.name, "message."); ok {
		r.message(i, name, o)
		return
	}
	if other, ok := strings.CutPrefix(o.name, "thru."); ok {
		r.thru(index, other, o)
		return
	}
	switch o.name {
	case "read", "source":
		r.port(&i.Read, o, "input")
	case "write", "target":
		r.port(&i.Write, o, "output")
	case "epn-tx":
		i.Encoder.Short = r.choose(o, "short", "full")
	case "epn-rx":
		i.Decoder.Coarse = r.choose(o, "msb", "full")
	case "ignore-epn-cc":
		i.Decoder.Bare = r.choose(o, "on", "off")
	case "cc14":
		i.Decoder.Pairs = r.choose(o, "on", "off")
	case "note-off":
		i.Encoder.NoteOff = r.choose(o, "on", "off")
	case "lane":
		r.lane(i, o)
	case "reset":
		i.NoReset = r.choose(o, "off", "on")
	default:
		r.problem(0, "a winmidi instance has no option %q; there are %s", o.name, instanceOptions)
	}
}

// choose reports whether an option has its first value; any but that is the second, as in MIDIMonster.
func (r *reader) choose(o setting, first, second string) bool {
	if o.value != first && o.value != second {
		r.warn(o.at, "%s is %s or %s: %q is taken for %s", o.name, first, second, o.value, second)
	}
	return o.value == first
}

func (r *reader) lane(i *Instance, o setting) {
	switch l := Lane(o.value); l {
	case AutoLane, DirectLane, PollerLane:
		i.Lane = l
	default:
		r.problem(o.at, "lane %q: direct, poller or auto was expected", o.value)
	}
}

func (r *reader) port(port *string, o setting, direction string) {
	switch {
	case o.value == "":
		r.problem(o.at, "%s: the id of an %s port or the beginning of its name was expected", o.name, direction)
	case *port != "" && !o.override:
		r.problem(0, "%s: the instance has the %s port %q already", o.name, direction, *port)
	default:
		*port = o.value
	}
}

func (r *reader) message(i *Instance, name string, o setting) {
	if name == "" || strings.HasPrefix(name, "ch") || strings.ContainsFunc(name, notInName) {
		r.problem(0, "message name %q: letters, digits, - and _ were expected, not beginning with ch", name)
		return
	}
	template, err := control.ParseTemplate(o.value)
	if err != nil {
		r.problem(o.at, "message %s: %v", name, err)
		return
	}
	if n := len(template.Steps); n > maxSteps {
		r.problem(o.at, "message %s: %d messages; at most %d are possible", name, n, maxSteps)
		return
	}
	at := slices.IndexFunc(i.Named, func(m Message) bool { return m.Name == name })
	switch {
	case at < 0:
		i.Named = append(i.Named, Message{name, template.Text})
	case o.override:
		i.Named[at].Text = template.Text
	default:
		r.problem(0, "message %s is there already", name)
	}
}

func notInName(c rune) bool {
	const name = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return !strings.ContainsRune(name, c)
}

func (r *reader) thru(index int, other string, o setting) {
	passed := Thru{Instance: other}
	for word := range strings.SplitSeq(o.value, ",") {
		switch trim(word) {
		case "realtime":
			passed.Realtime = true
		case "sysex":
			passed.SysEx = true
		default:
			r.problem(o.at, "thru.%s: realtime, sysex or realtime,sysex was expected", other)
			return
		}
	}
	i := &r.rig.Instances[index]
	at := slices.IndexFunc(i.Thru, func(t Thru) bool { return t.Instance == other })
	switch {
	case at < 0:
		i.Thru = append(i.Thru, passed)
		r.thrus = append(r.thrus, thru{index, other, r.position(0)})
	case o.override:
		i.Thru[at] = passed
	default:
		i.Thru[at].Realtime = i.Thru[at].Realtime || passed.Realtime
		i.Thru[at].SysEx = i.Thru[at].SysEx || passed.SysEx
	}
}
