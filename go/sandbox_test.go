// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

// writableHost returns this host. It skips the test where no cgroup can be created.
func writableHost(t *testing.T) *katacg.Host {
	t.Helper()
	if uid := os.Geteuid(); uid != 0 {
		t.Skipf("cannot create cgroups: not root (euid %d)", uid)
	}
	host, err := katacg.OpenHost()
	if errors.Is(err, katacg.ErrNotMounted) {
		t.Skipf("cannot create cgroups: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	mount, err := host.Mountpoint("pids")
	if err != nil {
		t.Fatal(err)
	}
	const writing = 2
	if err := syscall.Access(mount, writing); err != nil {
		t.Skipf("cannot create cgroups: %s: %v", mount, err)
	}
	return host
}

// needsMemory skips the test on a host without the memory controller.
func needsMemory(t *testing.T, host *katacg.Host) {
	t.Helper()
	if _, err := host.Mountpoint("memory"); errors.Is(err, katacg.ErrNotMounted) {
		t.Skipf("no memory controller: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func startChild(t *testing.T) *exec.Cmd {
	t.Helper()
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChild(child) })
	return child
}

func stopChild(child *exec.Cmd) {
	child.Process.Kill()
	child.Wait()
}

// checkWritten reads each file that the plan writes, and compares the value.
func checkWritten(t *testing.T, m *katacg.Manager, resources []byte) {
	t.Helper()
	text, err := m.Plan(resources, katacg.PlanText)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(text) {
		field := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if field[0] != "write" {
			continue
		}
		count++
		got, err := m.Read(field[1], field[2])
		if err != nil || strings.TrimSpace(got) != field[3] {
			t.Errorf("%s: %q, %v, want %q", field[2], got, err, field[3])
		}
	}
	if count == 0 {
		t.Errorf("no write in:\n%s", text)
	}
}

func TestSandboxLifeCycle(t *testing.T) {
	host := writableHost(t)
	needsMemory(t, host)
	path := "/katacg-test-" + rand.Text()
	spec := `{"cgroupsPath":"` + path + `","resources":` + resources + `}`
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	options := katacg.ManagerOptions{Flags: katacg.SkipDevices, Log: log}
	m := newManager(t, host, spec, options)
	// This cleanup is registered first, so it runs after the child has ended.
	last := newManager(t, host, spec, options)
	t.Cleanup(func() { last.Destroy() })
	child := startChild(t)

	if there, err := m.Exists(); err != nil || there {
		t.Fatalf("before Apply: exists %t, %v", there, err)
	}
	if _, err := m.Pids(); !errors.Is(err, katacg.ErrDeleted) {
		t.Errorf("before Apply: Pids: %v", err)
	}
	if dropped, err := m.Apply(child.Process.Pid, katacg.ApplySet); err != nil || dropped != 0 {
		t.Fatalf("dropped %d, %v", dropped, err)
	}
	if there, err := m.Exists(); err != nil || !there {
		t.Errorf("after Apply: exists %t, %v", there, err)
	}
	if pids, err := m.Pids(); err != nil || !slices.Equal(pids, []int{child.Process.Pid}) {
		t.Errorf("after Apply: pids %v, %v, want %d", pids, err, child.Process.Pid)
	}
	paths, err := m.Paths()
	if err != nil || len(paths) == 0 {
		t.Fatalf("paths %v, %v", paths, err)
	}
	for subsystem, dir := range paths {
		if _, err := os.Stat(dir); err != nil || !strings.HasSuffix(dir, path) {
			t.Errorf("%s: %q, %v", subsystem, dir, err)
		}
	}
	checkWritten(t, m, nil)

	update := []byte(`{"pids":{"limit":32},"memory":{"limit":33554432,"kernelTCP":1048576}}`)
	if err := m.Set(update); err != nil {
		t.Fatal(err)
	}
	warnings, err := os.ReadFile(log.Name())
	if err != nil || !strings.Contains(string(warnings), "kernelTCP") {
		t.Errorf("log %q, %v", warnings, err)
	}
	checkWritten(t, m, update)
	if err := m.Write("pids", "pids.max", "16"); err != nil {
		t.Error(err)
	}
	if value, err := m.Read("pids", "pids.max"); err != nil || value != "16\n" {
		t.Errorf("after Write: %q, %v", value, err)
	}
	if _, err := m.Read("pids", "no.such.file"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := m.Read("pids", "../pids.max"); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("a file outside the cgroup: %v", err)
	}
	if err := m.Destroy(); !errors.Is(err, katacg.ErrBusy) || !errors.Is(err, syscall.EBUSY) {
		t.Errorf("Destroy with a process inside: %v", err)
	}

	state, err := m.State()
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	again, err := katacg.LoadManager(nil, state)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if pids, err := again.Pids(); err != nil || !slices.Equal(pids, []int{child.Process.Pid}) {
		t.Errorf("after LoadManager: pids %v, %v", pids, err)
	}
	stopChild(child)
	for range 2 {
		if err := again.Destroy(); err != nil {
			t.Error(err)
		}
	}
	if there, err := again.Exists(); err != nil || there {
		t.Errorf("after Destroy: exists %t, %v", there, err)
	}
	for subsystem, dir := range paths {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after Destroy: %s: %q, %v", subsystem, dir, err)
		}
	}
	if err := again.Set(update); !errors.Is(err, katacg.ErrDeleted) {
		t.Errorf("Set after Destroy: %v", err)
	}
}

func TestFailedApplyLeavesNoCgroup(t *testing.T) {
	host := writableHost(t)
	child := startChild(t)
	stopChild(child)
	options := katacg.ManagerOptions{Path: "/katacg-test-" + rand.Text(), Flags: katacg.SkipDevices}
	m := newManager(t, host, "", options)
	if _, err := m.Apply(child.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Apply: %v", err)
	}
	if there, err := m.Exists(); err != nil || there {
		t.Errorf("exists %t, %v", there, err)
	}
}
