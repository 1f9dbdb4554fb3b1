// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"errors"
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
