// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

func TestPlanListsStepsAsTextAndJSON(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	spec := `{"cgroupsPath":"/pod/box","resources":` + resources + `}`
	m := newManager(t, host, spec, katacg.ManagerOptions{})

	text, err := m.Plan(nil, katacg.PlanText)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"write\tcpu\tcpu.max\t50000 100000\n",
		"write\tmemory\tmemory.max\t67108864\n",
		"write\tpids\tpids.max\t64\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in:\n%s", line, text)
		}
	}
	var plan struct {
		Steps    []map[string]any
		Warnings []string
	}
	doc, err := m.Plan([]byte(`{"pids":{"limit":-1}}`), katacg.PlanApply)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(doc), &plan); err != nil {
		t.Fatal(err)
	}
	last := plan.Steps[len(plan.Steps)-1]
	if plan.Steps[0]["op"] != "create" || last["file"] != "pids.max" || last["value"] != "max" {
		t.Errorf("%s", doc)
	}

	// nil means the manager's own resources. An empty slice is malformed JSON.
	if _, err := m.Plan([]byte{}, 0); !errors.Is(err, katacg.ErrJSON) {
		t.Errorf("empty resources: %v", err)
	}
	if _, err := m.Plan(nil, 1<<9); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("unknown flag: %v", err)
	}
	if _, err := m.Apply(math.MaxInt, 0); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("impossible pid: %v", err)
	}
	if path, err := m.Path("memory"); err != nil || path != "/sys/fs/cgroup/pod/box" {
		t.Errorf("path %q, %v", path, err)
	}
}

func TestPathsKeepBytesThroughState(t *testing.T) {
	host := parseHost(t, legacyMountinfo, legacyCgroup)
	options := katacg.ManagerOptions{
		Flags: katacg.SkipDevices, Path: "/pod/\xff", Subsystems: []string{"cpu", "pids"},
	}
	m := newManager(t, host, "", options)
	want := map[string]string{"cpu": "/cg/my cpu/pod/\xff", "pids": "/cg/pids/pod/\xff"}
	paths, err := m.Paths()
	if err != nil || !maps.Equal(paths, want) {
		t.Errorf("%q, %v, want %q", paths, err, want)
	}
	state, err := m.State()
	if err != nil {
		t.Fatal(err)
	}
	again, err := katacg.LoadManager(host, state)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if paths, err := again.Paths(); err != nil || !maps.Equal(paths, want) {
		t.Errorf("after State: %q, %v, want %q", paths, err, want)
	}

	_, err = katacg.NewManager(host, nil, &katacg.ManagerOptions{Path: "/pod"})
	if !errors.Is(err, katacg.ErrNotMounted) {
		t.Errorf("no devices controller: %v", err)
	}
	options.Flags = 1 << 40
	_, err = katacg.NewManager(host, nil, &options)
	if !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("unknown flag: %v", err)
	}
}

func TestClosedLogIsRefused(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	log, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	newManager(t, host, "", katacg.ManagerOptions{Path: "/x", Log: log})
	log.Close()
	_, err = katacg.NewManager(host, nil, &katacg.ManagerOptions{Path: "/x", Log: log})
	if !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("closed log: %v", err)
	}
	m := newManager(t, host, "", katacg.ManagerOptions{Path: "/x"})
	if err := m.SetLog(log); !errors.Is(err, katacg.ErrArgument) {
		t.Errorf("SetLog, closed: %v", err)
	}
	if err := errors.Join(m.SetLog(os.Stderr), m.SetLog(nil)); err != nil {
		t.Error(err)
	}
}

func TestUnitNamesTheUnitOfAPath(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	for path, want := range map[string]string{
		"/x":             "",
		"a.slice:kata:x": "kata-x.scope",
		"a.slice::x":     "x.scope",
		"::a-b.slice":    "a-b.slice",
	} {
		options := katacg.ManagerOptions{Path: path, Bus: katacg.BusSystem}
		unit, err := newManager(t, host, "", options).Unit()
		if unit != want || err != nil {
			t.Errorf("%s: %q, %v", path, unit, err)
		}
	}
}

