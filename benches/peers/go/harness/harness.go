// SPDX-License-Identifier: Apache-2.0

// Package harness is shared by all Go participants. It measures the same work in the same way, and
// prints the same lines, as c/harness.h.
package harness

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Subsystems are the hierarchies that every participant joins on v1.
var Subsystems = []string{
	"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
}

// The values that every participant sets.
const (
	Shares = 2048
	Quota  = 150000
	Period = 100000
	Memory = 256 << 20
	Pids   = 512

	// weight is the v2 value for shares.
	weight = 174
)

// Bench has the base directory, the parent cgroup and the process of a benchmark.
type Bench struct {
	// Base is the cgroup2 mount, or the directory of the v1 hierarchies, which are named like their
	// subsystems.
	Base string
	// Unified is true when Base is the cgroup2 mount.
	Unified bool
	// Parent is an existing cgroup in all hierarchies, with a child "home" for idle processes.
	Parent string
	// Cpus and Mems are the CPUs and memory nodes of the parent's cpuset.
	Cpus, Mems string
	// Pid is the process to move in.
	Pid int
	// Mode selects one of the participant's ways to work; "" is the default.
	Mode string

	version   version
	records   []record
	last      time.Time
	recording bool
}

// Participant runs the life cycle of a cgroup. The name is "/parent/child".
type Participant interface {
	// Start returns when the process is inside with its limits.
	Start(b *Bench, name string) error
	Destroy(b *Bench, name string) error
}

type record struct {
	phase string
	took  time.Duration
}

// Phase ends a phase of Start, which began with the last call of Phase, or with Start.
func (b *Bench) Phase(name string) {
	now := time.Now()
	b.record(name, now.Sub(b.last))
	b.last = now
}

// Paths returns the directories of a cgroup by subsystem. On v2 there is one, with the key "".
func (b *Bench) Paths(name string) map[string]string {
	paths := make(map[string]string, len(b.version.hierarchies))
	for _, hierarchy := range b.version.hierarchies {
		paths[hierarchy] = filepath.Join(b.Base, hierarchy) + name
	}
	return paths
}

// Main measures the participant that setup returns. Arguments: BASE PARENT CPUS MEMS CYCLES
// PAUSE_MICROSECONDS [MODE].
func Main(setup func(b *Bench) (Participant, error)) {
	if err := run(setup); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
}

func run(setup func(b *Bench) (Participant, error)) error {
	if len(os.Args) < 7 {
		return fmt.Errorf("arguments: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS")
	}
	b := &Bench{Base: os.Args[1], Parent: os.Args[2], Cpus: os.Args[3], Mems: os.Args[4]}
	b.setVersion()
	cycles, err := strconv.Atoi(os.Args[5])
	if err != nil {
		return err
	}
	pause, err := strconv.Atoi(os.Args[6])
	if err != nil {
		return err
	}
	if len(os.Args) > 7 {
		b.Mode = os.Args[7]
	}
	b.records = make([]record, 0, cycles*8)

	// The kernel kills the child when the thread that started it ends.
	runtime.LockOSThread()
	sleeper := exec.Command("sleep", "infinity")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := sleeper.Start(); err != nil {
		return err
	}
	defer func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	}()
	b.Pid = sleeper.Process.Pid

	homes, err := b.openHomes()
	if err != nil {
		return err
	}
	if err := b.goHome(homes); err != nil {
		return err
	}
	participant, err := setup(b)
	if err != nil {
		return err
	}
	// The first cycle fills caches and is checked. It is not counted.
	own := os.Getpid()
	for n := 0; n <= cycles; n++ {
		time.Sleep(time.Duration(pause) * time.Microsecond)
		b.recording = n > 0
		if err := b.cycle(participant, fmt.Sprintf("%s/%d-%d", b.Parent, own, n), homes); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	for _, r := range b.records {
		fmt.Fprintf(out, "%s %d\n", r.phase, r.took.Nanoseconds())
	}
	return out.Flush()
}

func (b *Bench) cycle(participant Participant, name string, homes []int) error {
	begin := time.Now()
	b.last = begin
	if err := participant.Start(b, name); err != nil {
		return err
	}
	started := time.Since(begin)
	if !b.recording {
		if err := b.verify(name); err != nil {
			return err
		}
	}
	if err := b.goHome(homes); err != nil {
		return err
	}
	leave := time.Now()
	if err := participant.Destroy(b, name); err != nil {
		return err
	}
	destroyed := time.Since(leave)
	b.record("start", started)
	b.record("destroy", destroyed)
	b.record("cycle", started+destroyed)
	if b.recording {
		return nil
	}
	for _, path := range b.Paths(name) {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			return fmt.Errorf("%s is still there: %v", path, err)
		}
	}
	return nil
}

func (b *Bench) record(phase string, took time.Duration) {
	// The slice must not grow beyond its first allocation.
	if b.recording && len(b.records) < cap(b.records) {
		b.records = append(b.records, record{phase, took})
	}
}

// openHomes opens the files that goHome writes, as raw descriptors without the runtime's poller.
func (b *Bench) openHomes() ([]int, error) {
	var homes []int
	for _, path := range b.Paths(b.Parent + "/home") {
		fd, err := syscall.Open(path+"/cgroup.procs", syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		homes = append(homes, fd)
	}
	return homes, nil
}

func (b *Bench) goHome(homes []int) error {
	pid := []byte(strconv.Itoa(b.Pid))
	for _, home := range homes {
		if _, err := syscall.Write(home, pid); err != nil {
			return fmt.Errorf("move home: %w", err)
		}
	}
	return nil
}

// verify ends the program when a cycle did not do all of the work.
func (b *Bench) verify(name string) error {
	paths := b.Paths(name)
	wanted := map[string]string{}
	for _, f := range b.version.files {
		wanted[filepath.Join(paths[f.hierarchy], f.name)] = f.value
	}
	for _, path := range paths {
		wanted[filepath.Join(path, "cgroup.procs")] = strconv.Itoa(b.Pid)
	}
	for file, value := range wanted {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if found := strings.TrimSpace(string(text)); found != value {
			return fmt.Errorf("%s is %s, not %s", file, found, value)
		}
	}
	return nil
}
