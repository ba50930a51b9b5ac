package rig

import (
	"strings"

	"github.com/onset-midi/onset/engine/control"
)

// mapping reads a line of a [map] section. It is resolved when all instances are known.
func (r *reader) mapping(text string) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		r.problem(0, "a mapping was expected: INSTANCE.CHANNEL > INSTANCE.CHANNEL, or with < or <>")
		return
	}
	arrow, end := Arrow(text[at:at+1]), at+1
	if end < len(text) && (text[end] == '<' || text[end] == '>') && text[end] != text[at] {
		arrow, end = Both, end+1 // also of "><", as in MIDIMonster
	}
	right := len(text) - len(strings.TrimLeftFunc(text[end:], stray))
	m := Mapping{Arrow: arrow, at: r.at}
	var leftOK, rightOK bool
	m.Left, leftOK = r.side(trim(text[:at]), 0)
	m.Right, rightOK = r.side(text[right:], right)
	if length := len(m.String()); length > maxLine {
		r.tooLong(length)
		return
	}
	if leftOK && rightOK {
		r.rig.Mappings = append(r.rig.Mappings, m)
	}
}

func (r *reader) side(text string, at int) (Side, bool) {
	instance, channel, ok := strings.Cut(text, ".")
	if !ok {
		r.problem(at, "%q: INSTANCE.CHANNEL was expected", text)
	}
	return Side{instance, channel, at}, ok
}

// endpoint is a side of a mapping, resolved.
type endpoint struct {
	side     *Side
	instance int
	expression
	ok bool
}

// resolve finds a side's instance and reads its braces.
func (g *graph) resolve(m *Mapping, s *Side) endpoint {
	e := endpoint{side: s}
	i, found := g.reader.named[s.Instance]
	if !found {
		g.problem(m, s, 0, "%s", g.reader.noInstance(s.Instance))
		return e
	}
	e.instance = i
	var at int
	var err error
	if e.expression, at, err = parseExpression(s.Channel); err != nil {
		g.problem(m, s, len(s.Instance)+1+at, "%v", err)
		return e
	}
	e.ok = i >= 0 // else its section's problem has been told
	return e
}

// add adds a mapping's edges to the graph.
func (g *graph) add(m *Mapping) {
	left, right := g.resolve(m, &m.Left), g.resolve(m, &m.Right)
	if !left.ok || !right.ok {
		g.check(m, &left, m.Arrow == Left)
		g.check(m, &right, m.Arrow == Right)
		return
	}
	if left.count != right.count && left.count != 1 && right.count != 1 {
		g.problem(m, &m.Left, 0, "%d channels cannot be mapped to %d: the same number, or 1, was expected", left.count, right.count)
		g.check(m, &left, m.Arrow == Left)
		g.check(m, &right, m.Arrow == Right)
		return
	}
	count := max(left.count, right.count)
	if g.channels += count; g.channels > maxChannels {
		if g.channels-count <= maxChannels {
			g.problem(m, &m.Left, 0, "the mappings name more than %d channels", maxChannels)
		}
		return
	}
	if m.Arrow != Left {
		g.addEdges(m, &left, &right, count)
	}
	if m.Arrow != Right {
		g.addEdges(m, &right, &left, count)
	}
}

// check looks at the channels of a side whose mapping cannot be.
func (g *graph) check(m *Mapping, e *endpoint, target bool) {
	for n := 0; e.ok && n < e.count; n++ {
		_, e.ok = g.node(m, e, n, n == 0, target)
	}
}

func (g *graph) addEdges(m *Mapping, from, to *endpoint, count int) {
	for n := range count {
		a, ok1 := g.node(m, from, min(n, from.count-1), n == 0, false)
		b, ok2 := g.node(m, to, min(n, to.count-1), n == 0, true)
		if !ok1 || !ok2 {
			return
		}
		g.connect(a, b, m)
	}
}

// node returns the node of an endpoint's n-th channel. With warn, what is suspicious about it is told.
func (g *graph) node(m *Mapping, e *endpoint, n int, warn, target bool) (id int32, ok bool) {
	name := e.at(n)
	at := len(e.side.Instance) + 1
	if g.letters += len(name); g.letters > maxLetters {
		if g.letters-len(name) <= maxLetters {
			g.problem(m, e.side, at, "the names of the mappings' channels have more than %d bytes", maxLetters)
		}
		return 0, false
	}
	instance := &g.reader.rig.Instances[e.instance]
	if instance.Backend == Loopback {
		return g.intern(node{instance: e.instance, kind: loopNode, name: name}), true
	}
	for i := range instance.Named {
		if instance.Named[i].Name != name {
			continue
		}
		if !target {
			g.problem(m, e.side, at, "message %s can only be a target", name)
			return 0, false
		}
		return g.intern(node{instance: e.instance, kind: messageNode, name: name}), true
	}
	c, rest, noNumber, err := control.Parse(name, instance.Decoder.Pairs)
	if err != nil {
		g.problem(m, e.side, at, "%v%s", err, messagesOf(instance))
		return 0, false
	}
	if warn && noNumber {
		g.warn(m, e.side, at, "control %q lacks a number: it is taken for %s", name, c)
	}
	if warn && rest != "" {
		hint := ""
		if _, ok := strings.CutPrefix(rest, "."); ok && c.Type == control.CC && c.Number == 14 {
			hint = "; with cc14 = on it would be two control changes as one value"
		}
		g.warn(m, e.side, at, "%q after %s is ignored%s", rest, c, hint)
	}
	if missing := port(instance, target); missing != "" && !g.without[missing+instance.Name] {
		g.without[missing+instance.Name] = true
		g.warn(m, e.side, 0, "instance %s has no %s", instance.Name, missing)
	}
	return g.intern(node{instance: e.instance, kind: controlNode, control: c}), true
}

// port names the option that an instance lacks to be a target or source, and what follows.
func port(i *Instance, target bool) string {
	switch {
	case target && i.Write == "":
		return "write: what is sent to it is only counted"
	case !target && i.Read == "":
		return "read: nothing comes from it"
	}
	return ""
}

// messagesOf lists an instance's named messages.
func messagesOf(i *Instance) string {
	if len(i.Named) == 0 {
		return ""
	}
	names := make([]string, len(i.Named))
	for n, m := range i.Named {
		names[n] = m.Name
	}
	return "; messages are " + strings.Join(names, ", ")
}

// problem notes what is wrong so many bytes into a side of a mapping.
func (g *graph) problem(m *Mapping, s *Side, offset int, format string, args ...any) {
	g.reader.at = m.at
	g.reader.problem(s.at+offset, format, args...)
}

func (g *graph) warn(m *Mapping, s *Side, offset int, format string, args ...any) {
	g.reader.at = m.at
	g.reader.warn(s.at+offset, format, args...)
}
