package blocklists

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tundns/dnswire"
)

// realLists returns sources for the published lists in the folder that the
// variable TUNDNS_LISTS names: all files but those of formats of other servers.
func realLists(t testing.TB) []Source {
	dir := os.Getenv("TUNDNS_LISTS")
	if dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, file := range files {
		if base := filepath.Base(file); !strings.HasSuffix(base, ".conf") {
			sources = append(sources, Source{Name: base, Path: file})
		}
	}
	if len(sources) == 0 {
		t.Fatalf("no lists in %s", dir)
	}
	return sources
}

// The published lists and the oracle agree on every name in them, on a name
// under each, on each parent and on each name with a letter changed; and the set
// takes at most 40 bytes of memory a name.
func TestRealLists(t *testing.T) {
	sources := realLists(t)
	if sources == nil {
		t.Log("TUNDNS_LISTS is not set: only small lists are tested")
		return
	}
	before := heap()
	set, reports := mustLoad(t, sources...)
	resident := int64(heap()) - int64(before)
	for _, r := range reports {
		t.Logf("%s: %s, %d lines, %d rules, %d duplicates, skipped %v, %v", r.List, r.Format, r.Lines, r.Rules, r.Duplicates, r.Reasons, r.Took)
	}
	names := int64(set.Names())
	t.Logf("%d names, %d rules: %.1f bytes a name, by the heap %.1f", names, set.Rules(),
		float64(set.Bytes())/float64(names), float64(resident)/float64(names))
	if per := max(set.Bytes(), resident) / names; per > 40 {
		t.Errorf("%d bytes a name, want at most 40", per)
	}

	o := newOracle()
	for i := range sources {
		feed(t, o, i, &sources[i], reports[i].Format)
	}
	if o.all != set.Rules() || len(o.rules) != set.Names() {
		t.Fatalf("set has %d rules for %d names, oracle %d for %d", set.Rules(), set.Names(), o.all, len(o.rules))
	}
	choices := choicesOf(set)
	rng := rand.New(rand.NewPCG(1, 2))
	for text := range o.rules {
		name := dnswire.MustName(text)
		lists := choices[rng.IntN(len(choices))]
		agree(t, set, o, name, lists)
		if len(name) < dnswire.MaxName-2 {
			agree(t, set, o, "\x01x"+name, lists)
		}
		if parent, ok := name.Parent(); ok && parent != dnswire.Root {
			agree(t, set, o, parent, lists)
		}
		changed := []byte(name)
		changed[1+rng.IntN(int(name[0]))] = '_'
		agree(t, set, o, dnswire.Name(changed), lists)
	}
	runtime.KeepAlive(set)
}

// feed reads a list line by line into the oracle, past Load and the builder.
func feed(t testing.TB, o *oracle, index int, s *Source, format Format) {
	file, err := os.Open(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sink := &oracleSink{o: o, list: s.Name, i: index}
	r := newReader(s, format, sink)
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		sink.line++
		r.line(scan.Bytes())
	}
	if scan.Err() != nil {
		t.Fatal(scan.Err())
	}
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

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkLoadRealLists(b *testing.B) {
	sources := realLists(b)
	if sources == nil {
		b.Log("TUNDNS_LISTS is not set: nothing to measure")
		return
	}
	var set *Set
	for b.Loop() {
		var err error
		if set, _, err = Load(context.Background(), sources); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(set.Names()), "names")
	b.ReportMetric(float64(set.Bytes())/float64(set.Names()), "B/name")
}

func BenchmarkMatchRealLists(b *testing.B) {
	sources := realLists(b)
	if sources == nil {
		b.Log("TUNDNS_LISTS is not set: nothing to measure")
		return
	}
	set, _ := mustLoad(b, sources...)
	o := newOracle()
	feed(b, o, 0, &sources[0], Adblock)
	var listed, under []dnswire.Name
	for text := range o.rules {
		name := dnswire.MustName(text)
		if len(name) < dnswire.MaxName-8 && len(listed) < 1<<14 {
			listed = append(listed, name)
			under = append(under, "\x03www\x01x"+name)
		}
	}
	misses := missNames(1 << 14)
	all := set.All()
	for _, bench := range []struct {
		name  string
		names []dnswire.Name
	}{{"listed", listed}, {"under", under}, {"miss", misses}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				set.Match(bench.names[i&(len(bench.names)-1)], all)
				i++
			}
		})
	}
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
