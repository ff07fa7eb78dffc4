package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The ranges say what going through the members one by one says, for random
// prefixes that nest, touch and repeat.
func TestRangesAgreeWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	addr := func() netip.Addr {
		// Few high bytes and the ends of the address space: prefixes meet.
		ends := []byte{0, 1, 127, 128, 254, 255}
		b := make([]byte, []int{4, 16}[rng.IntN(2)])
		for i := range b {
			b[i] = ends[rng.IntN(len(ends))]
		}
		if len(b) == 16 && rng.IntN(2) == 0 {
			clear(b[2:14])
		}
		a, _ := netip.AddrFromSlice(b)
		return a.Unmap()
	}
	for round := range 300 {
		const rest = 50
		var members []member
		for range rng.IntN(30) {
			a := addr()
			m, err := newMember(netip.PrefixFrom(a, rng.IntN(a.BitLen()+1)), rng.IntN(rest))
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, m)
		}
		oracle := func(a netip.Addr) int {
			group := rest
			for _, m := range members {
				if m.prefix.Contains(a) && m.group < group {
					group = m.group
				}
			}
			return group
		}
		var tries []netip.Addr
		for _, m := range members {
			last := lastAddr(m.prefix)
			tries = append(tries, m.prefix.Addr(), last, m.prefix.Addr().Prev(), last.Next())
		}
		for range 50 {
			tries = append(tries, addr())
		}
		r := newRanges(append([]member(nil), members...), rest)
		for i := range r[1:] {
			if !r[i].first.Less(r[i+1].first) {
				t.Fatalf("round %d: %v before %v", round, r[i], r[i+1])
			}
		}
		for _, a := range tries {
			a = a.Unmap()
			if got, want := r.group(a), oracle(a); got != want {
				t.Fatalf("round %d: %v is in group %d, want %d; members %v", round, a, got, want, members)
			}
		}
	}
}

func TestLastAddr(t *testing.T) {
	for prefix, want := range map[string]string{
		"0.0.0.0/0":     "255.255.255.255",
		"10.0.0.0/8":    "10.255.255.255",
		"10.0.0.0/31":   "10.0.0.1",
		"10.0.0.7/32":   "10.0.0.7",
		"::/0":          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fd00::/9":      "fd7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8::/64": "2001:db8::ffff:ffff:ffff:ffff",
	} {
		if got := lastAddr(netip.MustParsePrefix(prefix)); got.String() != want {
			t.Errorf("%s ends at %v, want %s", prefix, got, want)
		}
	}
}

func BenchmarkGroup(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var groups []ClientGroup
			for i := range n {
				groups = append(groups, ClientGroup{
					Name:    fmt.Sprint("g", i),
					Clients: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)},
				})
			}
			p := mustNew(b, nil, groups...)
			client := netip.AddrFrom4([4]byte{10, 0, byte(n / 2), 9})
			b.ReportAllocs()
			for b.Loop() {
				p.Client(client)
			}
		})
	}
}
