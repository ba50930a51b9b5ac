package rig_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
	"github.com/onset-midi/onset/engine/rig"
)

// plainRouter does what a rig's mappings say, line by line, as MIDIMonster does: pass after pass.
type plainRouter struct {
	*rig.Rig
	decoders map[string]*control.Decoder
}

func newPlainRouter(r *rig.Rig) *plainRouter {
	p := &plainRouter{r, map[string]*control.Decoder{}}
	for _, i := range r.Instances {
		p.decoders[i.Name] = &control.Decoder{Options: i.Decoder}
	}
	return p
}

// route returns what a message that arrives at an instance leads to.
func (p *plainRouter) route(instance *rig.Instance, m engine.Message) (sent []string) {
	if status := m.Status(); status >= engine.SysEx {
		for _, thru := range instance.Thru {
			if thru.Realtime && status != engine.TuneRequest {
				sent = append(sent, strings.ToLower(m.Hex()))
			}
		}
		return sent
	}
	type written struct {
		channel string
		change  control.Change
	}
	var pass []written
	d := p.decoders[instance.Name]
	own, ok, completed := d.Decode(m)
	if completed {
		for _, c := range d.Completed() {
			pass = append(pass, written{instance.Name + "." + c.String(), c})
		}
	}
	if ok {
		pass = append(pass, written{instance.Name + "." + own.String(), own})
	}
	for len(pass) > 0 {
		var next []written
		for _, w := range pass {
			var targets []string
			for _, mapping := range p.Mappings {
				to := p.channel(mapping.Right)
				if p.channel(mapping.Left) == w.channel && !slices.Contains(targets, to) {
					targets = append(targets, to)
				}
			}
			for _, to := range targets {
				name, channel, _ := strings.Cut(to, ".")
				if name == "l" {
					next = append(next, written{to, w.change})
				} else {
					sent = append(sent, p.write(name, channel, w.change)...)
				}
			}
		}
		pass = next
	}
	return sent
}

// channel returns the name of a mapping's side, in one form of writing.
func (p *plainRouter) channel(side rig.Side) string {
	if d, ok := p.decoders[side.Instance]; ok {
		if c, _, _, err := control.Parse(side.Channel, d.Options.Pairs); err == nil {
			return side.Instance + "." + c.String()
		}
	}
	return side.Instance + "." + side.Channel // it has a name of the rig's own
}

// write returns the messages that set an instance's control, or are what a rig has named so.
func (p *plainRouter) write(name, channel string, c control.Change) (sent []string) {
	instance := p.Instances[slices.IndexFunc(p.Instances, func(i rig.Instance) bool { return i.Name == name })]
	var steps []control.Step
	if at := slices.IndexFunc(instance.Named, func(m rig.Message) bool { return m.Name == channel }); at >= 0 {
		template, err := control.ParseTemplate(instance.Named[at].Text)
		if err != nil {
			panic(err)
		}
		if c.Wide() > 0 || slices.ContainsFunc(template.Steps, control.Step.Varies) {
			steps = template.Steps
		}
	} else {
		to, _, _, err := control.Parse(channel, false)
		if err != nil {
			panic(err)
		}
		on, under, threshold := control.Encode(to, instance.Encoder)
		if steps = on; c.Wide() < threshold {
			steps = under
		}
	}
	values := control.NewValues(c.Wide(), c.Release)
	for _, s := range steps {
		sent = append(sent, strings.ToLower(s.Message(&values).Hex()))
	}
	return sent
}

// chooser chooses at random, of n from 0 on.
type chooser interface{ IntN(n int) int }

