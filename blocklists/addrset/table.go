package addrset

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// table holds the prefixes of one family in ascending order of first address and
// length, in arrays of their own so that nothing is lost to alignment. Equal
// prefixes with different ids follow each other.
type table[K key[K]] struct {
	key  []K      // first address
	bits []uint8  // length
	id   []uint32 // the caller's
	up   []uint32 // 1 + index of the last of the next larger prefix around this one, 0 for none
}

// repeats reports whether entry i has the prefix of the entry before it.
func (t *table[K]) repeats(i int) bool {
	return i > 0 && t.key[i-1] == t.key[i] && t.bits[i-1] == t.bits[i]
}

// visit returns the id and length of the entry at, and the entry that is next
// in line when this one contains an address. Entries are 1 + an index, 0 is none.
func (t *table[K]) visit(at uint32) (id uint32, bits uint8, next uint32) {
	i := int(at - 1)
	next = t.up[i]
	if t.repeats(i) {
		next = at - 1
	}
	return t.id[i], t.bits[i], next
}

// find returns the last entry of the longest prefix that contains k, 0 for none.
func (t *table[K]) find(k K) uint32 {
	// The entries that start at k or before are those before low.
	low, high := 0, len(t.key)
	for low < high {
		mid := int(uint(low+high) / 2)
		if k.less(t.key[mid]) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return t.climb(uint32(low), k)
}

// climb returns the first of at and its ups that contains k. Entries
// are 1 + an index, 0 is none.
func (t *table[K]) climb(at uint32, k K) uint32 {
	for at != 0 && !t.key[at-1].contains(t.bits[at-1], k) {
		at = t.up[at-1]
	}
	return at
}

// bytes returns the memory of a table with keys of the given size.
func (t *table[K]) bytes(key int64) int64 {
	return key*int64(cap(t.key)) + int64(cap(t.bits)) + 4*int64(cap(t.id)) + 4*int64(cap(t.up))
}

// key is an address as a number.
type key[K any] interface {
	comparable
	less(K) bool
	compare(K) int
	// contains reports whether other has the same first bits.
	contains(bits uint8, other K) bool
}

type key4 uint32

func newKey4(a netip.Addr) key4 {
	b := a.As4()
	return key4(binary.BigEndian.Uint32(b[:]))
}

func (k key4) less(o key4) bool   { return k < o }
func (k key4) compare(o key4) int { return cmp.Compare(k, o) }

// contains relies on a shift by 32 or more giving 0.
func (k key4) contains(bits uint8, o key4) bool { return (k^o)>>(32-bits) == 0 }

type key6 struct{ high, low uint64 }

func newKey6(a netip.Addr) key6 {
	b := a.As16()
	return key6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k key6) less(o key6) bool {
	return k.high < o.high || k.high == o.high && k.low < o.low
}

func (k key6) compare(o key6) int {
	return cmp.Or(cmp.Compare(k.high, o.high), cmp.Compare(k.low, o.low))
}

// contains relies on a shift by 64 or more giving 0.
func (k key6) contains(bits uint8, o key6) bool {
	if bits <= 64 {
		return (k.high^o.high)>>(64-bits) == 0
	}
	return k.high == o.high && (k.low^o.low)>>(128-bits) == 0
}
