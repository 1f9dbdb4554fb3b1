// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// most is the largest allowed ratio of libkatacg's time to the time by hand.
	most    = 1.15
	byHand  = "sdbus"
	ours    = "katacg"
	noUndo  = "no-undo"
	another = "oc"
)

var titles = map[string]string{
	byHand:  "sd-bus by hand, C",
	ours:    "libkatacg, C",
	noUndo:  "libkatacg, C, no undo",
	another: "opencontainers/cgroups v0.1.0, Go",
}

// The messages that libkatacg may send to the bus. A scope is gone when its process has ended.
// Before it stops one, libkatacg asks for the unit, because another unit may have taken the name.
var meant = map[key][]string{
	{"scope", ours, "start"}: {"AddMatch,StartTransientUnit,RemoveMatch"},
	{"slice", ours, "start"}: {"AddMatch,StartTransientUnit,RemoveMatch"},
	{"scope", ours, "set"}:   {"SetUnitProperties"},
	{"slice", ours, "set"}:   {"SetUnitProperties"},
	{"scope", ours, "stop"}: {
		"AddMatch,StopUnit,ResetFailedUnit,RemoveMatch",
		"AddMatch,StopUnit,RemoveMatch",
		"GetUnit",
	},
	{"slice", ours, "stop"}: {"AddMatch,StopUnit,ResetFailedUnit,RemoveMatch"},
}

const intro = `# systemd: the benchmark in virtual machines

Made by ` + "`%s`" + `. The life cycle of a unit with cpu shares, quota and period, memory, pids
and cpuset. Start ends when the process is inside with all limits; set changes the limits; stop
removes the unit. A scope has a process, which is killed before stop, so that the scope has ended
by itself when stop looks for it. A slice has no process, and its stop is a job. 150 ms of rest
before each phase do not count, because systemd works on after its answer. The first cycle of a
process does not count either: it connects, and its result is checked. The participants take
turns, cycle by cycle.

The program by hand overwrites files without keeping old values and without a lock. libkatacg
reads each file first and takes a lock. With KATACG_MANAGER_NO_ROLLBACK ("no undo") it does not
read the files.

The aims are at most 1.15 times the time by hand, and less than the time of Go's library. The run
fails when the lower end of an interval misses an aim. For set, this compares "no undo", which
does the same work as the other two. A median that misses an aim appears in the table.

The machines are emulated, and systemd and the bus take most of the time, so only ratios are
meaningful. Milliseconds are medians of all cycles. × is the median of each turn's ratio to the
program by hand, with its 95 %% interval. CPU is the time of all threads of the program.
`

func table(w io.Writer, machines []*machine, command string) (bad []string) {
	fmt.Fprintf(w, intro, command)
	for _, m := range machines {
		fmt.Fprintf(w, "\n## %s\n\n%s\n", m.name, m.facts)
		for _, mode := range modes {
			m.times(w, mode)
			m.messages(w, mode)
			bad = append(bad, m.check(mode)...)
		}
	}
	return bad
}

func (m *machine) times(w io.Writer, mode string) {
	fmt.Fprintf(w, "\n| %s, ms | start | set | stop | whole cycle | CPU of it |\n", mode)
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|")
	for _, participant := range participants {
		cells := []string{titles[participant]}
		for _, phase := range append(phases, "cycle") {
			cells = append(cells, cell(m.wall, key{mode, participant, phase}))
		}
		cells = append(cells, cell(m.cpu, key{mode, participant, "cycle"}))
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

func cell(all map[key][]float64, k key) string {
	out := fmt.Sprintf("%.1f", median(all[k]))
	if k.participant == byHand {
		return out
	}
	q := over(all[k], all[key{k.mode, byHand, k.phase}])
	return fmt.Sprintf("%s: %.2f× (%.2f–%.2f)", out, q.median, q.low, q.high)
}

func (m *machine) messages(w io.Writer, mode string) {
	fmt.Fprintf(w, "\n| %s | system calls | on the bus | sent | received |\n", mode)
	fmt.Fprintln(w, "|---|---:|---:|---|---|")
	for _, participant := range participants {
		for _, phase := range phases {
			p := m.traced[key{mode, participant, phase}]
			fmt.Fprintf(w, "| %s: %s | %d | %d | %s | %s |\n", titles[participant], phase, p.calls, p.onBus,
				strings.Join(p.sent, ", "), strings.Join(p.received, ", "))
		}
	}
}

// check returns the aims that libkatacg surely misses.
func (m *machine) check(mode string) (bad []string) {
	wrong := func(format string, values ...any) {
		bad = append(bad, m.name+", "+mode+": "+fmt.Sprintf(format, values...))
	}
	for _, phase := range phases {
		k := key{mode, ours, phase}
		said := strings.Join(m.traced[k].sent, ",")
		if !slices.Contains(meant[k], said) {
			wrong("%s says %s", phase, said)
		}
	}
	for _, phase := range append(phases, "cycle") {
		wall := m.wall[key{mode, ours, phase}]
		if q := over(wall, m.wall[key{mode, another, phase}]); q.median == 0 || q.low >= 1 {
			wrong("%s takes %.2f of the time of %s", phase, q.median, titles[another])
		}
		if phase == "set" {
			// For set, "no undo" does the same work as the program by hand.
			wall = m.wall[key{mode, noUndo, phase}]
		}
		if q := over(wall, m.wall[key{mode, byHand, phase}]); q.median == 0 || q.low > most {
			wrong("%s takes %.2f of the time by hand, not at most %.2f", phase, q.median, most)
		}
	}
	return bad
}