// randomRig returns the text of a rig with random mappings from In, that two instances read, to an output, some by
// channels of a loopback instance, which may lead to further ones. With several, there are controls that come in
// several messages.
func randomRig(r chooser, several bool) string {
	onOff := func(option string) string {
		if r.IntN(2) == 0 {
			return option + "\n"
		}
		return ""
	}
	text := "[winmidi in]\nread = Probe In\n" + onOff("cc14 = on") + onOff("ignore-epn-cc = on") + onOff("epn-rx = msb") +
		onOff("thru.out = realtime") +
		"[winmidi twin]\nread = Probe In\n" + onOff("ignore-epn-cc = on") +
		"[winmidi out]\nwrite = Probe Out\n" + onOff("note-off = on") + onOff("epn-tx = short") +
		"message.m = B0 07 value C1 05 F3 lsb E2 lsb msb\nmessage.n = 90 3C 7F\n" +
		"[loopback l]\n[map]\n"
	source := func() string {
		channel := r.IntN(2)
		if several && r.IntN(2) == 0 {
			return fmt.Sprintf("ch0.%s", []string{"rpn0", "rpn1", "cc14.0", "cc14.6", "cc0", "cc6", "cc38"}[r.IntN(7)])
		}
		switch r.IntN(8) {
		case 0, 1:
			return fmt.Sprintf("ch%d.note%d", channel, r.IntN(3))
		case 2, 3:
			return fmt.Sprintf("ch%d.cc%d", channel, []int{0, 1, 6, 32, 38, 96, 100, 120}[r.IntN(8)])
		case 4:
			return fmt.Sprintf("ch%d.pressure%d", channel, r.IntN(2))
		case 5:
			return fmt.Sprintf("ch%d.program", channel)
		case 6:
			return fmt.Sprintf("ch%d.aftertouch", channel)
		default:
			return fmt.Sprintf("ch%d.pitch", channel)
		}
	}
	for range r.IntN(30) {
		from := []string{"in", "twin"}[r.IntN(2)] + "." + source()
		to := "out." + source()
		switch r.IntN(8) {
		case 0:
			to = "out.m"
		case 1:
			to = "out.n"
		case 2:
			to = fmt.Sprintf("out.ch0.nrpn%d", r.IntN(2000))
		case 3:
			x := r.IntN(4)
			via := fmt.Sprintf("l.x%d", x)
			text += from + " > " + via + "\n"
			if from = via; x < 3 && r.IntN(2) == 0 {
				to = fmt.Sprintf("l.x%d", x+1+r.IntN(3-x))
			}
		}
		text += from + " > " + to + "\n"
	}
	return text
}

// randomInput returns a message of those that randomRig maps, or of others.
func randomInput(r chooser) engine.Message {
	pack := func(status, channel, a, b int) engine.Message { return engine.Message(status | channel | a<<8 | b<<16) }
	value := []int{0, 1, 63, 64, 127, r.IntN(128)}[r.IntN(6)]
	switch channel := r.IntN(3); r.IntN(10) {
	case 0, 1:
		return pack(0x90, channel, r.IntN(4), value)
	case 2:
		return pack(0x80, channel, r.IntN(4), value)
	case 3, 4:
		return pack(0xB0, channel, []int{0, 1, 6, 32, 38, 96, 100, 101, 120}[r.IntN(9)], value)
	case 5:
		return pack(0xA0, channel, r.IntN(3), value)
	case 6:
		return pack(0xC0, channel, value, 0)
	case 7:
		return pack(0xD0, channel, value, 0)
	case 8:
		return pack(0xE0, channel, r.IntN(128), value)
	default:
		return []engine.Message{0xF8, 0xFA, 0x05F1, 0x0102F2, 0x07F3, 0xF6, 0xFE}[r.IntN(7)]
	}
}

// drawn is what randomRig and randomInput take, with cases that shrink.
type drawn struct{ *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "choice") }

// Whatever the rig and whatever comes: the tables send what the mappings say, in their order.
func TestRoutersDoWhatTheMappingsSay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := randomRig(drawn{r}, rapid.Bool().Draw(r, "several messages"))
		parsed, err := rig.Parse("rig.cfg", only(text))
		require.NoError(r, err, text)
		router, plain := newTable(parsed), newPlainRouter(parsed)
		for range rapid.IntRange(1, 50).Draw(r, "messages") {
			m := randomInput(drawn{r})
			for i := range parsed.Instances[:2] { // both read from In
				router.sent = nil
				router.Route(i, m)
				require.Equal(r, plain.route(&parsed.Instances[i], m), router.sent, "%s\nat %s: %s", text, parsed.Instances[i].Name, fmt.Sprint(m))
			}
		}
	})
}
