package cwinmm

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// cause is what sets a fault off: a call of WinMM's, or something else that happens. enum onset_call in
// faults.h.
type cause uint32

// The calls, and what else there is.
const (
	callInCount cause = iota
	callInCaps
	callInOpen
	callInPrepare
	callInUnprepare
	callInAddBuffer
	callInStart
	callInStop
	callInReset
	callInClose
	callOutCount
	callOutCaps
	callOutOpen
	callOutShort
	callOutPrepare
	callOutUnprepare
	callOutLong
	callOutReset
	callOutClose
	onMessage // one has been delivered to the input
	onTime    // has passed since the script began
)

// effect is what a fault does: enum onset_effect in faults.h, which says how each uses a fault's fields.
type effect uint32

// The effects.
const (
	effectReturn effect = iota
	effectDelay
	effectHang
	effectDoneInside
	effectNoDone
	effectNoClose
	effectBounce
	effectStorm
	effectUnplug
	effectReplug
	effectTell
	effectTellLong
	effectStampTo
	effectStampBy
	effectSuspend
)

// What an input's callback is called with: MIM_.
const (
	mimClose     = 0x3C2
	mimData      = 0x3C3
	mimLongData  = 0x3C4
	mimError     = 0x3C5
	mimLongError = 0x3C6
	mimMoreData  = 0x3CC
)

// fault is something that goes wrong: struct onset_fault in faults.h.
type fault struct {
	on          cause
	cable       int           // below 0: any
	first, last uint64        // of the times that on happens, from 1
	after       time.Duration // for onTime since the script began, else since on; 0: within it
	effect      effect
	value       int64
	message     uint32 // MIM_
	data        uint32 // of a short message
	name, id    string // for effectReplug: at most 31 and 255 UTF-16 units; empty: as before
	at          string // where it is written
}

// Faults is a script of what goes wrong in a Loopback. The zero value has nothing go wrong.
type Faults struct {
	list  []fault
	lines []string // by fault: what it was read from
}

// Strike is what has become of a fault of a script.
type Strike struct {
	Fault string // the line and where it stands, as in "faults.txt:3: midiInReset nth=2..4 -> NODRIVER"
	Times uint64 // that it has happened or, as with delay and hang, begun to
}

const (
	maxFaults    = 1000
	maxFaultText = 1 << 20 // bytes
)

// ParseFaults reads a script; package engine says how it is written.
func ParseFaults(r io.Reader, name string) (Faults, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFaultText+1))
	if err != nil {
		return Faults{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxFaultText {
		return Faults{}, fmt.Errorf("%s: more than %d bytes of text: no more are possible", name, maxFaultText)
	}
	var faults Faults
	var problems []error
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
		number++
		f, err := parseFault(string(line))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", name, number, err))
		} else if f != nil {
			f.at = fmt.Sprintf("%s:%d", name, number)
			faults.list = append(faults.list, *f)
			faults.lines = append(faults.lines, f.at+": "+strings.TrimSpace(string(line)))
		}
	}
	if len(faults.list) > maxFaults {
		problems = append(problems, fmt.Errorf("%s: %d faults: at most %d are possible", name, len(faults.list), maxFaults))
	}
	if len(problems) > 0 {
		return Faults{}, errors.Join(problems...)
	}
	return faults, nil
}

// How a script is read. The tables are in the order in which an error shows them.

var causeWords = [...]string{
	callInCount:      "midiInGetNumDevs",
	callInCaps:       "midiInGetDevCaps",
	callInOpen:       "midiInOpen",
	callInPrepare:    "midiInPrepareHeader",
	callInUnprepare:  "midiInUnprepareHeader",
	callInAddBuffer:  "midiInAddBuffer",
	callInStart:      "midiInStart",
	callInStop:       "midiInStop",
	callInReset:      "midiInReset",
	callInClose:      "midiInClose",
	callOutCount:     "midiOutGetNumDevs",
	callOutCaps:      "midiOutGetDevCaps",
	callOutOpen:      "midiOutOpen",
	callOutShort:     "midiOutShortMsg",
	callOutPrepare:   "midiOutPrepareHeader",
	callOutUnprepare: "midiOutUnprepareHeader",
	callOutLong:      "midiOutLongMsg",
	callOutReset:     "midiOutReset",
	callOutClose:     "midiOutClose",
	onMessage:        "message",
}

type effectForm struct {
	word    string
	effect  effect
	message uint32 // MIM_
	value   string // what must follow it, without a key
	keys    []string
	fits    func(cause) bool
}

