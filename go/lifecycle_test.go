// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"crypto/rand"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

func checkFreezer(t *testing.T, m *katacg.Manager, want katacg.FreezerState, name string) {
	t.Helper()
	if state, err := m.FreezerState(); err != nil || state != want || state.String() != name {
		t.Errorf("%v, %v, want %s", state, err, name)
	}
}

func TestFreezeAndThawChangeTheState(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, startChild(t).Process.Pid)
	checkFreezer(t, m, katacg.FreezerThawed, "thawed")
	for range 2 {
		if err := m.Freeze(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		checkFreezer(t, m, katacg.FreezerFrozen, "frozen")
	}
	for range 2 {
		if err := m.Thaw(); err != nil {
			t.Fatal(err)
		}
		checkFreezer(t, m, katacg.FreezerThawed, "thawed")
	}
	// A freeze that is in time leaves the cgroup frozen, and one that is late leaves it thawed.
	for _, timeout := range []time.Duration{-time.Second, 0, time.Nanosecond} {
		want, name := katacg.FreezerFrozen, "frozen"
		if err := m.Freeze(timeout); errors.Is(err, katacg.ErrTimeout) {
			want, name = katacg.FreezerThawed, "thawed"
		} else if err != nil {
			t.Errorf("timeout %v: %v", timeout, err)
		}
		checkFreezer(t, m, want, name)
		if err := m.Thaw(); err != nil {
			t.Error(err)
		}
	}
	if name := katacg.FreezerState(7).String(); name != "FreezerState(7)" {
		t.Error(name)
	}
}

func TestCallsWithoutACgroupReportDeleted(t *testing.T) {
	host := writableHost(t)
	options := katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: "/katacg-test-" + rand.Text()}
	m := newManager(t, host, "", options)
	_, stateErr := m.FreezerState()
	_, oomErr := m.OOMKills()
	_, attachErr := m.OpenAttach(0)
	for name, err := range map[string]error{
		"Freeze": m.Freeze(time.Second), "Thaw": m.Thaw(), "FreezerState": stateErr,
		"Kill": m.Kill(syscall.SIGKILL), "OOMKills": oomErr, "OpenAttach": attachErr,
	} {
		// On a host without the memory controller, OOMKills reports the controller instead.
		_, noMemory := host.Mountpoint("memory")
		if name == "OOMKills" && noMemory != nil && errors.Is(err, katacg.ErrController) {
			continue
		}
		if !errors.Is(err, katacg.ErrDeleted) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := newManager(t, parseHost(t, legacyMountinfo, legacyCgroup), "", options).FreezerState()
	if !errors.Is(err, katacg.ErrController) {
		t.Errorf("no freezer: %v", err)
	}
}

func TestKillSignalsAllProcesses(t *testing.T) {
	_, m, _ := box(t)
	for _, signal := range []syscall.Signal{0, -1, 1000, 1 << 20} {
		if err := m.Kill(signal); !errors.Is(err, katacg.ErrArgument) {
			t.Errorf("signal %d: %v", signal, err)
		}
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		commands := []*exec.Cmd{startChild(t), startChild(t)}
		apply(t, m, commands[0].Process.Pid)
		below := katacg.AddOptions{Below: "sub", Create: true}
		if err := m.Add([]int{commands[1].Process.Pid}, below); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGKILL {
			if err := m.Freeze(10 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Kill(signal); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		for _, command := range commands {
			command.Wait()
			status := command.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != signal {
				t.Errorf("%v: ended by %v", signal, command.ProcessState)
			}
		}
	}
}

func TestOOMKillsAreCounted(t *testing.T) {
	host, m, _ := box(t)
	needsMemory(t, host)
	if kills, err := m.OOMKills(); err != nil || kills != 0 {
		t.Errorf("before: %d, %v", kills, err)
	}
	if err := m.Set([]byte(`{"memory":{"limit":8388608,"swap":8388608}}`)); err != nil {
		// Not every kernel accounts for swap.
		if err := m.Set([]byte(`{"memory":{"limit":8388608}}`)); err != nil {
			t.Fatal(err)
		}
	}
	// The shell waits until it is inside the cgroup. tail keeps all of its input in memory.
	command := exec.Command("sh", "-c",
		"read go; head -c 268435456 /dev/zero | tail -c 268435456 >/dev/null")
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChild(command) })
	apply(t, m, command.Process.Pid)
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	command.Wait()
	if kills, err := m.OOMKills(); err != nil || kills < 1 {
		t.Errorf("%d, %v", kills, err)
	}
}

