package addrset

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// match is what Matches.Next returns.
type match struct {
	prefix netip.Prefix
	id     uint32
}

func collect(s *Set, a netip.Addr) (all []match) {
	m := s.Find(a)
	for {
		p, id, ok := m.Next()
		if !ok {
			return all
		}
		all = append(all, match{p, id})
	}
}

// build adds the prefixes of the words of a text with ids from 0 on.
func build(t testing.TB, prefixes string) *Set {
	t.Helper()
	var b Builder
	for i, p := range strings.Fields(prefixes) {
		if err := b.Add(netip.MustParsePrefix(p), uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

func TestFind(t *testing.T) {
	s := build(t, "10.1.2.3/32 10.1.0.0/16 10.1.2.99/24 10.1.2.3/32 0.0.0.0/0 255.255.255.255/32 "+
		"2001:db8::1/128 2001:db8::/32 2001:db8:0:1::/64 ::/0 ::ffff:192.0.2.0/120")
	for _, c := range []struct{ addr, want string }{
		{"10.1.2.3", "10.1.2.3/32=0 10.1.2.3/32=3 10.1.2.0/24=2 10.1.0.0/16=1 0.0.0.0/0=4"},
		{"10.1.2.4", "10.1.2.0/24=2 10.1.0.0/16=1 0.0.0.0/0=4"},
		{"10.1.3.0", "10.1.0.0/16=1 0.0.0.0/0=4"},
		{"10.0.255.255", "0.0.0.0/0=4"},
		{"0.0.0.0", "0.0.0.0/0=4"},
		{"255.255.255.255", "255.255.255.255/32=5 0.0.0.0/0=4"},
		{"192.0.2.255", "192.0.2.0/24=10 0.0.0.0/0=4"},
		{"::ffff:10.1.3.0", "10.1.0.0/16=1 0.0.0.0/0=4"},
		{"2001:db8::1", "2001:db8::1/128=6 2001:db8::/32=7 ::/0=9"},
		{"2001:db8::1%eth0", "2001:db8::1/128=6 2001:db8::/32=7 ::/0=9"},
		{"2001:db8:0:1:ffff::", "2001:db8:0:1::/64=8 2001:db8::/32=7 ::/0=9"},
		{"2001:db9::", "::/0=9"},
		{"::", "::/0=9"},
	} {
		var got []string
		for _, m := range collect(s, netip.MustParseAddr(c.addr)) {
			got = append(got, m.prefix.String()+"="+string(rune('0'+m.id)))
		}
		want := strings.Fields(strings.ReplaceAll(c.want, "=10", "=:")) // ':' follows '9'
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.addr, got, want)
		}
	}
	if got := collect(s, netip.Addr{}); got != nil {
		t.Errorf("the zero address is in %v", got)
	}
}

func TestEmpty(t *testing.T) {
	for _, s := range []*Set{nil, new(Set), new(Builder).Build()} {
		for _, a := range []string{"0.0.0.0", "192.0.2.1", "::", "2001:db8::1"} {
			if got := collect(s, netip.MustParseAddr(a)); got != nil {
				t.Errorf("%s is in %v", a, got)
			}
		}
		if s.Len() != 0 || s.Bytes() != 0 {
			t.Errorf("%d prefixes in %d bytes", s.Len(), s.Bytes())
		}
	}
}

func TestBuilderIsEmptyAfterBuild(t *testing.T) {
	var b Builder
	if err := b.Add(netip.MustParsePrefix("192.0.2.1/32"), 1); err != nil {
		t.Fatal(err)
	}
	first := b.Build()
	if err := b.Add(netip.MustParsePrefix("192.0.2.2/32"), 2); err != nil {
		t.Fatal(err)
	}
	second := b.Build()
	if first.Len() != 1 || second.Len() != 1 || collect(second, netip.MustParseAddr("192.0.2.1")) != nil {
		t.Error("what was built first is in the second set")
	}
}

func TestAddErrors(t *testing.T) {
	for _, p := range []netip.Prefix{
		{},
		netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), 33),
		netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), -1),
		netip.PrefixFrom(netip.MustParseAddr("2001:db8::"), 129),
		netip.PrefixFrom(netip.MustParseAddr("::ffff:192.0.2.1"), 95),
	} {
		var b Builder
		if err := b.Add(p, 1); err == nil {
			t.Errorf("%v is taken", p)
		}
		if n := b.Build().Len(); n != 0 {
			t.Errorf("%v left %d prefixes", p, n)
		}
		if TooWide(p) {
			t.Errorf("%v, which is no prefix, is too wide", p)
		}
	}
}

func TestTooWide(t *testing.T) {
	for prefix, want := range map[string]bool{
		"0.0.0.0/0":           true,
		"224.0.0.0/7":         true,
		"10.0.0.0/8":          false,
		"10.1.2.3/8":          false,
		"192.0.2.1/32":        false,
		"::/0":                true,
		"2000::/3":            true,
		"2400::/15":           true,
		"2400:cb00::/16":      false,
		"2001:db8::1/128":     false,
		"::ffff:0:0/96":       true,
		"::ffff:10.0.0.0/103": true,
		"::ffff:10.0.0.0/104": false,
	} {
		if got := TooWide(netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("TooWide(%s) = %v", prefix, got)
		}
	}
}

