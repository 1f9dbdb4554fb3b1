// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// mounts holds the cgroup mounts of mountinfo.
type mounts struct {
	// dirs maps each v1 subsystem to its mountpoint.
	dirs map[string]string
	// unified is the cgroup2 mountpoint, or "".
	unified string
	layout  string
}

func readMounts() (mounts, error) {
	m := mounts{dirs: map[string]string{}}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return m, err
	}
	v1, v2 := false, false
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if len(where) < 5 || len(what) < 3 {
			continue
		}
		switch what[0] {
		case "cgroup2":
			v2 = true
			if m.unified == "" {
				m.unified = where[4]
			}
		case "cgroup":
			v1 = true
			for option := range strings.SplitSeq(what[2], ",") {
				if _, known := m.dirs[option]; !known {
					m.dirs[option] = where[4]
				}
			}
		}
	}
	switch {
	case v1 && v2:
		m.layout = "hybrid"
	case v1:
		m.layout = "legacy"
	case v2:
		m.layout = "unified"
	default:
		m.layout = "no cgroup mount"
	}
	return m, nil
}

// stage is the cgroup below which the participants work, in all hierarchies. It has a child "home".
type stage struct {
	version    *version
	base, name string
	cpus, mems string
	// enabled lists the controllers that the stage has enabled in the root cgroup.
	enabled []string
	// unified is a cgroup on the cgroup2 mount, or "".
	unified string
}

// newStage creates a stage. After a failure, remove removes the parts that exist.
func newStage(v *version, base string) (*stage, error) {
	s := &stage{version: v, base: base, name: fmt.Sprintf("/katacg-test-bench-%d", os.Getpid())}
	for _, name := range []string{"", "home"} {
		for _, hierarchy := range v.hierarchies {
			if err := os.Mkdir(filepath.Join(s.dir(hierarchy), name), 0o755); err != nil {
				return s, err
			}
		}
	}
	return s, v.prepare(s)
}

func (s *stage) dir(hierarchy string) string {
	return filepath.Join(s.base, hierarchy+s.name)
}

// addSiblings creates n more cgroups in every hierarchy.
func (s *stage) addSiblings(n int) error {
	return s.siblings(n, func(path string) error { return os.Mkdir(path, 0o755) })
}

func (s *stage) removeSiblings(n int) error {
	return s.siblings(n, syscall.Rmdir)
}

func (s *stage) siblings(n int, do func(string) error) error {
	for _, hierarchy := range s.version.hierarchies {
		for i := range n {
			if err := do(fmt.Sprintf("%s/sibling-%d", s.dir(hierarchy), i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes all cgroups of the stage, also after a participant has failed.
func (s *stage) remove() error {
	var failed error
	if s.unified != "" {
		failed = rmdir(s.unified)
	}
	for _, hierarchy := range s.version.hierarchies {
		dir := s.dir(hierarchy)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		failed = errors.Join(failed, err)
		for _, entry := range entries {
			if entry.IsDir() {
				failed = errors.Join(failed, rmdir(filepath.Join(dir, entry.Name())))
			}
		}
		failed = errors.Join(failed, rmdir(dir))
	}
	for _, controller := range s.enabled {
		failed = errors.Join(failed, control(s.base, '-', controller))
	}
	return failed
}

// rmdir removes a cgroup. It waits a moment for processes that are ending.
func rmdir(path string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := syscall.Rmdir(path)
		switch {
		case err == nil || errors.Is(err, os.ErrNotExist):
			return nil
		case !errors.Is(err, syscall.EBUSY) || wait > time.Second:
			return fmt.Errorf("rmdir %s: %w", path, err)
		}
		time.Sleep(wait)
	}
}
