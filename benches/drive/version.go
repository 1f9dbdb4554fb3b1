// SPDX-License-Identifier: Apache-2.0

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

// version is a cgroup version on which the life cycle is measured.
type version struct {
	name string
	// hierarchies are directories below the base, named like their subsystems; "" is the base.
	hierarchies []string
	// self is the label of the participant with which the cold start compares the others.
	self string
	// work and checks describe the life cycle and its checks in words.
	work, checks string
	// prepare prepares the stage's existing cgroups for processes and children.
	prepare func(*stage) error
}

var v1 = &version{
	name:        "v1",
	hierarchies: subsystems,
	self:        bySelf,
	work: "8 hierarchies (" + strings.Join(subsystems, ", ") + "): create, set cpu shares, quota " +
		"and period, memory, pids, cpuset cpus and mems, move one process in, destroy.",
	checks:  "the process is in all 8, every file has its value, all 8 are gone at the end",
	prepare: (*stage).fillCpusets,
}

var v2 = &version{
	name:        "v2",
	hierarchies: []string{""},
	self:        byBirth,
	work: "One hierarchy with all controllers enabled: create, set cpu shares (as a weight), quota " +
		"and period (one file), memory, pids, cpuset cpus and mems, move one process in, destroy.",
	checks:  "the process is inside, every file has its value, the cgroup is gone at the end",
	prepare: (*stage).enableControllers,
}

// place returns the version and base directory for the life cycle: the directory of the 8 v1
// hierarchies, or else the cgroup2 mount. Each v1 hierarchy must be named like its subsystem,
// because some peers support no other layout.
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

// fillCpusets fills the stage's v1 cpusets. An empty cpuset takes no process, and its children can
// have no CPUs.
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

// enableControllers enables all v2 controllers, so that no participant has to.
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

// control enables ('+') or disables ('-') a controller for the children of a v2 cgroup.
func control(dir string, sign byte, controller string) error {
	return os.WriteFile(filepath.Join(dir, subtreeControl), []byte(string(sign)+controller), 0)
}

// words returns the words of a file of a cgroup.
func words(dir, file string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	return strings.Fields(string(text)), err
}
