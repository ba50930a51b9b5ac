package rig

import (
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

// findCycles tells of loopback channels that lead back to themselves.
func (g *graph) findCycles() {
	const (
		unknown = iota
		open    // on the path being followed
		done
	)
	state := make([]uint8, len(g.nodes))
	type step struct {
		node int32
		next int // of its edges
	}
	for start := range g.nodes {
		if g.nodes[start].kind != loopNode || state[start] != unknown {
			continue
		}
		path := []step{{node: int32(start)}}
		state[start] = open
		for len(path) > 0 {
			last := &path[len(path)-1]
			if last.next == len(g.edges[last.node]) {
				state[last.node] = done
				path = path[:len(path)-1]
				continue
			}
			e := g.edges[last.node][last.next]
			last.next++
			switch {
			case g.nodes[e.to].kind != loopNode:
			case state[e.to] == unknown:
				state[e.to] = open
				path = append(path, step{node: e.to})
			case state[e.to] == open:
				first := len(path) - 1
				for path[first].node != e.to {
					first--
				}
				var names []string
				for _, s := range path[first:] {
					names = append(names, g.name(s.node))
				}
				if len(names) > 20 {
					names = append(append(names[:10:10], "…"), names[len(names)-9:]...)
				}
				names = append(names, g.name(e.to))
				g.problem(e.mapping, &e.mapping.Left, 0, "loopback channels in a circle: %s", strings.Join(names, " > "))
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
