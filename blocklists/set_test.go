package blocklists

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

// Random lists over few labels, so that rules meet: parents, children, the same
// name in several lists, all kinds.
func TestSetAgreesWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	labels := []string{"a", "b", "ab", "ba", "a-b", "com", "x"}
	randomName := func(maxLabels int) string {
		parts := make([]string, 1+rng.IntN(maxLabels))
		for i := range parts {
			parts[i] = labels[rng.IntN(len(labels))]
		}
		return strings.Join(parts, ".")
	}
	for round := range 60 {
		o := newOracle()
		var sources []Source
		for i := range 1 + rng.IntN(12) {
			var b strings.Builder
			sink := &oracleSink{o: o, list: fmt.Sprint("list", i), i: i}
			for line := range rng.IntN(120) {
				kinds := []string{"||%s^", "@@||%s^", "=%s", "@@=%s", "||%s^$important", "@@||%s^$important", "*.%s", "0.0.0.0 %s", "%s", "# %s"}
				text := fmt.Sprintf(kinds[rng.IntN(len(kinds))], randomName(5))
				fmt.Fprintln(&b, text)
				sink.line = line + 1
				newReader(&Source{}, Domains, sink).line([]byte(text))
			}
			sources = append(sources, as(Domains, text(sink.list, b.String())))
		}
		set, _ := mustLoad(t, sources...)
		if set.Rules() != o.all || set.Names() != len(o.rules) {
			t.Fatalf("round %d: %d rules, %d names, oracle has %d, %d", round, set.Rules(), set.Names(), o.all, len(o.rules))
		}
		choices := choicesOf(set)
		for range 300 {
			agree(t, set, o, dnswire.MustName(randomName(7)), choices[rng.IntN(len(choices))])
		}
	}
}

// More than 16 MiB of names need the wider references.
func TestSetAboveSixteenMebibytes(t *testing.T) {
	const n = 250_000
	name := func(i int) string { return fmt.Sprintf("x.%0*d.example", dnswire.MaxLabel, i) }
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, name(i))
	}
	set, _ := mustLoad(t, text("large", b.String()))
	if set.refLen != 4 {
		t.Fatalf("%d byte references for %d bytes", set.refLen, set.Bytes())
	}
	all := set.All()
	for i := 0; i < n; i += 997 {
		rule, ok := set.Match(dnswire.MustName("www."+name(i)), all)
		if !ok || rule.Line != i+1 {
			t.Fatalf("name %d: %v, line %d", i, ok, rule.Line)
		}
		if _, ok := set.Match(dnswire.MustName(name(i+n)), all); ok {
			t.Fatalf("name %d is not in the list but matches", i+n)
		}
	}
}

// Two names with one hash stay two: here x.b.example is given the hash of
// x.a.example.
func TestBuilderTellsCollisionsApart(t *testing.T) {
	b := newBuilder()
	b.add([]byte(dnswire.MustName("x.b.example")), 0, 1, 0)
	other := uint32(len(b.nodes) - 1)
	b.add([]byte(dnswire.MustName("a.example")), 0, 2, 0)
	parent := uint32(len(b.nodes) - 1)

	label := []byte("\x01x")
	hash := chainHash(b.nodes[parent].hash, maphash.Bytes(b.seed, label[1:]))
	b.nodes[other].hash = hash
	b.table[b.slot(hash, func(*node) bool { return false })] = other
	if got := b.child(parent, label); got == other || b.nodes[got].parent != parent {
		t.Errorf("x.a.example is node %d, x.b.example %d", got, other)
	}
}

