// Package release has the store that a ring's consumer needs. It is apart from cwinmm because a cgo package may
// hold no Go assembly.
package release

import "sync/atomic"

// Store stores value in *addr after every load and store before it: a release, and no more than that. That of
// sync/atomic is sequentially consistent, on amd64 an XCHG: the processor waits for its older stores and for the
// cache line, where a MOV leaves both to the store buffer. On amd64 every MOV to memory is a release (Intel SDM 3A,
// Memory Ordering: stores are not reordered with older loads and stores), and the compiler moves nothing across a
// call of assembly.
//
//go:noescape
func Store(addr *atomic.Uint64, value uint64)
