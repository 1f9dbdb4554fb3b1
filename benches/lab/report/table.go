package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// What libkatacg may take at most of the program by hand.
	most    = 1.15
	ours    = "katacg"
	byHand  = "sdbus"
	another = "oc"
)

var titles = map[string]string{
	byHand:  "sd-bus by hand, C",
	ours:    "libkatacg, C",
	another: "opencontainers/cgroups v0.1.0, Go",
}

// What libkatacg is meant to say to the bus, and no more. A scope whose processes have ended is gone
// before it can be stopped.
var meant = map[key]string{
	{"scope", ours, "start"}: "AddMatch,StartTransientUnit,RemoveMatch",
	{"slice", ours, "start"}: "AddMatch,StartTransientUnit,RemoveMatch",
	{"scope", ours, "set"}:   "SetUnitProperties",
	{"slice", ours, "set"}:   "SetUnitProperties",
	{"slice", ours, "stop"}:  "AddMatch,StopUnit,ResetFailedUnit,RemoveMatch",
}

const intro = `# systemd: the benchmark in virtual machines

Made by ` + "`%s`" + `. The life of a unit, from nothing to nothing, with cpu shares, quota and period, memory, pids and
cpuset: start, with the process inside and all of it set; set, to other values; stop. Scope: with a process, which is
killed before stop, so that the scope is about to end by itself, and mostly gone when stop asks. Slice: with nobody
in it; stop is a job. A process's first cycle is not counted: it connects, and what it did is looked at.

All of it is emulated, and most of the time is systemd's and the bus's: only ratios say something. Medians of all cycles;
in brackets the lowest and highest of the rounds' own ratios. CPU: the program's own, all threads.
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

func cell(all map[key][][]time.Duration, k key) string {
	base := key{k.mode, byHand, k.phase}
	out := fmt.Sprintf("%.1f", milliseconds(median(slices.Concat(all[k]...))))
	if k == base {
		return out
	}
	low, high := 0.0, 0.0
	for i, round := range all[k] {
		if i >= len(all[base]) {
			break
		}
		one := over(median(round), median(all[base][i]))
		if low == 0 || one < low {
			low = one
		}
		high = max(high, one)
	}
	return fmt.Sprintf("%s: %.2f× (%.2f–%.2f)", out, ratio(all, k, byHand), low, high)
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

func (m *machine) check(mode string) (bad []string) {
	where := m.name + ", " + mode + ": "
	for _, phase := range phases {
		k := key{mode, ours, phase}
		if wanted, sent := meant[k], strings.Join(m.traced[k].sent, ","); wanted != "" && sent != wanted {
			bad = append(bad, fmt.Sprintf("%s%s says %s, not %s", where, phase, sent, wanted))
		}
	}
	k := key{mode, ours, "cycle"}
	if r := ratio(m.wall, k, byHand); r == 0 || r > most {
		bad = append(bad, fmt.Sprintf("%s%.2f of the time by hand, not at most %.2f", where, r, most))
	}
	if r := ratio(m.wall, k, another); r == 0 || r >= 1 {
		bad = append(bad, fmt.Sprintf("%s%.2f of opencontainers/cgroups' time", where, r))
	}
	return bad
}

func ratio(all map[key][][]time.Duration, k key, to string) float64 {
	base := key{k.mode, to, k.phase}
	return over(median(slices.Concat(all[k]...)), median(slices.Concat(all[base]...)))
}

func over(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
