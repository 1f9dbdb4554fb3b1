// SPDX-License-Identifier: Apache-2.0

// Scope starts a child in a scope of systemd's: prints what systemd will be told, makes the scope
// with the child and its limits in it, changes them, ends it. As root it is a unit of the system,
// else one of the user's systemd.
//
// Where no systemd runs it says so, prints the plan for one of version 252, and exits with status 77.
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
	// slice:prefix:name; an empty slice is system.slice, or user.slice of a user's systemd.
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

// noSystemd is why no unit can be made here.
type noSystemd struct{ error }

func run(options katacg.ManagerOptions) (err error) {
	// The user's systemd is asked here where its units are, the system's not before the plan.
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
		// A scope without processes ends by itself; there may be v1 directories left.
		err = errors.Join(err, manager.Destroy())
		if err == nil {
			fmt.Println("destroyed")
		}
	}()
	// One call of systemd's makes the scope with its limits and the child in it.
	if _, err := manager.Apply(child.Process.Pid, katacg.ApplySet); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child.Process.Pid))
	if err != nil {
		return err
	}
	fmt.Printf("process %d is in:\n%s", child.Process.Pid, text)

	fmt.Println("and with more:")
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

	// To stop a scope kills who is in it, so that is not done by the way.
	if err := manager.Destroy(); !errors.Is(err, katacg.ErrBusy) {
		return fmt.Errorf("destroyed with a process inside: %v", err)
	}
	return manager.Kill(syscall.SIGKILL)
}

// reason tells the want of a systemd from what is wrong with the options.
func reason(err error) error {
	for _, want := range []error{katacg.ErrBus, katacg.ErrUnsupported, katacg.ErrNotMounted} {
		if errors.Is(err, want) {
			return &noSystemd{err}
		}
	}
	return err
}

func dryRun(options katacg.ManagerOptions, why error) error {
	fmt.Printf("no unit can be made here: %v\n\nfor systemd 252 on this host it would be:\n", why)
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

// show prints a plan, a line a step.
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
