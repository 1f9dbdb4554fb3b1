// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
)

const mountLines = 10000

// writeMountinfo writes the mountinfo of a host with many containers. The only v1 mount comes last.
func writeMountinfo(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	const layers = "/var/lib/containers/storage/overlay"
	for i := range mountLines - 1 {
		fmt.Fprintf(out, "%d 29 0:%d / %s/%064x/merged rw,relatime shared:%d - overlay overlay "+
			"rw,lowerdir=%s/l/%026X:%s/l/%026X,upperdir=%s/%064x/diff,workdir=%s/%064x/work\n",
			i+30, i+30, layers, i, i, layers, i, layers, i+1, layers, i, layers, i)
	}
	fmt.Fprintln(out, "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu")
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// aim compares a pure function with the Go code that it replaces.
type aim struct {
	what string
	// old, c and cgo are the names of the programs' measurements.
	old, c, cgo string
	// wantC and wantCgo say how many times as fast the function should be, at least.
	wantC, wantCgo float64
}

var aims = []aim{
	{"validate, an absolute path", "go-validate-absolute", "c-validate-absolute",
		"cgo-validate-absolute", 20, 8},
	{"validate, a relative path", "go-validate-relative", "c-validate-relative",
		"cgo-validate-relative", 20, 8},
	{"validate, a systemd path", "go-validate-systemd", "c-validate-systemd",
		"cgo-validate-systemd", 20, 8},
	{"v1 mountpoint, 10,000 lines", "go-mountpoint", "c-mountpoint", "cgo-mountpoint", 5, 5},
}
