package addrset

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// maxLen bounds the prefixes of a set: indexes are kept in 32 bits, and int
// has no more on small machines.
const maxLen = math.MaxInt32

// errFull is for machines with the memory to meet it.
var errFull = errors.New("more than 2³¹ addresses")

// Builder collects prefixes for a Set. The zero value is ready to use. It is
// not safe for concurrent use.
type Builder struct {
	v4 []entry[key4]
	v6 []entry[key6]
}

type entry[K key[K]] struct {
	key  K
	id   uint32
	bits uint8
}

// Add adds a prefix with an id of the caller's. Host bits are ignored, and an
// IPv4-mapped prefix is the IPv4 one. Prefixes may overlap, repeat and have
// several ids; the same prefix with the same id counts once. Width is the
// caller's business, see TooWide. The error says what is wrong with the prefix.
func (b *Builder) Add(p netip.Prefix, id uint32) error {
	p, err := canonical(p)
	if err != nil {
		return err
	}
	if len(b.v4) >= maxLen || len(b.v6) >= maxLen {
		return errFull
	}
	if bits := uint8(p.Bits()); p.Addr().Is4() {
		b.v4 = append(b.v4, entry[key4]{newKey4(p.Addr()), id, bits})
	} else {
		b.v6 = append(b.v6, entry[key6]{newKey6(p.Addr()), id, bits})
	}
	return nil
}

// Build returns the set of what was added. The builder is empty afterwards.
func (b *Builder) Build() *Set {
	s := &Set{v4: newTable(b.v4), v6: newTable(b.v6)}
	*b = Builder{}
	return s
}

// canonical returns p masked and with an IPv4-mapped address as IPv4.
func canonical(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return p, errors.New("not an address or prefix")
	}
	if p.Addr().Is4In6() {
		const mapped = 96 // bits of ::ffff:0:0/96, RFC 4291 section 2.5.5.2
		if p.Bits() < mapped {
			return p, fmt.Errorf("%v goes beyond the IPv4-mapped addresses: write its IPv4 part as IPv4", p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), nil
}

// newTable sorts the entries and links each to the one around it. It reorders
// entries.
func newTable[K key[K]](entries []entry[K]) table[K] {
	// A prefix comes before those inside it. Equal ones are visited from the last
	// to the first: ids go down so that they come out going up.
	slices.SortFunc(entries, func(a, b entry[K]) int {
		return cmp.Or(a.key.compare(b.key), cmp.Compare(a.bits, b.bits), cmp.Compare(b.id, a.id))
	})
	entries = slices.Compact(entries)
	n := len(entries)
	if n == 0 {
		return table[K]{}
	}
	t := table[K]{
		key:  make([]K, n),
		bits: make([]uint8, n),
		id:   make([]uint32, n),
		up:   make([]uint32, n),
	}
	for i, e := range entries {
		t.key[i], t.bits[i], t.id[i] = e.key, e.bits, e.id
		// The nearest prefix that contains this one is the one before or one that
		// contains that: whatever else lies between ended earlier.
		if t.repeats(i) {
			t.up[i] = t.up[i-1]
		} else {
			t.up[i] = t.climb(uint32(i), e.key)
		}
	}
	return t
}
