package cache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// TestRFC2308NameErrorHoldsForAllTypes: an NXDOMAIN is the name's (section 5).
func TestRFC2308NameErrorHoldsForAllTypes(t *testing.T) {
	ck := newClock()
	m := ck.cache(Options{StaleFor: time.Hour})
	m.Put(key("x.example.com A"), message(t, "x.example.com A", 3, soa), nil)
	h := m.Get(key("x.example.com AAAA")).Fresh
	if !h.Found() {
		t.Fatal("NXDOMAIN is forgotten for another type")
	}
	check := func(b []byte, question string, ttl uint32) {
		t.Helper()
		r := new(dns.Msg)
		if err := r.Unpack(b); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSuffix(r.Question[0].Name, ".") + " " + dns.TypeToString[r.Question[0].Qtype]
		if got != question || r.Rcode != 3 || len(r.Ns) != 1 || r.Ns[0].Header().Name != "example.com." || r.Ns[0].Header().Ttl != ttl {
			t.Errorf("%s", r)
		}
	}
	check(h.AppendAged(nil), "x.example.com AAAA", 300)
	before := m.Stats()
	check(m.Fresh(key("x.example.com AAAA")).AppendAged(nil), "x.example.com AAAA", 300)
	if m.Fresh(key("y.example.com AAAA")).Found() || m.Stats() != before {
		t.Error("Fresh counts, or finds what is not there")
	}
	ck.advance(400 * time.Second)
	check(m.AppendStale(nil, m.Get(key("x.example.com TXT")).Stale), "x.example.com TXT", 30)
	for name, k := range map[string]Key{
		"DO":    {Name: dnswire.MustName("x.example.com"), Type: 1, Class: 1, DO: true},
		"class": {Name: dnswire.MustName("x.example.com"), Type: 1, Class: 3},
		"group": {Name: dnswire.MustName("x.example.com"), Type: 1, Class: 1, Group: "office"},
	} {
		if l := m.Get(k); l.Fresh.Found() || l.Stale.Found() {
			t.Errorf("the denial holds for another %s", name)
		}
	}
	// An answer says that the name exists.
	m.Put(key("x.example.com TXT"), message(t, "x.example.com TXT", 0, "x.example.com. 60 IN TXT x"), nil)
	if l := m.Get(key("x.example.com MX")); l.Fresh.Found() || l.Stale.Found() {
		t.Error("a name with an answer does not exist")
	}
	// And a denial that there are none any more.
	ck.advance(time.Second)
	m.Put(key("x.example.com MX"), message(t, "x.example.com MX", 3, soa), nil)
	if l := m.Get(key("x.example.com TXT")); l.Fresh.Kind() != Negative {
		t.Error("an old answer outlives the name")
	}
}

// TestRFC8020 is section 2: nothing is below a name that does not exist.
func TestRFC8020NothingUnderneath(t *testing.T) {
	for _, c := range []struct {
		name    string
		put     string
		rcode   int
		records []string
		ask     string
		after   time.Duration
		want    bool
	}{
		{"child", "b.example.com A", 3, []string{soa}, "a.b.example.com A", 0, true},
		{"far below, other type", "b.example.com A", 3, []string{soa}, "z.y.x.w.b.example.com MX", 0, true},
		{"expired", "b.example.com A", 3, []string{soa}, "a.b.example.com A", 300 * time.Second, false},
		{"sibling", "b.example.com A", 3, []string{soa}, "c.example.com A", 0, false},
		{"above", "b.example.com A", 3, []string{soa}, "example.com A", 0, false},
		{"NODATA", "b.example.com A", 0, []string{soa}, "a.b.example.com A", 0, false},
		{"behind a CNAME the target is denied", "b.example.com A", 3, []string{"b.example.com. 60 IN CNAME n.example.com.", soa}, "a.b.example.com A", 0, false},
		{"SERVFAIL", "b.example.com A", 2, nil, "a.b.example.com A", 0, false},
		{"the root exists", ". A", 3, []string{". 60 IN SOA a. b. 1 2 3 4 60"}, "com A", 0, false},
		{"similar bytes", "b.example.com A", 3, []string{soa}, "ab.example.com A", 0, false},
	} {
		ck := newClock()
		m := ck.cache(Options{StaleFor: time.Hour})
		if !m.Put(key(c.put), message(t, c.put, c.rcode, c.records...), nil) {
			t.Fatalf("%s: not kept", c.name)
		}
		ck.advance(c.after)
		l := m.Get(key(c.ask))
		if l.Fresh.Found() != c.want || l.Stale.Found() {
			t.Errorf("%s: %+v", c.name, l)
		}
		if c.want {
			r := new(dns.Msg)
			if err := r.Unpack(l.Fresh.AppendAged(nil)); err != nil || r.Rcode != 3 || r.Question[0].Name != dns.Fqdn(strings.Fields(c.ask)[0]) || len(r.Ns) != 1 {
				t.Errorf("%s: %v\n%s", c.name, err, r)
			}
		}
	}
}

