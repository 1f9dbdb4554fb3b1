// SPDX-License-Identifier: Apache-2.0

// Sandbox shows the life cycle of a sandbox's cgroup. It validates the path, makes a manager from
// an OCI config.json, starts a process, moves it into the cgroup with limits, and compares the
// limits with the kernel's values. A second process updates them from the saved state. Then the
// cgroup is destroyed.
//
// Without root, or without a writable cgroup file system, the program prints the plan instead.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	katacg "github.com/kata-containers/libkatacg/go"
)

// resumeArg makes the program run resume; live starts the program again with it.
const resumeArg = "--resume"

func main() {
	log.SetFlags(0)
	config, run := "../config.json", sandbox
	if len(os.Args) > 1 {
		config = os.Args[1]
	}
	if config == resumeArg {
		run = resume
	}
	if err := run(config); err != nil {
		log.Fatalf("sandbox: %v", err)
	}
}

func sandbox(config string) error {
	spec, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("/katacg-test-%d", os.Getpid())
	path, err := katacg.ValidatePath(name, katacg.PathStrict)
	if err != nil {
		return err
	}
	fmt.Printf("path %s is used as %s\n", name, path)

	host, err := katacg.OpenHost()
	if err != nil {
		return err
	}
	defer host.Close()
	layout, err := host.Layout()
	if err != nil {
		return err
	}
	mount, err := host.Mountpoint("memory")
	if err != nil {
		return err
	}
	fmt.Printf("the host is %s, memory is mounted on %s\n", layout, mount)

	// Kata does not ask for device rules either.
	manager, err := katacg.NewManager(host, spec, &katacg.ManagerOptions{
		Flags: katacg.SkipDevices,
		Path:  path,
		Log:   os.Stderr,
	})
	if err != nil {
		return err
	}
	defer manager.Close()

	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		return err
	}
	stop := func() {
		child.Process.Kill()
		child.Wait()
	}
	defer stop()

	// Apply sets the limits before it moves the process, which so never runs without them.
	_, err = manager.Apply(child.Process.Pid, katacg.ApplySet)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return dryRun(manager, err)
	} else if err != nil {
		return err
	}
	return errors.Join(live(manager, child.Process.Pid), end(manager, stop))
}

// live checks the limits while the process runs, and starts the second process.
func live(manager *katacg.Manager, pid int) error {
	pids, err := manager.Pids()
	if err != nil {
		return err
	}
	if !slices.Equal(pids, []int{pid}) {
		return fmt.Errorf("the cgroup has the processes %v, not %d", pids, pid)
	}
	fmt.Printf("process %d is in\n", pid)
	if err := compare(manager, nil); err != nil {
		return err
	}
	state, err := manager.State()
	if err != nil {
		return err
	}
	second := exec.Command("/proc/self/exe", resumeArg)
	second.Stdin, second.Stdout, second.Stderr = bytes.NewReader(state), os.Stdout, os.Stderr
	return second.Run()
}

// resume does what a runtime does after a restart, when it has only the saved state.
func resume(string) error {
	state, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	manager, err := katacg.LoadManager(nil, state)
	if err != nil {
		return err
	}
	defer manager.Close()
	update := []byte(`{"cpu":{"shares":512,"quota":50000,"period":100000},` +
		`"memory":{"limit":134217728},"pids":{"limit":64}}`)
	if err := manager.Set(update); err != nil {
		return err
	}
	fmt.Printf("process %d: reloaded and updated\n", os.Getpid())
	return compare(manager, update)
}

func end(manager *katacg.Manager, stop func()) error {
	stop()
	if err := manager.Destroy(); err != nil {
		return err
	}
	if there, err := manager.Exists(); err != nil || there {
		return fmt.Errorf("the cgroup is still there (%t): %w", there, err)
	}
	fmt.Println("destroyed; it is gone")
	return nil
}

// compare prints a line for each write of the plan, and fails when the kernel has another value.
func compare(manager *katacg.Manager, resources []byte) error {
	plan, err := manager.Plan(resources, katacg.PlanText)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "controller\tfile\twanted\tactual")
	var different []string
	for line := range strings.Lines(plan) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		op, controller, file, wanted := fields[0], fields[1], fields[2], fields[3]
		if op != "write" {
			continue
		}
		actual, err := manager.Read(controller, file)
		if err != nil {
			return err
		}
		actual = strings.TrimSpace(actual)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", controller, file, wanted, actual)
		if actual != wanted {
			different = append(different, file)
		}
	}
	table.Flush()
	if different != nil {
		return fmt.Errorf("not what was wanted: %s", strings.Join(different, ", "))
	}
	fmt.Print("wanted = actual\n\n")
	return nil
}

func dryRun(manager *katacg.Manager, why error) error {
	plan, err := manager.Plan(nil, katacg.PlanText|katacg.PlanApply)
	if err != nil {
		return err
	}
	fmt.Printf("dry run: %v\n%s", why, plan)
	return nil
}
