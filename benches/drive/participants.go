// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// participant is a program that runs the life cycle of a cgroup and prints the time of each phase.
type participant struct {
	label string
	// program is the path below the directory of builds.
	program string
	// mode is the program's last argument; "" for none.
	mode string
	note string
	// on is the only version that the participant supports; nil means both.
	on *version
	// noteV2 replaces note on v2; "" means the same note.
	noteV2 string
	// peer marks another library. The report lists a peer that cannot do all of the work as
	// missing.
	peer bool
}

var participants = []participant{
	{
		label: "floor", program: "floor",
		note: "C without a library: only the necessary system calls, with open directory descriptors.",
	},
	{
		label: "libkatacg, C", program: "katacg",
		note: "One host. Each cycle makes a manager, and calls apply with set, destroy and free.",
	},
	{
		label: "libkatacg, C, apart", program: "katacg", mode: "apart",
		note: "The same with one call each for create, set and attach. As in the peers, a failed set " +
			"does not restore old values (KATACG_MANAGER_NO_ROLLBACK).",
	},
	{
		label: bySelf, program: "self",
		note: "As the first, but the process joins by itself: a waiting child gets the descriptors " +
			"through a socket, joins and answers.",
		noteV2: "As the first, but the process joins by itself: a waiting child gets the descriptor " +
			"through a socket, joins and answers. On v2 this takes as long as a move.",
	},
	{
		label: "libkatacg, C, self, fork", program: "self", mode: "fork",
		note: "The same with a new child that joins before exec. The time includes making the child, " +
			"but not its end.",
	},
	{
		label: "libkatacg, C, self, vfork", program: "self", mode: "vfork",
		note: "The same with a child that shares its parent's memory (CLONE_VM, CLONE_VFORK). The " +
			"time ends when the child is inside, before its exec.",
	},
	{
		label: byBirth, program: "self", mode: "into", on: v2,
		note: "Creates and sets in one call, and then starts a child inside: clone3 with " +
			"CLONE_INTO_CGROUP and the library's descriptor.",
	},
	{
		label: "libkatacg, Go", program: "go/katacg",
		note: "As the first, through cgo.",
	},
	{
		label: "opencontainers/cgroups", program: "go/oc", peer: true,
		note: "Go, the library in runc. It gets the 8 paths. Without them it would also join " +
			"name=systemd and, on a hybrid host, cgroup2.",
		noteV2: "Go, the fs2 manager of the library in runc. It gets the path.",
	},
	{
		label: "opencontainers/cgroups, apart", program: "go/oc", mode: "apart", peer: true,
		note: "The same with one call each for create (Apply of -1), set and attach (AddPid). runc " +
			"does not use it like that.",
	},
	{
		label: "containerd/cgroups", program: "go/cc", peer: true,
		note:   "Go, v1 package. The list of hierarchies is made once.",
		noteV2: "Go, v2 package: NewManager, AddProc, Delete.",
	},
	{
		label: "cgroups-rs", program: "cargo/release/cgroups-rs", peer: true,
		note: "Rust, the builder over v1 hierarchies. The mounts are read once.",
		noteV2: "Rust, the builder over v2, with the needed controllers. The caller converts shares to " +
			"a weight.",
	},
	{
		label: "libcgroups", program: "cargo/release/youki", peer: true,
		note: "Rust, the library in youki. It always writes default device rules, which the others " +
			"do not write, and reads the mounts in each cycle.",
		noteV2: "Rust, the v2 manager of the library in youki, without device programs.",
	},
}

// says describes the participant on a version.
func (p participant) says(v *version) string {
	if v == v2 && p.noteV2 != "" {
		return p.noteV2
	}
	return p.note
}

// makes reports whether start includes making the process.
func (p participant) makes() bool { return p.program == "self" && p.mode != "" }

// uncounted returns the number of system calls in a cycle that are not the participant's work: they
// make the process, and move it home from all hierarchies or kill it and wait for it.
func (p participant) uncounted(v *version) int {
	switch {
	case p.makes():
		return 2
	case p.program == "self":
		// The process is made before the cycle, too.
		return 4
	}
	return len(v.hierarchies)
}

// executes reports whether a cycle runs another program, whose system calls would be counted.
func (p participant) executes() bool { return p.mode == "vfork" }

// absent is a participant that was not measured.
type absent struct {
	participant
	why string
}

// samples are measurements by phase.
type samples map[string][]float64

func (s samples) add(more samples) {
	for phase, values := range more {
		s[phase] = append(s[phase], values...)
	}
}

// runner starts programs on a stage.
type runner struct {
	context context.Context
	builds  string
	stage   *stage
}

func (r *runner) path(p participant) string { return filepath.Join(r.builds, p.program) }

// able returns the participants that can do all of the work here, and those that cannot.
func (r *runner) able() (there []participant, missing []absent, err error) {
	for _, p := range participants {
		if p.on != nil && p.on != r.stage.version {
			continue
		}
		if _, err := os.Stat(r.path(p)); err != nil {
			missing = append(missing, absent{p, "it was not built"})
			continue
		}
		switch _, err := r.cycles(p, 1, 0); {
		case err == nil:
			there = append(there, p)
		case p.peer && r.context.Err() == nil:
			missing = append(missing, absent{p, err.Error()})
		default:
			return nil, nil, err
		}
	}
	return there, missing, nil
}

func (r *runner) arguments(p participant, cycles, pauseMicroseconds int) []string {
	arguments := []string{
		r.stage.base, r.stage.name, r.stage.cpus, r.stage.mems,
		strconv.Itoa(cycles), strconv.Itoa(pauseMicroseconds),
	}
	if p.mode != "" {
		arguments = append(arguments, p.mode)
	}
	return arguments
}

// cycles runs a participant and returns its measurements.
func (r *runner) cycles(p participant, cycles, pauseMicroseconds int) (samples, error) {
	return r.lines(r.path(p), r.arguments(p, cycles, pauseMicroseconds)...)
}

// command makes a command that a cancelled context ends with SIGTERM. strace passes that signal on
// to its child.
func (r *runner) command(program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(r.context, program, arguments...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 2 * time.Second
	return command
}

// lines runs a program that prints lines "NAME NUMBER".
func (r *runner) lines(program string, arguments ...string) (samples, error) {
	command := r.command(program, arguments...)
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(complaints.String()))
	}
	found := samples{}
	for line := range strings.Lines(out.String()) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("%s printed %q", program, line)
		}
		found[name] = append(found[name], value)
	}
	return found, nil
}
