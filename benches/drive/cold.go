package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What the cold start is about: on v1 and on v2 everybody is compared with one of these.
const (
	bySelf  = "libkatacg, C, self"
	byBirth = "libkatacg, C, into"
)

// wantCold is how many times longer a peer is meant to take to join, at least.
const wantCold = 15

// joining is the part of start that gets the process in, and how it is called.
func joining(s samples) ([]float64, string) {
	for _, phase := range []string{"attach", "create+attach"} {
		if values := s[phase]; len(values) > 0 {
			return values, phase
		}
	}
	return nil, "–"
}

// preparing is the rest of start, cycle by cycle.
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
	p.line("Start is everything from nothing until the process is inside and limited, without "+
		"destroy; cold, after %d ms of quiet, and warm. Joining is the part of it that gets the "+
		"process in: the call that moves it, or, by itself, opening the descriptors, handing them to "+
		"the child, the child's writes and its answer, or making a child that is born inside. The rest "+
		"is making the cgroup and setting the limits. Where one call creates and attaches, that call "+
		"is the joining, and the rest is setting. × is how many times as long as %q takes; meant: "+
		"cold, each peer's joining ≥ %d times.\n", plan.pause, res.version.self, wantCold)
	p.line("A start needs a process. It is there already and making it is not counted, as with runc, "+
		"which makes its child first and lets it wait. But for %s: they make a new child when the "+
		"cgroup is ready, and that is counted as joining.\n", strings.Join(makers(res.there), ", "))
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

// makers are those that make their process themselves.
func makers(all []participant) []string {
	var labels []string
	for _, p := range all {
		if p.makes() {
			labels = append(labels, strconv.Quote(p.label))
		}
	}
	return labels
}

// between are the quartiles.
func between(values []float64, say func(float64) string) string {
	return say(quantile(values, 0.25)) + "–" + say(quantile(values, 0.75))
}

// unified compares ways into a cgroup2 cgroup.
func (p *page) unified(res *results) {
	born := res.into["v2-born"]
	if len(born) == 0 {
		return
	}
	p.line("On the cgroup2 mount, with %s on, cold. Making the child and opening the cgroup's "+
		"descriptors is counted for everybody.\n", res.controllers)
	p.header("", "µs", "middle half", "×")
	for _, way := range []struct{ name, what string }{
		{"v2-born", "clone3 with CLONE_INTO_CGROUP and the library's descriptor"},
		{"v2-moved", "fork, then a write to cgroup.procs, no library"},
		{"v2-library", "fork, then moved by the library"},
	} {
		values := res.into[way.name]
		p.row(way.what, micros(median(values)), between(values, micros),
			faster(median(values)/median(born)))
	}
	p.line("")
}

// measureUnified goes once through every way into a cgroup2 cgroup, where there can be one.
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

// unifiedSuffix keeps its name apart from the v1 cgroups': the library is to find it there alone.
const unifiedSuffix = "-v2"

// addUnified makes a cgroup on the cgroup2 mount too, and says which controllers it has; why there
// is none is no failure.
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
