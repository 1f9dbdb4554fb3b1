// SPDX-License-Identifier: Apache-2.0

// Participant libkatacg from Go makes the same calls as c/katacg.c, through cgo.
package main

import (
	"fmt"

	"github.com/kata-containers/libkatacg/benches/peers/go/harness"
	katacg "github.com/kata-containers/libkatacg/go"
)

type participant struct {
	host    *katacg.Host
	spec    []byte
	options katacg.ManagerOptions
	manager *katacg.Manager
}

func setup(b *harness.Bench) (harness.Participant, error) {
	host, err := katacg.OpenHost()
	if err != nil {
		return nil, err
	}
	spec := fmt.Sprintf(`{"resources":{"cpu":{"shares":%d,"quota":%d,"period":%d,`+
		`"cpus":%q,"mems":%q},"memory":{"limit":%d},"pids":{"limit":%d}}}`, harness.Shares,
		harness.Quota, harness.Period, b.Cpus, b.Mems, harness.Memory, harness.Pids)
	return &participant{
		host:    host,
		spec:    []byte(spec),
		options: katacg.ManagerOptions{Flags: katacg.SkipDevices, Subsystems: harness.Subsystems},
	}, nil
}

func (p *participant) Start(b *harness.Bench, name string) error {
	p.options.Path = name
	manager, err := katacg.NewManager(p.host, p.spec, &p.options)
	if err != nil {
		return err
	}
	p.manager = manager
	_, err = manager.Apply(b.Pid, katacg.ApplySet)
	return err
}

func (p *participant) Destroy(*harness.Bench, string) error {
	if err := p.manager.Destroy(); err != nil {
		return err
	}
	return p.manager.Close()
}

func main() {
	harness.Main(setup)
}