var faultEffects = []effectForm{
	{"delay", effectDelay, 0, "a duration, such as 5s,", nil, ofCalls},
	{"hang", effectHang, 0, "", nil, ofCalls},
	{"done-inside", effectDoneInside, 0, "", nil, only(callOutLong)},
	{"no-done", effectNoDone, 0, "", nil, only(callOutLong)},
	{"no-close", effectNoClose, 0, "", nil, only(callInClose)},
	{"bounce", effectBounce, 0, "", nil, only(callInAddBuffer)},
	{"storm", effectStorm, 0, "a number of buffers", nil, only(callInReset)},
	{"unplug", effectUnplug, 0, "", []string{"after"}, ofCables},
	{"replug", effectReplug, 0, "", []string{"index", "name", "id", "after"}, ofCables},
	{"MIM_DATA", effectTell, mimData, "", []string{"message", "after"}, ofCables},
	{"MIM_MOREDATA", effectTell, mimMoreData, "", []string{"message", "after"}, ofCables},
	{"MIM_ERROR", effectTell, mimError, "", []string{"message", "after"}, ofCables},
	{"MIM_CLOSE", effectTell, mimClose, "", []string{"after"}, ofCables},
	{"MIM_LONGDATA", effectTellLong, mimLongData, "", []string{"bytes", "after"}, ofCables},
	{"MIM_LONGERROR", effectTellLong, mimLongError, "", []string{"bytes", "after"}, ofCables},
	{"stamp", effectStampBy, 0, "", []string{"to", "by", "after"}, ofCables},
	{"suspend", effectSuspend, 0, "a duration, such as 8h,", []string{"after"}, ofCables},
}

func ofCalls(on cause) bool { return on != onTime }

// ofCables reports whether it is known which cable an event would happen to.
func ofCables(on cause) bool { return on != callInCount && on != callOutCount }

func only(call cause) func(cause) bool {
	return func(on cause) bool { return on == call }
}

// hasResult reports whether a fault can give a result: a call that has one.
func hasResult(on cause) bool { return ofCables(on) && on < onMessage }

// faultResults are the results of WinMM by name, without what all names begin with.
var faultResults = func() map[string]MMResult {
	short := map[string]MMResult{}
	for name, result := range mmNames() {
		short[shortResult(name)] = result
	}
	return short
}()

func shortResult(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "MMSYSERR_"), "MIDIERR_")
}

// parseFault reads a line; nil: there is no fault in it.
func parseFault(line string) (*fault, error) {
	words, err := faultWords(line)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	arrow := slices.Index(words, "->")
	if arrow < 0 {
		return nil, fmt.Errorf("no \"->\" in %q: write what sets the fault off, \"->\" and what happens", strings.Join(words, " "))
	}
	f := &fault{cable: -1, first: 1, last: math.MaxUint64}
	when, err := parseTrigger(f, words[:arrow])
	if err != nil {
		return nil, err
	}
	return f, parseEffect(f, when, words[arrow+1:])
}

// faultWords splits a line at white space that is not in quotation marks; these it leaves out, and
// comments.
func faultWords(line string) ([]string, error) {
	if !utf8.ValidString(line) {
		return nil, errors.New("the line is not UTF-8")
	}
	var words []string
	var word strings.Builder
	quoted, inWord := false, false
	end := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	for _, c := range strings.TrimRight(line, "\r\n") {
		switch {
		case unicode.IsControl(c) && c != '\t':
			return nil, fmt.Errorf("the line contains %U: text was expected", c)
		case c == '"':
			quoted, inWord = !quoted, true
		case !quoted && c == ';':
			end()
			return words, nil
		case !quoted && unicode.IsSpace(c):
			end()
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("a quotation mark has no other one in its line")
	}
	end()
	return words, nil
}

// parseTrigger reads what is before the arrow, and returns its name.
func parseTrigger(f *fault, words []string) (name string, err error) {
	expect := func(found string) error {
		return fmt.Errorf("%s where one of at=DURATION, %s was expected", found, strings.Join(causeWords[:], ", "))
	}
	keys := slices.Clone(words)
	for i, word := range words {
		if strings.Contains(word, "=") {
			continue
		}
		on := slices.Index(causeWords[:], word)
		if on < 0 {
			return "", expect(strconv.Quote(word))
		}
		name, f.on = word, cause(on)
		keys = slices.Delete(keys, i, i+1)
		break
	}
	allowed := []string{"cable", "nth"}
	if name == "" {
		name, f.on = "at", onTime
		allowed = []string{"at", "cable"}
	}
	if !ofCables(f.on) {
		allowed = []string{"nth"}
	}
	values, err := faultKeys(name, keys, allowed)
	if err != nil {
		return "", err
	}
	if f.on == onTime {
		if _, ok := values["at"]; !ok {
			return "", expect("nothing")
		}
		if _, ok := values["cable"]; !ok {
			return "", errors.New("at: no cable: write cable=N, the number of the one that it happens to")
		}
	}
	return name, cmp.Or(
		values.duration("at", &f.after),
		values.number("cable", 0, 254, func(n int64) { f.cable = int(n) }),
		values.times("nth", &f.first, &f.last))
}

// parseEffect reads what is behind the arrow; when is what is before it.
func parseEffect(f *fault, when string, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("nothing behind the arrow: for %s, one of %s was expected", when, possibleEffects(f.on))
	}
	if result, ok := faultResults[shortResult(words[0])]; ok && hasResult(f.on) {
		f.effect, f.value = effectReturn, int64(result)
		_, err := faultKeys(words[0], words[1:], nil)
		return err
	}
	i := slices.IndexFunc(faultEffects, func(e effectForm) bool { return e.word == words[0] && e.fits(f.on) })
	if i < 0 {
		return fmt.Errorf("%q: for %s, one of %s was expected", words[0], when, possibleEffects(f.on))
	}
	e, rest := faultEffects[i], words[1:]
	f.effect, f.message = e.effect, e.message
	switch e.effect {
	case effectReplug:
		f.value = math.MaxInt32 // the end of the list
	case effectTell:
		f.data = 0x403C90
	}
	value := ""
	if e.value != "" {
		if len(rest) == 0 {
			return fmt.Errorf("%s: %s was expected behind it", e.word, e.value)
		}
		value, rest = rest[0], rest[1:]
	}
	allowed := e.keys
	if f.on == onTime {
		allowed = slices.DeleteFunc(slices.Clone(allowed), func(key string) bool { return key == "after" })
	}
	values, err := faultKeys(e.word, rest, allowed)
	if err != nil {
		return err
	}
	if e.value != "" {
		values[e.word] = value
	}
	_, to := values["to"]
	_, by := values["by"]
	if e.word == "stamp" && to == by {
		return errors.New("stamp: either to=N or by=N was expected")
	}
	if to {
		f.effect = effectStampTo
	}
	set := func(n int64) { f.value = n }
	return cmp.Or(
		values.duration("delay", (*time.Duration)(&f.value)),
		values.duration("suspend", (*time.Duration)(&f.value)),
		values.number("storm", 0, math.MaxInt32, set),
		values.duration("after", &f.after),
		values.number("index", 0, 254, set),
		values.number("bytes", 0, math.MaxInt32, set),
		values.number("to", 0, math.MaxUint32, set),
		values.number("by", math.MinInt32, math.MaxInt32, set),
		values.message("message", &f.data),
		values.text("name", 31, &f.name),
		values.text("id", 255, &f.id))
}

