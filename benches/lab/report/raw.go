package main

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	modes        = []string{"scope", "slice"}
	participants = []string{"sdbus", "katacg", "oc"}
	phases       = []string{"start", "set", "stop"}
)

// key of a measurement; the phase "cycle" is all of them.
type key struct{ mode, participant, phase string }

// machine is what came out of one.
type machine struct {
	name  string
	facts string
	// Of each round, of each cycle.
	wall, cpu map[key][][]time.Duration
	traced    map[key]phase
}

func readRaw(file string) ([]*machine, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var machines []*machine
	var last *machine
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 3 && fields[0] == "machine":
			last = &machine{
				name:   fields[1] + ", " + fields[2],
				wall:   map[key][][]time.Duration{},
				cpu:    map[key][][]time.Duration{},
				traced: map[key]phase{},
			}
			machines = append(machines, last)
		case last == nil || len(fields) == 0:
		case fields[0] == "fact":
			last.facts = strings.Join(fields[1:], " ")
		case fields[0] == "round" && len(fields) == 3:
			for _, phase := range append(phases, "cycle") {
				k := key{fields[1], fields[2], phase}
				last.wall[k] = append(last.wall[k], nil)
				last.cpu[k] = append(last.cpu[k], nil)
			}
		case fields[0] == "time" && len(fields) == 6:
			last.time(fields)
		case fields[0] == "count" && len(fields) == 8:
			p := phase{name: fields[3], sent: names(fields[6]), received: names(fields[7])}
			p.calls, _ = strconv.Atoi(fields[4])
			p.onBus, _ = strconv.Atoi(fields[5])
			last.traced[key{fields[1], fields[2], fields[3]}] = p
		}
	}
	return machines, lines.Err()
}

// time MODE PARTICIPANT PHASE WALL CPU; a cycle's phases come in their order.
func (m *machine) time(fields []string) {
	for i, all := range []map[key][][]time.Duration{m.wall, m.cpu} {
		n, _ := strconv.ParseInt(fields[4+i], 10, 64)
		took := time.Duration(n)
		add := func(phase string, took time.Duration, begins bool) {
			rounds := all[key{fields[1], fields[2], phase}]
			if len(rounds) == 0 {
				return
			}
			round := &rounds[len(rounds)-1]
			if begins {
				*round = append(*round, took)
			} else if len(*round) > 0 {
				(*round)[len(*round)-1] += took
			}
		}
		add(fields[3], took, true)
		add("cycle", took, fields[3] == phases[0])
	}
}

func names(list string) []string {
	if list == "-" {
		return nil
	}
	return strings.Split(list, ",")
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
