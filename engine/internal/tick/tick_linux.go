package tick

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// osTicks reads CLOCK_MONOTONIC, in nanoseconds.
func osTicks() uint64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for an unknown clock only
	return uint64(now.Nano())
}

func osHz() uint64 { return 1e9 }

// osTrustsTSC asks the kernel, which takes the counter off this list when it proves unsteady.
func osTrustsTSC() bool {
	sources, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/available_clocksource")
	return err != nil || strings.Contains(string(sources), "tsc")
}
