package engine

// assembly puts a system exclusive message together that comes in several buffers. It is used again for the
// next, so it grows to the longest and not for each.
type assembly struct {
	bytes   []byte // of the message whose end is still to come, at most limit
	limit   int
	partial bool // there is one
	cut     bool // it is longer
}

// next looks at the bytes of a buffer, at least 1, and says how many of them it has used, and what message
// they have completed or interrupted. ok is false if none.
func (a *assembly) next(buffer []byte) (used int, kind Kind, message []byte, ok bool) {
	switch end := a.end(buffer); {
	case end == len(buffer) && (a.partial || buffer[0] == SysEx):
		a.add(buffer)
		return end, 0, nil, false
	case end < len(buffer) && buffer[end] == EndOfSysEx && (a.partial || buffer[0] == SysEx):
		used, kind = end+1, KindSysEx
	default: // the next one begins here, or this one never did
		used, kind = end, KindSysExInterrupted
		if end < len(buffer) && buffer[end] == EndOfSysEx {
			used++
		}
	}
	if !a.partial && used <= a.limit {
		return used, kind, buffer[:used], true
	}
	a.add(buffer[:used])
	kind, message = a.complete(kind)
	return used, kind, message, true
}

// end returns where in the buffer the first message ends: at an F7, before an F0, or not at all.
func (a *assembly) end(buffer []byte) int {
	for i, b := range buffer {
		if b == EndOfSysEx || b == SysEx && (i > 0 || a.partial) {
			return i
		}
	}
	return len(buffer)
}

func (a *assembly) add(b []byte) {
	if room := a.limit - len(a.bytes); len(b) > room {
		b, a.cut = b[:room], true
	}
	a.bytes = append(a.bytes, b...)
	a.partial = true
}

// complete returns what has been put together, which is good until the next add.
func (a *assembly) complete(kind Kind) (Kind, []byte) {
	if a.cut && kind == KindSysEx {
		kind = KindSysExCut
	}
	message := a.bytes
	a.bytes, a.partial, a.cut = a.bytes[:0], false, false
	return kind, message
}
