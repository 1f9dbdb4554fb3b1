// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The cold start compares every participant with bySelf on v1, and with byBirth on v2.
const (
	bySelf  = "libkatacg, C, self"
	byBirth = "libkatacg, C, into"
)

// wantCold is the aim: a peer takes at least this many times as long to join.
const wantCold = 15

// joining returns the times of the phase that moves the process in, and the name of that phase.
func joining(s samples) ([]float64, string) {
	for _, phase := range []string{"attach", "create+attach"} {
		if values := s[phase]; len(values) > 0 {
			return values, phase
		}
	}
	return nil, "–"
}

// preparing returns the time of start without joining, for each cycle.
func preparing(s samples) []float64 {
	joined, _ := joining(s)
	var rest []float64
	for i, took := range joined {
		rest = append(rest, s["start"][i]-took)
	}
	return rest
}

func (p *page) cold(plan plan, res *results) {
	p.line("## Cold start\n")
	p.line("Start begins with no cgroup, and ends when the process is inside with its limits. Cold "+
		"starts come after %d ms of rest. Joining is the part of start that moves the process in: "+
		"the call that moves it; or opening the descriptors, sending them to the child, the child's "+
		"writes and its answer; or making a child that starts inside. The rest of start creates the "+
		"cgroup and sets the limits. When one call creates and attaches, that call is the joining, "+
		"and the rest sets the limits. × is the time divided by the time of %q. Aim: when cold, each "+
		"peer's joining takes at least %d times as long.\n", plan.pause, res.version.self, wantCold)
	p.line("A start needs a process. For most participants the process exists already, as with runc, "+
		"which makes its child first and lets it wait. %s make a new child when the cgroup is ready, "+
		"and this counts as joining.\n", strings.Join(makers(res.there), ", "))
	p.header("", "joining is", "rest, µs", "joining, µs", "×", "start, µs", "middle half", "×",
		"warm: rest, µs", "joining, µs", "×", "start, µs", "×")
	own := func(all map[string]samples) (joined, start float64) {
		s := all[res.version.self]
		values, _ := joining(s)
		return median(values), median(s["start"])
	}
	for _, one := range res.there {
		cells := []string{one.label}
		for i, all := range []map[string]samples{res.cold, res.warm} {
			s := all[one.label]
			joined, what := joining(s)
			ownJoined, ownStart := own(all)
			if i == 0 {
				cells = append(cells, what)
			}
			cells = append(cells, micros(median(preparing(s))), micros(median(joined)),
				faster(median(joined)/ownJoined), micros(median(s["start"])))
			if i == 0 {
				cells = append(cells, between(s["start"], micros))
			}
			cells = append(cells, faster(median(s["start"])/ownStart))
		}
		p.row(cells...)
	}
	p.line("")
	p.unified(res)
}

// makers returns the labels of participants that make their process themselves.
func makers(all []participant) []string {
	var labels []string
	for _, p := range all {
		if p.makes() {
			labels = append(labels, strconv.Quote(p.label))
		}
	}
	return labels
}

// between returns the first and the third quartile as text.
func between(values []float64, say func(float64) string) string {
	return say(quantile(values, 0.25)) + "–" + say(quantile(values, 0.75))
}

// unified writes a comparison of three ways into a cgroup2 cgroup.
func (p *page) unified(res *results) {
	born := res.into["v2-born"]
	if len(born) == 0 {
		return
	}
	p.line("Cold, on the cgroup2 mount, with these controllers enabled: %s. All times include making "+
		"the child and opening the cgroup's descriptors.\n", res.controllers)
	p.header("", "µs", "middle half", "×")
	for _, way := range []struct{ name, what string }{
		{"v2-born", "clone3 with CLONE_INTO_CGROUP and the library's descriptor"},
		{"v2-moved", "fork, then a write to cgroup.procs, no library"},
		{"v2-library", "fork, then a move by the library"},
	} {
		values := res.into[way.name]
		p.row(way.what, micros(median(values)), between(values, micros),
			faster(median(values)/median(born)))
	}
	p.line("")
}

// measureUnified measures the three ways into a cgroup2 cgroup once, when the host has cgroup2.
func measureUnified(p plan, r *runner, res *results) error {
	if r.stage == nil || r.stage.unified == "" {
		return nil
	}
	found, err := r.lines(filepath.Join(p.builds, "into"), r.stage.name+unifiedSuffix,
		r.stage.unified, itoa(p.cold), itoa(p.pause*1000))
	if err != nil {
		return err
	}
	res.into.add(found)
	return nil
}

// unifiedSuffix makes the cgroup2 cgroup's name differ from the v1 cgroups', so that the library
// finds the cgroup only on cgroup2.
const unifiedSuffix = "-v2"

// addUnified creates a cgroup on the cgroup2 mount as well, and returns its controllers. A failure
// only means that this part is not measured.
func (s *stage) addUnified(mountpoint string) (string, error) {
	if mountpoint == "" {
		return "", errors.New("cgroup2 is not mounted")
	}
	path := mountpoint + s.name + unifiedSuffix
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "mkdir "))
	}
	s.unified = path
	controllers, err := words(path, "cgroup.controllers")
	if len(controllers) == 0 {
		return "no controller", err
	}
	return strings.Join(controllers, ", "), err
}
