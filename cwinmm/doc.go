// Package cwinmm is Onset's core in C and the Go side of it: the callback that WinMM calls, the ring
// it writes, the words threads sleep on, and the outputs. It is the only package that uses cgo.
//
// It has no opinion on ports, names or handlers: package engine does that and is what programs
// import. The C files say how each part works; README.md, under Architecture, says why.
package cwinmm
