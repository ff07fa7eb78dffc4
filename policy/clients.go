package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
)

// ranges maps every address to a group: that of the last entry whose first
// address is not above it. The zero Addr sorts before IPv4 and that before IPv6.
type ranges []entry

type entry struct {
	first netip.Addr
	group int
}

// member is a prefix of a group's clients.
type member struct {
	prefix netip.Prefix // masked, IPv4 where it can be
	group  int
}

func newMember(prefix netip.Prefix, group int) (member, error) {
	if !prefix.IsValid() {
		return member{}, fmt.Errorf("client prefix %v is not valid", prefix)
	}
	if addr := prefix.Addr(); addr.Is4In6() {
		if prefix.Bits() < 96 { // the length of ::ffff:0:0/96
			return member{}, fmt.Errorf("client prefix %v is wider than IPv4", prefix)
		}
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return member{prefix.Masked(), group}, nil
}

// newRanges cuts the address space at the ends of the members. An address
// belongs to the member with the lowest group around it, or to rest.
//
// Of two prefixes one lies in the other or they do not touch. So, with the wider
// one first where two start alike, those around the current address form a
// stack.
func newRanges(members []member, rest int) ranges {
	slices.SortStableFunc(members, func(a, b member) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	type open struct {
		end   netip.Addr // the last address
		group int        // the lowest of this prefix and those around it
	}
	var (
		r     ranges
		stack []open
	)
	from := func(first netip.Addr, group int) {
		if n := len(r); n > 0 && r[n-1].first == first {
			r[n-1].group = group
			return
		}
		r = append(r, entry{first, group})
	}
	pop := func() {
		end := stack[len(stack)-1].end
		stack = stack[:len(stack)-1]
		group := rest
		if len(stack) > 0 {
			group = stack[len(stack)-1].group
		}
		next := end.Next()
		if end.Is4() && !next.IsValid() { // behind 255.255.255.255 comes IPv6
			next = netip.IPv6Unspecified()
		}
		if next.IsValid() {
			from(next, group)
		}
	}
	from(netip.Addr{}, rest)
	for _, m := range members {
		for len(stack) > 0 && stack[len(stack)-1].end.Less(m.prefix.Addr()) {
			pop()
		}
		group := m.group
		if len(stack) > 0 {
			group = min(group, stack[len(stack)-1].group)
		}
		from(m.prefix.Addr(), group)
		stack = append(stack, open{lastAddr(m.prefix), group})
	}
	for len(stack) > 0 {
		pop()
	}
	return r
}

// lastAddr returns the highest address of a masked prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// group returns the group of addr, which has no zone and is not IPv4-mapped.
func (r ranges) group(addr netip.Addr) int {
	return r[sort.Search(len(r), func(i int) bool { return addr.Less(r[i].first) })-1].group
}
