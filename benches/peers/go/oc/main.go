// SPDX-License-Identifier: Apache-2.0

// Participant opencontainers/cgroups: the library in runc.
//
// By default the library would also join name=systemd and, on a hybrid host, the cgroup2 mount. The
// program passes the paths, as runc does when it loads a container, so that the work is the same.
// SkipDevices would not join the devices hierarchy. Without SkipDevices, and without the devices
// package, the library joins that hierarchy and ignores device rules.
//
// The library creates and attaches in one call. In mode "apart" the program first creates (Apply of
// -1), and attaches at the end (AddPid), so that both can be measured.
package main

import (
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
)

type participant struct {
	manager cgroups.Manager
}

func (p *participant) Start(b *harness.Bench, name string) error {
	limit := int64(harness.Pids)
	resources := &cgroups.Resources{
		CpuShares:  harness.Shares,
		CpuWeight:  cgroups.ConvertCPUSharesToCgroupV2Value(harness.Shares),
		CpuQuota:   harness.Quota,
		CpuPeriod:  harness.Period,
		CpusetCpus: b.Cpus,
		CpusetMems: b.Mems,
		Memory:     harness.Memory,
		PidsLimit:  &limit,
	}
	config := &cgroups.Cgroup{Path: name, Resources: resources}
	m, err := manager.NewWithPaths(config, b.Paths(name))
	if err != nil {
		return err
	}
	p.manager = m
	b.Phase("new")
	if b.Mode == "apart" {
		return p.apart(b, resources)
	}
	if err := m.Apply(b.Pid); err != nil {
		return err
	}
	b.Phase("create+attach")
	if err := m.Set(resources); err != nil {
		return err
	}
	b.Phase("set")
	return nil
}

func (p *participant) apart(b *harness.Bench, resources *cgroups.Resources) error {
	if err := p.manager.Apply(-1); err != nil {
		return err
	}
	b.Phase("create")
	if err := p.manager.Set(resources); err != nil {
		return err
	}
	b.Phase("set")
	if err := p.manager.AddPid("", b.Pid); err != nil {
		return err
	}
	b.Phase("attach")
	return nil
}

func (p *participant) Destroy(*harness.Bench, string) error {
	return p.manager.Destroy()
}

func main() {
	harness.Main(func(*harness.Bench) (harness.Participant, error) { return &participant{}, nil })
}
