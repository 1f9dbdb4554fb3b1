// SPDX-License-Identifier: Apache-2.0

// Package oc compares katacg's statistics in JSON with those of opencontainers/cgroups, field by
// field, for one cgroup under load. A module of its own, so that the Go package needs no other.
package oc

import (
	"fmt"
	"reflect"

	"github.com/opencontainers/cgroups"
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

// numbers returns each number by its place.
func numbers(s shape) map[string]uint64 {
	out := map[string]uint64{}
	collect(reflect.ValueOf(s), "", out)
	return out
}

func collect(v reflect.Value, place string, out map[string]uint64) {
	switch v.Kind() {
	case reflect.Struct:
		if entry, ok := v.Interface().(cgroups.BlkioStatEntry); ok {
			out[fmt.Sprintf("%s/%d:%d %s", place, entry.Major, entry.Minor, entry.Op)] = entry.Value
			return
		}
		for i := range v.NumField() {
			collect(v.Field(i), place+"/"+v.Type().Field(i).Name, out)
		}
	case reflect.Slice:
		for i := range v.Len() {
			next := fmt.Sprint(place, "/", i)
			if v.Type().Elem().Kind() == reflect.Struct {
				// A device has a place of its own, in whatever order they are.
				next = place
			}
			collect(v.Index(i), next, out)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collect(v.MapIndex(key), place+"/"+key.String(), out)
		}
	case reflect.Int64:
		out[place] = uint64(v.Int())
	default:
		out[place] = v.Uint()
	}
}
