// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"fmt"
	"log"

	katacg "github.com/kata-containers/libkatacg/go"
)

// Kata puts "kata_" before the last element of a sandbox's path.
func ExampleValidatePath() {
	path, err := katacg.ValidatePath("/pods/sandbox-1", 0)
	fmt.Println(path, err)

	_, err = katacg.ValidatePath("/pods/sandbox-1", katacg.PathSystemd)
	fmt.Println(err)
	// Output:
	// /pods/kata_sandbox-1 <nil>
	// malformed systemd path '/pods/sandbox-1': expected to be of form 'slice:prefix:name'
}

// A plan needs no privilege, and can be made for another machine.
func ExampleManager_Plan() {
	mountinfo := []byte("30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	host, err := katacg.ParseHost(mountinfo, []byte("0::/\n"))
	if err != nil {
		log.Fatal(err)
	}
	defer host.Close()
	m, err := katacg.NewManager(host, nil, &katacg.ManagerOptions{Path: "/pods/sandbox-1"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	plan, err := m.Plan([]byte(`{"pids":{"limit":64}}`), katacg.PlanText)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)
	// Output:
	// write	pids	pids.max	64
}
