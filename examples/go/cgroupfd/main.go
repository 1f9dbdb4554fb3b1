// SPDX-License-Identifier: Apache-2.0

// Cgroupfd starts a child inside its cgroup2 directory with SysProcAttr.CgroupFD. On a hybrid host
// it then adds the child to the v1 hierarchies. It prints the child's /proc/PID/cgroup.
//
// Without root, a writable cgroup file system or cgroup2, it prints why it cannot run and exits with
// status 77.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

func main() {
	log.SetFlags(0)
	err := run(fmt.Sprintf("/katacg-test-%d", os.Getpid()))
	for _, why := range []error{
		fs.ErrPermission, syscall.EROFS, katacg.ErrNotMounted, katacg.ErrUnsupported,
	} {
		if errors.Is(err, why) {
			fmt.Println("not possible here:", err)
			os.Exit(77)
		}
	}
	if err != nil {
		log.Fatalf("cgroupfd: %v", err)
	}
}

func run(path string) (err error) {
	options := katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path}
	manager, err := katacg.NewManager(nil, nil, &options)
	if err != nil {
		return err
	}
	defer manager.Close()
	if _, err := manager.Apply(katacg.Nobody, 0); err != nil {
		return err
	}
	// This runs after the child has ended.
	defer func() { err = errors.Join(err, manager.Destroy()) }()
	dir, err := manager.Dirfd()
	if err != nil {
		return err
	}
	defer dir.Close()

	began := time.Now()
	child := exec.Command("sleep", "60")
	child.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	born := time.Since(began)
	if err := manager.Add([]int{child.Process.Pid}, katacg.AddOptions{}); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child.Process.Pid))
	added := time.Since(began)
	fmt.Printf("in cgroup2 after %v, in all hierarchies after %v:\n%s", born, added, text)
	if err == nil && strings.Count(string(text), ":"+path+"\n") == 0 {
		err = errors.New("the child is not inside")
	}
	return err
}
