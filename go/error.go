// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Code is the kind of failure that an [Error] reports.
type Code int32

// Codes of the C library, and two codes of this package (below zero).
const (
	// CodeArgument: an argument is missing, malformed or contradicts another one.
	CodeArgument Code = 1
	// CodePath: a path or unit name breaks the rule that it was checked against.
	CodePath Code = 2
	// CodeJSON: malformed JSON; the message has line and column.
	CodeJSON Code = 3
	// CodeValue: a value is out of range or contradicts another one.
	CodeValue Code = 4
	// CodeNotMounted: no cgroup file system is mounted, or none with the needed controller.
	CodeNotMounted Code = 5
	// CodeController: the controller is not available in this cgroup.
	CodeController Code = 6
	// CodeSystem: a system call failed; see SysErrno.
	CodeSystem Code = 7
	// CodeUnsupported: this layout, or this version of the library, cannot do it.
	CodeUnsupported Code = 8
	// CodeDeleted: the cgroup does not exist, or exists no longer.
	CodeDeleted Code = 9
	// CodeClamped: the kernel accepted a value and changed it.
	CodeClamped Code = 10
	// CodeRootless: a rootless caller could create no cgroup for the requested limits.
	CodeRootless Code = 11
	// CodeBusy: the cgroup or unit is still in use; the message names what uses it.
	CodeBusy Code = 12
	// CodeTimeout: a timeout expired.
	CodeTimeout Code = 13
	// CodePanic: the library caught a bug of its own. The effect of the call is unknown.
	CodePanic Code = 14
	// CodeTooNew: this version of the library does not know an option.
	CodeTooNew Code = 15
	// CodeBus: systemd cannot be reached: there is no bus, or no systemd on it.
	CodeBus Code = 16
	// CodeClosed: the Host, Manager or other handle was closed; matches [os.ErrClosed].
	CodeClosed Code = -1
	// CodeNoCgo: the package was built without the library; matches [ErrNoCgo].
	CodeNoCgo Code = -2
)

// Sentinel errors, one for each [Code]. An [Error] matches the sentinel of its code.
var (
	ErrArgument    = errors.New("katacg: wrong argument")
	ErrPath        = errors.New("katacg: invalid path")
	ErrJSON        = errors.New("katacg: invalid JSON")
	ErrValue       = errors.New("katacg: invalid value")
	ErrNotMounted  = errors.New("katacg: not mounted")
	ErrController  = errors.New("katacg: controller not available")
	ErrSystem      = errors.New("katacg: system call failed")
	ErrUnsupported = errors.New("katacg: not supported")
	ErrDeleted     = errors.New("katacg: cgroup deleted")
	ErrClamped     = errors.New("katacg: value changed by the kernel")
	ErrRootless    = errors.New("katacg: not possible without root")
	ErrBusy        = errors.New("katacg: cgroup in use")
	ErrTimeout     = errors.New("katacg: deadline passed")
	ErrPanic       = errors.New("katacg: bug in libkatacg")
	ErrTooNew      = errors.New("katacg: option not known to libkatacg")
	ErrBus         = errors.New("katacg: systemd cannot be reached")
)

// ErrNoCgo is the sentinel that every call's error matches when the package was built without cgo.
var ErrNoCgo = errors.New("katacg: built without libkatacg (CGO_ENABLED=0, or not for Linux): " +
	"install libkatacg and rebuild with CGO_ENABLED=1")

var sentinels = map[Code]error{
	CodeArgument: ErrArgument, CodePath: ErrPath, CodeJSON: ErrJSON, CodeValue: ErrValue,
	CodeNotMounted: ErrNotMounted, CodeController: ErrController, CodeSystem: ErrSystem,
	CodeUnsupported: ErrUnsupported, CodeDeleted: ErrDeleted, CodeClamped: ErrClamped,
	CodeRootless: ErrRootless, CodeBusy: ErrBusy, CodeTimeout: ErrTimeout, CodePanic: ErrPanic,
	CodeTooNew: ErrTooNew, CodeBus: ErrBus, CodeClosed: os.ErrClosed, CodeNoCgo: ErrNoCgo,
}

// Error describes why a call failed. All errors of this package are of type *Error.
type Error struct {
	// Op is the function or method that failed, for example "ValidatePath" or "Manager.Set".
	Op string
	// Code is the kind of failure.
	Code Code
	// Errno is the call's result: the errno of the failed system call, or the errno that stands
	// for Code.
	Errno syscall.Errno
	// SysErrno is the errno of the failed system call, or 0 when no system call failed.
	SysErrno syscall.Errno
	// Message is the library's message in one line: operation, file, value, cause and remedy.
	// It has at most 495 bytes; a longer message ends in "...".
	Message string
}

// Error returns the library's message unchanged. Kata's messages are part of the compatibility
// promise.
func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("katacg: %s: %v", e.Op, e.Errno)
}

// Unwrap returns the sentinel of the code and both errnos, for [errors.Is] and [errors.As].
func (e *Error) Unwrap() []error {
	var out []error
	if sentinel := sentinels[e.Code]; sentinel != nil {
		out = append(out, sentinel)
	}
	if e.Errno != 0 {
		out = append(out, e.Errno)
	}
	if e.SysErrno != 0 && e.SysErrno != e.Errno {
		out = append(out, e.SysErrno)
	}
	return out
}

func argumentError(op, message string) error {
	return &Error{Op: op, Code: CodeArgument, Errno: syscall.EINVAL, Message: message}
}
