//go:build cgo && (linux || windows)

package cwinmm

// #include "input.h"
import "C"

import (
	"unsafe"
)

const (
	_ = uint(RouteCells-C.ONSET_ROUTE_CELLS) + uint(C.ONSET_ROUTE_CELLS-RouteCells)
	_ = uint(MostTogether-C.ONSET_TOGETHER) + uint(C.ONSET_TOGETHER-MostTogether)
	_ = uint(unsafe.Sizeof(RouteCell{})-C.sizeof_struct_onset_route_cell) + uint(C.sizeof_struct_onset_route_cell-unsafe.Sizeof(RouteCell{}))
	_ = uint(unsafe.Sizeof(RouteTarget{})-C.sizeof_struct_onset_route_target) + uint(C.sizeof_struct_onset_route_target-unsafe.Sizeof(RouteTarget{}))
	_ = uint(unsafe.Sizeof(RouteStep{})-C.sizeof_struct_onset_route_step) + uint(C.sizeof_struct_onset_route_step-unsafe.Sizeof(RouteStep{}))
)

// Route has the callback send short messages along routes, of which it makes a copy, from when everything before
// has been handled (Ring.Calm), in place of those before; nil: along none. It waits for nobody. None of the outputs may
// be given up meanwhile. It is an *Error where there is no memory: then nothing has changed.
func (in *Input) Route(r *Routes) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.c == nil || in.ending {
		return nil
	}
	in.Ring.calm.Store(^uint64(0)) // what it says is not of these routes; before they can be found
	if r == nil {
		C.onset_input_route(in.c, nil)
		return nil
	}
	outputs := make([]*C.struct_onset_output, len(r.Outputs))
	for i, out := range r.Outputs {
		if out != nil {
			outputs[i] = out.c
		}
	}
	routes := C.onset_routes_new(
		(*C.struct_onset_route_cell)(unsafe.Pointer(unsafe.SliceData(r.Cells))),
		(*C.struct_onset_route_target)(unsafe.Pointer(unsafe.SliceData(r.Targets))), C.uint32_t(len(r.Targets)),
		(*C.struct_onset_route_step)(unsafe.Pointer(unsafe.SliceData(r.Steps))), C.uint32_t(len(r.Steps)),
		unsafe.SliceData(outputs), C.uint32_t(len(outputs)), C.uint32_t(r.Tag),
		C.uint32_t(r.Window>>C.ONSET_ECHO_SHIFT))
	if routes == nil {
		return &Error{"routes", mmNoMem}
	}
	C.onset_input_route(in.c, routes)
	return nil
}
