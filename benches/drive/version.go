package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var subsystems = []string{
	"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
}

// version is what the life cycle is measured on.
type version struct {
	name string
	// hierarchies are directories below the base, called as their subsystems are; "" is the base.
	hierarchies []string
	// self is whom everybody is compared with in the cold start, as participants has it.
	self string
	// work and checks say in words what is done and what is looked at.
	work, checks string
}

var v1 = &version{
	name:        "v1",
	hierarchies: subsystems,
	self:        bySelf,
	work: "8 hierarchies (" + strings.Join(subsystems, ", ") + "): create, cpu shares, quota and " +
		"period, memory, pids, cpuset cpus and mems, one process in; then destroy.",
	checks: "the process is in all 8, every value is what was wanted, all 8 are gone at the end",
}

var v2 = &version{
	name:        "v2",
	hierarchies: []string{""},
	self:        byBirth,
	work: "One hierarchy, all of its controllers on already: create, cpu shares (as a weight), quota " +
		"and period (one file), memory, pids, cpuset cpus and mems, one process in; then destroy.",
	checks: "the process is inside, every value is what was wanted, the cgroup is gone at the end",
}

// place is where all that is done can be done: the directory of the 8 v1 hierarchies, each called as
// its subsystem is, since not all peers can do with another layout; or else the cgroup2 mount.
func (m mounts) place() (*version, string, error) {
	base, err := m.v1()
	if err == nil {
		return v1, base, nil
	}
	if err2 := m.v2(); err2 != nil {
		return nil, "", errors.Join(err, err2)
	}
	return v2, m.unified, nil
}

func (m mounts) v1() (string, error) {
	base := filepath.Dir(m.dirs["cpu"])
	for _, subsystem := range subsystems {
		if m.dirs[subsystem] != filepath.Join(base, subsystem) {
			return "", fmt.Errorf("v1 %s is not mounted in a directory of its name", subsystem)
		}
	}
	return base, nil
}

func (m mounts) v2() error {
	if m.unified == "" {
		return errors.New("cgroup2 is not mounted")
	}
	there, err := words(m.unified, "cgroup.controllers")
	if err != nil {
		return err
	}
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids"} {
		if !slices.Contains(there, controller) {
			return fmt.Errorf("cgroup2 has no %s", controller)
		}
	}
	return nil
}

// words of a file in a cgroup.
func words(dir, file string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	return strings.Fields(string(text)), err
}
