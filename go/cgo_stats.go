// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_manager_stats
// #cgo nocallback katacg_manager_stats
// #cgo noescape katacg_manager_stats_json
// #cgo nocallback katacg_manager_stats_json
// #cgo noescape katacg_stats_reader_open
// #cgo nocallback katacg_stats_reader_open
// #cgo noescape katacg_stats_reader_read
// #cgo nocallback katacg_stats_reader_read
// #cgo noescape katacg_stats_reader_free
// #cgo nocallback katacg_stats_reader_free
import "C"

import "unsafe"

type readerHandle struct{ c *C.struct_katacg_stats_reader }

// Stats has the layout of the C struct: 64-bit numbers in the same order.
const statsSize = unsafe.Sizeof(Stats{})

var _ [statsSize]byte = [C.sizeof_struct_katacg_stats]byte{}

func statsOf(out *Stats) *C.struct_katacg_stats {
	return (*C.struct_katacg_stats)(unsafe.Pointer(out))
}

func managerStats(op string, m managerHandle, controllers StatsControllers) (Stats, error) {
	var out Stats
	var e C.struct_katacg_error
	n := C.katacg_manager_stats(
		m.c, C.uint64_t(controllers), statsOf(&out), C.size_t(statsSize), &e)
	return out, check(op, n, &e)
}

func managerStatsJSON(op string, m managerHandle, controllers StatsControllers) ([]byte, error) {
	call := func(buf *C.char, size C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_stats_json(m.c, C.uint64_t(controllers), buf, size, e)
	}
	return text(op, 2*textRoom, call)
}

func readerOpen(op string, m managerHandle, controllers StatsControllers) (readerHandle, error) {
	var r readerHandle
	var e C.struct_katacg_error
	n := C.katacg_stats_reader_open(m.c, C.uint64_t(controllers), &r.c, &e)
	return r, check(op, n, &e)
}

func readerRead(op string, r readerHandle, out *Stats) (bool, error) {
	var e C.struct_katacg_error
	n := C.katacg_stats_reader_read(r.c, statsOf(out), C.size_t(statsSize), &e)
	return n == 1, check(op, n, &e)
}

func readerFree(r readerHandle) { C.katacg_stats_reader_free(r.c) }
