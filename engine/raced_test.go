//go:build race

package engine_test

// raced: the race detector, which keeps memory of its own for what the test touches, is in.
const raced = true
