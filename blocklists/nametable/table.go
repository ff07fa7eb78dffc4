// Package nametable maps DNS names to rules in little memory: some 12 bytes a
// name, rules included, for the names of block lists. A table is exact, it knows
// no false positives; it is immutable, and its saved form is used in place.
package nametable

import (
	"encoding/binary"
	"unsafe"

	"tundns/dnswire"
)

// Table holds names with their rules. It is immutable and safe for concurrent
// use. Nil and the zero value are tables without names.
type Table struct {
	model *model
	keys  keys
	heads *heads

	// pages hold the buckets, in the order of their numbers, none over the end of a
	// page. A bucket is a sequence of names, those of fewer bits first, and fills
	// whole bytes, the last one with 0. A name is
	//
	//	the number of its bits, lengthBits wide, above 0; longName stands for itself
	//	    and more, and the number follows in longBits
	//	the lower bits of y, but for the bucketBits highest ones
	//	the bits of the name from the 65th on
	//	its rules: see heads
	pages []*page
	// index has indexBytes for each bucket: its offset from the base of its
	// superblock in 16 bits, and above it its filter. At the end is the offset of
	// what follows the last bucket.
	index []byte
	// bases has 4 bytes for each superblock: the place of its first bucket, the
	// page's number above the offset in the page.
	bases      []byte
	bucketBits uint
	depths     uint64 // which numbers of labels names have: see depth

	names, rules int
}

// depth returns the bit of Table.depths for names of so many labels: the last one
// is for all with 64 and more.
func depth(labels int) uint64 { return 1 << min(uint(labels-1), 63) }

const (
	lengthBits = 7
	longName   = 1<<lengthBits - 1
	longBits   = 12
)

// Names returns the number of different names.
func (t *Table) Names() int {
	if t == nil {
		return 0
	}
	return t.names
}

// Rules returns the number of rules of all names.
func (t *Table) Rules() int {
	if t == nil {
		return 0
	}
	return t.rules
}

// Kinds returns a number that is above the kinds of all rules which Find can
// yield, even if the table was read from damaged bytes.
func (t *Table) Kinds() int {
	if t == nil || t.heads == nil {
		return 0
	}
	return int(t.heads.kinds())
}

// Bytes returns the memory that the table takes, the code for its names
// included, which all tables share.
func (t *Table) Bytes() int64 {
	if t == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*t)) + int64(cap(t.index)) + int64(cap(t.bases))
	n += int64(cap(t.pages))*int64(unsafe.Sizeof((*page)(nil))) + int64(len(t.pages))*pageSize
	if h := t.heads; h != nil {
		n += int64(unsafe.Sizeof(*h))
		n += int64(cap(h.table))*int64(unsafe.Sizeof(head{})) + int64(cap(h.direct))*int64(unsafe.Sizeof(kindCode{})) + int64(cap(h.codes))*4
	}
	if m := t.model; m != nil {
		n += int64(unsafe.Sizeof(*m))
	}
	return n
}

const (
	indexBytes = 2 + filterBits/8
	indexTail  = 8 - indexBytes // an entry and the offset after it are read as 8 bytes
)

// entry is what the index says of a bucket: the filter, and where the bucket
// begins and ends.
type entry struct {
	filter     uint32
	begin, end uint32
}

// passes reports whether the name at p may be in the bucket.
func (e entry) passes(p place) bool {
	filter := p.filter()
	return e.filter&filter == filter
}

func (t *Table) entry(bucket uint) entry {
	v := binary.LittleEndian.Uint64(t.index[indexBytes*bucket:])
	return entry{
		filter: uint32(v>>16) & (1<<filterBits - 1),
		begin:  t.base(bucket) + uint32(v)&0xFFFF,
		end:    t.base(bucket+1) + uint32(v>>(16+filterBits))&0xFFFF,
	}
}

func (t *Table) base(bucket uint) uint32 {
	return binary.LittleEndian.Uint32(t.bases[4*(bucket>>superBits):])
}

// bucket is where the bits of a bucket are.
type bucket struct {
	page     uint32
	bit, end uint32 // in the page
	word     uint64 // the first bits
}

// open returns the bucket of an entry. It loads the first bits, so that the
// processor can wait for those of several buckets at once.
func (t *Table) open(e entry) (k bucket) {
	k.page = e.begin >> pageBits
	if int(k.page) >= len(t.pages) {
		return bucket{}
	}
	k.bit = e.begin & (pageSize - 1) * 8
	k.end = pageRoom * 8
	if e.end>>pageBits == k.page {
		k.end = min(k.end, e.end&(pageSize-1)*8)
	}
	k.word = t.pages[k.page].window(uint(k.bit))
	return k
}

// look returns the bit at which the rules of a name begin in its bucket.
func (t *Table) look(k *bucket, p place, rest []uint64) (at uint, ok bool) {
	page, bit, end, word := t.pages[k.page], uint(k.bit), uint(k.end), k.word
	for bit+lengthBits <= end {
		n := uint(word & longName)
		bit += lengthBits
		if n == longName {
			n = uint(word>>lengthBits) & (1<<longBits - 1)
			bit += longBits
		}
		if n == 0 || n > p.n {
			break // the bits that fill the last byte or the page, or longer names
		}
		rules := bit + max(n, minWidth) - t.bucketBits
		if n == p.n && t.same(page, bit, p, rest) {
			return rules, true
		}
		bit = t.skipRules(page, rules, end)
		word = page.window(bit)
	}
	return 0, false
}

// same reports whether the name whose bits without their number begin at bit is
// the one at p, which has the bits rest from the 65th on.
func (t *Table) same(b *page, bit uint, p place, rest []uint64) bool {
	low := width(p.n) - t.bucketBits
	if b.take(bit, low) != p.y&(1<<low-1) {
		return false
	}
	bit += low
	for i := uint(64); i < p.n; i += 64 {
		k := min(64, p.n-i)
		if b.take(bit, k) != rest[0]&(^uint64(0)>>(64-k)) {
			return false
		}
		bit += k
		rest = rest[1:]
	}
	return true
}

// skipRules returns where the rules end that begin at bit, a bit behind end if
// they do not.
func (t *Table) skipRules(b *page, bit, end uint) uint {
	heads := t.heads.table
	for bit < end {
		h := &heads[b.window(bit)&uint64(len(heads)-1)]
		if h.bits == 0 {
			break
		}
		bit += uint(h.width)
		if h.flags&another == 0 {
			return bit
		}
	}
	return end + 1
}

// Find returns the rules of name and of all names above it but the root. It does
// not allocate.
func (t *Table) Find(name dnswire.Name) Matches {
	m := Matches{t: t, name: string(name)}
	if t != nil && t.names > 0 {
		m.search()
	}
	return m
}
