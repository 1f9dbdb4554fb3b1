// SPDX-License-Identifier: Apache-2.0

// Participant opencontainers/cgroups: the systemd managers of the library in runc. The life cycle
// and the output are those of ../harness.c.
//
// The program does not import the devices package, so the library ignores device rules, as the
// other participants do.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"golang.org/x/sys/unix"
)

// unit is struct lab of harness.h.
type unit struct {
	slice   bool
	unified bool
	pid     int
	name    string
	cgroup  string
	manager cgroups.Manager
}

var tracing bool

func limits(shares, weight uint64, quota, memory, pids int64, cpus string) *cgroups.Resources {
	return &cgroups.Resources{
		CpuShares:  shares,
		CpuWeight:  weight,
		CpuQuota:   quota,
		CpuPeriod:  100000,
		CpusetCpus: cpus,
		Memory:     memory,
		PidsLimit:  &pids,
	}
}

func first() *cgroups.Resources  { return limits(2048, 174, 150000, 256<<20, 512, "0-1") }
func second() *cgroups.Resources { return limits(1024, 100, 100000, 512<<20, 256, "0") }

func (u *unit) start() error {
	config := &cgroups.Cgroup{
		Name:        u.name,
		Parent:      "system.slice",
		ScopePrefix: "labbench",
		Resources:   first(),
		Systemd:     true,
	}
	if u.slice {
		config.Parent = "-.slice"
	}
	m, err := manager.New(config)
	if err != nil {
		return err
	}
	u.manager = m
	if err := m.Apply(u.pid); err != nil {
		return err
	}
	// Apply sets no limits.
	return m.Set(config.Resources)
}

func (u *unit) set() error  { return u.manager.Set(second()) }
func (u *unit) stop() error { return u.manager.Destroy() }

func (u *unit) expect(controller, file, wanted string) {
	if u.unified {
		controller = ""
	}
	path := "/sys/fs/cgroup/" + controller + u.cgroup + "/" + file
	text, err := os.ReadFile(path)
	check("verify", err)
	if got := strings.TrimSpace(string(text)); got != wanted {
		log.Fatalf("%s is %s, not %s", path, got, wanted)
	}
}

func (u *unit) verify(r *cgroups.Resources) {
	if u.unified {
		u.expect("", "cpu.max", fmt.Sprintf("%d %d", r.CpuQuota, r.CpuPeriod))
		u.expect("", "cpu.weight", strconv.FormatUint(r.CpuWeight, 10))
		u.expect("", "memory.max", strconv.FormatInt(r.Memory, 10))
	} else {
		u.expect("cpu", "cpu.cfs_quota_us", strconv.FormatInt(r.CpuQuota, 10))
		u.expect("cpu", "cpu.shares", strconv.FormatUint(r.CpuShares, 10))
		u.expect("memory", "memory.limit_in_bytes", strconv.FormatInt(r.Memory, 10))
	}
	u.expect("cpuset", "cpuset.cpus", r.CpusetCpus)
	u.expect("pids", "pids.max", strconv.FormatInt(*r.PidsLimit, 10))
	if u.pid > 0 {
		u.expect("memory", "cgroup.procs", strconv.Itoa(u.pid))
		u.expect("freezer", "cgroup.procs", strconv.Itoa(u.pid))
	}
}

func now(clock int32) time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(clock, &t)
	return time.Duration(t.Nano())
}

func mark(phase string) {
	if tracing && unix.Access("/phase/"+phase, unix.F_OK) == nil {
		os.Exit(1)
	}
}

func timed(phase string, act func() error) {
	// The same pause as in harness.c.
	pause := 150 * time.Millisecond
	if tracing {
		pause = time.Second
	}
	time.Sleep(pause)
	mark(phase)
	cpu, wall := now(unix.CLOCK_PROCESS_CPUTIME_ID), now(unix.CLOCK_MONOTONIC)
	err := act()
	wall = now(unix.CLOCK_MONOTONIC) - wall
	cpu = now(unix.CLOCK_PROCESS_CPUTIME_ID) - cpu
	mark("between")
	check(phase, err)
	fmt.Printf(" %s %d %d", phase, wall.Nanoseconds(), cpu.Nanoseconds())
}

func check(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func cycle(u *unit, n int) {
	u.name = fmt.Sprintf("%d_%d", os.Getpid(), n)
	u.cgroup = "/system.slice/labbench-" + u.name + ".scope"
	u.pid = -1
	var child *exec.Cmd
	if u.slice {
		u.name = "labbench" + u.name + ".slice"
		u.cgroup = "/" + u.name
	} else {
		child = exec.Command("sleep", "infinity")
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		check("sleep", child.Start())
		u.pid = child.Process.Pid
	}
	timed("start", u.start)
	if n == 0 {
		u.verify(first())
	}
	timed("set", u.set)
	if n == 0 {
		u.verify(second())
	}
	if child != nil {
		check("kill", child.Process.Kill())
		// Wait reports that the process was killed.
		_ = child.Wait()
	}
	timed("stop", u.stop)
	if n == 0 && u.manager.Exists() {
		log.Fatalf("%s is still there", u.cgroup)
	}
}

func main() {
	if len(os.Args) < 2 {
		log.Fatalf("usage: %s scope|slice [trace]", os.Args[0])
	}
	u := &unit{slice: os.Args[1] == "slice", unified: cgroups.IsCgroup2UnifiedMode()}
	one := make([]byte, 1)
	for n := 0; ; n++ {
		if _, err := os.Stdin.Read(one); err != nil {
			break
		}
		tracing = n > 0 && len(os.Args) > 2
		cycle(u, n)
		fmt.Println()
	}
}
