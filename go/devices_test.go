// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

func TestDeviceRulesAndCheck(t *testing.T) {
	rules, err := katacg.DeviceRules(katacg.RuntimeDevices)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device, access string
		allowed        bool
	}{
		{"c 1:3", "", true},
		{"/dev/null", "rw", true},
		{"c 136:7", "rw", true},
		{"c 10:229", "r", false},
		{"c 10:229", "m", true},
		{"b 8:0", "rm", false},
	} {
		allowed, err := katacg.CheckDevice(rules, c.device, c.access)
		if err != nil || allowed != c.allowed {
			t.Errorf("%s %s: %v, %v", c.device, c.access, allowed, err)
		}
	}
	if _, err := katacg.DeviceRules(9); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
	if _, err := katacg.CheckDevice(rules, "null", ""); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
}

func TestDevicesAreAllowedAndDenied(t *testing.T) {
	host, _, path := box(t)
	m := newManager(t, host, "", katacg.ManagerOptions{Path: path})
	if err := m.Set([]byte(`{"devices":[{"allow":false,"access":"rwm"}]}`)); err != nil {
		t.Fatal(err)
	}
	in := func(part string, want bool) {
		t.Helper()
		rules, err := m.Devices()
		if err != nil || strings.Contains(string(rules), part) != want {
			t.Errorf("%s, %v", rules, err)
		}
	}
	in(`"minor":3`, false)
	for range 2 {
		if err := m.AllowDevice("c 1:3", "rw"); err != nil {
			t.Fatal(err)
		}
		in(`"minor":3`, true)
	}
	for range 2 {
		if err := m.DenyDevice("c 1:3", ""); err != nil {
			t.Fatal(err)
		}
		in(`"minor":3`, false)
	}
}

func TestHypervisorDevicesNeedAHypervisor(t *testing.T) {
	rules, err := katacg.DeviceRules(katacg.HypervisorDevices)
	for _, node := range []string{"/dev/kvm", "/dev/mshv"} {
		if _, missing := os.Stat(node); missing == nil {
			if err != nil {
				t.Fatal(err)
			}
			allowed, err := katacg.CheckDevice(rules, node, "rwm")
			if err != nil || !allowed {
				t.Errorf("%s: %v, %v in %s", node, allowed, err, rules)
			}
			return
		}
	}
	if !errors.Is(err, katacg.ErrUnsupported) || !strings.Contains(err.Error(), "neither kvm") {
		t.Errorf("%s, %v", rules, err)
	}
}

// opener starts a shell that opens devices for reading. The returned function says which of them it
// can open.
func opener(t *testing.T) (int, func(devices ...string) []string) {
	t.Helper()
	script := `while read -r device; do (: <"$device") && echo yes || echo no; done`
	shell := exec.Command("sh", "-c", script)
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopChild(shell) })
	answers := bufio.NewScanner(out)
	return shell.Process.Pid, func(devices ...string) []string {
		t.Helper()
		var opened []string
		for _, device := range devices {
			if _, err := io.WriteString(in, device+"\n"); err != nil || !answers.Scan() {
				t.Fatalf("the shell has ended: %v, %v", err, answers.Err())
			}
			if answers.Text() == "yes" {
				opened = append(opened, device)
			}
		}
		return opened
	}
}

func TestDeviceRulesDecideWhatAProcessOpens(t *testing.T) {
	host, _, path := box(t)
	m := newManager(t, host, "", katacg.ManagerOptions{Path: path})
	pid, opens := opener(t)
	apply(t, m, pid)
	check := func(want ...string) {
		t.Helper()
		if got := opens("/dev/null", "/dev/zero", "/dev/full"); !slices.Equal(got, want) {
			t.Errorf("opens %q, want %q", got, want)
		}
	}
	list := `{"devices":[{"allow":false,"access":"rwm"},` +
		`{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}]}`
	if err := m.Set([]byte(list)); err != nil {
		t.Fatal(err)
	}
	check("/dev/null")
	// Another manager of the same cgroup, as another process has it.
	other := newManager(t, host, "", katacg.ManagerOptions{Path: path, Existing: true})
	if err := other.AllowDevice("/dev/zero", "r"); err != nil {
		t.Fatal(err)
	}
	check("/dev/null", "/dev/zero")
	if err := m.DenyDevice("/dev/null", ""); err != nil {
		t.Fatal(err)
	}
	check("/dev/zero")

	text, err := other.Devices()
	if err != nil {
		t.Fatal(err)
	}
	var rules []struct {
		Allow        bool
		Type, Access string
		Major, Minor int64
	}
	if err := json.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	if len(rules) != 2 || rules[0].Allow || fmt.Sprint(rules[1]) != "{true c r 1 5}" {
		t.Errorf("%s", text)
	}
}

func TestDeviceChangesReportWhatIsWrong(t *testing.T) {
	host, _, path := box(t)
	m := newManager(t, host, "", katacg.ManagerOptions{Path: path})
	list := `{"devices":[{"allow":false,"access":"rwm"},` +
		`{"allow":true,"type":"c","major":1,"access":"r"}]}`
	if err := m.Set([]byte(list)); err != nil {
		t.Fatal(err)
	}
	before, err := m.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device, access string
		want           error
	}{
		{"c 1:3", "rx", katacg.ErrArgument},
		{"null", "", katacg.ErrArgument},
		{"/etc/passwd", "", katacg.ErrArgument},
		{"/dev/no such device", "", os.ErrNotExist},
		// A part of what a wider rule allows.
		{"c 1:3", "r", katacg.ErrValue},
	} {
		if err := m.DenyDevice(c.device, c.access); !errors.Is(err, c.want) {
			t.Errorf("%s %q: %v, want %v", c.device, c.access, err, c.want)
		}
	}
	if after, err := m.Devices(); err != nil || string(after) != string(before) {
		t.Errorf("%s, %v, want %s", after, err, before)
	}

	gone := newManager(t, host, "", katacg.ManagerOptions{Path: path + "/never-made"})
	_, err = gone.Devices()
	for name, err := range map[string]error{
		"Devices": err, "AllowDevice": gone.AllowDevice("c 1:3", ""),
		"DenyDevice": gone.DenyDevice("c 1:3", ""),
	} {
		if !errors.Is(err, katacg.ErrDeleted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.Close()
	if err := m.AllowDevice("c 1:3", ""); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
