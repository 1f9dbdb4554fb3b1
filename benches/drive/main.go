// SPDX-License-Identifier: Apache-2.0

// Command drive runs the participants in turns and writes their measurements as Markdown.
// benches/run builds and starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// plan says how much to measure.
type plan struct {
	rounds, warm, cold, traced, siblings, mounts int
	// pause is in milliseconds. After it, the next move waits for the kernel's grace period again.
	pause int
	// root is the repository's directory, builds the directory of the programs.
	root, builds string
	command      string
	// cycleOnly measures only the life cycle, without crowd.
	cycleOnly bool
}

// results holds all measurements.
type results struct {
	facts              []fact
	loads              [2]string
	version            *version
	there              []participant
	missing            []absent
	versions           map[string]string
	warm, cold, beside map[string]samples
	calls              map[string]callCount
	micro, into        samples
	size               int64
	sections, crates   []part
	// controllers names the controllers of the cgroup on the cgroup2 mount.
	controllers string
	// skipped has a sentence for each part that could not be measured.
	skipped []string
}

func main() {
	var p plan
	flag.IntVar(&p.rounds, "rounds", 20, "number of rounds")
	flag.IntVar(&p.warm, "warm", 60, "cycles in a burst")
	flag.IntVar(&p.cold, "cold", 6, "cycles with a pause before each")
	flag.IntVar(&p.traced, "traced", 100, "cycles of the short run that counts system calls")
	flag.IntVar(&p.pause, "pause", 50, "milliseconds of a pause")
	flag.IntVar(&p.siblings, "siblings", 5000, "additional cgroups in each hierarchy")
	flag.IntVar(&p.mounts, "mounts", 10000, "additional mounts")
	flag.StringVar(&p.root, "root", ".", "the repository")
	flag.StringVar(&p.command, "command", "", "the command to name in the report")
	flag.BoolVar(&p.cycleOnly, "cycle-only", false, "measure only the life cycle")
	flag.Parse()
	p.builds = filepath.Join(p.root, "build", "bench")
	if err := run(p); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(p plan) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m, err := readMounts()
	if err != nil {
		return err
	}
	r := &runner{context: ctx, builds: p.builds}
	res := &results{
		facts: facts(m), warm: map[string]samples{}, cold: map[string]samples{},
		beside: map[string]samples{}, calls: map[string]callCount{}, micro: samples{}, into: samples{},
		versions: versions(p.builds, filepath.Join(p.root, "benches", "peers", "Cargo.lock")),
	}
	res.loads[0] = load()
	version, base, err := m.place()
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("only root can create cgroups")
	}
	if err != nil {
		res.skipped = append(res.skipped, "The life cycle was not measured: "+err.Error()+".")
	} else {
		var made *stage
		made, err = newStage(version, base)
		r.stage, res.version = made, version
		defer func() { err = errors.Join(err, made.remove()) }()
		if err != nil {
			return err
		}
		if res.controllers, err = made.addUnified(m.unified); err != nil {
			res.skipped = append(res.skipped, "CLONE_INTO_CGROUP was not measured: "+err.Error()+".")
		}
		if res.there, res.missing, err = r.able(); err != nil {
			return err
		}
	}
	if err := measure(p, r, res); err != nil {
		return err
	}
	res.loads[1] = load()
	return write(p, res)
}

func measure(p plan, r *runner, res *results) error {
	mountinfo := filepath.Join(p.builds, "mountinfo")
	if err := writeMountinfo(mountinfo); err != nil {
		return err
	}
	defer os.Remove(mountinfo)
	turns := func(round int) []participant { return inTurn(res.there, round) }
	for round := range p.rounds {
		say("round %d of %d", round+1, p.rounds)
		for _, one := range turns(round) {
			if err := r.into(res.warm, one, p.warm, 0); err != nil {
				return err
			}
		}
		for _, one := range turns(round) {
			if err := r.into(res.cold, one, p.cold, p.pause*1000); err != nil {
				return err
			}
		}
		if err := measureUnified(p, r, res); err != nil {
			return err
		}
		if err := pure(p, r, res, round, mountinfo); err != nil {
			return err
		}
	}
	if r.stage != nil {
		if err := crowd(p, r, res, turns); err != nil {
			return err
		}
		count(p, r, res)
	}
	if p.cycleOnly {
		return nil
	}
	found, err := r.lines(filepath.Join(p.builds, "peak"), mountinfo)
	if err != nil {
		return err
	}
	res.micro.add(found)
	return measureSize(p, res)
}

// pure measures the pure functions.
func pure(p plan, r *runner, res *results, round int, mountinfo string) error {
	if p.cycleOnly {
		return nil
	}
	for _, program := range inTurn([]string{"micro", "go/micro"}, round) {
		found, err := r.lines(filepath.Join(p.builds, program), mountinfo)
		if err != nil {
			return err
		}
		res.micro.add(found)
	}
	return nil
}

// crowd measures again with many more cgroups and mounts. After a failure, the stage's remove
// removes the cgroups. The mounts end with their namespace.
func crowd(p plan, r *runner, res *results, turns func(int) []participant) error {
	if p.cycleOnly {
		return nil
	}
	say("%d siblings in each hierarchy, %d mounts", p.siblings, p.mounts)
	if err := r.stage.addSiblings(p.siblings); err != nil {
		return err
	}
	err := withMounts(p.mounts, p.builds, func() error {
		for round := range p.rounds {
			for _, one := range turns(round) {
				if err := r.into(res.beside, one, p.warm, 0); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, r.stage.removeSiblings(p.siblings))
}

func count(p plan, r *runner, res *results) {
	say("counting system calls")
	for _, one := range res.there {
		if one.executes() {
			continue
		}
		count, err := r.calls(one, p.traced)
		if err != nil {
			res.skipped = append(res.skipped, "System calls were not counted: "+err.Error()+".")
			return
		}
		res.calls[one.label] = count
	}
}

// into runs a participant and adds its measurements.
func (r *runner) into(all map[string]samples, p participant, cycles, pause int) error {
	// The kernel frees cgroups after rmdir. The pause keeps that work out of the next measurement.
	time.Sleep(100 * time.Millisecond)
	found, err := r.cycles(p, cycles, pause)
	if err != nil {
		return err
	}
	if all[p.label] == nil {
		all[p.label] = samples{}
	}
	all[p.label].add(found)
	return nil
}

// inTurn returns the order of a round. Over the rounds, each element is first, and follows each of
// its two neighbours.
func inTurn[T any](all []T, round int) []T {
	if len(all) == 0 {
		return nil
	}
	first := round / 2 % len(all)
	turned := append(append([]T{}, all[first:]...), all[:first]...)
	if round%2 == 1 {
		slices.Reverse(turned)
	}
	return turned
}

func say(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
}

func itoa(n int) string { return strconv.Itoa(n) }