func TestSetPrecedence(t *testing.T) {
	set, _ := mustLoad(t,
		as(Adblock, text("first", "||ads.example^\n||www.ads.example^\n@@||good.ads.example^\n||must.good.ads.example^$important\n@@||may.must.good.ads.example^$important\n")),
		as(Adblock, text("second", "||ads.example^\n@@||ads.example^\n||other.example^$important\n||ads.example^$important\n")),
		as(Adblock, text("third", "=only.example\n||only.example^\n||only.example^\n")),
	)
	pick := func(names ...string) Lists {
		l, err := set.Select(names)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, test := range []struct {
		name  string
		lists Lists
		want  string // list:line of the winner
	}{
		{"ads.example", pick("first"), "first:1"},
		{"x.ads.example", pick("first"), "first:1"},
		{"www.ads.example", pick("first"), "first:2"},       // the longer name
		{"x.good.ads.example", pick("first"), "first:3"},    // allow over block
		{"must.good.ads.example", pick("first"), "first:4"}, // important over allow
		{"x.may.must.good.ads.example", pick("first"), "first:5"},
		{"ads.example", pick("second"), "second:4"}, // important over allow of the same name
		{"x.www.ads.example", pick("first", "second"), "second:4"},
		{"good.ads.example", pick("first", "second"), "second:4"},
		{"only.example", pick("third"), "third:1"}, // the earlier line
		{"x.only.example", pick("third"), "third:2"},
		{"ads.example", pick("third"), ""},
		{"ads.example", Lists{}, ""},
		{"example", set.All(), ""},
		{".", set.All(), ""},
		{"notads.example", set.All(), ""},
		{"ads.example.com", set.All(), ""},
	} {
		rule, ok := set.Match(dnswire.MustName(test.name), test.lists)
		got := ""
		if ok {
			got = fmt.Sprintf("%s:%d", rule.List, rule.Line)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestRuleOver(t *testing.T) {
	set, _ := mustLoad(t,
		as(Adblock, text("a", "||x.example^\n||y.x.example^\n=y.x.example\n@@||x.example^\n||x.example^$important\n@@||x.example^$important\n")),
		as(Adblock, text("b", "||y.x.example^\n")))
	rules := set.MatchAll(dnswire.MustName("y.x.example"), set.All())
	var got []string
	for i := range rules[1:] {
		if c := rules[i].Compare(rules[i+1]); c >= 0 {
			t.Errorf("%v does not beat %v: %d", rules[i], rules[i+1], c)
		}
		got = append(got, rules[i].Over(rules[i+1]))
	}
	want := []string{
		"an allow rule with $important beats every other rule",
		"a rule with $important beats rules without",
		"an allow rule beats a block rule",
		"the line that comes first wins",
		"the list that comes first wins",
		"the rule for the longer name wins",
	}
	if !slices.Equal(got, want) {
		t.Errorf("reasons %q\nwant    %q", got, want)
	}
}

func TestSetZero(t *testing.T) {
	var s Set
	if rule, ok := s.Match(dnswire.MustName("ads.example"), s.All()); ok {
		t.Errorf("the empty set has %v", rule)
	}
	if s.MatchAll(dnswire.MustName("ads.example"), Lists{}) != nil || s.Names() != 0 || s.Bytes() != 0 || len(s.Lists()) != 0 {
		t.Error("the empty set is not empty")
	}
	if _, err := s.Select([]string{"ads"}); err == nil {
		t.Error("the empty set has a list called ads")
	}
}

func TestListsBeyondOneWord(t *testing.T) {
	var sources []Source
	for i := range 130 {
		sources = append(sources, text(fmt.Sprint("l", i), "ads.example\n"))
	}
	set, _ := mustLoad(t, sources...)
	for _, i := range []int{0, 7, 8, 63, 64, 127, 128, 129} {
		lists, err := set.Select([]string{fmt.Sprint("l", i)})
		if err != nil {
			t.Fatal(err)
		}
		rules := set.MatchAll(dnswire.MustName("ads.example"), lists)
		if len(rules) != 1 || rules[0].List != fmt.Sprint("l", i) {
			t.Errorf("list %d alone: %v", i, rules)
		}
	}
	if n := len(set.MatchAll(dnswire.MustName("ads.example"), set.All())); n != 130 {
		t.Errorf("all lists: %d rules", n)
	}
	if _, err := set.Select([]string{"l1", "nope"}); err == nil || !strings.Contains(err.Error(), `"nope"`) || !strings.Contains(err.Error(), "l129") {
		t.Errorf("Select of an unknown list: %v", err)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	set, _ := mustLoad(t, text("a", "ads.example\n@@||good.ads.example^\n"), text("b", "||ads.example^\n"))
	all := set.All()
	for _, text := range []string{"ads.example", "x.y.z.ads.example", "x.good.ads.example", "www.nothing.of.ours.test"} {
		name := dnswire.MustName(text)
		if n := testing.AllocsPerRun(100, func() { set.Match(name, all) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// The longest names that fit, with the most labels: the walk's bounds.
func TestMatchLongNames(t *testing.T) {
	deep := strings.Repeat("a.", 126) + "b"
	set, _ := mustLoad(t, text("a", deep+"\n*.a.b\n"))
	for _, test := range []struct {
		name string
		want int
	}{{deep, 2}, {deep[2:], 1}, {"b", 0}} {
		if got := set.MatchAll(dnswire.MustName(test.name), set.All()); len(got) != test.want {
			t.Errorf("%d labels: %d rules, want %d", strings.Count(test.name, ".")+1, len(got), test.want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	var list strings.Builder
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 100_000
	names := make([]dnswire.Name, 0, 1<<14)
	for i := range n {
		name := randomLabel(rng, 4+rng.IntN(16)) + ".com"
		fmt.Fprintln(&list, name)
		if i < cap(names) {
			names = append(names, dnswire.MustName("www."+name))
		}
	}
	set, _ := mustLoad(b, text("random", list.String()))
	all := set.All()
	for _, bench := range []struct {
		name  string
		names []dnswire.Name
	}{{"under", names}, {"miss", missNames(1 << 14)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				set.Match(bench.names[i&(len(bench.names)-1)], all)
				i++
			}
		})
	}
	b.Run("load", func(b *testing.B) {
		source := text("random", list.String())
		b.ReportAllocs()
		for b.Loop() {
			mustLoad(b, source)
		}
		b.ReportMetric(float64(set.Bytes())/float64(set.Names()), "B/name")
	})
}
