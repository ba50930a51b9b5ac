//go:build cgo && (linux || windows)

package cwinmm

// #include "client.h"
import "C"

import "unsafe"

// client makes calls through the seam and notes what it hears: client.c. It is here because test files
// cannot use cgo. It has eight headers, numbered from 0, each with a buffer of its own.
type client struct{ c *C.struct_onset_client }

func newClient(d *Driver) client { return client{C.onset_client_new(d.c)} }

func (c client) free() { C.onset_client_free(c.c) }

// call makes a call; argument is the device's id, the header's number or the message.
func (c client) call(call cause, argument uint32) MMResult {
	return MMResult(C.onset_client_call(c.c, C.enum_onset_call(call), C.uint32_t(argument)))
}

// size sets the size of a header's buffer and returns the buffer.
func (c client) size(header uint32, size int) []byte {
	C.onset_client_size(c.c, C.uint32_t(header), C.uint32_t(size))
	return c.bytes(header, uint32(size))
}

// bytes returns what a header's buffer begins with.
func (c client) bytes(header, count uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(C.onset_client_bytes(c.c, C.uint32_t(header)))), count)
}

// flags returns a header's flags.
func (c client) flags(header uint32) uint32 {
	return uint32(C.onset_client_flags(c.c, C.uint32_t(header)))
}

// again has the next count buffers that come home added again from within the callback.
func (c client) again(count int) { C.onset_client_again(c.c, C.int32_t(count)) }

// hold keeps the driver's thread in the input's callback, until released.
func (c client) hold(hold bool) { C.onset_client_hold(c.c, C.bool(hold)) }

// heard is a callback as it came: struct onset_heard.
type heard struct {
	message, param, stamp, bytes, flags uint32
	thread                              uint64
}

// heard returns the callbacks from the n-th on.
func (c client) heard(from int) []heard {
	all := c.c.heard[:min(int(C.onset_client_noted(c.c)), len(c.c.heard))]
	var news []heard
	for _, h := range all[min(from, len(all)):] {
		news = append(news, heard{uint32(h.message), uint32(h.param), uint32(h.stamp), uint32(h.bytes), uint32(h.flags), uint64(h.thread)})
	}
	return news
}
