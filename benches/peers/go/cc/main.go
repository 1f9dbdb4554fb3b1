// SPDX-License-Identifier: Apache-2.0

// Participant containerd/cgroups, with its package for v1 or for v2.
package main

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
)

func resources(b *harness.Bench) *specs.LinuxResources {
	shares, quota, period := uint64(harness.Shares), int64(harness.Quota), uint64(harness.Period)
	memory, pids := int64(harness.Memory), int64(harness.Pids)
	return &specs.LinuxResources{
		CPU: &specs.LinuxCPU{
			Shares: &shares, Quota: &quota, Period: &period, Cpus: b.Cpus, Mems: b.Mems,
		},
		Memory: &specs.LinuxMemory{Limit: &memory},
		Pids:   &specs.LinuxPids{Limit: &pids},
	}
}

func main() {
	harness.Main(func(b *harness.Bench) (harness.Participant, error) {
		if b.Unified {
			return &v2{resources: resources(b)}, nil
		}
		return newV1(b)
	})
}
