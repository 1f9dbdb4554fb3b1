// SPDX-License-Identifier: Apache-2.0

// Command report has three parts. In the machine, "count MODE PARTICIPANT TRACE" counts the calls
// and messages of a traced cycle, and "drive MODE CYCLES" measures the participants. Outside,
// "table RAW COMMAND" turns the output of the machines into Markdown. It fails when libkatacg
// surely misses an aim.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 5 && os.Args[1] == "count":
		count(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 4 && os.Args[1] == "drive":
		cycles, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = drive(os.Args[2], cycles)
		}
		if err != nil {
			log.Fatal(err)
		}
	case len(os.Args) == 4 && os.Args[1] == "table":
		machines, err := readRaw(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		bad := table(os.Stdout, machines, os.Args[3])
		for _, text := range bad {
			fmt.Fprintln(os.Stderr, "NOT AS MEANT:", text)
		}
		if len(bad) > 0 {
			os.Exit(1)
		}
	default:
		log.Fatal("usage: report count MODE PARTICIPANT TRACE | drive MODE CYCLES | table RAW COMMAND")
	}
}

func count(mode, participant, file string) {
	phases, err := readTrace(file)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range phases {
		fmt.Printf("count %s %s %s %d %d %s %s\n", mode, participant, p.name, p.calls, p.onBus,
			list(p.sent), list(p.received))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}
