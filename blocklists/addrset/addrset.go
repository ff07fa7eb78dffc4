// Package addrset finds the address prefixes that contain an address, among
// many: the compiled form of address and CIDR lists.
package addrset

import (
	"net/netip"
)

// The shortest prefixes that are not too wide, in bits. A /8 is the largest
// block that was ever handed out in IPv4, and published lists name some of them.
// Regional registries hold IPv6 blocks of /12, so that a prefix shorter than /16
// covers many providers at once; what a provider gets is a /19 at most.
const (
	MinBits4 = 8
	MinBits6 = 16
)

// TooWide reports whether a prefix covers so much of the address space that it
// must be a mistake: whether it is shorter than MinBits4 or MinBits6. An
// IPv4-mapped prefix is the IPv4 one. An invalid prefix is not too wide.
func TooWide(p netip.Prefix) bool {
	p, err := canonical(p)
	if err != nil {
		return false
	}
	if p.Addr().Is4() {
		return p.Bits() < MinBits4
	}
	return p.Bits() < MinBits6
}

// Set maps prefixes to the ids they were added with. It is immutable and safe
// for concurrent use. The zero value and nil are empty sets.
type Set struct {
	v4 table[key4]
	v6 table[key6]
}

// Len returns the number of prefixes, each counted once for every id that it
// has.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.v4.id) + len(s.v6.id)
}

// Bytes returns the memory that the set occupies: 13 bytes for a prefix and id
// of IPv4, 25 of IPv6.
func (s *Set) Bytes() int64 {
	if s == nil {
		return 0
	}
	return s.v4.bytes(4) + s.v6.bytes(16)
}

// Find returns the prefixes that contain addr, without allocating. An
// IPv4-mapped address is the IPv4 one; a zone is ignored; no prefix contains the
// zero Addr.
func (s *Set) Find(addr netip.Addr) Matches {
	m := Matches{set: s, addr: addr.Unmap().WithZone("")}
	if s == nil {
		return m
	}
	if m.addr.Is4() {
		m.at = s.v4.find(newKey4(m.addr))
	} else if m.addr.Is6() {
		m.at = s.v6.find(newKey6(m.addr))
	}
	return m
}

// Matches is what Find found. It is a value of a few words for one goroutine to
// go through once; a copy starts where the original stands.
type Matches struct {
	set  *Set
	addr netip.Addr
	at   uint32 // 1 + the index of the next prefix in its table, 0 for none
}

// Next returns the next prefix, in masked form, and the id that it was added
// with: the longest prefix first, those of equal prefixes in ascending order of
// their ids. ok is false when there is none left.
func (m *Matches) Next() (p netip.Prefix, id uint32, ok bool) {
	if m.at == 0 {
		return netip.Prefix{}, 0, false
	}
	var bits uint8
	if m.addr.Is4() {
		id, bits, m.at = m.set.v4.visit(m.at)
	} else {
		id, bits, m.at = m.set.v6.visit(m.at)
	}
	p, _ = m.addr.Prefix(int(bits)) // bits are in range: they are those of a prefix in this family
	return p, id, true
}
