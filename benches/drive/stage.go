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

// mounts is what mountinfo says about cgroups.
type mounts struct {
	// dirs has each v1 subsystem's mountpoint.
	dirs map[string]string
	// unified is the cgroup2 mountpoint, if there is one.
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

// stage is where the participants work: a cgroup in all hierarchies, with a child "home".
type stage struct {
	version    *version
	base, name string
	cpus, mems string
	// enabled are the controllers that the root cgroup's children did not have before.
	enabled []string
	// unified is a cgroup on the cgroup2 mount, if there is one.
	unified string
}

// newStage builds one. What it made when it failed is for remove, too.
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

// addSiblings makes n cgroups in every hierarchy beside those that are measured.
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

// remove leaves nothing, whatever became of the participants.
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

// rmdir waits a little for processes that are ending.
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
