package rig_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/rig"
)

// recorder is an output that writes down what it is sent.
type recorder struct {
	name string
	sent *[]string
}

func (r recorder) Send(m engine.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	*r.sent = append(*r.sent, r.name+strings.ToLower(m.Hex()))
	return nil
}

// table is a rig whose outputs write down what they are sent, with the instance's name if there are
// several.
type table struct {
	*rig.Rig
	*rig.Router
	sent []string
}

func parse(t *testing.T, text string) *rig.Rig {
	t.Helper()
	r, err := rig.Parse("rig.cfg", only(text))
	require.NoError(t, err)
	return r
}

// only has rig.Parse read text under any name.
func only(text string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(text), nil }
}

func newTable(r *rig.Rig) *table {
	t := &table{Rig: r}
	outputs := make([]rig.Output, len(r.Instances))
	for i, instance := range r.Instances {
		if instance.Write != "" {
			outputs[i] = recorder{"", &t.sent}
			if instance.Name != "out" {
				outputs[i] = recorder{instance.Name + " ", &t.sent}
			}
		}
	}
	t.Router = rig.NewRouter(r, outputs)
	return t
}

// route returns what a message, in hexadecimal bytes, at an instance leads to.
func (t *table) route(instance int, bytes string) []string {
	t.sent = nil
	t.Route(instance, message(bytes))
	return t.sent
}

// message reads up to three bytes, valid or not.
func message(text string) engine.Message {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	var m engine.Message
	for i, b := range bytes {
		m |= engine.Message(b) << (8 * i)
	}
	return m
}

// What MIDIMonster was seen to do: testdata/conformance/README.md.
func TestEveryRecordedCase(t *testing.T) {
	cases, err := filepath.Glob("testdata/conformance/*/rig.cfg")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, file := range cases {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			r, err := rig.Load(file)
			require.NoError(t, err)
			table := newTable(r)
			var got []string
			for i, line := range lines(t, filepath.Join(folder, "input.txt")) {
				for _, m := range table.route(0, line) {
					got = append(got, fmt.Sprint(i, " ", m))
				}
			}
			assert.Empty(t, cmp.Diff(lines(t, filepath.Join(folder, "expect.txt")), got))
		})
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\r", "")), "\n")
}
