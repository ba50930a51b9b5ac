package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ports makes a list of "name" or "name|id".
func portList(names ...string) []PortInfo {
	var list []PortInfo
	for i, name := range names {
		p := PortInfo{Index: i, Name: name}
		for at, c := range name {
			if c == '|' {
				p.Name, p.Identity = name[:at], name[at+1:]
			}
		}
		list = append(list, p)
	}
	return list
}

func TestPortsAreKnownAgain(t *testing.T) {
	const cut = "Very Long Name Of A Keyboard 12" // 31 units
	for _, c := range []struct {
		name  string
		port  int // of the first list
		lists [][]string
		want  int // of the last list, below 0: none
	}{
		{"by id", 0, [][]string{{"A|x", "A|y"}, {"A|y"}, {"A|y", "A|x"}}, 1},
		{"by id, renamed", 0, [][]string{{"A|x"}, {}, {"A|y", "3- A|x"}}, 1},
		{"another id", 0, [][]string{{"A|x"}, {}, {"A|y"}}, -1},
		{"an id of old, and none now", 0, [][]string{{"A|x"}, {}, {"A"}}, -1},
		{"one of a device's ports", 1, [][]string{{"A|x", "B|x"}, {}, {"2- B|x", "2- A|x"}}, 0},
		{"one of a device's equal ports", 1, [][]string{{"A|x", "A|x"}, {}, {"A|y", "2- A|x", "2- A|x"}}, 2},
		{"one of a device's ports that may be cut", 0, [][]string{{cut + "|x", cut[:30] + "3|x"}, {}, {cut[:30] + "3|x", cut + "|x"}}, 1},
		{"not all of a device's ports that were cut", 0, [][]string{{cut + "|x", cut[:30] + "3|x"}, {}, {"2- " + cut[:28] + "|x"}}, -1},
		{"not all of a device's equal ports", 1, [][]string{{"A|x", "A|x"}, {}, {"A|x"}}, -1},
		{"by name", 0, [][]string{{"A", "B"}, {"B"}, {"B", "2- A"}}, 1},
		{"by a name that was cut", 0, [][]string{{cut}, {}, {"B", "12- " + cut[:27]}}, 1},
		{"a longer name", 0, [][]string{{"A"}, {}, {"A B"}}, -1},
		{"two that were cut, one is there", 0, [][]string{{cut, cut[:30] + "3"}, {}, {"2- " + cut[:28]}}, -1},
		{"two that were cut, the other is there", 1, [][]string{{cut, cut[:30] + "3"}, {}, {"2- " + cut[:28]}}, -1},
		{"a twin by another name", 0, [][]string{{"A", "2- A"}, {"2- A"}, {"2- A", "3- A"}}, 1},
		{"only the twin", 0, [][]string{{"A", "2- A"}, {"2- A"}}, -1},
		{"the twin has gone too", 0, [][]string{{"A", "2- A"}, {"2- A"}, {}, {"A"}}, -1},
		{"both have gone at once", 0, [][]string{{"A", "2- A"}, {}, {"2- A"}}, -1},
		{"both were plugged again", 0, [][]string{{"A", "2- A"}, {"3- A"}, {"3- A", "2- A"}}, -1},
		{"two have come", 0, [][]string{{"A"}, {}, {"A", "2- A"}}, -1},
		{"equal twins", 0, [][]string{{"A", "A"}, {"A"}, {"A", "A"}}, -1},
		{"an equal twin came later", 0, [][]string{{"A"}, {"A", "A"}, {"A"}, {}, {"A"}}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := portList(c.lists[0]...)
			id := identify(first[c.port], first)
			lost, list := false, first
			for _, names := range c.lists[1:] {
				list = portList(names...)
				lost = lost || id.missing(list)
				id.follow(list, lost)
			}
			found, ok := id.find(list, true)
			require.Equal(t, c.want >= 0, ok, "%+v", found)
			if ok {
				assert.Equal(t, c.want, found.Index)
			}
		})
	}
}

// Whatever comes and goes, and in whatever order it is listed, a port is never taken for another; and one whose
// name or id is its own is found.
func TestAListNeverLeadsToTheWrongPort(t *testing.T) {
	for _, ids := range []bool{false, true} {
		found := 0
		for seed := range uint64(5000) {
			random := rand.New(rand.NewPCG(seed, 1))
			devices := make([]struct {
				base, name string // name: in full, empty: not there
			}, 2+random.IntN(4))
			var order []int // of the devices that are there
			plug := func(i int) {
				d := &devices[i]
				d.name = d.base
				if random.IntN(2) == 0 {
					d.name = fmt.Sprintf("%d- %s", 2+random.IntN(3), d.base)
					d.name = d.name[:min(len(d.name), 31)]
				}
				order = append(order, i)
			}
			bases := []string{"A", "B"}
			if seed%2 == 1 { // alike but for the end, which Windows may cut off
				bases = []string{"Very Long Name Of A Keyboard 12", "Very Long Name Of A Keyboard 13"}
			}
			for i := range devices {
				devices[i].base = bases[random.IntN(2)]
				plug(i)
			}
			list := func() []PortInfo {
				random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
				var all []PortInfo
				for place, i := range order {
					p := PortInfo{Index: place, Name: devices[i].name}
					if ids {
						p.Identity = fmt.Sprint("id", i)
					}
					all = append(all, p)
				}
				return all
			}
			all := list()
			id := identify(all[slices.Index(order, 0)], all)
			lost := false
			for range 30 {
				i := random.IntN(len(devices))
				if at := slices.Index(order, i); at >= 0 {
					order = slices.Delete(order, at, at+1)
					lost = lost || i == 0 // its driver says so
				} else {
					plug(i)
				}
				all := list()
				lost = lost || id.missing(all)
				id.follow(all, lost)
				p, ok := id.find(all, lost)
				if !lost {
					require.True(t, slices.Contains(order, 0))
				}
				if ok {
					require.Equal(t, 0, order[p.Index], "seed %d: %+v in %+v", seed, id, all)
				}
				if ids {
					require.Equal(t, slices.Contains(order, 0), ok)
				}
				if lost && ok {
					found++
					id, lost = id.identifyAgain(p, all), false // it is opened again
				}
			}
		}
		assert.Greater(t, found, 1000)
		t.Logf("ids %v: found %d times", ids, found)
	}
}
