package bench

import (
	"runtime"
	"time"
)

// usage is a reading of the process's CPU time.
type usage struct {
	cpu time.Duration
	at  time.Time
}

func measureCPU() usage { return usage{processCPU(), time.Now()} }

// rate returns the CPU seconds a second since the reading, without the CPU time except.
func (u usage) rate(except time.Duration) float64 {
	used := processCPU() - u.cpu - except
	return max(0, used.Seconds()/time.Since(u.at).Seconds())
}

// allocated returns how many heap objects the process has allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
