// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	katacg "github.com/kata-containers/libkatacg/go"
)

// vector is a line of kata.jsonl: the result of one of Kata's Go functions. No line contains a NUL
// byte; TestStringsWithNULAreRefused covers those.
type vector struct {
	Fn  string                     `json:"fn"`
	In  map[string]json.RawMessage `json:"in"`
	Out map[string]json.RawMessage `json:"out"`
}

// vectorFuncs calls the package's counterpart of each function of the vectors. nil marks a function
// of the Go standard library or of runc; the package has no counterpart, so this test skips it.
var vectorFuncs = map[string]func(t *testing.T, in input) (any, error){
	"validCgroupPath": func(t *testing.T, in input) (any, error) {
		return katacg.ValidatePath(in.text("path"), in.systemd())
	},
	"k1.ValidCgroupPath": func(t *testing.T, in input) (any, error) {
		return katacg.ValidatePath(in.text("path"), katacg.PathK1|in.systemd())
	},
	"k3.ValidCgroupPath": func(t *testing.T, in input) (any, error) {
		flags := katacg.PathK3 | in.systemd()
		if in.bool("v2") {
			flags |= katacg.PathV2
		}
		return katacg.ValidatePath(in.text("path"), flags)
	},
	"isSystemdCgroup": func(t *testing.T, in input) (any, error) {
		return katacg.IsSystemdPath(in.text("path"))
	},
	"k1.IsSystemdCgroup": func(t *testing.T, in input) (any, error) {
		return katacg.IsSystemdSlicePath(in.text("path"))
	},
	"renameCgroupPath":        onPath(katacg.RenamePath),
	"k3.RenameCgroupPath":     onPath(katacg.RenamePathK3),
	"cgroupNoConstraintsPath": onPath(katacg.NoConstraintsPath),
	"parentPath":              onPath(katacg.ParentPath),
	"guestCgroupsPath":        onPath(katacg.GuestPath),
	"k3.getSliceAndUnit": func(t *testing.T, in input) (any, error) {
		slice, err := katacg.PathSlice(in.text("path"))
		unit, unitErr := katacg.PathUnit(in.text("path"))
		if fmt.Sprint(err) != fmt.Sprint(unitErr) {
			t.Errorf("PathSlice: %v, but PathUnit: %v", err, unitErr)
		}
		return []any{slice, unit}, err
	},
	"subsystemPath": func(t *testing.T, in input) (any, error) {
		return katacg.SubsystemPath(in.text("root"), in.text("subsystem"), in.text("path"))
	},
	"runc.ExpandSlice": func(t *testing.T, in input) (any, error) {
		return katacg.ExpandSlice(in.text("slice"))
	},
	"v1MountPoint": func(t *testing.T, in input) (any, error) {
		return katacg.ParseV1Mountpoint([]byte(in.text("mountinfo")))
	},
	"validCPUResources": func(t *testing.T, in input) (any, error) {
		return jsonResult(katacg.ValidateCPU(in.v.In["cpu"]))
	},
	"sandboxCPUResources": func(t *testing.T, in input) (any, error) {
		return jsonResult(katacg.AggregateCPU(in.v.In["containers"]))
	},
	"filepath.Clean": nil, "filepath.Dir": nil, "filepath.Base": nil, "runc.CleanPath": nil,
	"runc.FindCgroupMountpointDir": nil,
}

// decoded maps mount points that the original returned with mountinfo's escapes to the decoded
// ones.
var decoded = map[string]string{
	`/mnt/my\040cgroup`: "/mnt/my cgroup",
	`/mnt/tab\011x`:     "/mnt/tab\tx",
	`/mnt/bs\134x`:      `/mnt/bs\x`,
}

// fatal lists the lines of mountinfo that made the original panic. Here they are errors.
var fatal = []string{"", "", "", "- cgroup a b", "a", "x", "xxcgroup a b", "xxcgroup a b c"}

