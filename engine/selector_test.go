package engine

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a person writes selects the port that comes first by the rules of Named: index, identity, name, beginning.
func FuzzNamed(f *testing.F) {
	const names = "Synth Two\nSynth\n7\n1 Mixer\nSynth\n\nid 2\nÜnïçødé ♫"
	for _, seed := range []string{"Synth", "S", "7", "3", "1 ", "id 2", "", "+1", "01", "-1", "9999999999999999999", "Ü", "\xc3", " "} {
		f.Add(seed, names)
	}
	f.Fuzz(func(t *testing.T, text, names string) {
		var ports []PortInfo
		for i, name := range strings.Split(names, "\n") {
			ports = append(ports, PortInfo{Index: i, Name: name, Identity: "id " + strconv.Itoa(i)})
		}
		best, want := math.MaxInt, PortInfo{}
		for i, p := range ports {
			rank := math.MaxInt
			number := strings.TrimLeft(text, "0")
			switch {
			case text == "":
			case number == strconv.Itoa(i) || number == "" && i == 0:
				rank = 0
			case p.Identity == text:
				rank = 1
			case p.Name == text:
				rank = 2
			case strings.HasPrefix(p.Name, text):
				rank = 3
			}
			if rank < best {
				best, want = rank, p
			}
		}
		got, ok := Named(text).find(ports)
		require.Equal(t, best < math.MaxInt, ok)
		require.Equal(t, want, got)
		if !ok {
			require.Contains(t, (&NotFoundError{In, Named(text), ports}).Error(), "port")
			return
		}
		// What has been selected can be selected for good.
		for _, s := range []Selector{Index(got.Index), Exactly(got)} {
			again, ok := s.find(ports)
			require.True(t, ok)
			require.Equal(t, got, again)
		}
	})
}
