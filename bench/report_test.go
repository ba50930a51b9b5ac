package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReportComesBackFromJSON(t *testing.T) {
	r := typical(1).report()
	var file bytes.Buffer
	require.NoError(t, r.WriteJSON(&file))
	back, err := ReadJSON(&file, "a.json")
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(r, back, cmpopts.IgnoreUnexported(Distribution{})))
	for i, c := range r.Cells {
		for j := range c.Rounds {
			for _, m := range c.Measures() {
				want, got := c.Rounds[j].Get(m), back.Cells[i].Rounds[j].Get(m)
				require.Equal(t, want.Count(), got.Count())
				for _, p := range []float64{0, 50, 90, 99, 99.9, 100} {
					require.Equal(t, want.Percentile(p), got.Percentile(p), "%s of %s, p%v", m, c.name(), p)
				}
			}
		}
	}
}

func TestReadJSONSaysWhatIsWrong(t *testing.T) {
	var good bytes.Buffer
	s := typical(1)
	s.contenders, s.loads, s.backgrounds, s.rounds, s.messages = []string{"spin"}, []string{"din"}, []string{"quiet"}, 1, 100
	require.NoError(t, s.report().WriteJSON(&good))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(good.Bytes(), &fields))
	text := good.String()
	for _, c := range []struct{ name, file, want string }{
		{"nothing", "", "a.json is not a report of onset bench: EOF"},
		{"no JSON", "hello", "a.json is not a report of onset bench: invalid character 'h'"},
		{"half a file", text[:len(text)/2], "a.json is not a report of onset bench: unexpected EOF"},
		{"another type", `{"cells": 3}`, "a.json is not a report of onset bench: json: cannot unmarshal number"},
		{"something else's", `{"format": "else"}`, `a.json: its format is "else"; this program reads "onset-bench 1"`},
		{"a count that is wrong", strings.Replace(text, `"count": 100,`, `"count": 101,`, 1),
			`histogram of "dispatch": it has 100 values, not 101`},
		{"a histogram that is none", strings.Replace(text, `"hdr_v2_base64": "HIST`, `"hdr_v2_base64": "****`, 1),
			`a.json is not a report of onset bench: histogram of "dispatch": illegal base64`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadJSON(strings.NewReader(c.file), "a.json")
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "a.json")
		})
	}
}

// full is a disk with no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("disk full")

func TestWritersReturnTheirError(t *testing.T) {
	s := typical(1)
	s.messages = 100
	r := s.report()
	c, err := Compare(r, r)
	require.NoError(t, err)
	for name, write := range map[string]func(io.Writer) error{
		"table": r.WriteTable, "benchmarks": r.WriteGoBench, "page": r.WriteHTML, "comparison": c.Write,
	} {
		assert.ErrorIs(t, write(full{}), errFull, name)
	}
}

// Whatever is read as a report is read the same from what is written of it, differs in nothing from itself, and can be
// shown in every form.
func FuzzReadJSON(f *testing.F) {
	s := typical(1)
	s.loads, s.backgrounds, s.rounds, s.messages = s.loads[:1], s.backgrounds[:1], 2, 20
	var whole bytes.Buffer
	if err := s.report().WriteJSON(&whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	for _, seed := range []string{
		`{"format": "onset-bench 1"}`,
		`{"format": "onset-bench 1", "cells": [{"contender": "spin", "load": "dense", "rounds": [{"sent": 1, "received": 2}, {}]}]}`,
		`{"format": "onset-bench 1", "cells": [{"rounds": [{"measured": [{"measure": "dispatch"}]}]}]}`,
		`{"format": "onset-bench 2"}`, `[]`, `{"cells": 1}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ReadJSON(bytes.NewReader(text), "a.json")
		if err != nil {
			require.ErrorContains(t, err, "a.json")
			return
		}
		write := func(r *Report) string {
			var b bytes.Buffer
			require.NoError(t, r.WriteJSON(&b))
			return b.String()
		}
		first := write(r)
		again, err := ReadJSON(strings.NewReader(first), "b.json")
		require.NoError(t, err)
		require.Equal(t, first, write(again))
		require.NoError(t, r.WriteTable(io.Discard))
		require.NoError(t, r.WriteHTML(io.Discard))
		require.NoError(t, r.WriteGoBench(io.Discard))
		c, err := Compare(r, again)
		if err != nil {
			return // it has no cells
		}
		for _, change := range c.Changes {
			require.NotEqual(t, Better, change.Verdict, "%+v", change)
			require.NotEqual(t, Worse, change.Verdict, "%+v", change)
		}
		require.NoError(t, c.Write(io.Discard))
	})
}