// TestDenialsAgainstOracle asks random names in a small tree.
func TestDenialsAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(80, 20))
	ck := newClock()
	m := ck.cache(Options{})
	type fact struct {
		exists bool // an answer of type A
		denied bool
		until  time.Time
	}
	facts := map[string]fact{}
	name := func() string {
		labels := []string{}
		for range 1 + r.IntN(4) {
			labels = append(labels, string(rune('a'+r.IntN(2))))
		}
		return strings.Join(append(labels, "example"), ".")
	}
	for i := range 20000 {
		n := name()
		switch r.IntN(8) {
		case 0:
			m.Put(key(n+" A"), message(t, n+" A", 3, strings.Replace(soa, "example.com.", "example.", 1)), nil)
			facts[n] = fact{denied: true, until: ck.t.Add(300 * time.Second)}
		case 1:
			m.Put(key(n+" A"), message(t, n+" A", 0, n+". 200 IN A 192.0.2.1"), nil)
			facts[n] = fact{exists: true, until: ck.t.Add(200 * time.Second)}
		case 2:
			ck.advance(time.Duration(r.IntN(60)) * time.Second)
		default:
			want := "nothing"
			f := facts[n]
			switch {
			case f.exists && ck.t.Before(f.until):
				want = "answer"
			case f.denied && ck.t.Before(f.until):
				want = "denial"
			default:
				for up := n; ; {
					_, rest, more := strings.Cut(up, ".")
					if up = rest; !more {
						break
					}
					if f := facts[up]; f.denied && ck.t.Before(f.until) {
						want = "denial"
					}
				}
			}
			l := m.Get(key(n + " A"))
			got := "nothing"
			if l.Fresh.Found() {
				got = map[Kind]string{Positive: "answer", Negative: "denial"}[l.Fresh.Kind()]
			}
			if got != want {
				t.Fatalf("step %d: %s is %s, want %s", i, n, got, want)
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	for _, c := range []struct {
		name string
		hits []time.Duration // after the start
		want []bool
	}{
		{"popular, in the last tenth, once", []time.Duration{1, 89, 90, 91, 99}, []bool{false, false, true, false, false}},
		{"a second hit in the last tenth", []time.Duration{95, 96, 97}, []bool{false, true, false}},
		{"one hit only", []time.Duration{95}, []bool{false}},
		{"early", []time.Duration{1, 2, 3, 89}, []bool{false, false, false, false}},
	} {
		ck := newClock()
		m := ck.cache(Options{StaleFor: time.Hour})
		k := key("example.com A")
		for life := range 2 { // the next entry starts anew
			start := ck.t
			m.Put(k, message(t, "example.com A", 0, "example.com. 100 IN A 192.0.2.1"), nil)
			for i, at := range c.hits {
				ck.t = start.Add(at * time.Second)
				if l := m.Get(k); l.Refresh != c.want[i] || !l.Fresh.Found() {
					t.Errorf("%s, life %d: hit %d: %v", c.name, life+1, i+1, l.Refresh)
				}
			}
			ck.t = start.Add(100 * time.Second)
			if l := m.Get(k); l.Refresh || l.Fresh.Found() {
				t.Errorf("%s: expired: %+v", c.name, l)
			}
		}
	}
	ck := newClock()
	m := ck.cache(Options{})
	m.Put(key("x.example.com A"), message(t, "x.example.com A", 3, soa), nil)
	ck.advance(295 * time.Second)
	for range 5 {
		if m.Get(key("y.x.example.com A")).Refresh {
			t.Error("a denial is refreshed with a question below its name")
		}
	}
}

func TestDeepNames(t *testing.T) {
	m := New(Options{})
	deep := strings.Repeat("a.", 126) + "x"
	m.Put(key("a.x A"), message(t, "a.x A", 3, "x. 60 IN SOA a. b. 1 2 3 4 60"), nil)
	h := m.Get(key(deep + " A")).Fresh
	if !h.Found() {
		t.Fatal("not found")
	}
	r := new(dns.Msg)
	if err := r.Unpack(h.AppendAged(nil)); err != nil || r.Question[0].Name != deep+"." {
		t.Error(err, r)
	}
}

func TestMissAllocatesNothing(t *testing.T) {
	m := New(Options{})
	k := key("a.b.c.d.e.example.com A")
	m.Put(key("other.example.com A"), message(t, "other.example.com A", 3, soa), nil)
	if n := testing.AllocsPerRun(1000, func() { m.Get(k); m.Fresh(k) }); n != 0 {
		t.Errorf("%v allocations a miss", n)
	}
}

func BenchmarkMissDeep(b *testing.B) {
	m := New(Options{})
	for _, labels := range []int{3, 10, 126} {
		k := key(strings.Repeat("a.", labels) + "x A")
		b.Run(fmt.Sprint(labels+1), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Get(k)
			}
		})
	}
}
