package blocklists

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// realLists returns sources for the published lists in the folder that the
// variable TUNDNS_LISTS names, nil when it is not set.
func realLists(t testing.TB) []Source {
	t.Helper()
	dir := os.Getenv(listtest.Env)
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, file := range files {
		sources = append(sources, Source{Name: filepath.Base(file), Path: file})
	}
	if len(sources) == 0 {
		t.Fatalf("no lists in %s", dir)
	}
	return sources
}

// The published lists and the oracle agree on every name in them, and on a name
// under it, its parent, or the name with a letter changed.
func TestRealLists(t *testing.T) {
	sources := realLists(t)
	if sources == nil {
		t.Log("TUNDNS_LISTS is not set: published lists are not tested")
		return
	}
	set, reports := mustLoad(t, sources...)
	for _, r := range reports {
		t.Logf("%s: %s, %d lines, %d rules, %d duplicates, skipped %v, %v", r.List, r.Format, r.Lines, r.Rules, r.Duplicates, r.Reasons, r.Took)
	}
	o := oracleOf(t, sources, reports)
	t.Logf("%d names, %d rules, %d of them for patterns and %d for addresses", set.Names(), set.Rules(), len(o.patterns), len(o.addrs))
	if o.all != set.Rules() || len(o.names) != set.Names() {
		t.Fatalf("set has %d rules for %d names, oracle %d for %d", set.Rules(), set.Names(), o.all, len(o.names))
	}
	choices := choicesOf(set)
	rng := rand.New(rand.NewPCG(1, 2))
	for text := range o.names {
		if raceDetector && rng.IntN(16) > 0 {
			continue // every name is tested without it
		}
		name := dnswire.MustName(text)
		lists := choices[rng.IntN(len(choices))]
		agree(t, set, o, named(name), lists)
		switch parent, _ := name.Parent(); rng.IntN(3) {
		case 0:
			if len(name) < dnswire.MaxName-2 {
				name = "\x01x" + name
			}
		case 1:
			if parent != dnswire.Root {
				name = parent
			}
		case 2:
			changed := []byte(name)
			changed[1+rng.IntN(int(name[0]))] = '_'
			name = dnswire.Name(changed)
		}
		agree(t, set, o, named(name), lists)
	}
}

// raceDetector is whether it watches the tests, which then take ten times as long.
var raceDetector bool

// oracleOf returns the oracle of lists. It reads them line by line, past Load and
// the builder.
func oracleOf(t testing.TB, sources []Source, reports []Report) *oracle {
	t.Helper()
	o := newOracle()
	in := new(interned)
	for i := range sources {
		file, err := sources[i].open()
		if err != nil {
			t.Fatal(err)
		}
		r := newReader(&sources[i], reports[i].Format, in, &oracleSink{o: o, list: sources[i].Name, i: i})
		scan := bufio.NewScanner(file)
		for n := 1; scan.Scan(); n++ {
			r.line(n, scan.Bytes())
		}
		r.end()
		if err := errors.Join(scan.Err(), file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// choicesOf returns no list, all, and each alone.
func choicesOf(set *Set) []Lists {
	choices := []Lists{{}, set.All()}
	for i := range set.Lists() {
		var l Lists
		l.add(i)
		choices = append(choices, l)
	}
	return choices
}

// heap returns what is in use on the heap, without garbage.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// missNames returns names of four labels under real top-level domains that no
// list has.
func missNames(n int) []dnswire.Name {
	rng := rand.New(rand.NewPCG(3, 4))
	tlds := []string{"com", "net", "org", "de", "co", "io", "xyz", "info"}
	names := make([]dnswire.Name, n)
	for i := range names {
		names[i] = dnswire.MustName("www.cdn" + randomLabel(rng, 3) + "." + randomLabel(rng, 14) + "." + tlds[rng.IntN(len(tlds))])
	}
	return names
}

func randomLabel(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rng.IntN(26))
	}
	return string(b)
}
