package pattern

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// vocabulary is what names and patterns of these tests are made of.
var vocabulary = strings.Fields(`ad ads adserver adx analytics app apps asset assets auto bank banner beacon best big bid blog
	blue book box brand buzz cache car cash cdn chat city click clicks cloud club code collect conf content count counter crowd
	data deal delivery demo dev digital direct disk dist doc dot edge engine event events express eye fast feed file films find
	fire flow fly food forum free fresh fun game gate gift global gold good grid group hit home host hot house hub image img
	info insight iron item jet job joy jump just key kids kit lab land lead leaf lens life light line link list live load local
	log logs loop love mail main map mark market media meet metric metrics micro mind mobile money moon music nano net new
	news next night north note now ocean offer open orange page paper park partner pay pixel place plan play plus point pop
	popup port post power press price prime pro promo pulse push quick radio rain reach red report ring river road rock room
	root run safe sale scan scope score script search seed send sense serve shop sign silver site smart snap social soft sound
	south spark speed sport spot star stat static stats store storm stream style sun swift sync tag tags tech test text tick
	time tool top tour track tracker tracking trade traffic trail travel tree trend true tube tune turbo union up user value
	video view vip visit voice wave way web wind wire wish wolf wood word work world zone`)

// thousands returns n different patterns of the kinds that people keep, and for
// each a name that it matches.
func thousands(n int) (patterns, names []string) {
	r := rand.New(rand.NewPCG(20, 26))
	word := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	tld := func() string { return []string{"com", "net", "org", "ru", "top", "xyz", "info"}[r.IntN(7)] }
	seen := make(map[string]bool)
	for len(patterns) < n {
		a, b, c, i, d := word(), word(), word(), r.IntN(1000), tld()
		var p, name string
		switch len(patterns) % 8 {
		case 0:
			p, name = fmt.Sprintf(`/^%s%s[sx]?[0-9]*\./`, a, b), fmt.Sprintf("%s%ss%d.%s.com", a, b, i, c)
		case 1:
			p = fmt.Sprintf(`/(^|\.)%s(er|ing)?[0-9]+\.%s%d[0-9]+\.com$/`, a, b, i)
			name = fmt.Sprintf("www.%sing%d.%s%d7.com", a, i, b, i)
		case 2:
			p, name = fmt.Sprintf(`/%s%d.*\.(net|org)$/`, a+b, i%100), fmt.Sprintf("%s%d.%s.org", a+b, i%100, c)
		case 3:
			p, name = fmt.Sprintf(`/(^|\.)%s-%s[0-9]*\.%s$/`, a, b, d), fmt.Sprintf("%s.%s-%s%d.%s", c, a, b, i, d)
		case 4:
			p = fmt.Sprintf(`/^(.+[-_.])??%s[-_.]%s%d\./`, a, b, i%100)
			name = fmt.Sprintf("%s-%s.%s%d.%s.net", c, a, b, i%100, c)
		case 5:
			p = fmt.Sprintf(`/^[a-z]{4,14}\.%s%s%d\.(ru|cn|top)$/`, a, b, i%100)
			name = fmt.Sprintf("%sapi.%s%s%d.top", c, a, b, i%100)
		case 6:
			p, name = fmt.Sprintf(`/^%s[0-9]{1,3}-[a-z]+\.%s\.%s\.%s$/`, a, b, c, d), fmt.Sprintf("%s%d-eu.%s.%s.%s", a, i, b, c, d)
		case 7:
			p, name = fmt.Sprintf(`/\b%s(s|ed)?-?%s(-%s)?\b.*\.%s$/`, a, b, c, d), fmt.Sprintf("%ss%s.%s.%s", a, b, c, d)
		}
		if !seen[p] {
			seen[p] = true
			patterns, names = append(patterns, p), append(names, name)
		}
	}
	return patterns, names
}

