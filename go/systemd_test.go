// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

const (
	unitPath = "my-pods.slice:kata:box"
	unitSpec = `{"annotations":{"org.systemd.property.TimeoutStopSec":"uint64 7","other":"x"},` +
		`"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"},` +
		`{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}],` +
		`"cpu":{"shares":2000,"quota":50001,"period":100000,"cpus":"0-3,9"},` +
		`"memory":{"limit":67108864},"pids":{"limit":64}}}}`
	// No bus listens at this address, so a call that asks systemd fails.
	noBus = "unix:path=/nonexistent/bus"
)

func TestPlanOfAUnitDependsOnLayoutAndVersion(t *testing.T) {
	const (
		start = "start\tsystemd\tkata-box.scope\tDescription='katacg kata-box.scope' " +
			"Slice='my-pods.slice' Delegate=true MemoryAccounting=true CPUAccounting=true "
		// The specification's rule, and the runtime's default devices.
		devices = "DeviceAllow=@a(ss) [] DevicePolicy='strict' DeviceAllow=[('block-*', 'm'), " +
			"('char-*', 'm'), ('/dev/char/1:3', 'rwm'), ('/dev/char/1:5', 'rwm'), "
		stop  = " TimeoutStopUSec=uint64 7000000 "
		tasks = "TasksMax=uint64 64"
		// Byte 0 has the bits of CPUs 0 to 7.
		cpus   = " AllowedCPUs=[byte 0x0f, byte 0x02]"
		period = "CPUQuotaPeriodUSec=uint64 100000 "
		// systemd rounds to whole percents, so the file gets the rounded quota, too.
		quota = "CPUQuotaPerSecUSec=uint64 510000 "
	)
	for _, c := range []struct {
		name, mountinfo, cgroup string
		version                 uint32
		flags                   katacg.ManagerFlags
		parts                   []string
		not                     string
	}{
		{"unified 257", unifiedMountinfo, unifiedCgroup, 257, 0, []string{
			start + "IOAccounting=true ", stop, devices,
			"('char-136', 'rwm')] ",
			"MemoryMax=uint64 67108864 CPUWeight=uint64 170 " + period + quota + tasks + cpus + "\n",
			"write\tcpu\tcpu.max\t51000 100000\n", "write\tcpuset\tcpuset.cpus\t0-3,9\n",
		}, "CPUShares"},
		{"unified 252", unifiedMountinfo, unifiedCgroup, 252, 0, []string{
			start, stop, devices, period + quota + tasks + cpus + "\n",
		}, "CPUShares"},
		{"unified 241", unifiedMountinfo, unifiedCgroup, 241, 0, []string{
			start, "CPUWeight=uint64 170 " + quota + tasks + "\n", "write\tcpuset\tcpuset.cpus\t0-3,9\n",
		}, "AllowedCPUs"},
		{"legacy 252", legacyMountinfo, legacyCgroup, 252, katacg.SkipDevices, []string{
			start + "BlockIOAccounting=true ", stop,
			"MemoryLimit=uint64 67108864 CPUShares=uint64 2000 " + period + quota + tasks,
			"create\tcpu,cpuacct\t\t\n", "write\tcpu\tcpu.cfs_quota_us\t51000\n",
		}, "DeviceAllow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := parseHost(t, c.mountinfo, c.cgroup)
			spec := unitSpec
			if c.flags&katacg.SkipDevices != 0 {
				// The legacy host on paper has no cpuset controller.
				spec = strings.Replace(spec, `,"cpus":"0-3,9"`, "", 1)
			}
			m := newManager(t, host, spec, katacg.ManagerOptions{
				Path: unitPath, Flags: c.flags, BusAddress: noBus, SystemdVersion: c.version,
			})
			text, err := m.Plan(nil, katacg.PlanText|katacg.PlanApply)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range c.parts {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in:\n%s", part, text)
				}
			}
			if strings.Contains(text, c.not) {
				t.Errorf("%s in:\n%s", c.not, text)
			}
		})
	}

	// The plan of a Set as JSON.
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	m := newManager(t, host, "", katacg.ManagerOptions{Path: unitPath, SystemdVersion: 251})
	doc, err := m.Plan([]byte(`{"cpu":{"idle":1},"pids":{"limit":-1}}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Steps []struct {
			Op, Unit, File, Value string
			Properties            [][2]string
		}
		Warnings []string
	}
	if err := json.Unmarshal([]byte(doc), &plan); err != nil {
		t.Fatal(err)
	}
	first := plan.Steps[0]
	if first.Op != "property" || first.Unit != "kata-box.scope" || len(first.Properties) != 1 ||
		first.Properties[0] != [2]string{"TasksMax", "uint64 18446744073709551615"} ||
		len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "since 252") {
		t.Error(doc)
	}
}

func TestWrongSystemdOptionsAreRefused(t *testing.T) {
	unified := parseHost(t, unifiedMountinfo, unifiedCgroup)
	legacy := parseHost(t, legacyMountinfo, legacyCgroup)
	for name, c := range map[string]struct {
		host    *katacg.Host
		spec    string
		options katacg.ManagerOptions
		want    error
	}{
		"unknown driver": {unified, "", katacg.ManagerOptions{
			Path: unitPath, Driver: 4,
		}, katacg.ErrArgument},
		"unknown bus": {unified, "", katacg.ManagerOptions{
			Path: unitPath, Bus: 3,
		}, katacg.ErrArgument},
		"unknown bus with cgroupfs": {unified, "", katacg.ManagerOptions{
			Path: "/x", Bus: 3,
		}, katacg.ErrArgument},
		"systemd with a directory's path": {unified, "", katacg.ManagerOptions{
			Path: "/x", Driver: katacg.DriverSystemd,
		}, katacg.ErrPath},
		"cgroupfs with a unit's path": {unified, "", katacg.ManagerOptions{
			Path: unitPath, Driver: katacg.DriverCgroupfs,
		}, katacg.ErrPath},
		"user on v1": {legacy, "", katacg.ManagerOptions{
			Path: unitPath, Flags: katacg.SkipDevices, Bus: katacg.BusUser,
		}, katacg.ErrUnsupported},
		// NewManager asks a user's systemd where its units are.
		"no user's bus": {unified, "", katacg.ManagerOptions{
			Path: unitPath, Bus: katacg.BusUser, BusAddress: noBus,
		}, katacg.ErrBus},
		"annotation": {
			unified, `{"annotations":{"org.systemd.property.X":"1"},"linux":{}}`,
			katacg.ManagerOptions{Path: unitPath}, katacg.ErrValue,
		},
	} {
		m, err := katacg.NewManager(c.host, specOf(c.spec), &c.options)
		if !errors.Is(err, c.want) || m != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for value, want := range map[interface{ String() string }]string{
		katacg.DriverAuto: "auto", katacg.DriverCgroupfs: "cgroupfs", katacg.DriverSystemd: "systemd",
		katacg.DriverAutoK0: "auto-k0", katacg.Driver(9): "Driver(9)",
		katacg.BusAuto: "auto", katacg.BusSystem: "system", katacg.BusUser: "user",
		katacg.Bus(9): "Bus(9)",
	} {
		if value.String() != want {
			t.Errorf("%v, want %s", value, want)
		}
	}
}

func TestDriverFollowsFromThePath(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	for path, want := range map[string][2]string{
		"system.slice:kata:x": {"/system.slice/kata-x.scope", "/system.slice/kata-x.scope"},
		":kata:x":             {"/system.slice/kata-x.scope", "/user.slice/:kata:x"},
		"a-b.slice:cri:x":     {"/a.slice/a-b.slice/cri-x.scope", "/user.slice/a-b.slice:cri:x"},
		"::a-b.slice":         {"/a.slice/a-b.slice", "/user.slice/::a-b.slice"},
		"/a:b":                {"/a:b", "/a:b"},
		"/pod/x":              {"/pod/x", "/pod/x"},
	} {
		for i, driver := range []katacg.Driver{katacg.DriverAuto, katacg.DriverAutoK0} {
			m := newManager(t, host, "", katacg.ManagerOptions{Path: path, Driver: driver})
			if got, err := m.Path(""); err != nil || got != "/sys/fs/cgroup"+want[i] {
				t.Errorf("%s by %v: %q, %v, want %q", path, driver, got, err, want[i])
			}
		}
	}
}

func TestSystemdStateRoundTrips(t *testing.T) {
	for layout, host := range map[string]*katacg.Host{
		"unified": parseHost(t, unifiedMountinfo, unifiedCgroup),
		"legacy":  parseHost(t, legacyMountinfo, legacyCgroup),
	} {
		m := newManager(t, host, unitSpec, katacg.ManagerOptions{
			Path: unitPath, Flags: katacg.SkipDevices, Driver: katacg.DriverSystemd, BusAddress: noBus,
		})
		state, err := m.State()
		if err != nil {
			t.Fatal(err)
		}
		var saved struct {
			Driver, Bus, BusAddress string
			Annotations             map[string]string
		}
		if err := json.Unmarshal(state, &saved); err != nil {
			t.Fatal(err)
		}
		if saved.Driver != "systemd" || saved.Bus != "system" || saved.BusAddress != noBus ||
			saved.Annotations["org.systemd.property.TimeoutStopSec"] != "uint64 7" {
			t.Errorf("%s: %s", layout, state)
		}
		again, err := katacg.LoadManager(host, state)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		paths, err := m.Paths()
		if err != nil || len(paths) == 0 {
			t.Fatalf("%v, %v", paths, err)
		}
		if got, err := again.Paths(); err != nil || !maps.Equal(got, paths) {
			t.Errorf("%s: %v, %v, want %v", layout, got, err, paths)
		}
		if got, err := again.State(); err != nil || !bytes.Equal(got, state) {
			t.Errorf("%s: %s, %v, want %s", layout, got, err, state)
		}
		other := bytes.Replace(state, []byte(`"driver":"systemd"`), []byte(`"driver":"cgroupfs"`), 1)
		if _, err := katacg.LoadManager(host, other); !errors.Is(err, katacg.ErrPath) {
			t.Errorf("%s: a unit's state as a directory's: %v", layout, err)
		}
	}
}

func TestUnreachableBusFailsAtOnce(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	child := startChild(t)
	began := time.Now()
	m := newManager(t, host, unitSpec, katacg.ManagerOptions{Path: unitPath, BusAddress: noBus})
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"Manager.Apply":   second(m.Apply(child.Process.Pid, katacg.ApplySet)),
		"Manager.Destroy": m.Destroy(),
		// Without SystemdVersion, Plan asks systemd for its version.
		"Manager.Plan": second(m.Plan(nil, 0)),
	} {
		var e *katacg.Error
		if !errors.As(err, &e) || e.Op != name || e.Code == katacg.CodeDeleted {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := m.Apply(child.Process.Pid, 0)
	if !errors.Is(err, katacg.ErrBus) || !errors.Is(err, syscall.ECONNREFUSED) ||
		!strings.Contains(err.Error(), noBus) ||
		!strings.Contains(err.Error(), "are systemd and its D-Bus running here?") {
		t.Errorf("%v", err)
	}
	options := katacg.ManagerOptions{Path: unitPath, BusAddress: "nonsense"}
	if _, err := katacg.NewManager(host, nil, &options); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("no address: %v", err)
	}
	// A call that waited for an answer would take longer.
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
