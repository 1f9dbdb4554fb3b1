// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ofRuntimes lists system calls that a language's runtime makes for itself. Their number differs
// from run to run.
var ofRuntimes = map[string]bool{
	"epoll_pwait": true, "futex": true, "getpid": true,
	"gettid": true, "madvise": true, "mmap": true, "mprotect": true, "munmap": true,
	"nanosleep": true, "rt_sigaction": true, "rt_sigprocmask": true, "rt_sigreturn": true,
	"sched_yield": true, "sigaltstack": true, "tgkill": true, "timer_delete": true,
	"timer_settime": true, "brk": true, "restart_syscall": true, "clock_nanosleep": true,
}

// callCount is the number of system calls of one cycle.
type callCount struct {
	work, runtime float64
}

// calls counts the system calls of one cycle. It subtracts a short run from a long one, so that the
// calls of a program's start and end cancel out. The short run lasts until the moved process has
// started.
func (r *runner) calls(p participant, short int) (callCount, error) {
	long := 2 * short
	few, err := r.strace(p, short)
	if err != nil {
		return callCount{}, err
	}
	many, err := r.strace(p, long)
	if err != nil {
		return callCount{}, err
	}
	var count callCount
	for name, n := range many {
		each := float64(n-few[name]) / float64(long-short)
		if ofRuntimes[name] {
			count.runtime += each
		} else {
			count.work += each
		}
	}
	count.work -= float64(p.uncounted(r.stage.version))
	return count, nil
}

func (r *runner) strace(p participant, cycles int) (map[string]int, error) {
	out := filepath.Join(r.builds, "strace.out")
	defer os.Remove(out)
	arguments := append([]string{"-f", "-c", "-o", out, r.path(p)}, r.arguments(p, cycles, 0)...)
	command := r.command("strace", arguments...)
	if complaints, err := command.CombinedOutput(); err != nil {
		text := strings.TrimSpace(string(complaints))
		return nil, fmt.Errorf("strace %s: %w: %.200s", p.program, err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	// strace prints: % time, seconds, usecs/call, calls, errors if any, name.
	found := map[string]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[len(fields)-1] == "total" {
			continue
		}
		if n, err := strconv.Atoi(fields[3]); err == nil {
			found[fields[len(fields)-1]] = n
		}
	}
	return found, nil
}
