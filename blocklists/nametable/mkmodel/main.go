// Command mkmodel makes the code that package nametable writes names with, from
// the names of published block lists:
//
//	mkmodel -o model.bin FILE-OR-FOLDER…
//
// The file has the bits of the code of every symbol after every two symbols, two
// of them in a byte; then the bits of the code that says "no common top-level
// domain"; then for every common top-level domain its length in a byte, itself,
// and the bits of its code.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tundns/blocklists/listtest"
	"tundns/blocklists/nametable/prefixcode"
)

const (
	symbols = 39
	dot     = symbols - 1

	// Top-level domains with a code of their own: at most so many, none with fewer
	// names than it takes to tell how common it is, none longer than 7 bytes.
	maxTops, minNames, maxTop = 250, 8, 7
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "model.bin", "the file to write")
	flag.Parse()
	names, err := read(flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	if len(names) == 0 {
		log.Fatal("mkmodel: no names: name list files or a folder of them")
	}
	if err := os.WriteFile(*out, model(names), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: made of %d names\n", *out, len(names))
}

// read returns the different names in the files at the given paths, sorted.
func read(paths []string) ([]string, error) {
	seen := make(map[string]bool)
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			scan := bufio.NewScanner(file)
			for scan.Scan() {
				if name, ok := listtest.FromLine(scan.Text()); ok {
					seen[name] = true
				}
			}
			return scan.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

func model(names []string) []byte {
	tops := commonTops(names)
	var c counts
	for _, name := range names {
		c.add(strings.Split(name, "."), tops)
	}
	var b []byte
	lengths := c.lengths()
	for i := 0; i < len(lengths); i += 2 {
		pair := lengths[i]
		if i+1 < len(lengths) {
			pair |= lengths[i+1] << 4
		}
		b = append(b, pair)
	}

	weights := []uint64{uint64(len(names))} // of the escape first
	labels := slices.SortedFunc(maps.Keys(tops), func(a, b string) int {
		return cmp.Or(cmp.Compare(tops[b], tops[a]), cmp.Compare(a, b))
	})
	for _, top := range labels {
		weights = append(weights, tops[top])
		weights[0] -= tops[top]
	}
	weights[0] = max(weights[0], 1)
	bits := prefixcode.Lengths(weights, prefixcode.MaxLen)
	b = append(b, bits[0])
	for i, top := range labels {
		b = append(b, byte(len(top)))
		b = append(b, top...)
		b = append(b, bits[1+i])
	}
	return b
}

// commonTops returns the top-level domains that get a code, with the number of
// their names.
func commonTops(names []string) map[string]uint64 {
	count := make(map[string]uint64)
	for _, name := range names {
		if top := name[strings.LastIndexByte(name, '.')+1:]; len(top) <= maxTop {
			count[top]++
		}
	}
	sorted := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	for i, top := range sorted {
		if i >= maxTops || count[top] < minNames {
			delete(count, top)
		}
	}
	return count
}

// counts says how often a symbol follows two, one and no other.
type counts struct {
	two  [symbols][symbols][symbols]uint64
	one  [symbols][symbols]uint64
	none [symbols]uint64
}

// add counts the symbols of a name as the encoder writes them: the top-level
// domain first, unless it has a code of its own.
func (c *counts) add(labels []string, tops map[string]uint64) {
	a, b := dot, dot
	next := func(s int, counted bool) {
		if counted {
			c.two[a][b][s]++
			c.one[b][s]++
			c.none[s]++
		}
		a, b = b, s
	}
	top := labels[len(labels)-1]
	_, common := tops[top]
	for _, ch := range []byte(top) {
		next(symbol(ch), !common)
	}
	for i := len(labels) - 2; i >= 0; i-- {
		next(dot, !common || i < len(labels)-2)
		for _, ch := range []byte(labels[i]) {
			next(symbol(ch), true)
		}
	}
}

// lengths returns the bits of every code. What was seen after two symbols counts
// most; what was seen after the last one, and at all, stands in where that says
// little; and every symbol can follow any two.
func (c *counts) lengths() []uint8 {
	all := uint64(0)
	for _, n := range c.none {
		all += n
	}
	var lengths []uint8
	for a := range symbols {
		for b := range symbols {
			after := uint64(0)
			for _, n := range c.one[b] {
				after += n
			}
			weights := make([]uint64, symbols)
			for s := range weights {
				weights[s] = 1 + 10_000*c.two[a][b][s] + 20_000*c.one[b][s]/(after+1) + 10_000*c.none[s]/(all*(after+1))
			}
			lengths = append(lengths, prefixcode.Lengths(weights, prefixcode.MaxLen)...)
		}
	}
	return lengths
}

func symbol(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return int(c - 'a')
	case '0' <= c && c <= '9':
		return 26 + int(c-'0')
	case c == '-':
		return 36
	}
	return 37 // '_', the only other one in the names
}
