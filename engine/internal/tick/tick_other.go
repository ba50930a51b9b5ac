//go:build !amd64

package tick

func rdtsc() uint64 { return 0 }

func invariantTSC() bool { return false }

// Pause tells the processor that this is a busy wait.
func Pause() {}
