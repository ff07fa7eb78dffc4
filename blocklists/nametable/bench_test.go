package nametable

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// benchNames is the number of different names in the lists that people combine.
const benchNames = 1_185_000

// workload is a sequence of rules: every name in one of six lists, and every
// fifth in a second one, as published lists overlap.
type workload struct {
	names [][]byte // wire form
	rules []Rule
}

func newWorkload(tb testing.TB, n int) *workload {
	var (
		w     workload
		rng   = rand.New(rand.NewPCG(5, 6))
		names = listtest.Many(tb, n)
		lists [6][][]byte
	)
	for _, name := range names {
		wire := []byte(dnswire.MustName(name))
		first := rng.IntN(len(lists))
		lists[first] = append(lists[first], wire)
		if rng.IntN(5) == 0 {
			lists[(first+1)%len(lists)] = append(lists[(first+1)%len(lists)], wire)
		}
	}
	var text []byte // in the order of the rules, as a reader has them
	for kind, list := range lists {
		for line, name := range list {
			text = append(text, name...)
			w.names = append(w.names, text[len(text)-len(name):])
			w.rules = append(w.rules, Rule{Kind: uint32(kind), Line: uint32(line + 1)})
		}
	}
	return &w
}

func (w *workload) add(tb testing.TB, b *Builder) {
	for i, name := range w.names {
		if err := b.Add(name, w.rules[i]); err != nil {
			tb.Fatal(err)
		}
	}
}

func (w *workload) build(tb testing.TB) *Table {
	var b Builder
	w.add(tb, &b)
	t, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// BenchmarkBuild reports the memory of the table, by itself and by what the heap
// has more, and the time of a rule.
func BenchmarkBuild(b *testing.B) {
	w := newWorkload(b, benchNames)
	before := heapInUse()
	var t *Table
	var adding, building time.Duration
	for b.Loop() {
		var builder Builder
		start := time.Now()
		w.add(b, &builder)
		added := time.Now()
		var err error
		if t, err = builder.Build(); err != nil {
			b.Fatal(err)
		}
		adding += added.Sub(start)
		building += time.Since(added)
	}
	perRule := func(d time.Duration) float64 { return float64(d) / float64(len(w.rules)) / float64(b.N) }
	b.ReportMetric(perRule(adding), "ns/add")
	b.ReportMetric(perRule(building), "ns/build")
	b.ReportMetric(float64(t.Bytes())/float64(t.Names()), "B/name")
	b.ReportMetric(float64(heapInUse()-before)/float64(t.Names()), "heapB/name")
	runtime.KeepAlive(w)
}

// BenchmarkFind looks up names of four labels that are in the table, names two
// labels under such names, and names of four labels that are not. The best of many
// short runs says what a look-up takes when nothing else keeps the machine busy.
func BenchmarkFind(b *testing.B) {
	w := newWorkload(b, benchNames)
	t := w.build(b)
	const n = 1 << 14
	rng := rand.New(rand.NewPCG(3, 4))
	var hit, under, miss []dnswire.Name
	for len(hit) < n || len(under) < n {
		name := dnswire.Name(w.names[rng.IntN(len(w.names))])
		if len(hit) < n && name.Labels() == 4 {
			hit = append(hit, name)
		}
		if len(under) < n && len(name) < 200 {
			under = append(under, "\x03www\x01x"+name)
			miss = append(miss, "\x03www\x03cdn\x0cq"+dnswire.Name(randomLabel(rng, 11))+lastLabel(name))
		}
	}
	for _, bench := range []struct {
		name  string
		names []dnswire.Name
	}{{"hit", hit}, {"under", under}, {"miss", miss}} {
		inOrder(bench.names)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			const run = 1 << 10
			i, rules, best, start := 0, 0, time.Hour, time.Now()
			for b.Loop() {
				m := t.Find(bench.names[i&(n-1)])
				for _, _, ok := m.Next(); ok; _, _, ok = m.Next() {
					rules++
				}
				if i++; i%run == 0 {
					now := time.Now()
					best, start = min(best, now.Sub(start)), now
				}
			}
			b.ReportMetric(float64(best)/run, "best-ns/op")
			b.ReportMetric(float64(rules)/float64(b.N), "rules/op")
		})
	}
}

// inOrder moves the names to one place of memory: a query's name is in the
// processor's cache when it is looked up.
func inOrder(names []dnswire.Name) {
	var all strings.Builder
	for _, name := range names {
		all.WriteString(string(name))
	}
	text := dnswire.Name(all.String())
	for i, name := range names {
		names[i], text = text[:len(name)], text[len(name):]
	}
}

func lastLabel(name dnswire.Name) dnswire.Name {
	for name.Labels() > 1 {
		name, _ = name.Parent()
	}
	return name
}

func randomLabel(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rng.IntN(26))
	}
	return string(b)
}
