// SPDX-License-Identifier: Apache-2.0

// Scope runs a child in a systemd scope. It prints the plan, starts the scope with the child and
// its limits, changes the limits, and ends the scope. Root uses the system's systemd; any other
// user uses the user's.
//
// Where no systemd runs, the program says so, prints the plan for systemd 252 and exits with status
// 77.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"

	katacg "github.com/kata-containers/libkatacg/go"
)

const (
	spec = `{"annotations":{"org.systemd.property.CollectMode":"'inactive-or-failed'"},
		"linux":{"resources":{"cpu":{"shares":2048,"quota":50001,"period":100000},
		"memory":{"limit":134217728},"pids":{"limit":64}}}}`
	more = `{"memory":{"limit":268435456},"pids":{"limit":128}}`
)

func main() {
	log.SetFlags(0)
	// slice:prefix:name; an empty slice means system.slice, or user.slice of a user's systemd.
	options := katacg.ManagerOptions{
		Path: fmt.Sprintf(":katacg-test:%d", os.Getpid()),
		Log:  os.Stderr,
	}
	err := run(options)
	var without *noSystemd
	if errors.As(err, &without) {
		err = dryRun(options, without)
	}
	if err != nil {
		log.Fatalf("scope: %v", err)
	}
	if without != nil {
		os.Exit(77)
	}
}

// noSystemd is the error when no unit can be started here.
type noSystemd struct{ error }

func run(options katacg.ManagerOptions) (err error) {
	// NewManager asks a user's systemd where its units are. The plan is the first to ask the
	// system's.
	manager, err := katacg.NewManager(nil, []byte(spec), &options)
	if err != nil {
		return reason(err)
	}
	defer manager.Close()
	if err := show(manager, nil, katacg.PlanApply); err != nil {
		return reason(err)
	}

	child := exec.Command("sleep", "60")
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := child.Start(); err != nil {
		return err
	}
	defer func() {
		child.Process.Kill()
		child.Wait()
		// A scope without processes ends by itself, but leaves v1 directories that systemd does
		// not manage.
		err = errors.Join(err, manager.Destroy())
		if err == nil {
			fmt.Println("destroyed")
		}
	}()
	// One call starts the scope with its limits and the child inside.
	if _, err := manager.Apply(child.Process.Pid, katacg.ApplySet); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child.Process.Pid))
	if err != nil {
		return err
	}
	fmt.Printf("process %d is in:\n%s", child.Process.Pid, text)

	fmt.Println("with higher limits:")
	if err := show(manager, []byte(more), 0); err != nil {
		return err
	}
	if err := manager.Set([]byte(more)); err != nil {
		return err
	}
	limit, err := manager.Read("pids", "pids.max")
	if err != nil {
		return err
	}
	fmt.Printf("pids.max is %s", limit)

	// systemd kills the processes of a scope that it stops, so Destroy refuses a scope in use.
	if err := manager.Destroy(); !errors.Is(err, katacg.ErrBusy) {
		return fmt.Errorf("destroyed with a process inside: %v", err)
	}
	return manager.Kill(syscall.SIGKILL)
}

// reason wraps an error that means that no systemd can be used here, and returns others unchanged.
func reason(err error) error {
	for _, want := range []error{katacg.ErrBus, katacg.ErrUnsupported, katacg.ErrNotMounted} {
		if errors.Is(err, want) {
			return &noSystemd{err}
		}
	}
	return err
}

func dryRun(options katacg.ManagerOptions, why error) error {
	fmt.Printf("cannot start a unit here: %v\n\nthe plan for systemd 252 on this host:\n", why)
	options.Bus, options.SystemdVersion = katacg.BusSystem, 252
	manager, err := katacg.NewManager(nil, []byte(spec), &options)
	if errors.Is(err, katacg.ErrNotMounted) {
		fmt.Println(err)
		return nil
	} else if err != nil {
		return err
	}
	defer manager.Close()
	return show(manager, nil, katacg.PlanApply)
}

// show prints a plan, one step per line.
func show(manager *katacg.Manager, resources []byte, flags katacg.PlanFlags) error {
	text, err := manager.Plan(resources, flags|katacg.PlanText)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		fmt.Print("  ", strings.ReplaceAll(line, "\t", " "))
	}
	return nil
}
