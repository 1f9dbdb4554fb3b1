// SPDX-License-Identifier: Apache-2.0

// Command go-resources writes the table tests/vectors/go-resources.jsonl: resources in JSON as Go's
// encoder writes runtime-spec's types, and the values that Go's decoder reads from them. A line has
//
//	json    the document
//	values  each value, as "path=value"; nil pointers, empty lists, and empty texts of fields
//	        that Go's encoder omits are left out
//	error   true when Go's decoder refuses the document; then there are no values
//
// The table is made anew with
//
//	go run . >../vectors/go-resources.jsonl
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"sort"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const documents = 250

// Documents that Go's encoder does not write, but other tools do.
var byHand = []string{
	`{}`,
	`{"cpu":null,"memory":null,"pids":null,"blockIO":null,"hugepageLimits":null,"devices":null,` +
		`"network":null,"rdma":null,"unified":null}`,
	`{"hugepageLimits":[{"pageSize":"2MB","limit":null}]}`,
	`{"hugepageLimits":[{"pageSize":null,"limit":1},null]}`,
	`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":null}]}}`,
	`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":null,"rate":5},null]}}`,
	`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":null},null]}}`,
	`{"devices":[{"allow":null,"access":"rwm"}]}`,
	`{"devices":[null]}`,
	`{"devices":[{"allow":false,"type":"","major":0,"minor":0,"access":"rwm"}]}`,
	`{"devices":[{"allow":true,"type":null,"major":null,"minor":null,"access":null}]}`,
	`{"network":{"priorities":[{"name":"eth0","priority":null},{"name":null,"priority":1}]}}`,
	`{"network":{"classID":4294967295}}`,
	`{"network":{"classID":4294967296}}`,
	`{"network":{"classID":-1}}`,
	`{"network":{"classID":1.5}}`,
	`{"cpu":{"cpus":null,"mems":null,"shares":null}}`,
	`{"cpu":{"shares":"1"}}`,
	`{"cpu":{"quota":9223372036854775808}}`,
	`{"cpu":[]}`,
	`{"pids":{"limit":null}}`,
	`{"rdma":{"mlx5_1":null}}`,
	`{"rdma":{"mlx5_1":{"hcaHandles":null,"hcaObjects":4294967295}}}`,
	`{"unified":{"memory.high":null,"io.max":"\u003c\u2028\u0000\ud83d\ude00"}}`,
	`{"unified":{"memory.high":5}}`,
	`{"memory":{"disableOOMKiller":null,"swappiness":null,"limit":-9223372036854775808}}`,
	`{"memory":{"disableOOMKiller":0}}`,
	`{"blockIO":{"weight":65536}}`,
}

var texts = []string{
	"", "0-3", "0", "<b>&amp;'\"</b>", "line\nline\n", "\u2028\u2029", "é😀", "\x00\x1f\x7f",
	`\u003c`, "a/b.c=d",
}

func main() {
	random := rand.New(rand.NewPCG(1, 2))
	// How often a field is set, and whether its value is 0.
	modes := []struct {
		chance float64
		zero   bool
	}{{1, false}, {1, true}, {0, false}, {0.3, false}, {0.5, false}, {0.5, true}, {0.8, false}}
	all := byHand
	for i := 0; len(all) < documents; i++ {
		var resources specs.LinuxResources
		mode := modes[i%len(modes)]
		fill(reflect.ValueOf(&resources).Elem(), "", random, mode.chance, mode.zero)
		text, err := json.Marshal(resources)
		if err != nil {
			panic(err)
		}
		all = append(all, string(text))
	}
	out := json.NewEncoder(os.Stdout)
	for _, text := range all {
		line := struct {
			JSON   string   `json:"json"`
			Values []string `json:"values"`
			Error  bool     `json:"error,omitempty"`
		}{JSON: text, Values: []string{}}
		var read specs.LinuxResources
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			line.Error = true
		} else {
			values(reflect.ValueOf(read), "", &line.Values)
			sort.Strings(line.Values)
		}
		if err := out.Encode(line); err != nil {
			panic(err)
		}
	}
}

// fill sets fields at random. The types of devices and the sizes of huge page limits stay within
// what this library can hold: it refuses other types, and keeps limits above 2^63 as "no limit".
func fill(v reflect.Value, name string, r *rand.Rand, chance float64, zero bool) {
	if name != "" && r.Float64() >= chance {
		return
	}
	integers := []int64{0, 1, -1, 2, 1024, math.MaxInt64, math.MinInt64, r.Int64()}
	if zero {
		integers = []int64{0}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), "", r, chance, zero)
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Anonymous {
				fill(v.Field(i), "", r, chance, zero)
				continue
			}
			fill(v.Field(i), field.Name, r, chance, zero)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 2))
		for i := range v.Len() {
			fill(v.Index(i), "", r, chance, zero)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, "value", r, chance, zero)
			v.SetMapIndex(reflect.ValueOf(texts[r.IntN(len(texts))]), value)
		}
	case reflect.Bool:
		v.SetBool(!zero && r.IntN(2) == 1)
	case reflect.Int64:
		v.SetInt(integers[r.IntN(len(integers))])
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n := uint64(integers[r.IntN(len(integers))])
		if name == "Limit" {
			n &= math.MaxInt64
		}
		v.SetUint(n & (math.MaxUint64 >> (64 - v.Type().Bits())))
	case reflect.String:
		switch {
		case name == "Type":
			v.SetString([]string{"", "a", "b", "c"}[r.IntN(4)])
		case !zero:
			v.SetString(texts[r.IntN(len(texts))])
		}
	default:
		panic(v.Kind())
	}
}

// values appends each value. A device's type of "" is written as the "a" that it means.
func values(v reflect.Value, path string, out *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			values(v.Elem(), path, out)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Anonymous {
				values(v.Field(i), path, out)
				continue
			}
			name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			absent := option == "omitempty" && name != "type" && v.Field(i).Kind() == reflect.String
			if absent && v.Field(i).Len() == 0 {
				continue
			}
			values(v.Field(i), path+"/"+name, out)
		}
	case reflect.Slice:
		for i := range v.Len() {
			values(v.Index(i), fmt.Sprintf("%s/%d", path, i), out)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			values(v.MapIndex(key), path+"/"+key.String(), out)
		}
	default:
		text := fmt.Sprint(v.Interface())
		if strings.HasSuffix(path, "/type") && text == "" {
			text = "a"
		}
		*out = append(*out, path+"="+text)
	}
}
