// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/containerd/cgroups/v3/cgroup2"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
)

type v2 struct {
	resources *specs.LinuxResources
	manager   *cgroup2.Manager
}

func (p *v2) Start(b *harness.Bench, name string) error {
	manager, err := cgroup2.NewManager(b.Base, name, cgroup2.ToResources(p.resources))
	if err != nil {
		return err
	}
	p.manager = manager
	b.Phase("create+set")
	if err := manager.AddProc(uint64(b.Pid)); err != nil {
		return err
	}
	b.Phase("attach")
	return nil
}

func (p *v2) Destroy(*harness.Bench, string) error {
	return p.manager.Delete()
}
