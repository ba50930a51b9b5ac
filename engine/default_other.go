//go:build !windows

package engine

func defaultDriver() (Driver, error) { return NewLoopback("Loopback A", "Loopback B") }
