// SPDX-License-Identifier: Apache-2.0

// Command statistics compares ways to read a cgroup's statistics: katacg's reader and its call that
// opens the files each time, a C program that does the least, opencontainers/cgroups and
// containerd/cgroups. All take turns on the same cgroup. It prints Markdown. benches/statistics
// builds and starts it.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	katacg "github.com/kata-containers/libkatacg/go"
	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices"
	"github.com/opencontainers/cgroups/manager"
)

const four = katacg.StatsCPU | katacg.StatsMemory | katacg.StatsPids | katacg.StatsIO

func must[T any](value T, err error) T {
	check(err)
	return value
}

// check panics, so that the deferred calls remove the cgroups.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

type samples map[string][]float64

func (s samples) median(name string) float64 {
	values := slices.Sorted(slices.Values(s[name]))
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// used returns the process's CPU time. Other processes on the machine do not add to it.
func used() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// per notes the time of one call in nanoseconds, measured over calls that together take some 20 ms.
func (s samples) per(name string, call func()) {
	for calls := 8; ; calls *= 2 {
		begin := used()
		for range calls {
			call()
		}
		if took := used() - begin; took > 20*time.Millisecond {
			s[name] = append(s[name], float64(took.Nanoseconds())/float64(calls))
			return
		}
	}
}

func newManager(host *katacg.Host, path, resources string) *katacg.Manager {
	options := &katacg.ManagerOptions{Flags: katacg.SkipDevices, Path: path}
	return must(katacg.NewManager(host, []byte(`{"resources":`+resources+`}`), options))
}

func ocManager(path string) cgroups.Manager {
	config := &cgroups.Cgroup{Path: path, Resources: &cgroups.Resources{SkipDevices: true}}
	return must(manager.New(config))
}

// ccStat returns a call of containerd's Stat for the cgroup.
func ccStat(path string) func() {
	if cgroups.IsCgroup2UnifiedMode() {
		m := must(cgroup2.Load(path))
		return func() { must(m.Stat()) }
	}
	m := must(cgroup1.Load(cgroup1.StaticPath(path)))
	return func() { must(m.Stat(cgroup1.IgnoreNotExist)) }
}

// opened matches a file that was opened, in a line of strace.
var opened = regexp.MustCompile(`openat2?\([^"]*"([^"]*)".* = [0-9]`)

// traced runs this program under strace, and returns the average number of system calls of a reading,
// and its number of files. A reader has its files open already, and reads each with one call.
func traced(who, path string) (calls, files float64) {
	file := filepath.Join(os.TempDir(), "katacg-bench-"+rand.Text())
	defer os.Remove(file)
	command := exec.Command("strace", "-f", "-o", file, os.Args[0], "calls", who, path)
	command.Stderr = os.Stderr
	check(command.Run())
	count, reads, names, on := 0, 0, map[string]bool{}, false
	for line := range bytes.Lines(must(os.ReadFile(file))) {
		switch {
		case bytes.Contains(line, []byte(" getppid(")):
			on = !on
		case on && !bytes.Contains(line, []byte(" resumed>")) && !bytes.Contains(line, []byte(" +++ ")) &&
			!bytes.Contains(line, []byte(" --- ")):
			count++
			if bytes.Contains(line, []byte(" pread64(")) {
				reads++
			}
			if name := opened.FindSubmatch(line); name != nil {
				names[string(name[1])] = true
			}
		}
	}
	return float64(count) / 100, max(float64(reads)/100, float64(len(names)))
}

// calls makes 100 readings between two calls of getppid, which mark their begin and end for traced.
func calls(who, path string) {
	runtime.LockOSThread()
	host := must(katacg.OpenHost())
	var read func()
	switch who {
	case "oc":
		m := ocManager(path)
		read = func() { must(m.GetStats()) }
	case "cc":
		read = ccStat(path)
	case "once":
		m := newManager(host, path, "{}")
		read = func() { must(m.Stats(four)) }
	default:
		bits := four
		switch who {
		case "brief":
			bits |= katacg.StatsBrief
		case "everything":
			bits = 0
		}
		reader := must(newManager(host, path, "{}").OpenStats(bits))
		read = func() { must(reader.Read(new(katacg.Stats))) }
	}
	read()
	syscall.Getppid()
	for range 100 {
		read()
	}
	syscall.Getppid()
}

// many polls 1,000 cgroups, each participant in turn. The memory is what the process grows by.
func many(host *katacg.Host, base string, rounds int) samples {
	const count = 1000
	out := samples{}
	readers, others := []*katacg.StatsReader{}, []cgroups.Manager{}
	managers := []*katacg.Manager{}
	for i := range count {
		m := newManager(host, fmt.Sprintf("%s/%d", base, i), "{}")
		managers = append(managers, m)
		must(m.Apply(-1, 0))
	}
	defer func() {
		for _, m := range managers {
			check(m.Destroy())
		}
	}()
	before := resident()
	for _, m := range managers {
		readers = append(readers, must(m.OpenStats(four|katacg.StatsBrief)))
	}
	out["brief-kb"] = []float64{resident() - before}
	before = resident()
	for i := range count {
		others = append(others, ocManager(fmt.Sprintf("%s/%d", base, i)))
	}
	var stats katacg.Stats
	poll := func(name string, read func(i int)) {
		begin := used()
		for i := range count {
			read(i)
		}
		out[name] = append(out[name], float64((used() - begin).Nanoseconds()))
	}
	for range rounds {
		poll("brief", func(i int) { must(readers[i].Read(&stats)) })
		poll("four", func(i int) { stats = must(managers[i].Stats(four)) })
		poll("oc", func(i int) { must(others[i].GetStats()) })
	}
	out["oc-kb"] = []float64{resident() - before}
	for _, reader := range readers {
		_ = reader.Close()
	}
	return out
}

// resident returns the process's resident memory in KB.
func resident() float64 {
	runtime.GC()
	for line := range strings.Lines(string(must(os.ReadFile("/proc/self/status")))) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			return must(strconv.ParseFloat(strings.Fields(rest)[0], 64))
		}
	}
	return 0
}

