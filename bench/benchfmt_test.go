package bench

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
)

func goBench(t *testing.T, r *Report) string {
	return written(t, func(b *bytes.Buffer) error { return r.WriteGoBench(b) })
}

func TestGoBench(t *testing.T) {
	r := plain()
	r.Machine.GOOS = "windows"
	r.Cells = r.Cells[:1]
	r.Cells[0].Rounds[1].Received -= 2
	want := `goos: windows
goarch: amd64
pkg: github.com/onset-midi/onset/bench
cpu: Z80
BenchmarkLatency/contender=spin/load=din/background=quiet-1 1000 10007 dispatch-p50-ns 19807 dispatch-p99-ns ` +
		`19983 dispatch-p99.9-ns 20000 dispatch-max-ns 500000000 cpu-ns 10000000 cpu-idle-ns 0 lost 0.25 allocs/event
BenchmarkLatency/contender=spin/load=din/background=quiet-1 998 30015 dispatch-p50-ns 59423 dispatch-p99-ns ` +
		`59967 dispatch-p99.9-ns 60000 dispatch-max-ns 500000000 cpu-ns 10000000 cpu-idle-ns 2 lost 0.25 allocs/event
`
	assert.Empty(t, cmp.Diff(want, goBench(t, r)))
}

// TestGoBenchIsWellFormed checks the format's rules: no space in a name, then a count and pairs of a value
// and a unit.
func TestGoBenchIsWellFormed(t *testing.T) {
	s := typical(1)
	s.messages = 1000
	r := s.report()
	r.Cells[0].Contender, r.Cells[0].Load = "my own", "a/b\tc"
	lines := strings.Split(strings.TrimSpace(goBench(t, r)), "\n")[4:]
	assert.Len(t, lines, len(r.Cells)*s.rounds, "a line for each round")
	form := regexp.MustCompile(`^BenchmarkLatency(/[a-z]+=[^ /]+){3}-16 \d+( [0-9.e+-]+ [a-z][^ ]*)+$`)
	for _, line := range lines {
		assert.Regexp(t, form, line)
	}
	assert.Contains(t, lines[0], "BenchmarkLatency/contender=my_own/load=a_b_c/background=quiet-16 ")
}
