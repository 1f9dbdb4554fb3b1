// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

const (
	unifiedMountinfo = "25 0 8:1 / / rw - ext4 /dev/sda1 rw\n" +
		"30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	unifiedCgroup   = "0::/user.slice/session.scope\n"
	legacyMountinfo = "25 0 8:1 / / rw - ext4 /dev/sda1 rw\n" +
		"31 25 0:27 / /cg/my\\040cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
		"32 25 0:28 / /cg/memory rw shared:9 - cgroup cgroup rw,memory\n" +
		"33 25 0:29 / /cg/pids rw shared:9 - cgroup cgroup rw,pids\n"
	legacyCgroup = "3:pids:/\n2:memory:/own\n1:cpu,cpuacct:/docker/abc\n"

	resources = `{"cpu":{"quota":50000,"period":100000},"memory":{"limit":67108864},` +
		`"pids":{"limit":64}}`
)

func parseHost(t *testing.T, mountinfo, cgroup string) *katacg.Host {
	t.Helper()
	host, err := katacg.ParseHost([]byte(mountinfo), []byte(cgroup))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return host
}

func newManager(
	t *testing.T, host *katacg.Host, spec string, o katacg.ManagerOptions,
) *katacg.Manager {
	t.Helper()
	manager, err := katacg.NewManager(host, specOf(spec), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	return manager
}

// specOf returns a specification, or nil for "", because an empty slice is malformed JSON.
func specOf(spec string) []byte {
	if spec == "" {
		return nil
	}
	return []byte(spec)
}

func TestVersionAndAPILevelAreSet(t *testing.T) {
	if v := katacg.Version(); !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(v) {
		t.Errorf("version %q", v)
	}
	if level := katacg.APILevel(); level < 1 {
		t.Errorf("API level %d", level)
	}
}

func TestErrorHasCodeErrnoAndMessage(t *testing.T) {
	_, err := katacg.ValidatePath("a:b", katacg.PathSystemd)
	var e *katacg.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T: %v", err, err)
	}
	want := katacg.Error{
		Op: "ValidatePath", Code: katacg.CodePath, Errno: syscall.EINVAL,
		Message: "malformed systemd path 'a:b': expected to be of form 'slice:prefix:name'",
	}
	if *e != want || err.Error() != want.Message {
		t.Errorf("%#v, want %#v", *e, want)
	}
	for target, is := range map[error]bool{
		katacg.ErrPath: true, syscall.EINVAL: true,
		katacg.ErrJSON: false, syscall.ENOENT: false, fs.ErrNotExist: false, os.ErrClosed: false,
	} {
		if errors.Is(err, target) != is {
			t.Errorf("errors.Is(%v, %v) is not %t", err, target, is)
		}
	}

	_, err = katacg.ParseV1Mountpoint(nil)
	for _, target := range []error{katacg.ErrNotMounted, syscall.ENOENT, fs.ErrNotExist} {
		if !errors.Is(err, target) {
			t.Errorf("%v is no %v", err, target)
		}
	}
	_, err = katacg.NewManager(parseHost(t, unifiedMountinfo, unifiedCgroup), []byte("{\n}}"), nil)
	if !errors.Is(err, katacg.ErrJSON) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	_, err = katacg.Subsystems("/", 77)
	if !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("%v", err)
	}
}

// The errors are made by hand, because most of them cannot be provoked on every machine.
func TestErrorMatchesSentinelAndErrnos(t *testing.T) {
	sentinels := []error{
		katacg.ErrArgument, katacg.ErrPath, katacg.ErrJSON, katacg.ErrValue, katacg.ErrNotMounted,
		katacg.ErrController, katacg.ErrSystem, katacg.ErrUnsupported, katacg.ErrDeleted,
		katacg.ErrClamped, katacg.ErrRootless, katacg.ErrBusy, katacg.ErrTimeout, katacg.ErrPanic,
		katacg.ErrTooNew, katacg.ErrBus,
	}
	for i, sentinel := range sentinels {
		err := error(&katacg.Error{Code: katacg.Code(i + 1), Errno: syscall.EACCES})
		for _, other := range sentinels {
			if errors.Is(err, other) != (other == sentinel) {
				t.Errorf("code %d and %v", i+1, other)
			}
		}
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v is no %v", err, fs.ErrPermission)
		}
	}
	err := error(&katacg.Error{Op: "X", Code: 99, Errno: syscall.ERANGE, SysErrno: syscall.EEXIST})
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != syscall.ERANGE || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v: %v", err, errno)
	}
	if text := err.Error(); !strings.Contains(text, "X") || !strings.Contains(text, "range") {
		t.Errorf("without a message: %q", text)
	}
}

