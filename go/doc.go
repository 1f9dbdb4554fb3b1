// SPDX-License-Identifier: Apache-2.0

// Package katacg manages control groups for container runtimes. It is a thin layer over the C
// library libkatacg: the rules of Kata Containers for cgroup paths, what a host offers, and
// managers that create a sandbox's cgroup, give it OCI resources and remove it, on cgroup v1,
// hybrid and v2, by the cgroup file system or through systemd.
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
// # systemd
//
// A path "slice:prefix:name" makes the cgroup a unit of systemd's: the scope "prefix-name.scope" in
// that slice, or the slice "name" when it ends in ".slice". As root it is one of the system's, else
// of the user's (on a unified host; XDG_RUNTIME_DIR says where its bus is). Limits are properties
// of the unit, so that they survive a daemon-reload (one that an old systemd resets all the
// same is a warning), and device rules are systemd's to apply. See
// [ManagerOptions], and [Manager.Apply] and [Manager.Destroy] for what differs.
//
// # Strings
//
// Paths are bytes, as they are for the kernel: they need not be UTF-8. A string with a NUL byte
// is refused with [ErrArgument], because no file can have that name and C would cut it there.
//
// # Handles
//
// [Host], [Manager] and [Attach] may be used by many goroutines at once. Close waits for the calls
// that are under way; calls that come later fail with [os.ErrClosed]. A handle that is not closed
// is freed some time after it can no longer be reached. Closing a Manager leaves its cgroup alone:
// see [Manager.Destroy].
//
// # Children
//
// Moving a process into a cgroup waits for the kernel, for milliseconds. A child that is born in
// its cgroup does not: see [Manager.Dirfd] for cgroup2. v1 has no such way, and the C library's
// katacg_attach_self, which a child of a C program calls between fork and exec, cannot be called
// there by a Go program: use [Manager.Add], or [Attach.Self] in a process that becomes the child.
package katacg
