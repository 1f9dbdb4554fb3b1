// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// fact is a name and a value that describe the machine.
type fact struct{ name, value string }

func facts(m mounts) []fact {
	all := []fact{
		{"date", time.Now().UTC().Format("2006-01-02 15:04 MST")},
		{"kernel", firstLine("/proc/sys/kernel/osrelease")},
		{"processor", processor()},
		{"cgroups", m.layout},
	}
	if compilers := compilers(); len(compilers) > 0 {
		all = append(all, fact{"compilers", strings.Join(compilers, "; ")})
	}
	return all
}

// compilers returns the versions of the installed compilers. A virtual machine has none.
func compilers() []string {
	var found []string
	for _, command := range [][]string{
		{"cc", "--version"}, {"rustc", "--version"}, {"go", "version"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			found = append(found, line)
		}
	}
	return found
}

func load() string {
	fields := strings.Fields(firstLine("/proc/loadavg"))
	if len(fields) == 0 {
		return "unknown"
	}
	return fields[0]
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func processor() string {
	model := "unknown"
	text, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
		model = string(found[1])
	}
	return model + ", cores: " + itoa(runtime.NumCPU())
}

// versions returns the peers' versions, from the built programs and the lock file.
func versions(builds, lockfile string) map[string]string {
	found := map[string]string{}
	for _, program := range []string{"go/oc", "go/cc"} {
		info, err := buildinfo.ReadFile(filepath.Join(builds, program))
		if err != nil {
			continue
		}
		for _, dependency := range info.Deps {
			switch {
			case dependency.Path == "github.com/opencontainers/cgroups":
				found["opencontainers/cgroups"] = dependency.Version
			case strings.HasPrefix(dependency.Path, "github.com/containerd/cgroups/") &&
				program == "go/cc":
				found["containerd/cgroups"] = dependency.Version
			}
		}
	}
	lock, _ := os.ReadFile(lockfile)
	for _, name := range []string{"cgroups-rs", "libcgroups"} {
		pattern := regexp.MustCompile(`(?m)^name = "` + name + `"\nversion = "(.*)"$`)
		if version := pattern.FindSubmatch(lock); version != nil {
			found[name] = string(version[1])
		}
	}
	return found
}