// C would cut the string at the NUL.
func TestStringsWithNULAreRefused(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	m := newManager(t, host, `{"cgroupsPath":"/x"}`, katacg.ManagerOptions{})
	const nul = "a\x00b"
	second := func(_ any, err error) error { return err }
	newErr := func(options katacg.ManagerOptions) error {
		_, err := katacg.NewManager(host, nil, &options)
		return err
	}
	for name, err := range map[string]error{
		"IsSystemdPath":          second(katacg.IsSystemdPath("a:b:c\x00")),
		"IsSystemdSlicePath":     second(katacg.IsSystemdSlicePath("a.slice:b:c\x00")),
		"ValidatePath":           second(katacg.ValidatePath(nul, 0)),
		"SubsystemPath root":     second(katacg.SubsystemPath(nul, "cpu", "/")),
		"SubsystemPath name":     second(katacg.SubsystemPath("/", nul, "/")),
		"SubsystemPath path":     second(katacg.SubsystemPath("/", "cpu", nul)),
		"Subsystems":             second(katacg.Subsystems(nul, katacg.SubsystemsAll)),
		"Host.Mountpoint":        second(host.Mountpoint(nul)),
		"Host.OwnCgroup":         second(host.OwnCgroup(nul)),
		"NewManager path":        newErr(katacg.ManagerOptions{Path: nul}),
		"NewManager subsystems":  newErr(katacg.ManagerOptions{Path: "/x", Subsystems: []string{nul}}),
		"Manager.Path":           second(m.Path(nul)),
		"Manager.Read subsystem": second(m.Read(nul, "f")),
		"Manager.Read file":      second(m.Read("", nul)),
		"Manager.Write":          m.Write(nul, "f", "1"),
		"Manager.Write file":     m.Write("", nul, "1"),
		"Manager.Add":            m.Add(nil, katacg.AddOptions{Below: nul}),
		"NewCgroup subsystems":   second(katacg.NewCgroup(host, []string{nul}, "/x", nil)),
		"NewCgroup path":         second(katacg.NewCgroup(host, nil, nul, nil)),
		"LoadCgroup subsystems":  second(katacg.LoadCgroup(host, []string{nul}, "/x")),
		"LoadCgroup path":        second(katacg.LoadCgroup(host, nil, nul)),
		"NewManager bus address": newErr(katacg.ManagerOptions{Path: "/x", BusAddress: nul}),
		"NewManager name":        newErr(katacg.ManagerOptions{Name: nul}),
	} {
		if !errors.Is(err, katacg.ErrArgument) || !errors.Is(err, syscall.EINVAL) ||
			!strings.Contains(err.Error(), "NUL") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := katacg.ParseV1Mountpoint([]byte("1 2 3 4 /a\x00b/c - cgroup c o\n")); err == nil {
		t.Error("a mount point with a NUL byte")
	}
}

func TestTextLongerThanTheFirstBuffer(t *testing.T) {
	for _, length := range []int{254, 255, 256, 257, 5000} {
		path := "/" + strings.Repeat("x", length-1)
		if got, err := katacg.ParentPath(path + "/y"); err != nil || got != path {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
		if got, err := katacg.ValidatePath(path, 0); err != nil || got != "/kata_"+path[1:] {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
		line := "1 2 3 4 " + path + "/y - cgroup c o\n"
		if got, err := katacg.ParseV1Mountpoint([]byte(line)); err != nil || got != path {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
		cpus := `{"cpus":"` + strings.Repeat("1", length) + `"}`
		if got, err := katacg.ValidateCPU([]byte(cpus)); err != nil || string(got) != cpus {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
	}
}

func TestAggregateCPUWithUnlimitedContainer(t *testing.T) {
	cpus := []byte(`[{"quota":-1},{"quota":50000}]`)
	if got, err := katacg.AggregateCPU(cpus); err != nil || string(got) != `{"quota":49999}` {
		t.Errorf("AggregateCPU: %s, %v", got, err)
	}
	got, err := katacg.AggregateCPUWith(cpus, katacg.CPUUnlimited)
	if err != nil || string(got) != `{"quota":-1}` {
		t.Errorf("AggregateCPUWith: %s, %v", got, err)
	}
	if _, err := katacg.AggregateCPUWith(cpus, 2); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("unknown flag: %v", err)
	}
}

func TestValidatePathAllocatesAtMostItsResult(t *testing.T) {
	for path, limit := range map[string]float64{"/docker/abc": 1, "a.slice:b:c": 0} {
		n := testing.AllocsPerRun(1000, func() {
			if _, err := katacg.ValidatePath(path, 0); err != nil {
				t.Error(err)
			}
		})
		if n > limit {
			t.Errorf("%q: %v allocations, not %v", path, n, limit)
		}
	}
}

func TestSubsystemsReturnsThoseThatExist(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"cpu", "cpuset", "memory", "other"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for set, want := range map[katacg.SubsystemSet][]string{
		katacg.SubsystemsConstraints:   {"cpu", "cpuset"},
		katacg.SubsystemsNoConstraints: {"memory"},
		katacg.SubsystemsAll:           {"cpu", "cpuset", "memory"},
	} {
		got, err := katacg.Subsystems(root, set)
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("set %d: %q, %v, want %q", set, got, err, want)
		}
	}
	got, err := katacg.Subsystems(root+"/other", katacg.SubsystemsAll)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("in an empty directory: %q, %v", got, err)
	}
}

func TestParseHostReadsUnifiedAndLegacyMounts(t *testing.T) {
	unified := parseHost(t, unifiedMountinfo, unifiedCgroup)
	legacy := parseHost(t, legacyMountinfo, legacyCgroup)
	for _, c := range []struct {
		host                     *katacg.Host
		layout                   katacg.Layout
		name                     string
		controllers              []string
		controller, mount, group string
	}{
		{unified, katacg.LayoutUnified, "unified", []string{"cgroup2"}, "memory",
			"/sys/fs/cgroup", "/user.slice/session.scope"},
		{legacy, katacg.LayoutLegacy, "legacy", []string{"cpu", "cpuacct", "memory", "pids"}, "cpu",
			"/cg/my cpu", "/docker/abc"},
	} {
		layout, err := c.host.Layout()
		if err != nil || layout != c.layout || layout.String() != c.name {
			t.Errorf("%s: layout %v, %v", c.name, layout, err)
		}
		if rootless, err := c.host.IsRootless(); err != nil || rootless {
			t.Errorf("%s: rootless %t, %v", c.name, rootless, err)
		}
		names, err := c.host.Controllers()
		if slices.Sort(names); err != nil || !slices.Equal(names, c.controllers) {
			t.Errorf("%s: controllers %q, %v", c.name, names, err)
		}
		if mount, err := c.host.Mountpoint(c.controller); err != nil || mount != c.mount {
			t.Errorf("%s: mount %q, %v", c.name, mount, err)
		}
		if group, err := c.host.OwnCgroup(c.controller); err != nil || group != c.group {
			t.Errorf("%s: own cgroup %q, %v", c.name, group, err)
		}
	}
	if _, err := legacy.Mountpoint("freezer"); !errors.Is(err, katacg.ErrNotMounted) {
		t.Errorf("freezer: %v", err)
	}
	if _, err := katacg.ParseHost(nil, nil); !errors.Is(err, katacg.ErrNotMounted) {
		t.Errorf("no mounts: %v", err)
	}
}
