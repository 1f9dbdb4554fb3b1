// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// quantile returns a quantile of the values; 0.5 is the median.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// number formats a value, or returns a dash for a value that was not measured.
func number(value float64, format string) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "–"
	}
	return fmt.Sprintf(format, value)
}

func micros(ns float64) string { return number(ns/1e3, "%.0f") }
func millis(ns float64) string { return number(ns/1e6, "%.2f") }
func nanos(ns float64) string  { return number(ns, "%.0f") }
func times(x float64) string   { return number(x, "%.2f×") }
func faster(x float64) string  { return number(x, "%.1f×") }

type page struct{ strings.Builder }

func (p *page) line(format string, arguments ...any) {
	fmt.Fprintf(p, format+"\n", arguments...)
}

func (p *page) row(cells ...string) { p.line("| %s |", strings.Join(cells, " | ")) }

// header writes the header of a table. The first column is text, the others are numbers.
func (p *page) header(cells ...string) {
	p.row(cells...)
	p.line("|---|%s", strings.Repeat("---:|", len(cells)-1))
}

// write prints the report and writes it to a file.
func write(p plan, res *results) error {
	text := &page{}
	text.line("# Benchmarks\n")
	text.line("Made by `%s`: %d rounds. Each round runs every participant, in another order. All "+
		"numbers are medians, and all ratios are ratios of medians.\n",
		p.command, p.rounds)
	for _, fact := range res.facts {
		text.line("- %s: %s", fact.name, fact.value)
	}
	text.line("- load average: %s before, %s after\n", res.loads[0], res.loads[1])
	for _, skipped := range res.skipped {
		text.line("%s\n", skipped)
	}
	if len(res.there) > 0 {
		text.cycle(p, res)
		text.cold(p, res)
		text.phases(res)
	}
	if !p.cycleOnly {
		text.micro(res)
		text.size(res)
	}
	fmt.Print(text.String())
	return os.WriteFile(filepath.Join(p.builds, "RESULTS.md"), []byte(text.String()), 0o644)
}

func (p *page) cycle(plan plan, res *results) {
	p.line("## The life cycle of a sandbox's cgroup on %s\n", res.version.name)
	p.line("%s A check before the measurement: %s. The move of the process out of the cgroup before "+
		"destroy does not count.\n", res.version.work, res.version.checks)
	crowded := ""
	columns := []string{"", "warm, µs", "of floor", "middle half", "start, µs", "destroy, µs",
		"cold, ms", "middle half"}
	if len(res.beside) > 0 {
		crowded = fmt.Sprintf("Crowded: warm, with %d other cgroups in each hierarchy and %d more "+
			"mounts. The kernel takes longer then, so the aim is relative: at most 10 %% slower "+
			"than the floor. ", plan.siblings, plan.mounts)
		columns = append(columns, "crowded, µs", "of floor")
	}
	p.line("Warm: %d cycles in a burst. Cold: %d ms of rest before each cycle. The first move of a "+
		"process after a rest waits for an RCU grace period, several ticks of the clock, in every "+
		"library. %sSystem calls: the calls of one cycle under strace; the number after the + is the "+
		"calls of the language's runtime.\n", plan.warm, plan.pause, crowded)
	p.header(append(columns, "system calls")...)
	floor := func(all map[string]samples) float64 { return median(all["floor"]["cycle"]) }
	for _, one := range res.there {
		warm, cold, beside := res.warm[one.label], res.cold[one.label], res.beside[one.label]
		calls := "–"
		if count, known := res.calls[one.label]; known {
			calls = fmt.Sprintf("%.0f + %.0f", count.work, count.runtime)
		}
		cells := []string{strings.TrimSpace(one.label + " " + res.versions[one.label]),
			micros(median(warm["cycle"])), times(median(warm["cycle"]) / floor(res.warm)),
			between(warm["cycle"], micros),
			micros(median(warm["start"])), micros(median(warm["destroy"])),
			millis(median(cold["cycle"])), between(cold["cycle"], millis)}
		if len(res.beside) > 0 {
			cells = append(cells, micros(median(beside["cycle"])),
				times(median(beside["cycle"])/floor(res.beside)))
		}
		p.row(append(cells, calls)...)
	}
	p.line("")
	for _, one := range res.there {
		p.line("- %s: %s", one.label, one.says(res.version))
	}
	for _, one := range res.missing {
		p.line("- %s: not measured: %s.", one.label, one.why)
	}
	p.line("")
}

// phases writes the phases of start, for participants that make more than one call.
func (p *page) phases(res *results) {
	p.line("## The phases of start\n")
	p.line("Times are warm, in µs, for libraries with more than one call. A + means that one call " +
		"does both. \"new\" makes the manager, where that takes a measurable time.\n")
	columns := []string{"new", "create", "create+set", "create+attach", "set", "attach"}
	p.header(append([]string{""}, columns...)...)
	for _, one := range res.there {
		cells, any := []string{one.label}, false
		for _, column := range columns {
			values := res.warm[one.label][column]
			any = any || len(values) > 0
			cells = append(cells, micros(median(values)))
		}
		if any {
			p.row(cells...)
		}
	}
	p.line("")
}

func (p *page) micro(res *results) {
	p.line("## Pure functions against the Go code that they replace\n")
	p.header("", "Go, ns", "C, ns", "faster", "meant", "cgo, ns", "faster", "meant")
	for _, aim := range aims {
		old, c, cgo := median(res.micro[aim.old]), median(res.micro[aim.c]), median(res.micro[aim.cgo])
		p.row(aim.what, nanos(old), nanos(c), faster(old/c), number(aim.wantC, "≥ %.0f×"),
			nanos(cgo), faster(old/cgo), number(aim.wantCgo, "≥ %.0f×"))
	}
	one := func(name string) string { return nanos(median(res.micro[name])) }
	p.line("\nThe first validate of a process takes %s ns, the first of another thread %s ns.\n",
		one("c-validate-first-in-process"), one("c-validate-first-in-thread"))
	p.line("The mountinfo has %s bytes. Parsing it allocates at most %s bytes at a time, and parsing "+
		"its last 100 lines at most %s.\n", one("peak-bytes-file"), one("peak-bytes-whole"),
		one("peak-bytes-last-100"))
}

func (p *page) size(res *results) {
	p.line("## Size\n")
	p.line("libkatacg.so.0, stripped: %d bytes.\n", res.size)
	p.parts("section", res.sections, res.size)
	p.line("")
	p.parts("crate", res.crates, res.size)
}

func (p *page) parts(what string, parts []part, whole int64) {
	p.header(what, "bytes", "share")
	for _, part := range parts {
		p.row(part.name, itoa(part.size), number(100*float64(part.size)/float64(whole), "%.1f %%"))
	}
}
