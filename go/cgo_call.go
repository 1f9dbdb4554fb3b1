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

// Sizes of the first buffer, for a path and for other text.
const (
	pathRoom = 256
	textRoom = 4096
)

// chars returns a slice's bytes as a C pointer: NULL for nil, but not for an empty slice.
func chars(b []byte) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(b)))
}

// stringChars returns a string's bytes as a C pointer. They do not end in NUL.
func stringChars(s string) *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s)))
}

// cstring appends s and a NUL to buf. The caller keeps buf on its stack, so a short string needs no
// allocation.
func cstring(buf []byte, op, name, s string) ([]byte, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, argumentError(op, name+" has a NUL byte")
	}
	if len(s) >= cap(buf) {
		buf = make([]byte, 0, len(s)+1)
	}
	return append(append(buf, s...), 0), nil
}

// failure returns an error made from a call's result. It copies e, which is on the caller's stack.
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

// check returns the error of a call whose result only tells whether the call failed.
func check(op string, result C.int, e *C.struct_katacg_error) error {
	if result < 0 {
		return failure(op, result, e)
	}
	return nil
}

// count returns the result of a call that returns a number.
func count(op string, result C.int, e *C.struct_katacg_error) (int, error) {
	if result < 0 {
		return 0, failure(op, result, e)
	}
	return int(result), nil
}

// textCall calls a C function that writes text into a buffer.
type textCall func(buf *C.char, size C.size_t, e *C.struct_katacg_error) C.int

// text calls with larger buffers until the text fits; a file can grow between two calls.
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