func TestExistingJoinsOnlyExistingCgroups(t *testing.T) {
	host, _, path := box(t)
	options := katacg.ManagerOptions{
		Flags: katacg.SkipDevices, Path: path + "/some", Existing: true,
	}
	if _, err := katacg.NewManager(host, nil, &options); !errors.Is(err, katacg.ErrDeleted) {
		t.Errorf("without a cgroup: %v", err)
	}
	layout, err := host.Layout()
	if err != nil {
		t.Fatal(err)
	}
	if layout == katacg.LayoutUnified {
		return
	}
	mount, err := host.Mountpoint("pids")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(mount, options.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	paths, err := newManager(t, host, "", options).Paths()
	if err != nil || len(paths) != 1 || paths["pids"] != mount+options.Path {
		t.Errorf("%v, %v", paths, err)
	}
}

// Kata creates a cgroup with NewCgroup and finds it again with LoadCgroup.
func TestNewCgroupAndLoadCgroupShareACgroup(t *testing.T) {
	host, _, path := box(t)
	path += "/flow"
	some := []string{"freezer", "pids"}
	if _, err := katacg.LoadCgroup(host, some, path); !errors.Is(err, katacg.ErrDeleted) {
		t.Errorf("before: %v", err)
	}
	if _, err := katacg.NewCgroup(host, some, path, []byte("{")); !errors.Is(err, katacg.ErrJSON) {
		t.Errorf("broken resources: %v", err)
	}
	m, err := katacg.NewCgroup(host, some, path, []byte(`{"pids":{"limit":17}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	again, err := katacg.LoadCgroup(nil, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	paths, err := m.Paths()
	loaded, loadedErr := again.Paths()
	if err != nil || loadedErr != nil || !maps.Equal(paths, loaded) {
		t.Errorf("%v, %v; loaded %v, %v", paths, err, loaded, loadedErr)
	}
	if value, err := again.Read("pids", "pids.max"); err != nil || value != "17\n" {
		t.Errorf("%q, %v", value, err)
	}
}

func TestCgroupsTakeOptions(t *testing.T) {
	host, _, path := box(t)
	options := katacg.ManagerOptions{Path: path + "/options"}
	if _, err := katacg.LoadCgroupWithOptions(host, &options); !errors.Is(err, katacg.ErrDeleted) {
		t.Fatal(err)
	}
	m, err := katacg.NewCgroupWithOptions(host, []byte(`{"pids":{"limit":17}}`), &options)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	again, err := katacg.LoadCgroupWithOptions(host, &options)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if value, err := again.Read("pids", "pids.max"); err != nil || value != "17\n" {
		t.Errorf("%q, %v", value, err)
	}
	if err := again.Destroy(); err != nil {
		t.Error(err)
	}
	options.Driver = 99
	if _, err := katacg.LoadCgroupWithOptions(host, &options); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
}

func TestOwnerGetsOnlyTheV2Cgroup(t *testing.T) {
	host, _, path := box(t)
	m := newManager(t, host, "", katacg.ManagerOptions{
		Flags: katacg.SkipDevices, Path: path + "/owned",
		Owner: &katacg.Owner{UID: 54321, GID: 65432},
	})
	apply(t, m, katacg.Nobody)
	paths, err := m.Paths()
	if err != nil {
		t.Fatal(err)
	}
	for subsystem, dir := range paths {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		given := owner.Uid == 54321 && owner.Gid == 65432
		if given != (subsystem == "") {
			t.Errorf("%q: owner %d, group %d", subsystem, owner.Uid, owner.Gid)
		}
	}
}

func TestNameIsUsedWithoutAPath(t *testing.T) {
	host := parseHost(t, legacyMountinfo, legacyCgroup)
	options := katacg.ManagerOptions{
		Flags: katacg.SkipDevices, Name: "vm", Subsystems: []string{"cpu", "pids"},
	}
	path, err := newManager(t, host, "", options).Path("cpu")
	if err != nil || path != "/cg/my cpu/docker/abc/vm" {
		t.Errorf("%q, %v", path, err)
	}
	path, err = newManager(t, host, `{"cgroupsPath":"/spec"}`, options).Path("cpu")
	if err != nil || path != "/cg/my cpu/spec" {
		t.Errorf("with a path in the specification: %q, %v", path, err)
	}
	options.Name = "a/b"
	if _, err := katacg.NewManager(host, nil, &options); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("a name with a slash: %v", err)
	}
}

// The kernel refuses the last write of the Set, because the device does not exist.
func TestFailedSetRestoresOldValuesUnlessNoRollback(t *testing.T) {
	host, m, path := box(t)
	if err := m.Set([]byte(`{"pids":{"limit":11}}`)); err != nil {
		t.Fatal(err)
	}
	late := []byte(`{"pids":{"limit":22},"blockIO":{"throttleReadBpsDevice":` +
		`[{"major":4000,"minor":1,"rate":1048576}]}}`)
	for _, noRollback := range []bool{false, true} {
		again := newManager(t, host, "", katacg.ManagerOptions{
			Flags: katacg.SkipDevices, Path: path, NoRollback: noRollback,
		})
		err := again.Set(late)
		if !errors.Is(err, katacg.ErrSystem) {
			t.Fatalf("NoRollback %t: %v", noRollback, err)
		}
		want := "11\n"
		if noRollback {
			want = "22\n"
		}
		got, readErr := again.Read("pids", "pids.max")
		if readErr != nil || got != want {
			t.Errorf("NoRollback %t: %q, %v, after %v", noRollback, got, readErr, err)
		}
		if strings.Contains(err.Error(), "restored: pids.max") == noRollback {
			t.Errorf("NoRollback %t: %v", noRollback, err)
		}
	}
}
