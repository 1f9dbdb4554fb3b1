// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

// box creates an empty cgroup for one test, below a parent cgroup for that test. Both are removed
// after the test's children have ended.
func box(t *testing.T) (*katacg.Host, *katacg.Manager, string) {
	t.Helper()
	host := writableHost(t)
	path := "/katacg-test-" + rand.Text()
	remains(t, host, path)
	m := remains(t, host, path+"/box")
	return host, m, path + "/box"
}

// remains creates a cgroup that exists until the test ends.
func remains(t *testing.T, host *katacg.Host, path string) *katacg.Manager {
	t.Helper()
	m := newManager(t, host, "", katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path})
	t.Cleanup(func() {
		if err := m.Destroy(); err != nil {
			t.Error(err)
		}
	})
	apply(t, m, katacg.Nobody)
	return m
}

func apply(t *testing.T, m *katacg.Manager, pid int) {
	t.Helper()
	if dropped, err := m.Apply(pid, 0); err != nil || dropped != 0 {
		t.Fatalf("dropped %d, %v", dropped, err)
	}
}

// children starts sleeping children and returns their process ids in ascending order.
func children(t *testing.T, count int) []int {
	t.Helper()
	var pids []int
	for range count {
		pids = append(pids, startChild(t).Process.Pid)
	}
	slices.Sort(pids)
	return pids
}

// cgroups returns the cgroup of a task in each hierarchy, by the hierarchy's controllers
// ("cpu,cpuacct", "name=systemd", "" for cgroup2).
func cgroups(t *testing.T, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		field := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		out[field[1]] = field[2]
	}
	return out
}

// checkInside checks, in each hierarchy that the manager joins, that the kernel shows the process
// at the path.
func checkInside(t *testing.T, m *katacg.Manager, pid int, path string) {
	t.Helper()
	paths, err := m.Paths()
	if err != nil {
		t.Fatal(err)
	}
	for controllers, is := range cgroups(t, pid) {
		joined := func(name string) bool { _, ok := paths[name]; return ok }
		if slices.ContainsFunc(strings.Split(controllers, ","), joined) && is != path {
			t.Errorf("process %d is in %s of %q, not in %s", pid, is, controllers, path)
		}
	}
}

func checkIDs(t *testing.T, list func() ([]int, error), want []int) {
	t.Helper()
	got, err := list()
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestAddMovesProcesses(t *testing.T) {
	_, m, path := box(t)
	pids := children(t, 3)
	if err := m.Add(pids, katacg.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	checkIDs(t, m.Pids, pids)
	checkIDs(t, m.Threads, pids)
	for _, pid := range pids {
		checkInside(t, m, pid, path)
	}

	below := katacg.AddOptions{Below: "a/b"}
	if err := m.Add(pids[:1], below); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("missing subcgroup: %v", err)
	}
	below.Create = true
	if err := m.Add(pids[:1], below); err != nil {
		t.Fatal(err)
	}
	checkInside(t, m, pids[0], path+"/a/b")
	checkIDs(t, m.Pids, pids[1:])
	checkIDs(t, m.AllPids, pids)

	for _, outside := range []string{"..", "../x", "a/../..", "/x"} {
		err := m.Add(pids, katacg.AddOptions{Below: outside, Create: true})
		if !errors.Is(err, katacg.ErrPath) {
			t.Errorf("below %q: %v", outside, err)
		}
	}
	for _, bad := range [][]int{{0}, {-1}, {math.MaxInt}, {math.MinInt}} {
		if err := m.Add(bad, katacg.AddOptions{}); !errors.Is(err, katacg.ErrArgument) {
			t.Errorf("%d: %v", bad, err)
		}
	}
	if err := m.Add(nil, katacg.AddOptions{}); err != nil {
		t.Errorf("no process: %v", err)
	}
}

func TestAddWithADeadProcessMovesNoProcess(t *testing.T) {
	_, m, _ := box(t)
	dead, alive := startChild(t), startChild(t)
	stopChild(dead)
	before := cgroups(t, alive.Process.Pid)
	err := m.Add([]int{alive.Process.Pid, dead.Process.Pid}, katacg.AddOptions{})
	if !errors.Is(err, syscall.ESRCH) {
		t.Errorf("a dead process: %v", err)
	}
	for controllers, is := range cgroups(t, alive.Process.Pid) {
		if is != before[controllers] {
			t.Errorf("%s: %s, was %s", controllers, is, before[controllers])
		}
	}
}

// Kata puts a hypervisor's vCPU threads into a cgroup with limits, and the process into another
// one.
func TestAddMovesThreadsAndLeavesTheirProcess(t *testing.T) {
	host, m, path := box(t)
	child, before := startHelper(t, "sleep"), map[string]string{}
	pid := child.Process.Pid
	var tids []int
	for end := time.Now().Add(10 * time.Second); len(tids) < 3 && time.Now().Before(end); {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		tids = nil
		for _, entry := range entries {
			var tid int
			fmt.Sscan(entry.Name(), &tid)
			tids = append(tids, tid)
		}
	}
	if len(tids) < 3 {
		t.Fatalf("the helper has the threads %v", tids)
	}
	vcpus := tids[len(tids)-2:]
	slices.Sort(vcpus)
	options := katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path + "/vcpu"}
	add := katacg.AddOptions{Threads: true}
	vcpu := newManager(t, host, "", options)
	if layout, err := host.Layout(); err != nil {
		t.Fatal(err)
	} else if layout == katacg.LayoutUnified {
		apply(t, m, pid)
		sub := katacg.AddOptions{Threads: true, Create: true, Below: "vcpu"}
		if err := m.Add(vcpus, sub); err != nil {
			t.Fatal(err)
		}
	} else {
		// cgroup2 of a hybrid host cannot move a single thread, so the manager does not join it.
		options.Subsystems = []string{"cpu", "pids"}
		vcpu = newManager(t, host, "", options)
		apply(t, vcpu, katacg.Nobody)
		before = cgroups(t, pid)
		if err := vcpu.Add(vcpus, add); err != nil {
			t.Fatal(err)
		}
	}
	checkIDs(t, vcpu.Threads, vcpus)
	for _, tid := range vcpus {
		checkInside(t, vcpu, tid, path+"/vcpu")
	}
	for controllers, is := range before {
		if now := cgroups(t, pid)[controllers]; now != is {
			t.Errorf("%s: the process is in %s, was in %s", controllers, now, is)
		}
	}
}

