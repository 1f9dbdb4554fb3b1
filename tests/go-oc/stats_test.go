// SPDX-License-Identifier: Apache-2.0

// Package stats compares katacg's statistics in JSON with those of opencontainers/cgroups, field by
// field, for one cgroup under load.
package stats

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/cgroups/manager"
)

type entry struct {
	Usage, Max, Failcnt, Limit uint64
}

// shape is what `runc events --stats` prints, as far as the cgroup fills it in.
type shape struct {
	CPU struct {
		Usage struct {
			Total, Kernel, User uint64
			Percpu              []uint64
			PercpuKernel        []uint64 `json:"percpu_kernel"`
			PercpuUser          []uint64 `json:"percpu_user"`
		}
		Throttling struct{ Periods, ThrottledPeriods, ThrottledTime uint64 }
	}
	CPUSet struct {
		CPUs, Mems            []uint16
		CPUExclusive          uint64 `json:"cpu_exclusive"`
		MemHardwall           uint64 `json:"mem_hardwall"`
		MemExclusive          uint64 `json:"mem_exclusive"`
		MemoryMigrate         uint64 `json:"memory_migrate"`
		MemorySpreadPage      uint64 `json:"memory_spread_page"`
		MemorySpreadSlab      uint64 `json:"memory_spread_slab"`
		MemoryPressure        uint64 `json:"memory_pressure"`
		SchedLoadBalance      uint64 `json:"sched_load_balance"`
		SchedRelaxDomainLevel int64  `json:"sched_relax_domain_level"`
	}
	Memory struct {
		Cache     uint64
		Usage     entry
		Swap      entry
		Kernel    entry
		KernelTCP entry `json:"kernelTCP"`
		Raw       map[string]uint64
	}
	Pids  struct{ Current, Limit uint64 }
	Blkio struct {
		IoServiceBytesRecursive, IoServicedRecursive []cgroups.BlkioStatEntry
	}
	Hugetlb map[string]struct{ Usage, Max, Failcnt uint64 }
}

func ofMemory(data cgroups.MemoryData) entry {
	return entry{data.Usage, data.MaxUsage, data.Failcnt, data.Limit}
}

// theirs converts oc's statistics as runc does.
func theirs(s *cgroups.Stats) (out shape) {
	usage := s.CpuStats.CpuUsage
	out.CPU.Usage.Total, out.CPU.Usage.Kernel = usage.TotalUsage, usage.UsageInKernelmode
	out.CPU.Usage.User, out.CPU.Usage.Percpu = usage.UsageInUsermode, usage.PercpuUsage
	out.CPU.Usage.PercpuKernel = usage.PercpuUsageInKernelmode
	out.CPU.Usage.PercpuUser = usage.PercpuUsageInUsermode
	throttling := s.CpuStats.ThrottlingData
	out.CPU.Throttling.Periods = throttling.Periods
	out.CPU.Throttling.ThrottledPeriods = throttling.ThrottledPeriods
	out.CPU.Throttling.ThrottledTime = throttling.ThrottledTime
	set := s.CPUSetStats
	out.CPUSet.CPUs, out.CPUSet.Mems = set.CPUs, set.Mems
	out.CPUSet.CPUExclusive, out.CPUSet.MemHardwall = set.CPUExclusive, set.MemHardwall
	out.CPUSet.MemExclusive, out.CPUSet.MemoryMigrate = set.MemExclusive, set.MemoryMigrate
	out.CPUSet.MemorySpreadPage = set.MemorySpreadPage
	out.CPUSet.MemorySpreadSlab = set.MemorySpreadSlab
	out.CPUSet.MemoryPressure = set.MemoryPressure
	out.CPUSet.SchedLoadBalance = set.SchedLoadBalance
	out.CPUSet.SchedRelaxDomainLevel = set.SchedRelaxDomainLevel
	out.Memory.Cache, out.Memory.Raw = s.MemoryStats.Cache, s.MemoryStats.Stats
	out.Memory.Usage = ofMemory(s.MemoryStats.Usage)
	out.Memory.Swap = ofMemory(s.MemoryStats.SwapUsage)
	out.Memory.Kernel = ofMemory(s.MemoryStats.KernelUsage)
	out.Memory.KernelTCP = ofMemory(s.MemoryStats.KernelTCPUsage)
	out.Pids.Current, out.Pids.Limit = s.PidsStats.Current, s.PidsStats.Limit
	out.Blkio.IoServiceBytesRecursive = s.BlkioStats.IoServiceBytesRecursive
	out.Blkio.IoServicedRecursive = s.BlkioStats.IoServicedRecursive
	out.Hugetlb = map[string]struct{ Usage, Max, Failcnt uint64 }{}
	for size, h := range s.HugetlbStats {
		out.Hugetlb[size] = struct{ Usage, Max, Failcnt uint64 }{h.Usage, h.MaxUsage, h.Failcnt}
	}
	return out
}

