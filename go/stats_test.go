// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"syscall"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

func TestStatsAreThoseOfTheCgroup(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, startChild(t).Process.Pid)
	stats, err := m.Stats(0)
	if err != nil {
		t.Fatal(err)
	}
	if !stats.Has(katacg.HasCPUUsage|katacg.HasPidsCurrent) || stats.PidsCurrent != 1 {
		t.Errorf("%+v", stats)
	}
	if stats.Has(katacg.HasMemoryLimit) && stats.MemoryLimit == 0 {
		t.Error("a limit of 0")
	}
	only, err := m.Stats(katacg.StatsPids)
	if err != nil || only.Has(katacg.HasCPUUsage) || only.PidsCurrent != 1 || only.Missing != 0 {
		t.Errorf("%+v, %v", only, err)
	}
	if _, err := m.Stats(512); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
}

func TestStatsReaderFollowsTheCgroup(t *testing.T) {
	_, m, _ := box(t)
	if err := m.Destroy(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.OpenStats(0); !errors.Is(err, katacg.ErrDeleted) {
		t.Fatal(err)
	}
	apply(t, m, -1)
	r, err := m.OpenStats(katacg.StatsPids)
	if err != nil {
		t.Fatal(err)
	}
	var stats katacg.Stats
	if again, err := r.Read(&stats); again || err != nil || !stats.Has(katacg.HasPidsCurrent) {
		t.Fatal(again, err)
	}
	if err := m.Destroy(); err != nil {
		t.Fatal(err)
	}
	_, err = r.Read(&stats)
	if !errors.Is(err, katacg.ErrDeleted) || !errors.Is(err, syscall.ENODEV) {
		t.Error(err)
	}
	apply(t, m, -1)
	if again, err := r.Read(&stats); !again || err != nil {
		t.Error(again, err)
	}
	if _, err := r.Read(nil); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(&stats); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// C fills the struct in as an array of 64-bit numbers.
func TestStatsHasOnlyNumbersOf64Bits(t *testing.T) {
	var check func(reflect.Type)
	check = func(s reflect.Type) {
		for i := range s.NumField() {
			switch f := s.Field(i); f.Type.Kind() {
			case reflect.Uint64:
			case reflect.Struct:
				check(f.Type)
			default:
				t.Error(f.Name)
			}
		}
	}
	check(reflect.TypeFor[katacg.Stats]())
}

func TestStatsJSONHasRuncsMembers(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, startChild(t).Process.Pid)
	text, err := m.StatsJSON(katacg.StatsPids)
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]map[string]uint64
	if err := json.Unmarshal(text, &found); err != nil || found["pids"]["current"] != 1 {
		t.Errorf("%s, %v", text, err)
	}
	if len(found) != 1 {
		t.Errorf("%s", text)
	}
}
