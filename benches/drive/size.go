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

// part of the library, in bytes.
type part struct {
	name string
	size int
}

var (
	// The first path of a demangled name: "<alloc::vec::Vec<T> as core::…>::f" is alloc's.
	firstPath = regexp.MustCompile(`^[<&*\[( ]*(?:(?:dyn|mut|const|impl) )*([a-z_][a-z0-9_]*)::`)
	// "<T as core::…>::f" is core's.
	ofTrait = regexp.MustCompile(` as ([a-z_][a-z0-9_]*)::`)
	// What drops another crate's values is that crate's.
	dropped = regexp.MustCompile(`^core::ptr::drop_(?:in_place|glue)::?<(.*)>`)
)

// measureSize strips a copy of the library and says what is in it.
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

// largest has the first few of the parts and the sum of the others.
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

// crates sums up the symbols of code and data; what has no symbol is in none.
func crates(library string) ([]part, error) {
	out, err := exec.Command("nm", "-S", "--size-sort", "-C", library).Output()
	if err != nil {
		return nil, fmt.Errorf("nm: %w", err)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(out)) {
		// Address, size, type, name; "b" takes no room in the file.
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
