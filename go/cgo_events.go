// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_events_open
// #cgo nocallback katacg_events_open
// #cgo noescape katacg_events_fd
// #cgo nocallback katacg_events_fd
// #cgo noescape katacg_events_read
// #cgo nocallback katacg_events_read
// #cgo noescape katacg_events_free
// #cgo nocallback katacg_events_free
import "C"

import (
	"os"
	"syscall"
)

type eventsHandle struct{ c *C.struct_katacg_events }

func eventsOpen(op string, m managerHandle, o EventOptions) (eventsHandle, error) {
	var handle eventsHandle
	var e C.struct_katacg_error
	opts := C.struct_katacg_events_opts{
		kinds:                 C.uint64_t(o.Kinds),
		pressure_resource:     C.uint64_t(o.PressureResource),
		pressure_threshold_us: C.uint64_t(max(o.PressureStall.Microseconds(), 0)),
		pressure_window_us:    C.uint64_t(max(o.PressureWindow.Microseconds(), 0)),
		pressure_level:        C.uint64_t(o.PressureLevel),
		pressure_mode:         C.uint64_t(o.PressureMode),
		threshold_bytes:       C.uint64_t(o.ThresholdBytes),
		threshold_interval_ms: C.uint64_t(max(o.ThresholdInterval.Milliseconds(), 0)),
	}
	if o.PressureFull {
		opts.pressure_full = 1
	}
	n := C.katacg_events_open(m.c, &opts, C.sizeof_struct_katacg_events_opts, &handle.c, &e)
	return handle, check(op, n, &e)
}

func eventsRead(op string, handle eventsHandle) ([]Event, error) {
	var room [16]C.struct_katacg_event
	var e C.struct_katacg_error
	n := C.katacg_events_read(handle.c, &room[0], C.size_t(len(room)), &e)
	if n < 0 {
		return nil, failure(op, n, &e)
	}
	events := make([]Event, n)
	for i := range events {
		found := &room[i]
		events[i] = Event{EventKind(found.kind), uint64(found.count), uint64(found.value)}
	}
	return events, nil
}

// eventsFile returns a duplicate of the descriptor: Go's poller waits for files that it owns.
func eventsFile(op string, handle eventsHandle) (*os.File, error) {
	var e C.struct_katacg_error
	fd := C.katacg_events_fd(handle.c, &e)
	if fd < 0 {
		return nil, failure(op, fd, &e)
	}
	syscall.ForkLock.RLock()
	copied, err := syscall.Dup(int(fd))
	if err == nil {
		syscall.CloseOnExec(copied)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = syscall.SetNonblock(copied, true)
	}
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(copied), "katacg events"), nil
}

func eventsFree(handle eventsHandle) { C.katacg_events_free(handle.c) }
