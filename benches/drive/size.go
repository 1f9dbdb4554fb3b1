// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// part is a part of the library with its size in bytes.
type part struct {
	name string
	size int
}

var (
	// The first path of a demangled name is its crate: "<alloc::vec::Vec<T> as core::…>::f" is
	// alloc.
	firstPath = regexp.MustCompile(`^[<&*\[( ]*(?:(?:dyn|mut|const|impl) )*([a-z_][a-z0-9_]*)::`)
	// With a type parameter in front, the trait decides: "<T as core::…>::f" is core.
	ofTrait = regexp.MustCompile(` as ([a-z_][a-z0-9_]*)::`)
	// Code that drops values of another crate belongs to that crate.
	dropped = regexp.MustCompile(`^core::ptr::drop_(?:in_place|glue)::?<(.*)>`)
)

// measureSize strips a copy of the library and measures its sections and crates.
func measureSize(p plan, res *results) error {
	library := filepath.Join(p.root, "build", "libkatacg.so.0")
	stripped := filepath.Join(p.builds, "stripped")
	if out, err := exec.Command("strip", "-o", stripped, library).CombinedOutput(); err != nil {
		return fmt.Errorf("strip: %w: %s", err, out)
	}
	info, err := os.Stat(stripped)
	if err != nil {
		return err
	}
	res.size = info.Size()
	if res.sections, err = sections(stripped); err != nil {
		return err
	}
	res.crates, err = crates(library)
	return err
}

// largest returns the largest parts and the sum of the others.
func largest(sizes map[string]int, shown int) []part {
	var parts []part
	for name, size := range sizes {
		parts = append(parts, part{name, size})
	}
	slices.SortFunc(parts, func(a, b part) int { return b.size - a.size })
	if len(parts) <= shown {
		return parts
	}
	rest := part{name: "others"}
	for _, p := range parts[shown:] {
		rest.size += p.size
	}
	return append(parts[:shown:shown], rest)
}

func sections(library string) ([]part, error) {
	file, err := elf.Open(library)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sizes := map[string]int{}
	for _, section := range file.Sections {
		if section.Type != elf.SHT_NOBITS {
			sizes[section.Name] += int(section.FileSize)
		}
	}
	return largest(sizes, 7), nil
}

// crates returns the size of each crate's symbols. Bytes without a symbol belong to no crate.
func crates(library string) ([]part, error) {
	out, err := exec.Command("nm", "-S", "--size-sort", "-C", library).Output()
	if err != nil {
		return nil, fmt.Errorf("nm: %w", err)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(out)) {
		// nm prints address, size, type and name. Type "b" takes no space in the file.
		fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(fields) < 4 || strings.EqualFold(fields[2], "b") {
			continue
		}
		if size, err := strconv.ParseInt(fields[1], 16, 64); err == nil {
			sizes[crate(fields[3])] += int(size)
		}
	}
	return largest(sizes, 14), nil
}

func crate(symbol string) string {
	if inner := dropped.FindStringSubmatch(symbol); inner != nil {
		symbol = inner[1]
	}
	if strings.HasPrefix(symbol, "katacg_") {
		return "katacg"
	}
	for _, pattern := range []*regexp.Regexp{firstPath, ofTrait} {
		if found := pattern.FindStringSubmatch(symbol); found != nil {
			return found[1]
		}
	}
	return "no crate"
}
