//go:build !linux && !windows

package tick

import "time"

var start = time.Now()

func osTicks() uint64 { return uint64(time.Since(start)) }

func osHz() uint64 { return 1e9 }

func osTrustsTSC() bool { return true }
