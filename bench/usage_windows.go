package bench

import (
	"time"

	"golang.org/x/sys/windows"
)

func processCPU() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0
	}
	// Not Filetime.Nanoseconds, which counts from 1970.
	ticks := func(f windows.Filetime) time.Duration {
		return time.Duration(int64(f.HighDateTime)<<32 + int64(f.LowDateTime))
	}
	return (ticks(kernel) + ticks(user)) * 100
}