func TestMoveToParentTakesAllProcesses(t *testing.T) {
	host, m, path := box(t)
	pids := children(t, 3)
	if err := m.Add(pids[:2], katacg.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Add(pids[2:], katacg.AddOptions{Below: "sub", Create: true}); err != nil {
		t.Fatal(err)
	}
	parent, err := m.Parent()
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	above := strings.TrimSuffix(path, "/box")
	if got, err := parent.Path("pids"); err != nil || !strings.HasSuffix(got, above) {
		t.Errorf("parent %q, %v", got, err)
	}
	if _, err := m.MoveTo(m); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("to itself: %v", err)
	}
	if layout, err := host.Layout(); err != nil {
		t.Fatal(err)
	} else if layout == katacg.LayoutUnified {
		// The parent has controllers enabled for the box, so it takes no processes.
		if _, err := m.MoveTo(parent); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("to a parent with controllers: %v", err)
		}
		return
	}
	if moves, err := m.MoveTo(parent); err != nil || moves < len(pids) {
		t.Fatalf("%d moves, %v", moves, err)
	}
	checkIDs(t, m.AllPids, nil)
	checkIDs(t, parent.Pids, pids)
	for _, pid := range pids {
		checkInside(t, m, pid, above)
	}
	if err := m.Destroy(); err != nil {
		t.Error(err)
	}
	if _, err := parent.MoveTo(m); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("to a removed cgroup: %v", err)
	}
	for _, list := range []func() ([]int, error){m.Pids, m.AllPids, m.Threads} {
		if _, err := list(); !errors.Is(err, katacg.ErrDeleted) {
			t.Errorf("of a removed cgroup: %v", err)
		}
	}
}

func TestRootAsParentOnlyTakesProcesses(t *testing.T) {
	host := writableHost(t)
	options := katacg.ManagerOptions{
		Flags: katacg.SkipDevices, Path: "/katacg-test-" + rand.Text(),
	}
	root, err := newManager(t, host, "", options).Parent()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Freeze(time.Second); !errors.Is(err, katacg.ErrPath) {
		t.Errorf("freezing the root: %v", err)
	}
	options.Flags |= katacg.Strict
	if _, err := newManager(t, host, "", options).Parent(); !errors.Is(err, katacg.ErrPath) {
		t.Errorf("strict: %v", err)
	}
}