func TestCallsAfterCloseFailWithErrClosed(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	m := newManager(t, host, `{"cgroupsPath":"/x"}`, katacg.ManagerOptions{})
	for range 2 {
		if err := errors.Join(host.Close(), m.Close()); err != nil {
			t.Fatal(err)
		}
	}
	second := func(_ any, err error) error { return err }
	check := func(kind string, host *katacg.Host, m *katacg.Manager) {
		for name, err := range map[string]error{
			"Host.Layout":      second(host.Layout()),
			"Host.IsRootless":  second(host.IsRootless()),
			"Host.Controllers": second(host.Controllers()),
			"Host.Mountpoint":  second(host.Mountpoint("")),
			"Host.OwnCgroup":   second(host.OwnCgroup("")),
			"Manager.Apply":    second(m.Apply(katacg.Nobody, 0)),
			"Manager.Set":      m.Set(nil),
			"Manager.Plan":     second(m.Plan(nil, 0)),
			"Manager.Paths":    second(m.Paths()),
			"Manager.Path":     second(m.Path("")),
			"Manager.State":    second(m.State()),
			"Manager.Pids":     second(m.Pids()),
			"Manager.Exists":   second(m.Exists()),
			"Manager.Destroy":  m.Destroy(),
			"Manager.Read":     second(m.Read("", "f")),
			"Manager.Write":    m.Write("", "f", "1"),

			"Manager.Add":          m.Add(nil, katacg.AddOptions{}),
			"Manager.AllPids":      second(m.AllPids()),
			"Manager.Threads":      second(m.Threads()),
			"Manager.MoveTo":       second(m.MoveTo(m)),
			"Manager.Parent":       second(m.Parent()),
			"Manager.Freeze":       m.Freeze(0),
			"Manager.Thaw":         m.Thaw(),
			"Manager.FreezerState": second(m.FreezerState()),
			"Manager.Kill":         m.Kill(syscall.SIGKILL),
			"Manager.OOMKills":     second(m.OOMKills()),
			"Manager.OpenAttach":   second(m.OpenAttach(0)),
			"Manager.Dirfd":        second(m.Dirfd()),
		} {
			var e *katacg.Error
			if !errors.Is(err, os.ErrClosed) || !errors.As(err, &e) || e.Op != name {
				t.Errorf("%s %s: %v", kind, name, err)
			}
		}
	}
	check("closed", host, m)
	check("zero", &katacg.Host{}, &katacg.Manager{})
	check("nil", nil, nil)
	_, err := katacg.NewManager(host, nil, &katacg.ManagerOptions{Path: "/x"})
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("NewManager on a closed host: %v", err)
	}
	_, err = katacg.LoadManager(host, nil)
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("LoadManager on a closed host: %v", err)
	}
	_, err = katacg.LoadCgroup(host, nil, "/x")
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("LoadCgroup on a closed host: %v", err)
	}
}

func TestConcurrentCallsGiveTheSameResults(t *testing.T) {
	host := parseHost(t, unifiedMountinfo, unifiedCgroup)
	spec := `{"cgroupsPath":"/x","resources":` + resources + `}`
	m := newManager(t, host, spec, katacg.ManagerOptions{})
	plan, err := m.Plan(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	state, err := m.State()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 32 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 50 {
				if got, err := m.Plan(nil, 0); err != nil || got != plan {
					t.Errorf("plan %q, %v", got, err)
				}
				if got, err := m.State(); err != nil || string(got) != string(state) {
					t.Errorf("state %q, %v", got, err)
				}
				if got, err := m.Paths(); err != nil || got[""] != "/sys/fs/cgroup/x" {
					t.Errorf("paths %q, %v", got, err)
				}
			}
		}()
	}
	group.Wait()
}

// A call that races with Close succeeds or fails with os.ErrClosed. A later call fails with it.
func TestCloseDuringCallsIsSafe(t *testing.T) {
	for range 20 {
		host := parseHost(t, unifiedMountinfo, unifiedCgroup)
		m := newManager(t, host, `{"cgroupsPath":"/x"}`, katacg.ManagerOptions{})
		var group sync.WaitGroup
		for i := range 32 {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					_, err := m.Paths()
					_, hostErr := host.Layout()
					if i%8 == 7 {
						hostErr = errors.Join(hostErr, host.Close(), m.Close())
					}
					for _, err := range []error{err, hostErr} {
						if err != nil && !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
					}
					if err != nil {
						return
					}
				}
			}()
		}
		group.Wait()
	}
}

// Goroutines move in both directions, and close the handles in between.
func TestOppositeMovesDoNotDeadlock(t *testing.T) {
	host := parseHost(t, legacyMountinfo, legacyCgroup)
	skip := katacg.ManagerOptions{Flags: katacg.SkipDevices}
	for range 100 {
		a := newManager(t, host, `{"cgroupsPath":"/a"}`, skip)
		b := newManager(t, host, `{"cgroupsPath":"/b"}`, skip)
		var group sync.WaitGroup
		for i := range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				from, to := a, b
				if i%2 == 1 {
					from, to = b, a
				}
				for range 20 {
					// The paths of both managers do not exist on this host.
					if _, err := from.MoveTo(to); err == nil {
						t.Error("a move between missing cgroups succeeded")
					}
				}
				from.Close()
			}()
		}
		group.Wait()
	}
}

// The number of open descriptors shows how many handles are left.
func TestUnreachableHandlesAreFreed(t *testing.T) {
	host, err := katacg.OpenHost()
	if errors.Is(err, katacg.ErrNotMounted) {
		t.Skipf("no handle with a descriptor can be made here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	host.Close()

	const handles = 20
	before := descriptors(t)
	for range handles {
		abandonManager(t)
	}
	if now := descriptors(t); now < before+handles/2 {
		// The garbage collector may already have freed some handles, but not half of them.
		t.Fatalf("%d descriptors before, %d with %d managers", before, now, handles)
	}
	deadline := time.Now().Add(10 * time.Second)
	for descriptors(t) > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors before, %d still open", before, descriptors(t))
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}

func abandonManager(t *testing.T) {
	t.Helper()
	host, err := katacg.OpenHost()
	if err != nil {
		t.Fatal(err)
	}
	options := katacg.ManagerOptions{Path: "/katacg-never-made", Flags: katacg.SkipDevices}
	m, err := katacg.NewManager(host, nil, &options)
	if err != nil {
		t.Fatal(err)
	}
	if there, err := m.Exists(); err != nil || there {
		t.Fatalf("%t, %v", there, err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
