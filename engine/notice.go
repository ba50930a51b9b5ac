package engine

import "sync"

// maxNotices is how many events without a ring wait for the poller.
const maxNotices = 256

// notices are events that come from no ring: of outputs, and of the list of ports. What does not fit is
// counted, and told as a gap.
type notices struct {
	mu      sync.Mutex
	waiting []Event
	missed  uint64 // since the last gap
}

func (n *notices) put(ev Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.missed > 0 || len(n.waiting) == maxNotices {
		n.missed++
		return
	}
	n.waiting = append(n.waiting, ev)
}

// take makes ev the next one. False: there is none.
func (n *notices) take(ev *Event) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case len(n.waiting) > 0:
		*ev = n.waiting[0]
		n.waiting = n.waiting[1:]
	case n.missed > 0:
		*ev = Event{Time: Now(), Kind: KindGap, Port: NoPort, Lost: n.missed, LostBy: &LostBy{Notices: n.missed}}
		n.missed = 0
	default:
		n.waiting = nil // so that what has been taken is freed
		return false
	}
	return true
}
