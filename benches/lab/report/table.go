package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// What libkatacg may take at most of the program by hand.
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

// What libkatacg is meant to say to the bus, and no more. A scope whose process has ended is gone
// before it is stopped; then the unit is looked for, since another one may have come by that name.
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

Made by ` + "`%s`" + `. The life of a unit, from nothing to nothing, with cpu shares, quota and period, memory, pids and
cpuset: start, with the process inside and all of it set; set, to other values; stop. Scope: with a process, which is
killed before stop, so that the scope has ended by itself when stop asks. Slice: with nobody in it; stop is a job.
Before each phase 150 ms of rest are not counted: systemd works on after it has answered. Nor is a process's first
cycle: it connects, and what it did is looked at. The participants take turns cycle by cycle.

By hand, a set overwrites files and nobody can put the old values back, or knows of another set beside it. libkatacg
reads each file first and takes a lock; with KATACG_MANAGER_NO_ROLLBACK ("no undo") it leaves the reading out.

Held against the aims (at most 1.15 times the program by hand, less than Go's library) is the lower end of
each interval, and of set that of "no undo", which does the same as the other two: the run fails when
that misses. A median beyond an aim stands in the table as it is.

All of it is emulated, and most of the time is systemd's and the bus's: only ratios say something. Milliseconds are
medians of all cycles; × is the median of each turn's ratio to the program by hand, with its 95 %% interval. CPU: the
program's own, all threads.
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

// check says what is surely not as it is meant to be.
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
			// What the program by hand does, and no more.
			wall = m.wall[key{mode, noUndo, phase}]
		}
		if q := over(wall, m.wall[key{mode, byHand, phase}]); q.median == 0 || q.low > most {
			wrong("%s takes %.2f of the time by hand, not at most %.2f", phase, q.median, most)
		}
	}
	return bad
}
