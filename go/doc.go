// SPDX-License-Identifier: Apache-2.0

// Package katacg manages control groups for container runtimes. It is a thin layer over the C
// library libkatacg: the rules of Kata Containers for cgroup paths, what a host offers, and
// managers that create a sandbox's cgroup, give it OCI resources and remove it, on cgroup v1,
// hybrid and v2.
//
// The package needs cgo, pkg-config and libkatacg (katacg.pc). Built with CGO_ENABLED=0, or for
// another system than Linux, it compiles all the same, and every call fails with [ErrNoCgo].
//
// # Errors
//
// Every error is an [*Error]. It matches the sentinel of its code, its errno, and through that
// the errors of io/fs:
//
//	errors.Is(err, katacg.ErrDeleted)
//	errors.Is(err, syscall.EBUSY)
//	errors.Is(err, fs.ErrPermission)
//
// # Strings
//
// Paths are bytes, as they are for the kernel: they need not be UTF-8. A string with a NUL byte
// is refused with [ErrArgument], because no file can have that name and C would cut it there.
//
// # Handles
//
// [Host] and [Manager] may be used by many goroutines at once. Close waits for the calls that
// are under way; calls that come later fail with [os.ErrClosed]. A handle that is not closed is
// freed some time after it can no longer be reached. Closing a Manager leaves its cgroup alone:
// see [Manager.Destroy].
package katacg
