// Package harness is what every participant in Go shares: the same work, measured in the same way
// and said in the same lines, as in c/harness.h.
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

// What every participant sets.
const (
	Shares = 2048
	Quota  = 150000
	Period = 100000
	Memory = 256 << 20
	Pids   = 512

	// weight is what the shares are on v2.
	weight = 174
)

// Bench is where to work, and with whom.
type Bench struct {
	// Base is the cgroup2 mount, or the directory of the v1 hierarchies, which are called as their
	// subsystems are.
	Base string
	// Unified tells which.
	Unified bool
	// Parent is a cgroup that is there in all of them, with a child "home" for idle processes.
	Parent string
	// Cpus and Mems are what the parent's cpuset has.
	Cpus, Mems string
	// Pid is the process that is moved in.
	Pid int
	// Mode is how this participant is to work, where it has several ways; "" if not said.
	Mode string

	version   version
	records   []record
	last      time.Time
	recording bool
}

// Participant goes through the life of a cgroup. The name that it gets is "/parent/child".
type Participant interface {
	// Start does everything until the process is inside and limited.
	Start(b *Bench, name string) error
	Destroy(b *Bench, name string) error
}

type record struct {
	phase string
	took  time.Duration
}

// Phase says, within Start, that what was done since the last one is this phase.
func (b *Bench) Phase(name string) {
	now := time.Now()
	b.record(name, now.Sub(b.last))
	b.last = now
}

// Paths are the directories of a cgroup by subsystem; on v2 there is one, by "".
func (b *Bench) Paths(name string) map[string]string {
	paths := make(map[string]string, len(b.version.hierarchies))
	for _, hierarchy := range b.version.hierarchies {
		paths[hierarchy] = filepath.Join(b.Base, hierarchy) + name
	}
	return paths
}

// Main runs what setup makes. Arguments: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS
// [MODE].
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

	// The kernel ends the child with the thread that started it.
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
	// The first cycle is not counted: it fills caches, and is looked at.
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
	// Never beyond what was allocated before the first measurement.
	if b.recording && len(b.records) < cap(b.records) {
		b.records = append(b.records, record{phase, took})
	}
}

// openHomes opens what goHome writes to: raw descriptors, without the runtime's poller.
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

// verify refuses a cycle that did not do the work: it has no business in a comparison.
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
