// SPDX-License-Identifier: Apache-2.0

// Package katacg manages control groups (cgroups) for container runtimes. It is a thin layer over
// the C library libkatacg.
//
// A [Manager] stands for the cgroup of one sandbox or container: one directory in every hierarchy
// that the cgroup joins, or one unit of systemd. The manager creates the cgroup, sets its limits,
// moves processes into it, freezes or kills them, and removes the cgroup. It works on cgroup v1,
// hybrid and v2 hosts. A [Host] describes which hierarchies this machine has mounted. Functions
// such as [ValidatePath] apply the rules of Kata Containers for cgroup paths.
//
// # Life cycle
//
// This code limits a process and its descendants to 64 tasks and 256 MiB of memory. At the end it
// kills them and removes the cgroup:
//
//	host, err := katacg.OpenHost()
//	if err != nil {
//		return err
//	}
//	defer host.Close()
//	spec := []byte(`{
//		"cgroupsPath": "/pods/sandbox-1",
//		"resources": {"memory": {"limit": 268435456}, "pids": {"limit": 64}}
//	}`)
//	options := katacg.ManagerOptions{Flags: katacg.SkipDevices}
//	m, err := katacg.NewManager(host, spec, &options)
//	if err != nil {
//		return err
//	}
//	defer m.Close()
//
//	// Creates the cgroup, sets the limits, and moves the process in.
//	if _, err := m.Apply(pid, katacg.ApplySet); err != nil {
//		return err
//	}
//	// Changes one limit; the others stay.
//	if err := m.Set([]byte(`{"pids": {"limit": 128}}`)); err != nil {
//		return err
//	}
//	// Ends the processes, then removes the cgroup.
//	if err := m.Kill(syscall.SIGKILL); err != nil {
//		return err
//	}
//	return m.Destroy()
//
// Limits are an OCI linux.resources object in JSON. Sizes are in bytes and CPU times in
// microseconds, as the OCI runtime specification defines them. [Manager.Plan] shows what a call
// would do, without doing it. [Manager.State] and [LoadManager] hand a manager on to another
// process.
//
// # Building
//
// The package needs cgo, pkg-config and libkatacg (katacg.pc). With CGO_ENABLED=0, or on a system
// other than Linux, the package still compiles, and every call fails with [ErrNoCgo].
//
// # Errors
//
// Every error is an [*Error]. It matches the sentinel of its code, its errno, and, through the
// errno, the errors of io/fs:
//
//	errors.Is(err, katacg.ErrDeleted)
//	errors.Is(err, syscall.EBUSY)
//	errors.Is(err, fs.ErrPermission)
//
// When [Manager.Apply], [Manager.Set] or [Manager.Add] fails, it puts back what it has changed. The
// error message names what could not be put back.
//
// # systemd
//
// A path "slice:prefix:name" makes the cgroup a unit of systemd: the scope "prefix-name.scope" in
// that slice, or the slice "name" when the name ends in ".slice". The caller's privilege decides
// which systemd is asked. Root uses the system's. Any other caller uses the user's, on a unified
// host only; XDG_RUNTIME_DIR says where the user's bus is.
//
// Limits become properties of the unit, so they survive a daemon-reload. Where an old systemd
// resets a limit anyway, the call warns. systemd applies the device rules. [ManagerOptions] selects
// the systemd; [Manager.Apply] and [Manager.Destroy] say what differs for a unit.
//
// # Strings
//
// Paths are bytes, as they are for the kernel; they need not be UTF-8. A string with a NUL byte is
// refused with [ErrArgument], because C would cut the string there.
//
// # Ownership
//
// Many goroutines may use a [Host], [Manager] or [Attach] at once. Close waits for running calls;
// later calls fail with [os.ErrClosed]. The garbage collector frees a handle that nobody closed.
// Closing a Manager keeps its cgroup: [Manager.Destroy] removes the cgroup. The package copies
// every argument that it keeps, except the log file.
//
// # Children
//
// Moving a process into a cgroup waits milliseconds for the kernel. A child that starts inside its
// cgroup does not wait: [Manager.Dirfd] does this on cgroup2. cgroup v1 has no such way. A Go
// program cannot call the C function katacg_attach_self between fork and exec either. Use
// [Manager.Add], or [Attach.Self] in a process that is about to execute the child's program.
package katacg
