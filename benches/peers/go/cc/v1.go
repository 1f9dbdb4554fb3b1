// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
)

// v1 makes the list of hierarchies once. By default the library would read mountinfo in every New.
type v1 struct {
	hierarchy []cgroup1.Subsystem
	resources *specs.LinuxResources
	cgroup    cgroup1.Cgroup
}

func newV1(b *harness.Bench) (*v1, error) {
	all, err := cgroup1.Default()
	if err != nil {
		return nil, err
	}
	return &v1{
		hierarchy: slices.DeleteFunc(all, func(s cgroup1.Subsystem) bool {
			return !slices.Contains(harness.Subsystems, string(s.Name()))
		}),
		resources: resources(b),
	}, nil
}

func (p *v1) Start(b *harness.Bench, name string) error {
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

func (p *v1) Destroy(*harness.Bench, string) error {
	return p.cgroup.Delete()
}
