// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
// #cgo noescape katacg_version
// #cgo nocallback katacg_version
// #cgo noescape katacg_api_level
// #cgo nocallback katacg_api_level
// #cgo noescape katacg_path_is_systemd
// #cgo nocallback katacg_path_is_systemd
// #cgo noescape katacg_path_is_systemd_slice
// #cgo nocallback katacg_path_is_systemd_slice
// #cgo noescape katacg_path_validate
// #cgo nocallback katacg_path_validate
// #cgo noescape katacg_path_rename
// #cgo nocallback katacg_path_rename
// #cgo noescape katacg_path_rename_k3
// #cgo nocallback katacg_path_rename_k3
// #cgo noescape katacg_path_no_constraints
// #cgo nocallback katacg_path_no_constraints
// #cgo noescape katacg_path_parent
// #cgo nocallback katacg_path_parent
// #cgo noescape katacg_path_guest
// #cgo nocallback katacg_path_guest
// #cgo noescape katacg_slice_expand
// #cgo nocallback katacg_slice_expand
// #cgo noescape katacg_path_slice
// #cgo nocallback katacg_path_slice
// #cgo noescape katacg_path_unit
// #cgo nocallback katacg_path_unit
// #cgo noescape katacg_subsystem_path
// #cgo nocallback katacg_subsystem_path
// #cgo noescape katacg_v1_mountpoint
// #cgo nocallback katacg_v1_mountpoint
// #cgo noescape katacg_v1_mountpoint_parse
// #cgo nocallback katacg_v1_mountpoint_parse
// #cgo noescape katacg_subsystems
// #cgo nocallback katacg_subsystems
// #cgo noescape katacg_cpu_validate
// #cgo nocallback katacg_cpu_validate
// #cgo noescape katacg_cpu_aggregate_with
// #cgo nocallback katacg_cpu_aggregate_with
import "C"

func version() string { return C.GoString(C.katacg_version()) }

func apiLevel() int { return int(C.katacg_api_level()) }

func isSystemd(op, path string, slice bool) (bool, error) {
	var room [pathRoom]byte
	in, err := cstring(room[:0], op, "path", path)
	if err != nil {
		return false, err
	}
	if slice {
		return C.katacg_path_is_systemd_slice(chars(in)) == 1, nil
	}
	return C.katacg_path_is_systemd(chars(in)) == 1, nil
}

// pathText makes one cgo call and, for most paths, one allocation, for the result. To that end the
// buffers stay on the stack. A function value in place of pathCall would make them escape.
func pathText(op string, fn pathFunc, path string, flags PathFlags) (string, error) {
	var inRoom, outRoom [pathRoom]byte
	in, err := cstring(inRoom[:0], op, "path", path)
	if err != nil {
		return "", err
	}
	var e C.struct_katacg_error
	for out := outRoom[:]; ; {
		n := pathCall(fn, chars(in), C.uint32_t(flags), chars(out), C.size_t(len(out)), &e)
		if n < 0 {
			return "", failure(op, n, &e)
		}
		if int(n) < len(out) {
			if string(out[:n]) == path {
				return path, nil
			}
			return string(out[:n]), nil
		}
		out = make([]byte, int(n)+1)
	}
}

func pathCall(
	fn pathFunc, in *C.char, flags C.uint32_t, out *C.char, size C.size_t, e *C.struct_katacg_error,
) C.int {
	switch fn {
	case pathValidate:
		return C.katacg_path_validate(in, flags, out, size, e)
	case pathRename:
		return C.katacg_path_rename(in, out, size, e)
	case pathRenameK3:
		return C.katacg_path_rename_k3(in, out, size, e)
	case pathNoConstraints:
		return C.katacg_path_no_constraints(in, out, size, e)
	case pathParent:
		return C.katacg_path_parent(in, out, size, e)
	case pathGuest:
		return C.katacg_path_guest(in, out, size, e)
	case sliceExpand:
		return C.katacg_slice_expand(in, out, size, e)
	case pathSlice:
		return C.katacg_path_slice(in, out, size, e)
	case pathUnit:
		return C.katacg_path_unit(in, out, size, e)
	}
	panic("katacg: unknown path function")
}

func subsystemPath(op, root, subsystem, path string) (string, error) {
	r, err := cstring(nil, op, "root", root)
	if err != nil {
		return "", err
	}
	s, err := cstring(nil, op, "subsystem", subsystem)
	if err != nil {
		return "", err
	}
	p, err := cstring(nil, op, "path", path)
	if err != nil {
		return "", err
	}
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_subsystem_path(chars(r), chars(s), chars(p), b, n, e)
	})
	return string(out), err
}

func v1Mountpoint(op string) (string, error) {
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_v1_mountpoint(b, n, e)
	})
	return string(out), err
}

func parseV1Mountpoint(op string, mountinfo []byte) (string, error) {
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_v1_mountpoint_parse(chars(mountinfo), C.size_t(len(mountinfo)), b, n, e)
	})
	return string(out), err
}

func subsystems(op, root string, set SubsystemSet) (string, error) {
	r, err := cstring(nil, op, "root", root)
	if err != nil {
		return "", err
	}
	out, err := text(op, pathRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_subsystems(chars(r), C.uint32_t(set), b, n, e)
	})
	return string(out), err
}

func cpuValidate(op string, cpu []byte) ([]byte, error) {
	return text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		return C.katacg_cpu_validate(chars(cpu), C.size_t(len(cpu)), b, n, e)
	})
}

func cpuAggregate(op string, cpus []byte, flags CPUFlags) ([]byte, error) {
	return text(op, textRoom, func(b *C.char, n C.size_t, e *C.struct_katacg_error) C.int {
		size := C.size_t(len(cpus))
		return C.katacg_cpu_aggregate_with(chars(cpus), size, C.uint32_t(flags), b, n, e)
	})
}