// load is a shell script that fills some memory, writes a file, and stops itself.
const load = `x=$(head -c 4000000 /dev/zero | tr '\0' x)
dd if=/dev/zero of="$1" bs=64k count=16 oflag=direct 2>/dev/null || true
kill -STOP $$`

func main() {
	if len(os.Args) == 4 && os.Args[1] == "calls" {
		calls(os.Args[2], os.Args[3])
		return
	}
	rounds := must(strconv.Atoi(os.Args[1]))
	program := filepath.Join(filepath.Dir(os.Args[0]), "..", "stats")
	base := "/katacg-test-bench-" + rand.Text()
	host := must(katacg.OpenHost())
	m := newManager(host, base+"/one", `{"cpu":{"quota":50000},"memory":{"limit":67108864},"pids":{"limit":64}}`)
	parent := newManager(host, base, "{}")
	must(parent.Apply(-1, 0))
	defer func() { check(parent.Destroy()) }()
	must(m.Apply(-1, katacg.ApplySet))
	defer func() { check(m.Destroy()) }()
	dir := must(os.MkdirTemp("", "katacg-bench"))
	defer os.RemoveAll(dir)
	child := exec.Command("sh", "-c", load, "sh", dir+"/file")
	check(child.Start())
	defer func() { _ = child.Wait() }()
	defer func() { check(m.Kill(9)) }()
	check(m.Add([]int{child.Process.Pid}, katacg.AddOptions{}))
	time.Sleep(time.Second)

	found := samples{}
	path := base + "/one"
	oc, cc := ocManager(path), ccStat(path)
	reader := must(m.OpenStats(0))
	var stats katacg.Stats
	for range rounds {
		command := exec.Command(program, path)
		command.Stderr = os.Stderr
		lines := bufio.NewScanner(bytes.NewReader(must(command.Output())))
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), " ")
			found[name] = append(found[name], must(strconv.ParseFloat(value, 64)))
		}
		found.per("oc", func() { must(oc.GetStats()) })
		found.per("cc", cc)
		found.per("all-go", func() { must(reader.Read(&stats)) })
	}
	report(rounds, path, found, many(host, base, max(3, rounds)))
}

