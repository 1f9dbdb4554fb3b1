// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// phase holds the calls and messages of one phase of a traced cycle.
type phase struct {
	name string
	// The number of system calls, and of those on a connection to the bus.
	calls, onBus   int
	sent, received []string
}

// trace parses the output of strace -f -xx -s 65536.
type trace struct {
	phases []*phase
	now    *phase
	// The first halves of calls that another thread interrupted.
	begun map[string]string
	// Processes that have executed another program.
	others map[string]bool
	execs  int
	// The streams by descriptor, sent and received. A descriptor with a handshake is the bus.
	out, in map[string]*stream
}

var (
	text   = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	marker = hexOf("/phase/")
	ended  = regexp.MustCompile(`^(.*)\) +=  *(-?[0-9a-fx?]+)`)
	polled = regexp.MustCompile(`fd=(\d+)`)
)

func hexOf(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

func readTrace(file string) ([]*phase, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &trace{
		begun:  map[string]string{},
		others: map[string]bool{},
		out:    map[string]*stream{},
		in:     map[string]*stream{},
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		pid, call, _ := strings.Cut(lines.Text(), " ")
		t.line(pid, strings.TrimSpace(call))
	}
	return t.phases, lines.Err()
}

func (t *trace) line(pid, call string) {
	if begun, ok := strings.CutSuffix(call, "<unfinished ...>"); ok {
		t.begun[pid] = begun
		return
	}
	if strings.HasPrefix(call, "<... ") {
		_, rest, _ := strings.Cut(call, "resumed>")
		call = t.begun[pid] + rest
	}
	name, arguments, ok := strings.Cut(call, "(")
	if !ok || t.others[pid] {
		return
	}
	if name == "execve" {
		t.execs++
		t.others[pid] = t.execs > 1
	}
	if strings.Contains(arguments, marker) {
		t.mark(arguments)
		return
	}
	if found := ended.FindStringSubmatch(arguments); found != nil {
		t.call(name, found[1], found[2])
	}
}

func (t *trace) mark(arguments string) {
	name := strings.TrimPrefix(string(bytesOf(arguments)), "/phase/")
	t.now = nil
	if name != "between" {
		t.now = &phase{name: name}
		t.phases = append(t.phases, t.now)
	}
}

func (t *trace) call(name, arguments, result string) {
	if t.now != nil {
		t.now.calls++
	}
	n, _ := strconv.Atoi(result)
	fd := arguments[:len(arguments)-len(strings.TrimLeft(arguments, "0123456789"))]
	switch name {
	case "poll", "ppoll":
		for _, one := range polled.FindAllStringSubmatch(arguments, -1) {
			t.aboutBus(one[1])
		}
	case "write", "writev", "sendto", "sendmsg":
		data := bytesOf(arguments)
		if bytes.HasPrefix(data, []byte("\x00AUTH")) || isAuth(data, t.out[fd]) {
			t.out[fd], t.in[fd] = &stream{}, &stream{}
		}
		t.message(t.out[fd], &fd, data, n, true)
	case "read", "readv", "recvfrom", "recvmsg":
		t.message(t.in[fd], &fd, bytesOf(arguments), n, false)
	case "close":
		delete(t.out, fd)
		delete(t.in, fd)
	}
}

// isAuth reports whether the data begins a handshake. godbus sends the zero byte in a call of its
// own.
func isAuth(data []byte, known *stream) bool { return known == nil && bytes.Equal(data, []byte{0}) }

func (t *trace) aboutBus(fd string) {
	if t.now != nil && t.out[fd] != nil {
		t.now.onBus++
	}
}

func (t *trace) message(s *stream, fd *string, data []byte, n int, sent bool) {
	if s == nil {
		return
	}
	t.aboutBus(*fd)
	if n <= 0 {
		return
	}
	names := s.feed(data[:min(n, len(data))])
	if t.now == nil {
		return
	}
	if sent {
		t.now.sent = append(t.now.sent, names...)
	} else {
		t.now.received = append(t.now.received, names...)
	}
}

// bytesOf returns all strings of a call's arguments, joined. They are the sent or received bytes.
func bytesOf(arguments string) []byte {
	var all []byte
	if at := strings.Index(arguments, "msg_iov="); at >= 0 {
		// The address of the other side comes first.
		arguments = arguments[at:]
	}
	for _, found := range text.FindAllStringSubmatch(arguments, -1) {
		part, err := hex.DecodeString(strings.ReplaceAll(found[1], `\x`, ""))
		if err == nil {
			all = append(all, part...)
		}
	}
	return all
}
