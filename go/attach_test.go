// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

// helperVariable names the environment variable that tells a helper process what to do; see
// startHelper.
const helperVariable = "KATACG_GO_HELPER"

func TestMain(m *testing.M) {
	what, path, _ := strings.Cut(os.Getenv(helperVariable), " ")
	switch what {
	case "":
		os.Exit(m.Run())
	case "sleep":
		// The tests of threads need a process with several threads.
		for range 4 {
			go func() {
				runtime.LockOSThread()
				time.Sleep(10 * time.Minute)
			}()
		}
		time.Sleep(10 * time.Minute)
	case "attach":
		fmt.Fprintln(os.Stderr, joinAndExec(path))
	}
	os.Exit(1)
}

// joinAndExec joins a cgroup and executes another program, as a container's first process does.
func joinAndExec(path string) error {
	runtime.LockOSThread()
	options := katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path, Existing: true}
	m, err := katacg.NewManager(nil, nil, &options)
	if err != nil {
		return err
	}
	a, err := m.OpenAttach(0)
	if err != nil {
		return err
	}
	if err := a.Self(); err != nil {
		return err
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	return syscall.Exec(sleep, []string{"sleep", "600"}, os.Environ())
}

// startHelper starts this test program as a child that runs one of TestMain's helpers.
func startHelper(t *testing.T, what string) *exec.Cmd {
	t.Helper()
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), helperVariable+"="+what)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChild(child) })
	return child
}

func TestAttachSelfJoinsBeforeExec(t *testing.T) {
	_, m, path := box(t)
	child := startHelper(t, "attach "+path)
	comm := ""
	for end := time.Now().Add(20 * time.Second); comm != "sleep\n" && time.Now().Before(end); {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		comm = string(text)
		time.Sleep(time.Millisecond)
	}
	if comm != "sleep\n" {
		t.Fatalf("the child is still %q", comm)
	}
	checkInside(t, m, child.Process.Pid, path)
	checkIDs(t, m.Pids, []int{child.Process.Pid})
	checkIDs(t, m.Threads, []int{child.Process.Pid})
}

func TestAttachCloseReleasesDescriptors(t *testing.T) {
	host, m, _ := box(t)
	before := descriptors(t)
	a, err := m.OpenAttach(0)
	if err != nil {
		t.Fatal(err)
	}
	if now := descriptors(t); now <= before {
		t.Errorf("%d descriptors before, %d with an Attach", before, now)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d after Close", before, now)
	}
	for name, closed := range map[string]*katacg.Attach{"closed": a, "zero": {}, "nil": nil} {
		if err := closed.Self(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
		if err := closed.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.OpenAttach(1 << 30); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("unknown flag: %v", err)
	}
	layout, err := host.Layout()
	if err != nil {
		t.Fatal(err)
	}
	v1, err := m.OpenAttach(katacg.AttachV1Only)
	if err != nil {
		t.Fatal(err)
	}
	defer v1.Close()
	// On a unified host there is no v1 hierarchy to join, and Self still succeeds.
	if layout == katacg.LayoutUnified {
		if err := v1.Self(); err != nil {
			t.Error(err)
		}
	}
}

func TestDirfdStartsAChildInsideTheCgroup(t *testing.T) {
	host, m, path := box(t)
	dir, err := m.Dirfd()
	layout, layoutErr := host.Layout()
	if layoutErr != nil {
		t.Fatal(layoutErr)
	}
	if layout == katacg.LayoutLegacy {
		if !errors.Is(err, katacg.ErrUnsupported) {
			t.Errorf("without cgroup2: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if want, err := m.Path(""); err != nil || dir.Name() != want {
		t.Errorf("%q, %v, want %q", dir.Name(), err, want)
	}
	child := exec.Command("sleep", "600")
	child.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChild(child) })
	if is := cgroups(t, child.Process.Pid)[""]; is != path {
		t.Errorf("born in %s, not in %s", is, path)
	}
	if err := m.Add([]int{child.Process.Pid}, katacg.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	checkInside(t, m, child.Process.Pid, path)

	stopChild(child)
	if err := m.Destroy(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Dirfd(); !errors.Is(err, katacg.ErrDeleted) {
		t.Errorf("of a removed cgroup: %v", err)
	}
}