func TestFunctionsMatchTheGoldenData(t *testing.T) {
	const file = "../tests/vectors/kata.jsonl"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	vectors := map[string][]vector{}
	total := 0
	for line := range bytes.Lines(raw) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("line %d: %v", total+1, err)
		}
		if len(v.Out) != 1 {
			t.Fatalf("line %d: %d results", total+1, len(v.Out))
		}
		vectors[v.Fn] = append(vectors[v.Fn], v)
		total++
	}
	got, want := slices.Sorted(maps.Keys(vectors)), slices.Sorted(maps.Keys(vectorFuncs))
	if !slices.Equal(got, want) {
		t.Fatalf("functions in %s: %q, known here: %q", file, got, want)
	}

	run, untested := 0, 0
	seen := quirks{escapes: map[string]bool{}}
	for _, fn := range want {
		// Counts the lines without the decoder, which could lose some.
		lines := bytes.Count(raw, []byte(`{"fn": "`+fn+`", `))
		call := vectorFuncs[fn]
		if call == nil {
			untested += lines
			continue
		}
		t.Run(fn, func(t *testing.T) {
			done := 0
			for _, v := range vectors[fn] {
				in := input{t, v}
				result, err := call(t, in)
				in.check(result, err, &seen)
				done++
			}
			run += done
			if done == 0 || done != lines {
				t.Errorf("%d lines run, the file has %d", done, lines)
			}
			t.Logf("%d lines", done)
		})
	}
	if len(seen.escapes) != len(decoded) {
		t.Errorf("escapes seen: %v, known: %v", seen.escapes, decoded)
	}
	if slices.Sort(seen.fatal); !slices.Equal(seen.fatal, fatal) {
		t.Errorf("the original died of %q, known: %q", seen.fatal, fatal)
	}
	if newlines := bytes.Count(raw, []byte("\n")); run+untested != total || total != newlines {
		t.Errorf("%d run, %d untested, %d read, %d in the file", run, untested, total, newlines)
	}
	t.Logf("%d lines run, %d deliberately not", run, untested)
}

func onPath(f func(string) (string, error)) func(*testing.T, input) (any, error) {
	return func(t *testing.T, in input) (any, error) { return f(in.text("path")) }
}

type input struct {
	t *testing.T
	v vector
}

func (i input) text(key string) string {
	return i.value(i.v.In, key).(string)
}

func (i input) bool(key string) bool { return i.value(i.v.In, key).(bool) }

func (i input) systemd() katacg.PathFlags {
	if i.bool("systemd") {
		return katacg.PathSystemd
	}
	return 0
}

// value returns the value of key. Bytes that JSON cannot hold come from key_b64, decoded.
func (i input) value(from map[string]json.RawMessage, key string) any {
	i.t.Helper()
	if coded, ok := from[key+"_b64"]; ok {
		bytes, err := base64.StdEncoding.DecodeString(exact(i.t, coded).(string))
		if err != nil {
			i.t.Fatal(err)
		}
		return string(bytes)
	}
	raw, ok := from[key]
	if !ok {
		i.t.Fatalf("%s: no %q in %v", i.v.Fn, key, from)
	}
	return exact(i.t, raw)
}

// quirks collects the vectors for which the package differs from the original on purpose.
type quirks struct {
	escapes map[string]bool
	fatal   []string
}

// check compares a result with the result of the vector.
func (i input) check(got any, err error, seen *quirks) {
	i.t.Helper()
	fail := func(want any) {
		i.t.Helper()
		i.t.Errorf("%s(%.300s) = %.300q, %v, want %.300q", i.v.Fn, i.v.In, got, err, want)
	}
	if i.v.Out["panic"] != nil {
		if err == nil {
			fail("an error: the original died")
		}
		// Only the lookup in mountinfo panicked, at the first line without a separator.
		for line := range strings.Lines(i.text("mountinfo")) {
			if !strings.Contains(line, " - ") {
				seen.fatal = append(seen.fatal, strings.TrimSuffix(line, "\n"))
				break
			}
		}
		return
	}
	if i.v.Out["err"] != nil || i.v.Out["err_b64"] != nil {
		want := i.value(i.v.Out, "err").(string)
		if err == nil || !sameMessage(err.Error(), want) {
			fail("error " + want)
		}
		return
	}
	want := i.value(i.v.Out, "ok")
	if text, ok := want.(string); ok && decoded[text] != "" {
		seen.escapes[text] = true
		want = decoded[text]
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		fail(want)
	}
}

// sameMessage compares two messages. A message has at most 495 bytes; a longer one ends in "...".
func sameMessage(got, want string) bool {
	if len(want) <= 495 {
		return got == want
	}
	start, cut := strings.CutSuffix(got, "...")
	return cut && len(got) == 495 && strings.HasPrefix(want, start)
}

func jsonResult(raw []byte, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return decode(raw)
}

func exact(t *testing.T, raw []byte) any {
	t.Helper()
	value, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// decode keeps integers as they are written, because a double cannot hold all of them.
func decode(raw []byte) (any, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}
