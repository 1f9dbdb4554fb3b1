// SPDX-License-Identifier: Apache-2.0

package oc

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/cgroups/manager"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// load computes, uses memory, forks, and writes a file past the page cache, without an end.
const load = `while :; do
i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
dd if=/dev/zero of="$1" bs=64k count=16 oflag=direct 2>/dev/null || true
dd if=/dev/zero of=/dev/null bs=8M count=2 2>/dev/null
done`

// box starts the load in a new cgroup, which ends with the test.
func box(t *testing.T) (*katacg.Manager, cgroups.Manager) {
	t.Helper()
	path := "/katacg-test-" + rand.Text()
	host := must[*katacg.Host](t)(katacg.OpenHost())
	memory := `"memory":{"limit":67108864},`
	if _, err := host.Mountpoint("memory"); errors.Is(err, katacg.ErrNotMounted) {
		memory = ""
	}
	spec := []byte(`{"resources":{"cpu":{"quota":20000},` + memory + `"pids":{"limit":64}}}`)
	options := &katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path}
	m := must[*katacg.Manager](t)(katacg.NewManager(host, spec, options))
	if _, err := m.Apply(-1, katacg.ApplySet); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", "read go; "+load, "sh", t.TempDir()+"/file")
	start := must[interface {
		Write([]byte) (int, error)
		Close() error
	}](t)(child.StdinPipe())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.Kill(9)
		_ = child.Wait()
		if err := m.Destroy(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Add([]int{child.Process.Pid}, katacg.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _ = start.Write([]byte("\n"))
	config := &cgroups.Cgroup{Path: path, Resources: &cgroups.Resources{SkipDevices: true}}
	return m, must[cgroups.Manager](t)(manager.New(config))
}

// agreed is how often each gauge must be between two readings of oc, and most how often all other
// numbers must be: they only grow, or do not move.
const agreed, most = 5, 20

// isGauge reports whether a number can fall. Such a number need not be between two readings.
func isGauge(place string) bool {
	if raw, ok := strings.CutPrefix(place, "/Memory/Raw/"); ok {
		raw = strings.TrimPrefix(raw, "total_")
		return !strings.HasPrefix(raw, "pg") && !strings.HasPrefix(raw, "hierarchical")
	}
	return strings.HasSuffix(place, "/Usage") || place == "/Memory/Cache" || place == "/Pids/Current"
}

// between reports whether a number is between oc's reading before and oc's reading after.
func between(place string, before, mine, after map[string]uint64) bool {
	value, has := mine[place]
	one, known := before[place]
	two, still := after[place]
	return has && known && still && min(one, two) <= value && value <= max(one, two)
}

// without removes what oc does not read of a hybrid host: the controllers that are in cgroup2.
func without(mine, oc map[string]uint64) {
	if !cgroups.IsCgroup2HybridMode() {
		return
	}
	for _, part := range []string{"/Hugetlb/", "/Memory/", "/Blkio/", "/CPUSet/"} {
		has := func(place string) bool { return strings.HasPrefix(place, part) && oc[place] != 0 }
		known := false
		for place := range oc {
			known = known || has(place)
		}
		if known {
			continue
		}
		for place := range mine {
			if strings.HasPrefix(place, part) && oc[place] == 0 {
				delete(mine, place)
			}
		}
		for place := range oc {
			if strings.HasPrefix(place, part) {
				delete(oc, place)
			}
		}
	}
}

func TestJSONIsThatOfOpencontainersCgroupsUnderLoad(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can create cgroups")
	}
	m, oc := box(t)
	read := func() map[string]uint64 {
		return numbers(theirs(must[*cgroups.Stats](t)(oc.GetStats())))
	}
	agree, last := map[string]int{}, map[string]string{}
	start, rounds := time.Now(), 0
	for time.Since(start) < 60*time.Second {
		rounds++
		before := read()
		text := must[[]byte](t)(m.StatsJSON(0))
		after := read()
		var parsed shape
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		mine := numbers(parsed)
		without(mine, after)
		without(mine, before)
		left := 0
		for place := range union(mine, before) {
			if between(place, before, mine, after) {
				agree[place]++
			} else if last[place] = fmt.Sprint(mine[place], ", oc's ", before[place], " and ",
				after[place]); !isGauge(place) && present(place, before, mine, after) {
				t.Fatalf("%s: %s", place, last[place])
			}
			if agree[place] < agreed {
				left++
			}
		}
		moved := mine["/CPU/Usage/User"] > 0 && mine["/CPU/Throttling/ThrottledPeriods"] > 0
		if left == 0 && moved && rounds >= most {
			t.Logf("%d numbers agree after %d rounds", len(mine), rounds)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	for place, text := range last {
		if agree[place] < agreed {
			t.Errorf("%s: between oc's in %d of %d rounds; at last %s", place, agree[place], rounds, text)
		}
	}
}

// present reports whether all three readings have a number. A device may come in between.
func present(place string, all ...map[string]uint64) bool {
	for _, numbers := range all {
		if _, has := numbers[place]; !has {
			return false
		}
	}
	return true
}

func union(one, two map[string]uint64) map[string]bool {
	out := map[string]bool{}
	for _, numbers := range []map[string]uint64{one, two} {
		for place := range numbers {
			out[place] = true
		}
	}
	return out
}
