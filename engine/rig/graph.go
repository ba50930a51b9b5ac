package rig

import (
	"fmt"
	"strings"

	"github.com/onset-midi/onset/engine/control"
)

// maxVisits is how many channels the controls of a rig may reach, all together and counted as often as
// they are reached.
const maxVisits = 1 << 22

// graph is what the mappings say, with the braces resolved: from which channel to which.
type graph struct {
	reader   *reader
	nodes    []node
	ids      map[node]int32
	edges    [][]edge // by node, in the order of the file
	seen     map[[2]int32]bool
	channels int             // named by mappings so far
	letters  int             // in their names
	without  map[string]bool // warnings given
}

type nodeKind uint8

const (
	controlNode nodeKind = iota
	messageNode          // a named message
	loopNode             // a channel of a loopback instance
)

type node struct {
	instance int
	kind     nodeKind
	control  control.Control
	name     string
}

type edge struct {
	to      int32
	mapping *Mapping
}

func newGraph(r *reader) *graph {
	return &graph{reader: r, ids: make(map[node]int32), seen: make(map[[2]int32]bool), without: make(map[string]bool)}
}

func (g *graph) intern(n node) int32 {
	id, ok := g.ids[n]
	if !ok {
		id = int32(len(g.nodes))
		g.ids[n] = id
		g.nodes = append(g.nodes, n)
		g.edges = append(g.edges, nil)
	}
	return id
}

// connect adds an edge; one that is there already counts once.
func (g *graph) connect(from, to int32, m *Mapping) {
	if key := [2]int32{from, to}; !g.seen[key] {
		g.seen[key] = true
		g.edges[from] = append(g.edges[from], edge{to, m})
	}
}

// name writes a node as rig files do.
func (g *graph) name(id int32) string {
	n := g.nodes[id]
	instance := g.reader.rig.Instances[n.instance].Name
	if n.kind == controlNode {
		return instance + "." + n.control.String()
	}
	return instance + "." + n.name
}

// findCycles tells of loopback channels that lead back to themselves: one circle for each mapping that
// closes any.
func (g *graph) findCycles() {
	const done = -2
	state := make([]int, len(g.nodes)) // -1: not seen; from 0: its place on the path being followed
	for i := range state {
		state[i] = -1
	}
	type step struct {
		node int32
		next int // of its edges
	}
	told := make(map[*Mapping]bool)
	for start := range g.nodes {
		if g.nodes[start].kind != loopNode || state[start] != -1 {
			continue
		}
		path := []step{{node: int32(start)}}
		state[start] = 0
		for len(path) > 0 {
			last := &path[len(path)-1]
			if last.next == len(g.edges[last.node]) {
				state[last.node] = done
				path = path[:len(path)-1]
				continue
			}
			e := g.edges[last.node][last.next]
			last.next++
			switch first := state[e.to]; {
			case g.nodes[e.to].kind != loopNode || first == done:
			case first == -1:
				state[e.to] = len(path)
				path = append(path, step{node: e.to})
			case !told[e.mapping]:
				told[e.mapping] = true
				var circle strings.Builder
				for i, s := range path[first:] {
					switch length := len(path) - first; {
					case i < 10 || i >= length-9:
						fmt.Fprintf(&circle, "%s > ", g.name(s.node))
					case i == 10:
						circle.WriteString("… > ")
					}
				}
				g.problem(e.mapping, &e.mapping.Left, 0, "loopback channels in a circle: %s%s", &circle, g.name(e.to))
			}
		}
	}
}

// reached is a node that a control sets, over so many loopback channels.
type reached struct {
	node int32
	pass uint32
}

// reach returns what a node sets, breadth first, in into. False: that is too much.
func (g *graph) reach(from int32, into []reached, visits *int) ([]reached, bool) {
	queue := []reached{{from, 0}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range g.edges[at.node] {
			if *visits++; *visits > maxVisits {
				g.problem(e.mapping, &e.mapping.Left, 0, "the mappings multiply: their controls reach more than %d channels", maxVisits)
				return nil, false
			}
			to := reached{e.to, at.pass + 1}
			if g.nodes[e.to].kind == loopNode {
				queue = append(queue, to)
			} else {
				into = append(into, to)
			}
		}
	}
	return into, true
}