// ordinary returns names of the same words that few patterns match.
func ordinary(n int) []string {
	r := rand.New(rand.NewPCG(7, 7))
	word := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	names := make([]string, n)
	for i := range names {
		switch i % 4 {
		case 0:
			names[i] = "www." + word() + word() + ".com"
		case 1:
			names[i] = word() + "." + word() + "-" + word() + ".example.net"
		case 2:
			names[i] = fmt.Sprintf("%s%d.%s.%s.co.uk", word(), r.IntN(10), word(), word())
		case 3:
			names[i] = word() + word() + ".org"
		}
	}
	return names
}

func toBytes(names []string) [][]byte {
	all := make([][]byte, len(names))
	for i, n := range names {
		all[i] = []byte(n)
	}
	return all
}

// Every one of thousands is found by its name, and nothing else that the oracle
// does not find. The oracle is asked about a few.
func TestThousands(t *testing.T) {
	patterns, names := thousands(20_000)
	s := build(t, patterns...)
	for i, name := range names {
		found := false
		for _, id := range find(s, name) {
			found = found || id == uint32(i)
		}
		if !found {
			t.Fatalf("%s does not find %s", name, patterns[i])
		}
	}
	if s.Loose() > 0 {
		t.Errorf("%d have no text to look for", s.Loose())
	}
	if each := float64(s.Bytes()) / float64(s.Len()); each > 400 {
		t.Errorf("%.0f bytes a pattern", each)
	}
	few, _ := thousands(500)
	check(t, build(t, few...), few, append(ordinary(20), names[100:110]...))
}

func TestFindAllocatesNothing(t *testing.T) {
	patterns, hits := thousands(2000)
	for i := range 2000 {
		patterns = append(patterns, fmt.Sprintf("||%s%d*.%s.example^", vocabulary[i%256], i, vocabulary[i*7%256]))
		hits = append(hits, fmt.Sprintf("%s%d-x.%s.example", vocabulary[i%256], i, vocabulary[i*7%256]))
	}
	s := build(t, patterns...)
	for _, names := range [][][]byte{toBytes(hits[:50]), toBytes(hits[2000:2050]), toBytes(ordinary(50))} {
		if n := testing.AllocsPerRun(10, func() {
			for _, name := range names {
				m := s.Find(name)
				for _, _, ok := m.Next(); ok; _, _, ok = m.Next() {
				}
			}
		}); n != 0 {
			t.Errorf("%v allocations for %s and so on", n, names[0])
		}
	}
}

func TestFindFromManyGoroutines(t *testing.T) {
	patterns, names := thousands(400)
	s := build(t, patterns...)
	want := make([]int, len(names))
	for i, name := range names {
		want[i] = len(find(s, name))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, name := range names {
				if got := len(find(s, name)); got != want[i] {
					t.Errorf("%s matches %d, alone %d", name, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkFind(b *testing.B) {
	patterns, hits := thousands(20_000)
	s := build(b, patterns...)
	for _, c := range []struct {
		name  string
		names [][]byte
	}{{"hit", toBytes(hits)}, {"miss", toBytes(ordinary(10_000))}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i, matches := 0, 0
			for b.Loop() {
				m := s.Find(c.names[i])
				matches += m.count
				if i++; i == len(c.names) {
					i = 0
				}
			}
			b.ReportMetric(float64(matches)/float64(b.N), "matches/op")
			b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "B/pattern")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	patterns, _ := thousands(20_000)
	for b.Loop() {
		build(b, patterns...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(patterns)), "ns/pattern")
}

func BenchmarkTooWide(b *testing.B) {
	patterns, _ := thousands(1000)
	all := make([]*Pattern, len(patterns))
	for i, p := range patterns {
		all[i] = mustParse(b, p)
	}
	i := 0
	for b.Loop() {
		if all[i].TooWide() {
			b.Fatalf("%s is too wide", all[i])
		}
		if i++; i == len(all) {
			i = 0
		}
	}
}
