package rig

import (
	"github.com/onset-midi/onset/engine"
	"github.com/onset-midi/onset/engine/control"
)

// Tables say which messages each control sends. They are flat memory without pointers, and written
// once. A control's cell is found by its place: every input has one for each control but RPNs and
// NRPNs, of which only the groups of 128 that are mapped have cells.
type Tables struct {
	cells   []cell
	pages   []uint32 // by input, RPN or NRPN, channel and upper half of the number: the first cell of the lower; 0: none
	targets []target
	steps   []control.Step
	longs   []uint32 // by a step's Long: where in bytes the message begins, and then where the last one ends
	bytes   []byte   // control.Longs
	inputs  []int32  // by instance: its number among those with cells; -1: it reads no port
}

// cell is a run of targets, in the order in which they are to be sent.
type cell struct{ first, count uint32 }

// target is a control's effect: the messages of steps count from first on go to an instance's output.
// For values below threshold it is the steps that follow them.
type target struct {
	first     uint32
	pass      uint32 // 1 and one more for each loopback channel on the way: those of a lower pass come first
	output    uint16 // instance
	threshold uint16 // in 14 bits
	count     uint8
	under     uint8 // steps for values below threshold
	_         uint16
}

const maxSteps = 255 // of a target

// asItCame is the number of the message that has arrived, among those that steps send.
const asItCame = 0

func newTables() *Tables { return &Tables{longs: []uint32{asItCame: 0, asItCame + 1: 0}} }

// addLong adds a system exclusive message and returns its number.
func (t *Tables) addLong(l control.Long) (number uint32) {
	number = uint32(len(t.longs) - 1)
	t.bytes = append(t.bytes, l...)
	t.longs = append(t.longs, uint32(len(t.bytes)))
	return number
}

// long returns the system exclusive message of a number.
func (t *Tables) long(number uint32) control.Long {
	return control.Long(t.bytes[t.longs[number]:t.longs[number+1]])
}

// layout says where each type's cells begin within an input's, and how many each of its channels has.
// Its length is a power of two, which saves a check of the index.
var layout = [16]struct{ first, channel uint32 }{
	control.Note:       {0, 128},
	control.Pressure:   {16 * 128, 128},
	control.CC:         {2 * 16 * 128, 128},
	control.Pair:       {3 * 16 * 128, 32},
	control.Program:    {3*16*128 + 16*32, 1},
	control.Aftertouch: {3*16*128 + 16*32 + 16, 1},
	control.Pitch:      {3*16*128 + 16*32 + 32, 1},
}

const (
	firstSystemCell = 3*16*128 + 16*32 + 48 // by the status byte's low half
	cellsPerInput   = firstSystemCell + 16
	pagesPerInput   = 2 * 16 * 128
)

// placeOf returns which of an input's cells is that of messages that begin with two bytes.
func placeOf(status, data1 byte) uint32 {
	channel := uint32(status & 15)
	if status >= engine.SysEx {
		return firstSystemCell + channel
	}
	l := layout[channelTypes[status>>4&7]]
	return l.first + channel*l.channel + uint32(data1)%l.channel
}

// channelTypes are what channel messages change, by the upper half of the status byte without its highest bit.
var channelTypes = [...]control.Type{
	control.Note, control.Note, control.Pressure, control.CC, control.Program, control.Aftertouch, control.Pitch,
}

// place returns the index of a control's cell; ok is false if there is none.
func (t *Tables) place(input uint32, c control.Control) (index uint32, ok bool) {
	if c.Type < control.RPN {
		l := layout[c.Type&15]
		return input*cellsPerInput + l.first + uint32(c.Channel)*l.channel + uint32(c.Number), true
	}
	page := t.pages[input*pagesPerInput+pageOf(c)]
	return page + uint32(c.Number&127), page != 0
}

func pageOf(c control.Control) uint32 {
	return (uint32(c.Type-control.RPN)*16+uint32(c.Channel))*128 + uint32(c.Number>>7)
}

// find returns what a control's change sends.
func (t *Tables) find(input uint32, c control.Control) []target {
	index, ok := t.place(input, c)
	if !ok {
		return nil
	}
	at := t.cells[index]
	return t.targets[at.first : at.first+at.count]
}

// findSystem returns what a system message is passed on to.
func (t *Tables) findSystem(input uint32, status byte) []target {
	at := t.cells[input*cellsPerInput+firstSystemCell+uint32(status&15)]
	return t.targets[at.first : at.first+at.count]
}

// passed are the system messages that a thru passes on: with sysex the first, with realtime the others.
var passed = [...]byte{
	engine.SysEx, engine.QuarterFrame, engine.SongPosition, engine.SongSelect, engine.Clock, engine.Start,
	engine.Continue, engine.Stop, engine.ActiveSensing, engine.SystemReset,
}
