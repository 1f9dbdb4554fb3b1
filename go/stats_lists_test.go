// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"errors"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

// listed fails the test for any error other than a missing controller.
func listed[T any](t *testing.T, list []T, err error) []T {
	t.Helper()
	if err != nil && !errors.Is(err, katacg.ErrController) {
		t.Error(err)
	}
	return list
}

func TestStatsListsAreThoseOfTheCgroup(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, startChild(t).Process.Pid)
	cpus, err := m.CPUStats()
	for i, cpu := range listed(t, cpus, err) {
		if cpu.CPU != uint64(i) || cpu.Valid&katacg.HasCPUStatsUsage == 0 {
			t.Errorf("%+v", cpu)
		}
	}
	sizes, err := m.HugetlbStats()
	for _, size := range listed(t, sizes, err) {
		if size.Limit != katacg.StatsMax || size.Usage != 0 || size.Size == "" || size.PageSize < 4096 {
			t.Errorf("%+v", size)
		}
	}
	nodes, err := m.NUMAStats()
	for _, node := range listed(t, nodes, err) {
		if node.Valid&katacg.HasNUMAStatsAnon == 0 {
			t.Errorf("%+v", node)
		}
	}
	devices, err := m.IOStats()
	listed(t, devices, err)
	resources, err := m.ResourceStats()
	listed(t, resources, err)
	values, err := m.ReadKeyed("pids", "pids.current")
	if err != nil || len(values) != 1 || !values[0].IsNumber || values[0].Text != "1" {
		t.Errorf("%+v, %v", values, err)
	}
	if _, err := m.ReadKeyed("pids", "a/b"); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
}
