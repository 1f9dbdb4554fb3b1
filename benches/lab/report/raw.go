// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

var (
	modes        = []string{"scope", "slice"}
	participants = []string{byHand, ours, noUndo, another}
	phases       = []string{"start", "set", "stop"}
)

// key identifies a measurement. The phase "cycle" is the sum of all phases.
type key struct{ mode, participant, phase string }

// machine holds the results of one virtual machine.
type machine struct {
	name  string
	facts string
	// Times of each cycle, in milliseconds.
	wall, cpu map[key][]float64
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
				wall:   map[key][]float64{},
				cpu:    map[key][]float64{},
				traced: map[key]phase{},
			}
			machines = append(machines, last)
		case last == nil || len(fields) == 0:
		case fields[0] == "fact":
			last.facts = strings.Join(fields[1:], " ")
		case fields[0] == "cycle" && len(fields) == 3+3*len(phases):
			last.cycle(fields[1], fields[2], fields[3:])
		case fields[0] == "count" && len(fields) == 8:
			p := phase{name: fields[3], sent: names(fields[6]), received: names(fields[7])}
			p.calls, _ = strconv.Atoi(fields[4])
			p.onBus, _ = strconv.Atoi(fields[5])
			last.traced[key{fields[1], fields[2], fields[3]}] = p
		}
	}
	return machines, lines.Err()
}

// cycle parses PHASE WALL CPU of each phase.
func (m *machine) cycle(mode, participant string, fields []string) {
	for i, all := range []map[key][]float64{m.wall, m.cpu} {
		sum := 0.0
		for at := 0; at < len(fields); at += 3 {
			nanoseconds, _ := strconv.ParseFloat(fields[at+1+i], 64)
			k := key{mode, participant, fields[at]}
			all[k] = append(all[k], nanoseconds/1e6)
			sum += nanoseconds / 1e6
		}
		k := key{mode, participant, "cycle"}
		all[k] = append(all[k], sum)
	}
}

func names(list string) []string {
	if list == "-" {
		return nil
	}
	return strings.Split(list, ",")
}

// quotient compares two participants: the median of the ratios of each turn, and the 95 %
// confidence interval of that median.
type quotient struct{ low, median, high float64 }

func over(a, b []float64) quotient {
	n := min(len(a), len(b))
	if n == 0 {
		return quotient{}
	}
	each := make([]float64, n)
	for i := range each {
		each[i] = a[i] / b[i]
	}
	slices.Sort(each)
	// The interval follows from the ranks, for any distribution.
	off := int(math.Ceil(0.98 * math.Sqrt(float64(n))))
	at := func(i int) float64 { return each[max(0, min(n-1, i))] }
	return quotient{at(n/2 - off), at(n / 2), at(n/2 + off)}
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
