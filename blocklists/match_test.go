package blocklists

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"tundns/dnswire"
)

// adblock is a source of adblock lines.
func adblock(name string, lines ...string) Source {
	return as(Adblock, text(name, strings.Join(lines, "\n")))
}

// where says which line decided.
func where(r Rule, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d", r.List, r.Line)
}

func choose(t testing.TB, set *Set, names ...string) Lists {
	t.Helper()
	lists, err := set.Select(names)
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

func TestMatchPatterns(t *testing.T) {
	set, _ := mustLoad(t,
		adblock("names", "||ads.example^", "@@||good.ads.example^", "||must.example^$important"),
		adblock("patterns", "/^ad[a-z]*[0-9]+\\./", "@@/^ads?[0-9]\\./", "||track*.example^", "@@||must*.example^", "/^ads[0-9]/"),
	)
	names, patterns := choose(t, set, "names"), choose(t, set, "patterns")
	for _, test := range []struct {
		name  string
		lists Lists
		want  string
	}{
		{"ad7.example", patterns, "patterns:2"}, // allow over block
		{"adx7.example", patterns, "patterns:1"},
		{"adx7.example", names, ""},
		{"adx7.ads.example", set.All(), "names:1"}, // a name is longer than a pattern
		{"tracker.example", set.All(), "patterns:3"},
		{"x.tracker.example", set.All(), "patterns:3"},
		{"xtracker.example", set.All(), ""},
		{"must.example", patterns, "patterns:4"},
		{"must.example", set.All(), "names:3"},
		{"ads7x.example", patterns, "patterns:5"},
	} {
		if got := where(set.Match(named(dnswire.MustName(test.name)), test.lists)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if r, _ := set.Match(named(dnswire.MustName("adx7.example")), patterns); r.Pattern != "/^ad[a-z]*[0-9]+\\./" || r.Name != "" {
		t.Errorf("%+v", r)
	}
	if _, ok := set.Match(&Query{Name: dnswire.Root}, set.All()); ok {
		t.Error("a rule for the root")
	}
}

func TestMatchConditions(t *testing.T) {
	set, _ := mustLoad(t, adblock("a",
		"||typed.example^$dnstype=AAAA",
		"||client.example^$client=10.0.0.0/24|tablet",
		"||not.example^$client=~tablet",
		"||deny.example^$denyallow=good.deny.example",
		"@@||deny.example^$client=admin",
	))
	tablet, other, admin := Client{Name: "tablet"}, Client{Addr: netip.MustParseAddr("192.0.2.1")}, Client{Name: "admin"}
	for _, test := range []struct {
		name   string
		typ    uint16
		client Client
		want   string
	}{
		{"typed.example", dnswire.TypeA, other, ""},
		{"typed.example", dnswire.TypeAAAA, other, "a:1"},
		{"x.client.example", dnswire.TypeA, tablet, "a:2"},
		{"client.example", dnswire.TypeA, other, ""},
		{"client.example", dnswire.TypeA, Client{Addr: netip.MustParseAddr("10.0.0.9")}, "a:2"},
		{"not.example", dnswire.TypeA, tablet, ""},
		{"not.example", dnswire.TypeA, other, "a:3"},
		{"deny.example", dnswire.TypeA, other, "a:4"},
		{"x.good.deny.example", dnswire.TypeA, other, ""},
		{"deny.example", dnswire.TypeA, admin, "a:5"}, // both hold: allow wins
	} {
		q := &Query{Name: dnswire.MustName(test.name), Type: test.typ, Client: test.client}
		if got := where(set.Match(q, set.All())); got != test.want {
			t.Errorf("%s type %d for %+v: %s, want %s", test.name, test.typ, test.client, got, test.want)
		}
	}
}

func TestMatchAddr(t *testing.T) {
	set, _ := mustLoad(t,
		adblock("wide", "10.0.0.0/8", "||10.1.0.0/16^$important", "@@10.1.2.0/24", "2001:db8::/32$client=tablet"),
		adblock("narrow", "10.2.0.0/16", "10.2.0.0/16", "10.2.3.4"),
		adblock("names", "||ads.example^"),
	)
	if set.HasAddrs(choose(t, set, "names")) || set.HasAddrs(Lists{}) || !set.HasAddrs(choose(t, set, "names", "narrow")) {
		t.Error("HasAddrs is wrong")
	}
	q := named(dnswire.MustName("x.example"))
	for _, test := range []struct {
		addr  string
		lists Lists
		want  string
	}{
		{"10.9.9.9", set.All(), "wide:1"},
		{"10.1.2.3", set.All(), "wide:2"},
		{"10.2.3.3", set.All(), "narrow:1"},
		{"10.2.3.4", set.All(), "narrow:3"},
		{"::ffff:10.2.3.4", set.All(), "narrow:3"},
		{"10.2.3.4", choose(t, set, "wide"), "wide:1"},
		{"10.2.3.4", choose(t, set, "names"), ""},
		{"2001:db8::1", set.All(), ""},
		{"192.0.2.1", set.All(), ""},
	} {
		rule, ok := set.MatchAddr(netip.MustParseAddr(test.addr), q, test.lists)
		if got := where(rule, ok); got != test.want {
			t.Errorf("%s: %s, want %s", test.addr, got, test.want)
		}
		if ok && !rule.Prefix.Contains(netip.MustParseAddr(test.addr).Unmap()) {
			t.Errorf("%s: prefix %v", test.addr, rule.Prefix)
		}
	}
	if _, ok := set.MatchAddr(netip.Addr{}, q, set.All()); ok {
		t.Error("a rule for no address")
	}
	tablet := &Query{Name: q.Name, Client: Client{Name: "tablet"}}
	if got := where(set.MatchAddr(netip.MustParseAddr("2001:db8::1%eth0"), tablet, set.All())); got != "wide:4" {
		t.Errorf("for the tablet: %s", got)
	}
	if _, ok := set.Match(q, set.All()); ok {
		t.Error("a rule for addresses matches a name")
	}
}

// A look-up allocates nothing, whatever rules are there.
func TestMatchAllocatesNothing(t *testing.T) {
	r := newRandomRules(t, 3)
	set, _, _ := r.lists(t, 70, 60, 4)
	all := set.All()
	for range 50 {
		q, addr := r.query(), r.addr()
		if n := testing.AllocsPerRun(10, func() { set.MatchAddr(addr, q, all) }); n != 0 {
			t.Errorf("%v: %v allocations", addr, n)
		}
		// A name in more than four patterns is beyond what the pattern set promises.
		if patterns(set, q) > 4 {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { set.Match(q, all) }); n != 0 {
			t.Errorf("%+v: %v allocations", *q, n)
		}
	}
}

// patterns returns how many patterns match a query.
func patterns(set *Set, q *Query) (n int) {
	found := set.patterns.Find([]byte(q.Name.Text()))
	for {
		if _, _, ok := found.Next(); !ok {
			return n
		}
		n++
	}
}

func TestMatchConcurrently(t *testing.T) {
	set, o, _ := newRandomRules(t, 8).lists(t, 5, 120, 3)
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			r := newRandomRules(t, 100+seed)
			all := set.All()
			for range 200 {
				q, addr := r.query(), r.addr()
				got, ok := set.Match(q, all)
				want := o.match(q, netip.Addr{}, all.Has)
				if ok != (len(want) > 0) || ok && !sameRule(got, want[0]) {
					t.Errorf("Match(%+v) = %s", *q, show(got))
				}
				got, ok = set.MatchAddr(addr, q, all)
				want = o.match(q, addr, all.Has)
				if ok != (len(want) > 0) || ok && !sameRule(got, want[0]) {
					t.Errorf("MatchAddr(%v, %+v) = %s", addr, *q, show(got))
				}
				set.MatchAll(q, all)
			}
		})
	}
	wg.Wait()
}

