//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBenchWritesItsReports(t *testing.T) {
	folder := newFolder(t)
	json, html, lines := filepath.Join(folder, "a.json"), filepath.Join(folder, "a.html"), filepath.Join(folder, "a.txt")
	code, stdout, stderr := command(t, nil, "bench", "--contenders", "spin,c-spin", "--loads", "dense", "--backgrounds", "quiet",
		"--duration", "50ms", "--rounds", "2", "--source-busy", "20us", "--source-moves", "100", "--json", json, "--html", html, "--go", lines)
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Regexp(t, `(?m)^spin +0 +[0-9]`, stdout)
	assert.Contains(t, stdout, "from processor 0 on to the next after every 100 messages, busy for 20µs after each message;")
	assert.Regexp(t, `(?m)^spin +c-spin +[0-9]`, stdout, "the ratio to the floor")
	page, err := os.ReadFile(html)
	require.NoError(t, err)
	assert.Contains(t, string(page), "c-spin")
	text, err := os.ReadFile(lines)
	require.NoError(t, err)
	assert.Contains(t, string(text), "BenchmarkLatency/contender=spin/load=dense/background=quiet")

	code, stdout, stderr = command(t, nil, "bench", "compare", json, json)
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "too few rounds to tell")
}

// What is wrong is told in a line, and no report of an earlier run is touched.
func TestBenchBadInput(t *testing.T) {
	folder := newFolder(t)
	earlier := filepath.Join(folder, "earlier.json")
	require.NoError(t, os.WriteFile(earlier, []byte("an earlier report"), 0o600))
	for want, args := range map[string][]string{
		`contender "quick": there are spin, hybrid, park`:      {"--contenders", "quick", "--json", earlier},
		`load "fast": there are sparse, millisecond`:           {"--loads", "fast", "--json", earlier},
		`background "loud": there are quiet, gc`:               {"--backgrounds", "loud", "--json", earlier},
		`it is about what is sent on: measure it with routing`: {"--contenders", "in-callback", "--json", earlier},
		`duration 0s, warm-up 200ms: from above 0 to 1m`:       {"--duration", "0s", "--json", earlier},
		`source busy for 1s`:                                   {"--source-busy", "1s", "--json", earlier},
		`nowhere`:                                              {"--json", filepath.Join(folder, "nowhere", "a.json")},
		`is not a report of onset bench`:                       {"compare", earlier, earlier},
		`missing.json`:                                         {"compare", filepath.Join(folder, "missing.json"), earlier},
		`no output port "Nowhere"; there are 0 "Loopback A"`:   {"thru", "--out", "Nowhere", "--in", "Loopback A", "--json", earlier},
	} {
		code, stdout, stderr := command(t, nil, append([]string{"bench"}, args...)...)
		assert.Equal(t, 1, code, "%v", args)
		assert.Empty(t, stdout)
		assert.Regexp(t, `^onset: [^\n]*\n$`, stderr)
		assert.Contains(t, stderr, want)
		kept, err := os.ReadFile(earlier)
		require.NoError(t, err)
		assert.Equal(t, "an earlier report", string(kept), "%v", args)
	}
}

// A cable that leads back to its own port is measured alone.
func TestBenchThru(t *testing.T) {
	code, stdout, stderr := command(t, nil, "bench", "thru", "--out", "Loopback A", "--in", "Loopback A", "--duration", "50ms", "--rounds", "1")
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Regexp(t, `(?m)^thru +0 +[0-9]`, stdout)
	assert.NotContains(t, stdout, "CPU, %", "another program's is not known")
}
