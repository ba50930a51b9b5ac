package bench

// duel is two contenders whose latency is to be compared directly.
type duel struct {
	contender, against string
	measure            Measure
}

// duels are those that answer a question of their own. hybrid is to be as quick as spin while messages come
// more often than it spins for, and otherwise as park: for the first message after a silence, and for the
// driver's thread right behind that. A contender that notes nothing is to be as quick as one that does.
func duels() []duel {
	all := []duel{{"spin" + unnoted, "spin", InToOut}, {"park" + unnoted, "park", InToOut}}
	for _, priority := range []string{"", raised} {
		all = append(all,
			duel{"hybrid" + priority, "spin" + priority, Dispatch},
			duel{"hybrid" + priority, "park" + priority, DispatchFirst},
			duel{"hybrid" + priority, "park" + priority, HeldBehind},
		)
	}
	return all
}

// duels returns the table of a block's duels: how many times the other's latency a contender's is.
func (r *Report) duels(b block) grid {
	g := grid{Groups: []group{{"", []string{"against", "by"}}, {"times the other's", []string{"p50", "p99"}}}}
	for _, d := range duels() {
		c, other := r.Find(d.contender, b.load, b.background), r.Find(d.against, b.load, b.background)
		if c == nil || other == nil {
			continue
		}
		middle, tail := ratioText(c, other, d.measure, 50), ratioText(c, other, d.measure, 99)
		if middle == "" {
			continue
		}
		if tail == "" {
			tail = absent
		}
		g.Rows = append(g.Rows, row{d.contender, []string{d.against, string(d.measure), middle, tail}})
	}
	return g
}
