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