// What no table can hold is skipped and says so.
func TestBuilderSkips(t *testing.T) {
	var b builder
	b.kinds.all = make([]kind, 1<<20) // as many kinds as a table takes
	r := &parsed{line: 1, name: []byte(dnswire.MustName("ads.example"))}
	if known, why := b.add(0, r); known || why != whyKinds {
		t.Errorf("a kind too many: %v, %q", known, why)
	}
	b = builder{}
	r.name = []byte("\x03a*b\x00")
	if known, why := b.add(0, r); known || why != whyName {
		t.Errorf("no host name: %v, %q", known, why)
	}
	set, _, err := b.compile([]string{"a"})
	if err != nil || set.Rules() != 0 {
		t.Errorf("%d rules, %v", set.Rules(), err)
	}
}

// Names that no list can have are still under names that one has.
func TestMatchOddNames(t *testing.T) {
	set, _ := mustLoad(t, adblock("a", "||ads.example^", "/^a.c\\.ads\\./$important"))
	for _, label := range []string{"a*c", "\x00", "ü", "a.c", "A", " ", strings.Repeat("\xFF", dnswire.MaxLabel)} {
		q := named(dnswire.Name(string([]byte{byte(len(label))})+label) + dnswire.MustName("ads.example"))
		if got := set.MatchAll(q, set.All()); len(got) == 0 || got[len(got)-1].Line != 1 {
			t.Errorf("%q: %s", label, show(got...))
		}
		if _, ok := set.Match(q, set.All()); !ok {
			t.Errorf("%q: no rule", label)
		}
	}
	for _, name := range []dnswire.Name{"", "\x00", "\x03", "\x03ad", "\x3Fx\x00"} { // malformed ones, too, do no harm
		if r, ok := set.Match(named(name), set.All()); ok {
			t.Errorf("%q: %s", name, show(r))
		}
	}
}
