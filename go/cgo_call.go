// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #cgo pkg-config: katacg
// #include <katacg.h>
import "C"

import (
	"bytes"
	"strings"
	"syscall"
	"unsafe"
)

type (
	hostHandle    struct{ c *C.struct_katacg_host }
	managerHandle struct{ c *C.struct_katacg_manager }
)

// How large the first buffer is for a path, and for other text.
const (
	pathRoom = 256
	textRoom = 4096
)

// chars is what C sees of a slice. nil is NULL; an empty slice is not.
func chars(b []byte) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(b)))
}

// stringChars is what C sees of a string's bytes, which have no NUL at their end.
func stringChars(s string) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s)))
}

// cstring appends s and a NUL to buf, which is on the caller's stack and long enough for most.
func cstring(buf []byte, op, name, s string) ([]byte, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, argumentError(op, name+" has a NUL byte")
	}
	if len(s) >= cap(buf) {
		buf = make([]byte, 0, len(s)+1)
	}
	return append(append(buf, s...), 0), nil
}

// failure makes an error from a call's result. It copies everything: e is on the caller's stack.
func failure(op string, result C.int, e *C.struct_katacg_error) error {
	text := (*[C.KATACG_ERROR_MESSAGE]byte)(unsafe.Pointer(&e.message))[:]
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	return &Error{
		Op:       op,
		Code:     Code(e.code),
		Errno:    syscall.Errno(-result),
		SysErrno: syscall.Errno(e.sys_errno),
		Message:  string(text),
	}
}

// check is for calls whose result says nothing but whether they failed.
func check(op string, result C.int, e *C.struct_katacg_error) error {
	if result < 0 {
		return failure(op, result, e)
	}
	return nil
}

// count is for calls whose result is a number.
func count(op string, result C.int, e *C.struct_katacg_error) (int, error) {
	if result < 0 {
		return 0, failure(op, result, e)
	}
	return int(result), nil
}

// textCall is a C function with its text-out arguments left open.
type textCall func(buf *C.char, size C.size_t, e *C.struct_katacg_error) C.int

// text calls until the text fits: what a file holds can grow between two calls.
func text(op string, room int, call textCall) ([]byte, error) {
	var e C.struct_katacg_error
	for {
		buf := make([]byte, room)
		n := call(chars(buf), C.size_t(room), &e)
		if n < 0 {
			return nil, failure(op, n, &e)
		}
		if int(n) < room {
			return buf[:n:n], nil
		}
		room = int(n) + 1
	}
}
