// Package control knows what can be turned, pressed or set by MIDI channel messages: its names in rig
// files, how it is read from messages and how it is written as messages.
package control