// prefixes makes random prefixes that nest, touch and repeat: few high bytes,
// and the ends of the address space.
func prefixes(r *rand.Rand, n int) []match {
	all := make([]match, n)
	for i := range all {
		a := address(r)
		all[i] = match{netip.PrefixFrom(a, r.IntN(a.BitLen()+1)), uint32(r.IntN(4))}
	}
	return all
}

func address(r *rand.Rand) netip.Addr {
	bytes := []byte{0, 1, 127, 128, 254, 255}
	b := make([]byte, []int{4, 16}[r.IntN(2)])
	for i := range b {
		b[i] = bytes[r.IntN(len(bytes))]
	}
	if len(b) == 16 {
		clear(b[2:14])
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// oracle goes through all of them.
func oracle(all []match, a netip.Addr) (found []match) {
	a = a.Unmap()
	for _, m := range all {
		if m.prefix = m.prefix.Masked(); m.prefix.Contains(a) && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b match) int {
		if a.prefix != b.prefix {
			return b.prefix.Bits() - a.prefix.Bits()
		}
		return int(a.id) - int(b.id)
	})
	return found
}

func TestAgreesWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 6))
	for round := range 500 {
		all := prefixes(r, r.IntN(60))
		var b Builder
		var tries []netip.Addr
		different := map[match]bool{}
		for _, m := range all {
			if err := b.Add(m.prefix, m.id); err != nil {
				t.Fatal(err)
			}
			first := m.prefix.Masked().Addr()
			last := lastOf(m.prefix)
			tries = append(tries, first, last, first.Prev(), last.Next())
			different[match{m.prefix.Masked(), m.id}] = true
		}
		s := b.Build()
		if s.Len() != len(different) {
			t.Fatalf("round %d: %d prefixes, want %d", round, s.Len(), len(different))
		}
		for range 20 {
			tries = append(tries, address(r))
		}
		for _, a := range tries {
			if got, want := collect(s, a), oracle(all, a); a.IsValid() && !slices.Equal(got, want) {
				t.Fatalf("round %d: %v is in %v, want %v", round, a, got, want)
			}
		}
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// TestManyIDs: what follows a prefix with many ids does not pay for them, and
// what is in it gets them all.
func TestManyIDs(t *testing.T) {
	var b Builder
	const n = 1000
	for id := range uint32(n) {
		b.Add(netip.MustParsePrefix("192.0.2.0/25"), n-id)
	}
	s := b.Build()
	got := collect(s, netip.MustParseAddr("192.0.2.1"))
	if len(got) != n || got[0].id != 1 || got[n-1].id != n {
		t.Errorf("%d ids from %v", len(got), got[:1])
	}
	for i, up := range s.v4.up {
		if up != 0 {
			t.Fatalf("entry %d is inside entry %d", i, up-1)
		}
	}
}

// thousands returns a set as lists of bad addresses are: three of four single
// IPv4 addresses, the others /24s and a few IPv6 /48s.
func thousands(n int) (*Set, []netip.Addr) {
	r := rand.New(rand.NewPCG(1, 1))
	var b Builder
	var in []netip.Addr
	for id := range uint32(n) {
		var raw [4]byte
		binary.BigEndian.PutUint32(raw[:], r.Uint32())
		a, bits := netip.AddrFrom4(raw), 32
		switch r.IntN(40) {
		case 0:
			a, bits = netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: raw[0], 3: raw[1], 4: raw[2], 5: raw[3]}), 48
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			bits = 24
		}
		if err := b.Add(netip.PrefixFrom(a, bits), id); err != nil {
			panic(err)
		}
		in = append(in, a)
	}
	return b.Build(), in
}

func TestMemory(t *testing.T) {
	s, _ := thousands(100_000)
	ids := 4 * int64(s.Len())
	if each := float64(s.v4.bytes(4)-4*int64(len(s.v4.id))) / float64(len(s.v4.id)); each > 12 {
		t.Errorf("%.1f bytes for an IPv4 prefix beside its id", each)
	}
	if s.Bytes() < ids {
		t.Errorf("%d bytes do not hold the ids of %d prefixes", s.Bytes(), s.Len())
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	s, in := thousands(10_000)
	out := netip.MustParseAddr("192.0.2.1")
	if n := testing.AllocsPerRun(1000, func() {
		for _, a := range []netip.Addr{in[7], in[8], out} {
			m := s.Find(a)
			for _, _, ok := m.Next(); ok; _, _, ok = m.Next() {
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	s, in := thousands(100_000)
	r := rand.New(rand.NewPCG(2, 2))
	misses := make([]netip.Addr, len(in))
	for i := range misses {
		var raw [4]byte
		binary.BigEndian.PutUint32(raw[:], r.Uint32())
		misses[i] = netip.AddrFrom4(raw)
	}
	for name, addrs := range map[string][]netip.Addr{"hit": in, "miss": misses} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				m := s.Find(addrs[i])
				for _, _, ok := m.Next(); ok; _, _, ok = m.Next() {
				}
				if i++; i == len(addrs) {
					i = 0
				}
			}
			b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "B/prefix")
		})
	}
}
