// SPDX-License-Identifier: Apache-2.0

// Command micro measures Go code that libkatacg replaces, and libkatacg called through cgo. It
// prints "NAME NANOSECONDS" for one call of each. Arguments: MOUNTINFO (a file).
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

// paths has the paths of a kubelet, a hand-written configuration and a systemd host.
var paths = []struct{ name, path string }{
	{"absolute", "/docker/7ddc1b5b1d0b6d2a7b7c4c0dfdb4e0b8a9a1d53bb4a3a1e2b6b0a3e1e0d7f6c5"},
	{"relative", "pods/7f4c9d66/sandbox"},
	{"systemd", "system.slice:kata:7ddc1b5b1d0b"},
}

func isSystemd(path string) bool {
	// The original code compiles the pattern in every call, too.
	triple := regexp.MustCompile(`([[:alnum:]]|\.)+:([[:alnum:]]|\.)+:([[:alnum:]]|\.)+`)
	span := triple.FindStringIndex(path)
	return span != nil && span[0] == 0 && span[1] == len(path)
}

func validate(path string) (string, error) {
	if isSystemd(path) {
		return path, nil
	}
	if filepath.IsAbs(path) {
		path = filepath.Clean(path)
	} else {
		path = filepath.Join("/vc", filepath.Clean("/"+path))
	}
	if path == "" {
		return "", errors.New("the path is empty")
	}
	return filepath.Join(filepath.Dir(path), "kata_"+filepath.Base(path)), nil
}

func mountpoint(mountinfo []byte) (string, error) {
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		line := lines.Text()
		separator := strings.Index(line, " - ")
		if separator < 0 {
			return "", fmt.Errorf("no mountinfo line: %q", line)
		}
		after := strings.Fields(line[separator+3:])
		if len(after) == 0 {
			return "", fmt.Errorf("no mountinfo line: %q", line)
		}
		if after[0] != "cgroup" {
			continue
		}
		if len(after) < 3 {
			return "", fmt.Errorf("no mountinfo line: %q", line)
		}
		return filepath.Dir(strings.Split(line, " ")[4]), nil
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", errors.New("no v1 mount")
}

// call measures the time of one call over about 20 ms, after 20 ms of warming up.
func call(name string, f func()) {
	for calls := 1; ; calls *= 2 {
		begin := time.Now()
		for range calls {
			f()
		}
		if took := time.Since(begin); took > 20*time.Millisecond {
			fmt.Printf("%s %.1f\n", name, float64(took.Nanoseconds())/float64(calls))
			return
		}
	}
}

// agree ends the program when the compared functions return different results.
func agree(ours, theirs string, err, err2 error) {
	if err != nil || err2 != nil || ours != theirs {
		fmt.Fprintf(os.Stderr, "micro: %q (%v) and %q (%v)\n", ours, err, theirs, err2)
		os.Exit(1)
	}
}

func main() {
	mountinfo, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, p := range paths {
		theirs, err := validate(p.path)
		ours, err2 := katacg.ValidatePath(p.path, 0)
		agree(ours, theirs, err, err2)
		call("go-validate-"+p.name, func() { _, _ = validate(p.path) })
		call("cgo-validate-"+p.name, func() { _, _ = katacg.ValidatePath(p.path, 0) })
	}
	theirs, err := mountpoint(mountinfo)
	ours, err2 := katacg.ParseV1Mountpoint(mountinfo)
	agree(ours, theirs, err, err2)
	call("go-mountpoint", func() { _, _ = mountpoint(mountinfo) })
	call("cgo-mountpoint", func() { _, _ = katacg.ParseV1Mountpoint(mountinfo) })
}
