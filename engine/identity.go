package engine

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// identity is how a port is known again when the list of ports has changed. A port that cannot be told from
// another for certain is not known again: better none than the wrong one.
//
// With an interface id (PortInfo.Identity), it is the port with that id, wherever it is in the list and whatever
// it is called. Where several ports have one id, as those of one device may, they come and go together: it is the
// one of its name, and of several of one name, the one in its place among them, once there are as many as before. Names
// that differ only where Windows may have cut them off count as one, unless a single port has the very same.
//
// Without, it is known by its name as long as no other port has that. Windows puts "2- ", "3- " and so on before the
// name of a device that it takes for another one than before, so the name alone is not enough while there are
// twins, ports of the same name but for that. Then it is the one of that name that has come, if a single one has
// since it went, under a name in full that none of the twins has. If one of the twins is away that were ever there
// with it, or has been meanwhile, or if two had the same name in full, it is not known again. Its place among the
// twins would not tell: that changes with the list.
type identity struct {
	info PortInfo // as in the last list that it was in
	// With an id.
	place, count int  // among the ports with this id and name
	only         bool // it had the id for itself
	// Without.
	twins   []string // names in full of those there with it, and since
	most    int      // of them at any time
	blurred bool     // one of them cannot be told from it
}

// identify returns the identity of a port of a list.
func identify(info PortInfo, ports []PortInfo) identity {
	id := identity{info: info}
	if info.Identity == "" {
		id.follow(ports, false)
		return id
	}
	same := id.sameID(ports)
	id.only = len(same) == 1
	named := id.sameName(same)
	id.count = len(named)
	id.place = slices.IndexFunc(named, func(p PortInfo) bool { return p.Index == info.Index })
	return id
}

// identifyAgain returns the identity of a port that has been found.
func (id *identity) identifyAgain(info PortInfo, ports []PortInfo) identity {
	again := identify(info, ports)
	again.most = max(again.most, id.most)
	return again
}

// find returns the port that this one is in a list; false: it is not there, or cannot be told for certain.
// lost: its device has gone.
func (id *identity) find(ports []PortInfo, lost bool) (PortInfo, bool) {
	if id.info.Identity != "" {
		same := id.sameID(ports)
		if named := id.sameName(same); len(named) == id.count {
			if i := slices.IndexFunc(named, id.isNamed); i >= 0 && !slices.ContainsFunc(named[i+1:], id.isNamed) {
				return named[i], true
			}
			return named[id.place], true
		}
		if id.only && len(same) == 1 {
			return same[0], true
		}
		return PortInfo{}, false
	}
	name := id.info.Name
	if lost {
		came := minus(id.relatives(ports), id.twins)
		if len(came) != 1 {
			return PortInfo{}, false
		}
		name = came[0]
	}
	named := slices.DeleteFunc(slices.Clone(ports), func(p PortInfo) bool { return p.Identity != "" || p.Name != name })
	if id.blurred || lost && len(id.twins) < id.most || len(named) != 1 {
		return PortInfo{}, false
	}
	return named[0], true
}

// follow takes notice of a list. lost: the port's device has gone.
func (id *identity) follow(ports []PortInfo, lost bool) {
	if p, ok := id.find(ports, lost); ok && !lost {
		id.info = p
	}
	if id.info.Identity != "" {
		return
	}
	now := id.relatives(ports)
	if lost {
		came := minus(now, id.twins)
		id.twins = minus(id.twins, minus(id.twins, now)) // those that are there still
		id.blurred = id.blurred || slices.ContainsFunc(came, func(name string) bool { return slices.Contains(id.twins, name) })
		return
	}
	id.blurred = id.blurred || count(now, id.info.Name) > 1
	id.twins = minus(now, []string{id.info.Name})
	id.most = max(id.most, len(id.twins))
}

// missing reports whether the port is certain not to be in a list.
func (id *identity) missing(ports []PortInfo) bool {
	if id.info.Identity != "" {
		return len(id.sameID(ports)) == 0
	}
	return count(id.relatives(ports), id.info.Name) == 0
}

func (id *identity) sameID(ports []PortInfo) []PortInfo {
	return slices.DeleteFunc(slices.Clone(ports), func(p PortInfo) bool { return p.Identity != id.info.Identity })
}

func (id *identity) sameName(ports []PortInfo) []PortInfo {
	return slices.DeleteFunc(slices.Clone(ports), func(p PortInfo) bool { return !sameName(p.Name, id.info.Name) })
}

// isNamed reports whether a port has the very name.
func (id *identity) isNamed(p PortInfo) bool { return p.Name == id.info.Name }

// relatives returns the names in full of the ports without an id that have the same name but for what
// Windows puts before it.
func (id *identity) relatives(ports []PortInfo) []string {
	var names []string
	for _, p := range ports {
		if p.Identity == "" && sameName(p.Name, id.info.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// sameName reports whether two names may be the same but for what Windows puts before them. A name has at most 31
// units, and one that is as long may have lost its end to that: as many as "12- " takes.
func sameName(a, b string) bool {
	own, other := utf16.Encode([]rune(ownName(a))), utf16.Encode([]rune(ownName(b)))
	if isFull(a) || isFull(b) {
		own, other = own[:min(len(own), mostUnits-4)], other[:min(len(other), mostUnits-4)]
	}
	return slices.Equal(own, other)
}

const mostUnits = 31 // in a name

func isFull(name string) bool { return len(utf16.Encode([]rune(name))) == mostUnits }

// ownName returns a name without "2- " and the like.
func ownName(name string) string {
	rest := strings.TrimLeft(name, "0123456789")
	if own, ok := strings.CutPrefix(rest, "- "); ok && len(rest) < len(name) {
		return own
	}
	return name
}

func count(names []string, name string) (n int) {
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// minus returns the names without those of another list, each as often as it is in that.
func minus(names, without []string) []string {
	names = slices.Clone(names)
	for _, name := range without {
		if i := slices.Index(names, name); i >= 0 {
			names = slices.Delete(names, i, i+1)
		}
	}
	return names
}
