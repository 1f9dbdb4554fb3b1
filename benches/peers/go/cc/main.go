// Participant containerd/cgroups, for v1. Its list of hierarchies is made once: by default it would
// read mountinfo at every New.
package main

import (
	"slices"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
)

type participant struct {
	hierarchy []cgroup1.Subsystem
	resources *specs.LinuxResources
	cgroup    cgroup1.Cgroup
}

func setup(b *harness.Bench) (harness.Participant, error) {
	all, err := cgroup1.Default()
	if err != nil {
		return nil, err
	}
	shares, quota, period := uint64(harness.Shares), int64(harness.Quota), uint64(harness.Period)
	memory, pids := int64(harness.Memory), int64(harness.Pids)
	return &participant{
		hierarchy: slices.DeleteFunc(all, func(s cgroup1.Subsystem) bool {
			return !slices.Contains(harness.Subsystems, string(s.Name()))
		}),
		resources: &specs.LinuxResources{
			CPU: &specs.LinuxCPU{
				Shares: &shares, Quota: &quota, Period: &period, Cpus: b.Cpus, Mems: b.Mems,
			},
			Memory: &specs.LinuxMemory{Limit: &memory},
			Pids:   &specs.LinuxPids{Limit: &pids},
		},
	}, nil
}

func (p *participant) Start(b *harness.Bench, name string) error {
	hierarchy := func() ([]cgroup1.Subsystem, error) { return p.hierarchy, nil }
	cgroup, err := cgroup1.New(
		cgroup1.StaticPath(name), p.resources, cgroup1.WithHierarchy(hierarchy))
	if err != nil {
		return err
	}
	p.cgroup = cgroup
	b.Phase("create+set")
	if err := cgroup.Add(cgroup1.Process{Pid: b.Pid}); err != nil {
		return err
	}
	b.Phase("attach")
	return nil
}

func (p *participant) Destroy(*harness.Bench, string) error {
	return p.cgroup.Delete()
}

func main() {
	harness.Main(setup)
}