func possibleEffects(on cause) string {
	var possible []string
	for _, e := range faultEffects {
		if e.fits(on) {
			possible = append(possible, e.word)
		}
	}
	if hasResult(on) {
		possible = append(possible, slices.Sorted(maps.Keys(faultResults))...)
	}
	return strings.Join(possible, ", ")
}

// faultValues are what stands behind keys.
type faultValues map[string]string

// faultKeys reads words as KEY=VALUE.
func faultKeys(of string, words, allowed []string) (faultValues, error) {
	values := faultValues{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if _, twice := values[key]; twice {
			return nil, fmt.Errorf("%s: %s is there twice", of, key)
		}
		if !ok || !slices.Contains(allowed, key) {
			if len(allowed) == 0 {
				return nil, fmt.Errorf("%s: %q: nothing else can follow", of, word)
			}
			return nil, fmt.Errorf("%s: %q: one of %s=... was expected", of, word, strings.Join(allowed, "=..., "))
		}
		values[key] = value
	}
	return values, nil
}

func (v faultValues) duration(key string, into *time.Duration) error {
	text, ok := v[key]
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%s: %q: a duration was expected, such as 5s or 250ms, not below 0", key, text)
	}
	*into = d
	return nil
}

func (v faultValues) number(key string, least, most int64, set func(int64)) error {
	text, ok := v[key]
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%s: %q: a number from %d to %d was expected", key, text, least, most)
	}
	set(n)
	return nil
}

// times reads "N", "N..M" or "N..".
func (v faultValues) times(key string, first, last *uint64) error {
	text, ok := v[key]
	if !ok {
		return nil
	}
	from, to, ranged := strings.Cut(text, "..")
	if !ranged {
		to = from
	}
	var err1, err2 error
	*first, err1 = strconv.ParseUint(from, 10, 32)
	if to != "" {
		*last, err2 = strconv.ParseUint(to, 10, 32)
	}
	if err1 != nil || err2 != nil || *first < 1 || *last < *first {
		return fmt.Errorf("%s: %q: N, N..M or N.. was expected, with N from 1 and M from N", key, text)
	}
	return nil
}

func (v faultValues) message(key string, into *uint32) error {
	text, ok := v[key]
	if !ok {
		return nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 1 || len(b) > 3 {
		return fmt.Errorf("%s: %q: 1 to 3 bytes in hexadecimal digits were expected, such as 903C40", key, text)
	}
	*into = 0
	for i, c := range b {
		*into |= uint32(c) << (8 * i)
	}
	return nil
}

func (v faultValues) text(key string, most int, into *string) error {
	text, ok := v[key]
	if !ok {
		return nil
	}
	if n := len(utf16.Encode([]rune(text))); n < 1 || n > most {
		return fmt.Errorf("%s: %q: 1 to %d UTF-16 units were expected", key, text, most)
	}
	*into = text
	return nil
}
