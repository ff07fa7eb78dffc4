package blocklists

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"tundns/blocklists/pattern"
	"tundns/dnswire"
)

// randomRules makes rules over few names, patterns, prefixes, conditions and
// replies, so that rules meet: parents and children, the same rule in several
// lists, its $badfilter, all classes.
type randomRules struct {
	rng        *rand.Rand
	in         interned
	patterns   []*pattern.Pattern
	conditions []Condition
	replies    []Reply
}

func newRandomRules(t testing.TB, seed uint64) *randomRules {
	r := &randomRules{rng: rand.New(rand.NewPCG(seed, 11))}
	for _, expr := range []string{"^a", "b.*com$", `(^|\.)ab[0-9]?\.`, "[ab]{2,}", "x$"} {
		p, err := pattern.Regexp(expr)
		if err != nil {
			t.Fatal(err)
		}
		r.patterns = append(r.patterns, p)
	}
	for _, w := range []pattern.Wildcard{
		{Text: "a*", Start: pattern.Label},
		{Text: "ab", Start: pattern.Anywhere},
		{Text: "b*com", Start: pattern.Beginning, End: true},
		{Text: ".com", End: true},
	} {
		p, err := w.Compile()
		if err != nil {
			t.Fatal(err)
		}
		r.patterns = append(r.patterns, p)
	}
	tablet, net := ClientMatch{Name: "tablet"}, ClientMatch{Prefix: netip.MustParsePrefix("10.0.0.0/24")}
	r.conditions = []Condition{
		{Types: []uint16{dnswire.TypeA}},
		{Types: []uint16{dnswire.TypeA, dnswire.TypeAAAA}},
		{NotTypes: []uint16{dnswire.TypeAAAA}},
		{Clients: []ClientMatch{tablet}},
		{Clients: []ClientMatch{net}, NotClients: []ClientMatch{tablet}},
		{DenyAllow: []dnswire.Name{dnswire.MustName("b.com")}},
		{RewritesOnly: true},
		{RewritesOnly: true, Types: []uint16{dnswire.TypeA}},
	}
	r.replies = []Reply{
		{Records: []Record{{Type: dnswire.TypeA, Data: []byte{1, 2, 3, 4}}}},
		{Records: []Record{{Type: dnswire.TypeA, Data: []byte{1, 2, 3, 5}}}},
		{CNAME: dnswire.MustName("safe.example")},
		{Rcode: 3},
		{Drop: true},
	}
	return r
}

func pick[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

var randomLabels = []string{"a", "b", "ab", "ba", "a-b", "com", "x"}

func (r *randomRules) name(maxLabels int) dnswire.Name {
	parts := make([]string, 1+r.rng.IntN(maxLabels))
	for i := range parts {
		parts[i] = pick(r.rng, randomLabels)
	}
	return dnswire.MustName(strings.Join(parts, "."))
}

func (r *randomRules) addr() netip.Addr {
	if r.rng.IntN(3) == 0 {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xD, 0xB8, 15: byte(r.rng.IntN(3))})
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(r.rng.IntN(2)), byte(r.rng.IntN(3))})
}

// rule returns a random rule. One in odd is for a pattern, for addresses, has
// $badfilter, a condition, a reply.
func (r *randomRules) rule(odd int) *parsed {
	rare := func() bool { return r.rng.IntN(odd) == 0 }
	p := &parsed{f: pick(r.rng, []flags{0, 0, 0, flagAllow, flagAllow, flagImportant, flagAllow | flagImportant})}
	switch {
	case rare():
		p.pattern = pick(r.rng, r.patterns)
	case rare():
		addr := r.addr()
		p.prefix = netip.PrefixFrom(addr, addr.BitLen()-r.rng.IntN(12)).Masked()
	default:
		p.name = []byte(r.name(4))
		p.scope = Scope(r.rng.IntN(3))
	}
	if rare() {
		p.f |= flagBadfilter
	}
	if rare() {
		c := pick(r.rng, r.conditions)
		if c.RewritesOnly {
			p.f |= flagAllow
		}
		p.cond = r.in.condition(&c)
	}
	if p.f&flagAllow == 0 && rare() {
		reply := pick(r.rng, r.replies)
		p.reply = r.in.reply(&reply)
	}
	return p
}

func (r *randomRules) query() *Query {
	return &Query{
		Name:   r.name(6),
		Type:   pick(r.rng, []uint16{dnswire.TypeA, dnswire.TypeAAAA, dnswire.TypeHTTPS}),
		Client: pick(r.rng, []Client{{}, {Name: "tablet"}, {Addr: netip.MustParseAddr("10.0.0.7")}, {Addr: netip.MustParseAddr("10.0.0.9"), Name: "tablet"}}),
	}
}

// lists returns the set and the oracle of random lists, and the parts of the set.
func (r *randomRules) lists(t testing.TB, lists, rules, odd int) (*Set, *oracle, parts) {
	t.Helper()
	var (
		b     builder
		o     = newOracle()
		names []string
		known = make([]int, lists) // rules that repeat others
		want  = make([]int, lists)
	)
	for i := range lists {
		names = append(names, fmt.Sprint("list", i))
		for line := range r.rng.IntN(rules) {
			p := r.rule(odd)
			p.line = line + 1
			if !o.add(p.rule(names[i], i)) {
				want[i]++
			}
			twice, why := b.add(uint16(i), p)
			if why != "" {
				t.Fatalf("%s:%d: %s", names[i], p.line, why)
			}
			if twice {
				known[i]++
			}
		}
	}
	set, repeated, err := b.compile(names)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lists {
		if got := known[i] + repeated[i]; got != want[i] {
			t.Fatalf("%s repeats %d rules, want %d", names[i], got, want[i])
		}
	}
	if set.Rules() != o.all || set.Names() != len(o.names) {
		t.Fatalf("%d rules, %d names, oracle has %d, %d", set.Rules(), set.Names(), o.all, len(o.names))
	}
	return set, o, b.parts()
}

func (r *randomRules) compare(t testing.TB, set *Set, o *oracle, queries int) {
	t.Helper()
	choices := choicesOf(set)
	for range queries {
		agree(t, set, o, r.query(), pick(r.rng, choices))
		agreeAddr(t, set, o, r.addr(), r.query(), pick(r.rng, choices))
	}
}

func TestSetAgreesWithOracle(t *testing.T) {
	for seed := range uint64(60) {
		r := newRandomRules(t, seed)
		set, o, _ := r.lists(t, 1+r.rng.IntN(12), 120, []int{2, 5, 20}[seed%3])
		r.compare(t, set, o, 300)
	}
}
