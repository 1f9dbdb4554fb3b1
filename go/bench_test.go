// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

// goValidatePath is the Go code that the package replaces. It compiles the pattern in every call,
// as Kata did.
func goValidatePath(path string, systemd bool) (string, error) {
	triple := regexp.MustCompile(`([[:alnum:]]|\.)+:([[:alnum:]]|\.)+:([[:alnum:]]|\.)+`)
	if at := triple.FindStringIndex(path); at != nil && path[at[0]:at[1]] == path {
		return path, nil
	}
	if systemd {
		return "", fmt.Errorf(
			"malformed systemd path '%v': expected to be of form 'slice:prefix:name'", path)
	}
	if filepath.IsAbs(path) {
		path = filepath.Clean(path)
	} else {
		path = filepath.Join("/vc", filepath.Clean("/"+path))
	}
	return filepath.Join(filepath.Dir(path), "kata_"+filepath.Base(path)), nil
}

func goV1Mountpoint(mountinfo []byte) (string, error) {
	scanner := bufio.NewScanner(bytes.NewReader(mountinfo))
	for scanner.Scan() {
		line := scanner.Text()
		fields := strings.Split(line, " ")
		after := strings.Fields(line[strings.Index(line, " - ")+3:])
		if len(after) == 0 {
			return "", fmt.Errorf("no fields after '-' in %q", line)
		}
		if after[0] != "cgroup" {
			continue
		}
		if len(after) < 3 {
			return "", fmt.Errorf("less than 3 fields after '-' in %q", line)
		}
		return filepath.Dir(fields[4]), nil
	}
	if err := scanner.Err(); err != nil {
		return "", err
	}
	return "", errors.New("no cgroup mount")
}

var benchPaths = []struct{ name, path string }{
	{"absolute", "/docker/4fbd0bd1c4a5b1e2a8d3f6c7e9b0a1d2c3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8"},
	{"relative", "kubepods/burstable/pod7a3c/4fbd0bd1c4a5"},
	{"systemd", "system.slice:docker:4fbd0bd1c4a5b1e2a8d3f6c7e9b0a1d2c3e4f5a6"},
}

// benchMountinfo returns 10,000 mounts; only the last is of type cgroup.
func benchMountinfo() []byte {
	var out bytes.Buffer
	for i := range 9999 {
		fmt.Fprintf(&out, "%d 25 0:%d / /var/lib/docker/overlay2/%064x/merged rw,relatime shared:%d"+
			" - overlay overlay rw,lowerdir=/l/%d,upperdir=/u/%d,workdir=/w/%d\n",
			i+100, i+50, i, i, i, i, i)
	}
	out.WriteString("36 35 0:32 / /sys/fs/cgroup/cpu rw,nosuid shared:1 - cgroup cgroup rw,cpu\n")
	return out.Bytes()
}

func TestBenchmarkedFunctionsAgree(t *testing.T) {
	for _, p := range benchPaths {
		want, _ := goValidatePath(p.path, false)
		if got, err := katacg.ValidatePath(p.path, 0); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", p.name, got, err, want)
		}
	}
	mountinfo := benchMountinfo()
	want, _ := goV1Mountpoint(mountinfo)
	if got, err := katacg.ParseV1Mountpoint(mountinfo); err != nil || got != want {
		t.Errorf("mountinfo: %q, %v, want %q", got, err, want)
	}
}

func BenchmarkValidatePath(b *testing.B) {
	for _, p := range benchPaths {
		b.Run(p.name+"/katacg", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := katacg.ValidatePath(p.path, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.name+"/go", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := goValidatePath(p.path, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseV1Mountpoint(b *testing.B) {
	mountinfo := benchMountinfo()
	for _, f := range []struct {
		name  string
		parse func([]byte) (string, error)
	}{{"katacg", katacg.ParseV1Mountpoint}, {"go", goV1Mountpoint}} {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(mountinfo)))
			for b.Loop() {
				if _, err := f.parse(mountinfo); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
