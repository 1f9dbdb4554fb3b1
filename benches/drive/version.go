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
	// prepare makes the stage's cgroups, which are there, fit for processes and children.
	prepare func(*stage) error
}

var v1 = &version{
	name:        "v1",
	hierarchies: subsystems,
	self:        bySelf,
	work: "8 hierarchies (" + strings.Join(subsystems, ", ") + "): create, cpu shares, quota and " +
		"period, memory, pids, cpuset cpus and mems, one process in; then destroy.",
	checks:  "the process is in all 8, every value is what was wanted, all 8 are gone at the end",
	prepare: (*stage).fillCpusets,
}

var v2 = &version{
	name:        "v2",
	hierarchies: []string{""},
	self:        byBirth,
	work: "One hierarchy, all of its controllers on already: create, cpu shares (as a weight), quota " +
		"and period (one file), memory, pids, cpuset cpus and mems, one process in; then destroy.",
	checks:  "the process is inside, every value is what was wanted, the cgroup is gone at the end",
	prepare: (*stage).enableControllers,
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

// fillCpusets is for v1: an empty cpuset takes no process, and its children can have nothing.
func (s *stage) fillCpusets() error {
	for file, value := range map[string]*string{"cpuset.cpus": &s.cpus, "cpuset.mems": &s.mems} {
		text, err := words(filepath.Join(s.base, "cpuset"), file)
		if err != nil {
			return err
		}
		*value = strings.Join(text, "")
		for _, name := range []string{"", "home"} {
			path := filepath.Join(s.dir("cpuset"), name, file)
			if err := os.WriteFile(path, []byte(*value), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// enableControllers is for v2: all that there are, so that no participant has to.
func (s *stage) enableControllers() error {
	all, err := words(s.base, "cgroup.controllers")
	if err != nil {
		return err
	}
	before, err := words(s.base, subtreeControl)
	if err != nil {
		return err
	}
	for _, controller := range all {
		if slices.Contains(before, controller) {
			continue
		}
		if err := control(s.base, '+', controller); err != nil {
			return err
		}
		s.enabled = append(s.enabled, controller)
	}
	for _, controller := range all {
		if err := control(s.dir(""), '+', controller); err != nil {
			return err
		}
	}
	for file, value := range map[string]*string{"cpus": &s.cpus, "mems": &s.mems} {
		text, err := words(s.dir(""), "cpuset."+file+".effective")
		if err != nil {
			return err
		}
		*value = strings.Join(text, "")
	}
	return nil
}

const subtreeControl = "cgroup.subtree_control"

// control turns a controller on or off for a v2 cgroup's children.
func control(dir string, sign byte, controller string) error {
	return os.WriteFile(filepath.Join(dir, subtreeControl), []byte(string(sign)+controller), 0)
}

// words of a file in a cgroup.
func words(dir, file string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	return strings.Fields(string(text)), err
}