func report(rounds int, path string, found, thousand samples) {
	us := func(name string) string { return fmt.Sprintf("%.2f", found.median(name)/1000) }
	fmt.Printf("## One cgroup, again and again\n\n%d rounds; each runs every participant in turn. The times are "+
		"medians of the CPU time of one reading, in µs.\n\n", rounds)
	fmt.Println("| files | number of files | preads alone | floor | reader | reader / floor | reader − preads | " +
		"preads / reader | once |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, set := range []string{"brief", "four", "memory"} {
		alone, read := found.median(set+"-preads"), found.median(set+"-reader")
		fmt.Printf("| %s | %.0f | %s | %s | %s | %.2f× | %.2f | %.0f %% | %s |\n", set,
			found.median(set+"-files"), us(set+"-preads"), us(set+"-floor"), us(set+"-reader"),
			read/found.median(set+"-floor"), (read-alone)/1000, 100*alone/read, us(set+"-once"))
	}
	fmt.Print("\n- brief: the files of KATACG_STATS_BRIEF: the usage of cpu, memory, pids and io.\n" +
		"- four: every file of cpu, memory, pids and io.\n" +
		"- memory: every file of memory, with memory.stat.\n" +
		"- preads alone: one pread(2) for each file, as a bare system call; the kernel's share. The floor calls pread(3).\n" +
		"- floor: a C program that reads the same open files and converts every number, without looking at the keys.\n" +
		"- reader: katacg_stats_reader_read. reader − preads is its time beyond the preads alone.\n" +
		"- once: katacg_manager_stats, which opens, reads and closes each file.\n\n")
	fmt.Print("The system calls of the next table are counted under strace, with those of Go's runtime. A reader " +
		"makes one for each file. The columns with × divide the time by that of katacg's C reader. The other " +
		"libraries read some other files as well (settings, lists by device and processor) and leave others out, so " +
		"the time of a file compares them.\n\n")
	fmt.Println("| whole libraries, same cgroup | µs | files | µs a file | × reader of four | × reader of brief | " +
		"system calls |\n|---|---:|---:|---:|---:|---:|---:|")
	perReading := map[string]float64{}
	for _, who := range []struct{ name, sample, calls string }{
		{"katacg, Go, reader, brief", "", "brief"},
		{"katacg, C, reader of four", "four-reader", "reader"},
		{"katacg, Go, reader of everything", "all-go", "everything"},
		{"katacg, C, once, four", "four-once", "once"},
		{"opencontainers/cgroups GetStats", "oc", "oc"},
		{"containerd/cgroups Stat", "cc", "cc"},
	} {
		cells := []string{"–", "–", "–", "–", "–", "–"}
		took := found.median(who.sample)
		if took > 0 {
			cells[0] = us(who.sample)
			cells[3] = fmt.Sprintf("%.1f×", took/found.median("four-reader"))
			cells[4] = fmt.Sprintf("%.1f×", took/found.median("brief-reader"))
		}
		calls, files := traced(who.calls, path)
		perReading[who.calls] = calls
		cells[1], cells[5] = fmt.Sprintf("%.0f", files), fmt.Sprintf("%.1f", calls)
		if took > 0 {
			cells[2] = fmt.Sprintf("%.2f", took/files/1000)
		}
		fmt.Printf("| %s | %s |\n", who.name, strings.Join(cells, " | "))
	}
	fmt.Printf("\n## 1,000 cgroups\n\nCPU time of one poll, which reads all 1,000 cgroups once, in ms. The system calls " +
		"are 1,000 times those of one cgroup. KB is by how much the process's resident memory grows: for the readers, " +
		"when they are opened; for opencontainers/cgroups, when its managers are made and during all polls.\n\n" +
		"| | ms | × opencontainers | system calls | KB |\n|---|---:|---:|---:|---:|\n")
	for _, who := range []struct{ name, sample, calls string }{
		{"katacg reader, brief", "brief", "brief"}, {"katacg once, four", "four", "once"},
		{"opencontainers/cgroups GetStats", "oc", "oc"},
	} {
		took := thousand.median(who.sample)
		kb := "–"
		if grown := thousand.median(who.sample + "-kb"); grown > 0 {
			kb = fmt.Sprintf("%.0f", grown)
		}
		fmt.Printf("| %s | %.1f | %.2f× | %.0f | %s |\n", who.name, took/1e6, took/thousand.median("oc"),
			1000*perReading[who.calls], kb)
	}
}
