//go:build !amd64

// Package release has the store that a ring's consumer needs.
package release

import "sync/atomic"

// Store stores value in *addr after every load and store before it.
func Store(addr *atomic.Uint64, value uint64) { addr.Store(value) }
