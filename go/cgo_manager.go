// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

/*
#include <katacg.h>

// C fills in the options, because a Go structure that holds Go pointers must not be passed to C.
// The JSON is a specification, or the resources of a new cgroup.
static int katacg_go_manager_new(int how, const struct katacg_host *host, const char *spec,
				 size_t spec_len, uint64_t flags, const char *path,
				 const char *subsystems, const char *name, int32_t log_fd,
				 uint32_t owner_uid, uint32_t owner_gid, uint32_t driver,
				 uint32_t bus, const char *bus_address,
				 uint32_t systemd_version, const char *unit,
				 struct katacg_manager **out, struct katacg_error *err)
{
	struct katacg_manager_opts opts = KATACG_MANAGER_OPTS_INIT;

	opts.flags = flags;
	opts.path = path;
	opts.subsystems = subsystems;
	opts.name = name;
	opts.owner_uid = owner_uid;
	opts.owner_gid = owner_gid;
	opts.driver = driver;
	opts.bus = bus;
	opts.bus_address = bus_address;
	opts.systemd_version = systemd_version;
	opts.unit = unit;
	if (log_fd >= 0) {
		opts.log_fd = log_fd;
		opts.log_level = 1;
	}
	switch (how) {
	case 1:
		return katacg_cgroup_new_opts(host, spec, spec_len, &opts, sizeof(opts), out, err);
	case 2:
		return katacg_cgroup_load_opts(host, &opts, sizeof(opts), out, err);
	default:
		return katacg_manager_new(host, spec, spec_len, &opts, sizeof(opts), out, err);
	}
}

#cgo noescape katacg_go_manager_new
#cgo nocallback katacg_go_manager_new
#cgo noescape katacg_manager_load
#cgo nocallback katacg_manager_load
#cgo noescape katacg_cgroup_new
#cgo nocallback katacg_cgroup_new
#cgo noescape katacg_cgroup_load
#cgo nocallback katacg_cgroup_load
#cgo noescape katacg_manager_free
#cgo nocallback katacg_manager_free
#cgo noescape katacg_manager_apply
#cgo nocallback katacg_manager_apply
#cgo noescape katacg_manager_set
#cgo nocallback katacg_manager_set
#cgo noescape katacg_manager_plan
#cgo nocallback katacg_manager_plan
#cgo noescape katacg_manager_paths
#cgo nocallback katacg_manager_paths
#cgo noescape katacg_manager_path
#cgo nocallback katacg_manager_path
#cgo noescape katacg_manager_unit
#cgo nocallback katacg_manager_unit
#cgo noescape katacg_manager_log
#cgo nocallback katacg_manager_log
#cgo noescape katacg_manager_state
#cgo nocallback katacg_manager_state
#cgo noescape katacg_manager_read
#cgo nocallback katacg_manager_read
#cgo noescape katacg_manager_write
#cgo nocallback katacg_manager_write
*/
import "C"

import "strings"

func managerNew(
	op string, how howNew, host hostHandle, spec []byte, options *ManagerOptions, logFD int32,
) (managerHandle, error) {
	path, err := optional(op, "options.Path", options.Path)
	if err != nil {
		return managerHandle{}, err
	}
	subsystems, err := joined(op, "options.Subsystems", options.Subsystems)
	if err != nil {
		return managerHandle{}, err
	}
	name, err := optional(op, "options.Name", options.Name)
	if err != nil {
		return managerHandle{}, err
	}
	address, err := optional(op, "options.BusAddress", options.BusAddress)
	if err != nil {
		return managerHandle{}, err
	}
	unit, err := optional(op, "options.Unit", options.Unit)
	if err != nil {
		return managerHandle{}, err
	}
	flags := C.uint64_t(options.Flags)
	if options.NoRollback {
		flags |= C.KATACG_MANAGER_NO_ROLLBACK
	}
	if options.Existing {
		flags |= C.KATACG_MANAGER_EXISTING
	}
	var owner Owner
	if options.Owner != nil {
		flags |= C.KATACG_MANAGER_DELEGATE
		owner = *options.Owner
	}
	var m managerHandle
	var e C.struct_katacg_error
	n := C.katacg_go_manager_new(C.int(how), host.c, chars(spec), C.size_t(len(spec)), flags,
		chars(path), chars(subsystems), chars(name), C.int32_t(logFD), C.uint32_t(owner.UID),
		C.uint32_t(owner.GID), C.uint32_t(options.Driver), C.uint32_t(options.Bus), chars(address),
		C.uint32_t(options.SystemdVersion), chars(unit), &m.c, &e)
	return m, check(op, n, &e)
}

