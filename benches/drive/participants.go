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

// participant is a program that goes through the life of a cgroup and says how long it took.
type participant struct {
	label string
	// program is below the directory of builds.
	program string
	// mode, where the program has several.
	mode string
	note string
	// on is the version that it is for; nil: both.
	on *version
	// noteV2, where it works in another way there.
	noteV2 string
	// peer: another library. When it cannot do all of the work, it is missing, and it is said why.
	peer bool
}

var participants = []participant{
	{
		label: "floor", program: "floor",
		note: "C, directory descriptors kept open, no library: only what the kernel must be asked.",
	},
	{
		label: "libkatacg, C", program: "katacg",
		note: "One host; for each cycle a manager, apply with set, destroy, free.",
	},
	{
		label: "libkatacg, C, apart", program: "katacg", mode: "apart",
		note: "The same with create, set and attach as a call each, and, as the peers do it, without " +
			"keeping old values (KATACG_MANAGER_NO_ROLLBACK).",
	},
	{
		label: bySelf, program: "self",
		note: "The first, but the process joins by itself: a child that waits, as the process that " +
			"the others move does, gets the descriptors through a socket, joins and answers.",
		noteV2: "The first, but the process joins by itself: a child that waits gets the descriptor " +
			"through a socket, joins and answers. On v2 that waits as being moved does.",
	},
	{
		label: "libkatacg, C, self, fork", program: "self", mode: "fork",
		note: "By itself, and it is a new child that joins before it would exec. Making the child " +
			"is counted; its end, like the others' moving out, is not.",
	},
	{
		label: "libkatacg, C, self, vfork", program: "self", mode: "vfork",
		note: "The same with a child in its parent's memory (CLONE_VM, CLONE_VFORK), until it is " +
			"inside; the exec that follows is not counted.",
	},
	{
		label: byBirth, program: "self", mode: "into", on: v2,
		note: "Create and set in one call, then a child that is born inside: clone3 with " +
			"CLONE_INTO_CGROUP and the library's descriptor.",
	},
	{
		label: "libkatacg, Go", program: "go/katacg",
		note: "As the first, through cgo.",
	},
	{
		label: "opencontainers/cgroups", program: "go/oc", peer: true,
		note: "Go, runc's. It gets the 8 paths; by itself it would join name=systemd and, on a " +
			"hybrid host, cgroup2 as well.",
		noteV2: "Go, runc's fs2 manager; it gets the path.",
	},
	{
		label: "opencontainers/cgroups, apart", program: "go/oc", mode: "apart", peer: true,
		note: "The same with create (Apply of nobody), set and attach (AddPid) as a call each, " +
			"which is not how runc uses it.",
	},
	{
		label: "containerd/cgroups", program: "go/cc", peer: true,
		note:   "Go, v1 package, with its list of hierarchies made once.",
		noteV2: "Go, v2 package: NewManager, AddProc, Delete.",
	},
	{
		label: "cgroups-rs", program: "cargo/release/cgroups-rs", peer: true,
		note: "Rust, its builder over v1 hierarchies, mounts read once.",
		noteV2: "Rust, its builder over v2, with the controllers named that are needed; the weight is " +
			"its caller's to know.",
	},
	{
		label: "libcgroups", program: "cargo/release/youki", peer: true,
		note: "Rust, youki's. It cannot leave out its default device rules, which the others do " +
			"not write, and looks the mounts up anew each time.",
		noteV2: "Rust, youki's v2 manager, without the feature that loads device programs.",
	},
}

// says what it does on a version.
func (p participant) says(v *version) string {
	if v == v2 && p.noteV2 != "" {
		return p.noteV2
	}
	return p.note
}

// makes tells whether making the process is part of its start.
func (p participant) makes() bool { return p.program == "self" && p.mode != "" }

// uncounted is how many system calls of a cycle get the process there and out again: it is moved
// home from all hierarchies, or killed and waited for.
func (p participant) uncounted(v *version) int {
	switch {
	case p.makes():
		return 2
	case p.program == "self":
		// And made before.
		return 4
	}
	return len(v.hierarchies)
}

// executes tells whether another program is part of a cycle, whose system calls would be counted.
func (p participant) executes() bool { return p.mode == "vfork" }

// absent is a participant that is not in the tables.
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

// able tells which participants there are that do all of the work.
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

// cycles runs a participant and returns what it measured.
func (r *runner) cycles(p participant, cycles, pauseMicroseconds int) (samples, error) {
	return r.lines(r.path(p), r.arguments(p, cycles, pauseMicroseconds)...)
}

// command ends by a signal that strace, too, hands on to what it runs.
func (r *runner) command(program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(r.context, program, arguments...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 2 * time.Second
	return command
}

// lines runs a program that prints "NAME NUMBER".
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
