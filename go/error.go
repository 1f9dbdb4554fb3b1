// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Code says what kind of failure an [Error] is.
type Code int32

// The codes of the C library, and two of this package's own (below zero).
const (
	// CodeArgument: an argument is missing, malformed or contradicts another one.
	CodeArgument Code = 1
	// CodePath: a path or unit name breaks the rule that it was checked against.
	CodePath Code = 2
	// CodeJSON: JSON that cannot be read; the message has line and column.
	CodeJSON Code = 3
	// CodeValue: a value that is out of range or contradicts another one.
	CodeValue Code = 4
	// CodeNotMounted: no cgroup mount, or none with the controller that is needed.
	CodeNotMounted Code = 5
	// CodeController: the controller is not available in this cgroup.
	CodeController Code = 6
	// CodeSystem: a system call failed; see SysErrno.
	CodeSystem Code = 7
	// CodeUnsupported: cannot be done on this layout, or by this version.
	CodeUnsupported Code = 8
	// CodeDeleted: the cgroup does not exist (any more).
	CodeDeleted Code = 9
	// CodeClamped: the kernel took a value and changed it.
	CodeClamped Code = 10
	// CodeRootless: without root, no cgroup could be made to hold the limits asked for.
	CodeRootless Code = 11
	// CodeBusy: still in use after the deadline; the message names what is left.
	CodeBusy Code = 12
	// CodeTimeout: a deadline passed.
	CodeTimeout Code = 13
	// CodePanic: a bug in the library was caught. What the call did is not known.
	CodePanic Code = 14
	// CodeTooNew: an option that this version of the library does not know.
	CodeTooNew Code = 15
	// CodeBus: systemd cannot be reached: no bus, or no systemd on it.
	CodeBus Code = 16
	// CodeClosed: the Host, Manager or Attach was closed; matches [os.ErrClosed].
	CodeClosed Code = -1
	// CodeNoCgo: the package was built without the library; matches [ErrNoCgo].
	CodeNoCgo Code = -2
)

// The errors that an [Error] matches by its code, one for each.
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

// ErrNoCgo is matched by the error of every call when the package was built without cgo.
var ErrNoCgo = errors.New("katacg: built without libkatacg (CGO_ENABLED=0, or not for Linux): " +
	"install libkatacg and rebuild with CGO_ENABLED=1")

var sentinels = map[Code]error{
	CodeArgument: ErrArgument, CodePath: ErrPath, CodeJSON: ErrJSON, CodeValue: ErrValue,
	CodeNotMounted: ErrNotMounted, CodeController: ErrController, CodeSystem: ErrSystem,
	CodeUnsupported: ErrUnsupported, CodeDeleted: ErrDeleted, CodeClamped: ErrClamped,
	CodeRootless: ErrRootless, CodeBusy: ErrBusy, CodeTimeout: ErrTimeout, CodePanic: ErrPanic,
	CodeTooNew: ErrTooNew, CodeBus: ErrBus, CodeClosed: os.ErrClosed, CodeNoCgo: ErrNoCgo,
}

// Error is why a call failed. All errors of this package are of type *Error.
type Error struct {
	// Op is the function or method, for example "ValidatePath" or "Manager.Set".
	Op string
	// Code is the kind of failure.
	Code Code
	// Errno is the call's result: the system call's errno, or the one that stands for Code.
	Errno syscall.Errno
	// SysErrno is the errno of the system call that failed; 0 when none did.
	SysErrno syscall.Errno
	// Message is the library's text, of at most 495 bytes: operation, file, value, cause,
	// and what can be done. A longer text ends in "...".
	Message string
}

// Error returns the library's message as it is: Kata's texts are part of its compatibility.
func (e *Error) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("katacg: %s: %v", e.Op, e.Errno)
}

// Unwrap returns the code's sentinel and the errnos, for [errors.Is] and [errors.As].
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
