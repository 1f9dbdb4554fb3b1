// SPDX-License-Identifier: Apache-2.0

//go:build !cgo || !linux

package katacg_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

func TestEveryCallFailsWithoutCgo(t *testing.T) {
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"IsSystemdPath":      second(katacg.IsSystemdPath("a:b:c")),
		"IsSystemdSlicePath": second(katacg.IsSystemdSlicePath("a.slice:b:c")),
		"ValidatePath":       second(katacg.ValidatePath("/a", 0)),
		"RenamePath":         second(katacg.RenamePath("/a")),
		"RenamePathK3":       second(katacg.RenamePathK3("/a")),
		"NoConstraintsPath":  second(katacg.NoConstraintsPath("/a")),
		"ParentPath":         second(katacg.ParentPath("/a")),
		"GuestPath":          second(katacg.GuestPath("/a")),
		"ExpandSlice":        second(katacg.ExpandSlice("a.slice")),
		"PathSlice":          second(katacg.PathSlice("a.slice:b:c")),
		"PathUnit":           second(katacg.PathUnit("a.slice:b:c")),
		"SubsystemPath":      second(katacg.SubsystemPath("/", "cpu", "/a")),
		"V1Mountpoint":       second(katacg.V1Mountpoint()),
		"ParseV1Mountpoint":  second(katacg.ParseV1Mountpoint(nil)),
		"Subsystems":         second(katacg.Subsystems("/", katacg.SubsystemsAll)),
		"ValidateCPU":        second(katacg.ValidateCPU([]byte("{}"))),
		"AggregateCPU":       second(katacg.AggregateCPU([]byte("[]"))),
		"AggregateCPUWith":   second(katacg.AggregateCPUWith([]byte("[]"), katacg.CPUUnlimited)),
		"OpenHost":           second(katacg.OpenHost()),
		"ParseHost":          second(katacg.ParseHost(nil, nil)),
		"NewManager": second(katacg.NewManager(nil, nil, &katacg.ManagerOptions{
			Path: "a.slice:b:c", Driver: katacg.DriverSystemd, Bus: katacg.BusUser,
			BusAddress: "unix:path=/run/bus", SystemdVersion: 252,
		})),
		"LoadManager": second(katacg.LoadManager(nil, nil)),
		"NewCgroup":   second(katacg.NewCgroup(nil, nil, "/a", nil)),
		"LoadCgroup":  second(katacg.LoadCgroup(nil, nil, "/a")),
		"NewCgroupWithOptions": second(katacg.NewCgroupWithOptions(nil, nil,
			&katacg.ManagerOptions{Path: "/a", Unit: "x.scope"})),
		"LoadCgroupWithOptions": second(katacg.LoadCgroupWithOptions(nil, nil)),
	} {
		var e *katacg.Error
		if !errors.Is(err, katacg.ErrNoCgo) || !errors.As(err, &e) || e.Op != name ||
			e.Errno != syscall.ENOSYS || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if katacg.DriverSystemd.String() != "systemd" || katacg.BusUser.String() != "user" {
		t.Errorf("%v, %v", katacg.DriverSystemd, katacg.BusUser)
	}
	if katacg.Version() != "" || katacg.APILevel() != 0 {
		t.Errorf("version %q, API level %d", katacg.Version(), katacg.APILevel())
	}
}
