// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"os"
	"path/filepath"
	"strconv"
)

// file is a file of a hierarchy and its value.
type file struct{ hierarchy, name, value string }

// version has the hierarchies and values of the life cycle, on v1 or on v2.
type version struct {
	// hierarchies are directories below the base; "" is the base itself.
	hierarchies []string
	files       []file
}

func v1(b *Bench) version {
	return version{
		hierarchies: Subsystems,
		files: []file{
			{"cpu", "cpu.shares", strconv.Itoa(Shares)},
			{"cpu", "cpu.cfs_quota_us", strconv.Itoa(Quota)},
			{"cpu", "cpu.cfs_period_us", strconv.Itoa(Period)},
			{"memory", "memory.limit_in_bytes", strconv.Itoa(Memory)},
			{"pids", "pids.max", strconv.Itoa(Pids)},
			{"cpuset", "cpuset.cpus", b.Cpus},
			{"cpuset", "cpuset.mems", b.Mems},
		},
	}
}

func v2(b *Bench) version {
	return version{
		hierarchies: []string{""},
		files: []file{
			{"", "cpu.weight", strconv.Itoa(weight)},
			{"", "cpu.max", strconv.Itoa(Quota) + " " + strconv.Itoa(Period)},
			{"", "memory.max", strconv.Itoa(Memory)},
			{"", "pids.max", strconv.Itoa(Pids)},
			{"", "cpuset.cpus", b.Cpus},
			{"", "cpuset.mems", b.Mems},
		},
	}
}

// setVersion finds out whether the base is cgroup2 or v1.
func (b *Bench) setVersion() {
	_, err := os.Stat(filepath.Join(b.Base, "cgroup.controllers"))
	b.Unified = err == nil
	if b.Unified {
		b.version = v2(b)
	} else {
		b.version = v1(b)
	}
}
