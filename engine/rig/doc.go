// Package rig reads rig files, which say which control of one MIDI port sets which control of
// another, and runs them.
//
// The format and what is done to each message are those of MIDIMonster's winmidi and loopback
// backends; what is done differently is listed in the README. The path of a message is
//
//	Decoder (package control) → Tables → Step (package control) → output
//
// and of one that is passed on as it is Tables → output. Tables are flat memory without pointers, made when the
// rig is read.
package rig