// sorted brings what oc reads from a map, or leaves empty instead of nil, into one form.
func sorted(s shape) shape {
	for _, list := range []*[]cgroups.BlkioStatEntry{
		&s.Blkio.IoServiceBytesRecursive, &s.Blkio.IoServicedRecursive,
	} {
		slices.SortFunc(*list, func(a, b cgroups.BlkioStatEntry) int {
			left, right := []uint64{a.Major, a.Minor}, []uint64{b.Major, b.Minor}
			if order := slices.Compare(left, right); order != 0 {
				return order
			}
			return slices.Compare([]byte(a.Op), []byte(b.Op))
		})
	}
	for _, list := range []*[]uint64{
		&s.CPU.Usage.Percpu, &s.CPU.Usage.PercpuKernel, &s.CPU.Usage.PercpuUser,
	} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return s
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// load computes, writes a file with O_DIRECT past the page cache, and stops itself.
const load = `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done
dd if=/dev/zero of="$1" bs=64k count=16 oflag=direct 2>/dev/null || true
(sleep 600) &
kill -STOP $$`

func TestJSONIsThatOfOpencontainersCgroups(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can create cgroups")
	}
	path := "/katacg-test-" + rand.Text()
	host := must[*katacg.Host](t)(katacg.OpenHost())
	options := &katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path}
	spec := []byte(`{"resources":{"cpu":{"quota":50000},"memory":{"limit":67108864},"pids":{"limit":64}}}`)
	m := must[*katacg.Manager](t)(katacg.NewManager(host, spec, options))
	child := exec.Command("sh", "-c", load, "sh", t.TempDir()+"/file")
	if _, err := m.Apply(-1, katacg.ApplySet); err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.Kill(9)
		_ = child.Wait()
		if err := m.Destroy(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Add([]int{child.Process.Pid}, katacg.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	config := &cgroups.Cgroup{Path: path, Resources: &cgroups.Resources{SkipDevices: true}}
	oc := must[cgroups.Manager](t)(manager.New(config))
	var mine, other shape
	// The kernel's numbers move while the load runs, and memory.stat up to two seconds later.
	for range 200 {
		text := must[[]byte](t)(m.StatsJSON(0))
		mine = shape{}
		if err := json.Unmarshal(text, &mine); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		other = theirs(must[*cgroups.Stats](t)(oc.GetStats()))
		mine, other = sorted(mine), sorted(other)
		// oc does not look at the cgroup2 of a hybrid host, where its huge pages are.
		if len(other.Hugetlb) == 0 {
			mine.Hugetlb = other.Hugetlb
		}
		if reflect.DeepEqual(mine, other) && mine.CPU.Usage.User > 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	a, _ := json.MarshalIndent(mine, "", " ")
	b, _ := json.MarshalIndent(other, "", " ")
	t.Errorf("katacg:\n%s\noc:\n%s", a, b)
}
