package blocklists

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// benchNames is the number of names that the figures are for: what the largest
// choices of public lists come to.
const benchNames = 1_185_000

// manyLists returns lists of benchNames different names: the published ones when
// TUNDNS_LISTS is set, and a file of made-up names; and these names.
func manyLists(tb testing.TB) ([]Source, []string) {
	sources := realLists(tb)
	names := listtest.Many(tb, benchNames)
	made := names
	if sources != nil {
		made = names[len(listtest.Real(tb)):]
	}
	file := filepath.Join(tb.TempDir(), "made-up.txt")
	if err := os.WriteFile(file, []byte(strings.Join(made, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	return append(sources, Source{Name: "made up", Path: file, Format: Domains}), names
}

// heapPeak returns the most memory in use on the heap while f runs, garbage
// included, beside what is in use before.
func heapPeak(f func()) int64 {
	inUse := func() int64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64() + sample[1].Value.Uint64())
	}
	runtime.GC()
	before := inUse()
	peak := before
	done := make(chan struct{})
	var sampler sync.WaitGroup
	sampler.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				peak = max(peak, inUse())
			}
		}
	})
	f()
	close(done)
	sampler.Wait()
	return peak - before
}

func mustRead(tb testing.TB, l *Loader, sources []Source) *Set {
	tb.Helper()
	set, _, err := l.Load(context.Background(), sources)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func BenchmarkLoad(b *testing.B) {
	sources, _ := manyLists(b)
	var (
		set   *Set
		lines int
		peak  int64
	)
	for b.Loop() {
		set = nil
		peak = max(peak, heapPeak(func() {
			var reports []Report
			set, reports = mustLoad(b, sources...)
			lines = 0
			for _, r := range reports {
				lines += r.Lines
			}
		}))
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(set.Names()), "names")
	b.ReportMetric(float64(set.Rules()), "rules")
	b.ReportMetric(float64(set.Bytes())/float64(set.Names()), "B/name")
	b.ReportMetric(float64(peak)/float64(set.Bytes()), "peak/final")
}

func BenchmarkLoadCompiled(b *testing.B) {
	sources, _ := manyLists(b)
	l := Loader{File: filepath.Join(b.TempDir(), "compiled")}
	mustRead(b, &l, sources)
	info, err := os.Stat(l.File)
	if err != nil {
		b.Fatal(err)
	}
	var set *Set
	var peak int64
	for b.Loop() {
		set = nil
		peak = max(peak, heapPeak(func() { set = mustRead(b, &l, sources) }))
		if !l.Used {
			b.Fatal("the file is not used")
		}
	}
	b.ReportMetric(float64(info.Size())/float64(set.Names()), "file-B/name")
	b.ReportMetric(float64(set.Bytes())/float64(set.Names()), "B/name")
	b.ReportMetric(float64(peak)/float64(set.Bytes()), "peak/final")
}

// matchNames returns names for look-ups: of four labels where the listed name
// has two.
func matchNames(names []string, prefix string) []dnswire.Name {
	rng := rand.New(rand.NewPCG(5, 6))
	list := make([]dnswire.Name, 0, 1<<14)
	for len(list) < cap(list) {
		if name := names[rng.IntN(len(names))]; len(name) < 200 {
			list = append(list, dnswire.MustName(prefix+name))
		}
	}
	return list
}

func benchmarkMatch(b *testing.B, set *Set, lists Lists, names []dnswire.Name) {
	b.ReportAllocs()
	i, found := 0, 0
	for b.Loop() {
		if _, ok := set.Match(&Query{Name: names[i&(len(names)-1)], Type: dnswire.TypeA}, lists); ok {
			found++
		}
		i++
	}
	b.ReportMetric(float64(found)/float64(i), "found/op")
}

func BenchmarkMatch(b *testing.B) {
	sources, names := manyLists(b)
	set, _ := mustLoad(b, sources...)
	listed, under, misses := matchNames(names, ""), matchNames(names, "www.x."), missNames(1<<14)
	lists := withoutPatterns(set)
	b.Run("listed", func(b *testing.B) { benchmarkMatch(b, set, lists, listed) })
	b.Run("under", func(b *testing.B) { benchmarkMatch(b, set, lists, under) })
	b.Run("miss", func(b *testing.B) { benchmarkMatch(b, set, lists, misses) })

	var split []Source
	for i := range 64 {
		split = append(split, as(Domains, text(fmt.Sprint("list", i), strings.Join(names[i*len(names)/64:(i+1)*len(names)/64], "\n"))))
	}
	set, _ = mustLoad(b, split...)
	b.Run("listed in one of 64 lists", func(b *testing.B) { benchmarkMatch(b, set, set.All(), listed) })
	b.Run("miss in 64 lists", func(b *testing.B) { benchmarkMatch(b, set, set.All(), misses) })

	set, reports := mustLoad(b, append(sources, adblock("patterns", patternLines(20_000)))...)
	if r := reports[len(reports)-1]; r.Rules != 20_000 {
		b.Fatalf("%d patterns, %v", r.Rules, r.Reasons)
	}
	b.Run("listed beside 20,000 patterns", func(b *testing.B) { benchmarkMatch(b, set, set.All(), listed) })
	b.Run("miss beside 20,000 patterns", func(b *testing.B) { benchmarkMatch(b, set, set.All(), misses) })
}

// withoutPatterns returns all lists of a set that have only names.
func withoutPatterns(set *Set) (lists Lists) {
	for i := range set.lists {
		if !set.withPatterns.Has(i) {
			lists.add(i)
		}
	}
	return lists
}

// patternLines returns n different regular expressions as lists have them.
func patternLines(n int) string {
	forms := []string{
		`/^ad%[1]s[sx]?[0-9]*\./`,
		`/(^|\.)track(er|ing)?[0-9]+\.%[1]s[0-9]+\.com$/`,
		`/banner.*\.%[1]s\.(net|org)$/`,
		`/^%[1]s-(pixel|beacon)[a-z]?\./`,
	}
	rng := rand.New(rand.NewPCG(9, 9))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, forms[i%len(forms)]+"\n", randomLabel(rng, 5)+fmt.Sprint(i))
	}
	return b.String()
}