// optional returns a C string, or nil (NULL in C) for "".
func optional(op, name, s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return cstring(nil, op, name, s)
}

// joined returns a comma-separated C string. It returns nil (NULL in C) for nil, which means all
// subsystems; an empty list gives "".
func joined(op, name string, subsystems []string) ([]byte, error) {
	if subsystems == nil {
		return nil, nil
	}
	return cstring(nil, op, name, strings.Join(subsystems, ","))
}

func managerLoad(op string, host hostHandle, state []byte) (managerHandle, error) {
	var m managerHandle
	var e C.struct_katacg_error
	n := C.katacg_manager_load(host.c, chars(state), C.size_t(len(state)), &m.c, &e)
	return m, check(op, n, &e)
}

func cgroupNew(
	op string, host hostHandle, subsystems []string, path string, resources []byte,
) (managerHandle, error) {
	s, err := joined(op, "subsystems", subsystems)
	if err != nil {
		return managerHandle{}, err
	}
	p, err := cstring(nil, op, "path", path)
	if err != nil {
		return managerHandle{}, err
	}
	var m managerHandle
	var e C.struct_katacg_error
	n := C.katacg_cgroup_new(host.c, chars(s), chars(p), chars(resources),
		C.size_t(len(resources)), &m.c, &e)
	return m, check(op, n, &e)
}

func cgroupLoad(
	op string, host hostHandle, subsystems []string, path string,
) (managerHandle, error) {
	s, err := joined(op, "subsystems", subsystems)
	if err != nil {
		return managerHandle{}, err
	}
	p, err := cstring(nil, op, "path", path)
	if err != nil {
		return managerHandle{}, err
	}
	var m managerHandle
	var e C.struct_katacg_error
	return m, check(op, C.katacg_cgroup_load(host.c, chars(s), chars(p), &m.c, &e), &e)
}

func managerFree(m managerHandle) { C.katacg_manager_free(m.c) }

func managerApply(op string, m managerHandle, pid int32, flags ApplyFlags) (int, error) {
	var e C.struct_katacg_error
	return count(op, C.katacg_manager_apply(m.c, C.int32_t(pid), C.uint32_t(flags), &e), &e)
}

func managerSet(op string, m managerHandle, resources []byte) error {
	var e C.struct_katacg_error
	n := C.katacg_manager_set(m.c, chars(resources), C.size_t(len(resources)), &e)
	return check(op, n, &e)
}

func managerPlan(op string, m managerHandle, resources []byte, flags PlanFlags) (string, error) {
	out, err := text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_plan(m.c, chars(resources), C.size_t(len(resources)),
			C.uint32_t(flags), b, n, e)
	})
	return string(out), err
}

func managerText(op string, fn managerFunc, m managerHandle) ([]byte, error) {
	return text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		switch fn {
		case managerPaths:
			return C.katacg_manager_paths(m.c, b, n, e)
		case managerState:
			return C.katacg_manager_state(m.c, b, n, e)
		case managerUnit:
			return C.katacg_manager_unit(m.c, b, n, e)
		case managerDevices:
			return C.katacg_manager_devices(m.c, b, n, e)
		}
		panic("katacg: unknown manager function")
	})
}

func managerLog(op string, m managerHandle, fd int32) error {
	var level C.uint32_t
	if fd >= 0 {
		level = 1
	}
	var e C.struct_katacg_error
	return check(op, C.katacg_manager_log(m.c, C.int32_t(fd), level, &e), &e)
}

func managerPath(op string, m managerHandle, subsystem string) (string, error) {
	s, err := cstring(nil, op, "subsystem", subsystem)
	if err != nil {
		return "", err
	}
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_path(m.c, chars(s), b, n, e)
	})
	return string(out), err
}

func managerRead(op string, m managerHandle, subsystem, file string) (string, error) {
	s, err := cstring(nil, op, "subsystem", subsystem)
	if err != nil {
		return "", err
	}
	f, err := cstring(nil, op, "file", file)
	if err != nil {
		return "", err
	}
	out, err := text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_manager_read(m.c, chars(s), chars(f), b, n, e)
	})
	return string(out), err
}

func managerWrite(op string, m managerHandle, subsystem, file, value string) error {
	s, err := cstring(nil, op, "subsystem", subsystem)
	if err != nil {
		return err
	}
	f, err := cstring(nil, op, "file", file)
	if err != nil {
		return err
	}
	var e C.struct_katacg_error
	n := C.katacg_manager_write(m.c, chars(s), chars(f), stringChars(value),
		C.size_t(len(value)), &e)
	return check(op, n, &e)
}
