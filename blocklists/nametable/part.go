package nametable

import "encoding/binary"

// part is a sequence of records in pages. A record is a rule and its name:
//
//	the number of bits of the name, a uvarint
//	y, in as many bytes as its width takes
//	the bits of the name from the 65th on, in whole bytes
//	the difference to the line before, the sign in the lowest bit, times two, plus
//	    1 if the kind is another one than before; a uvarint
//	the kind if it is another one, a uvarint
//
// What comes before the difference is the key: equal names have equal keys. A
// record does not go over the end of a page.
type part struct {
	pages [][]byte
	last  Rule
}

// maxRecord is more than a record takes: the bits of a name, and 30 bytes for all
// numbers and for what appendLow writes too much.
const maxRecord = maxWords*8 + 30

// add appends a record.
func (p *part) add(b *Builder, key []byte, r Rule) {
	last := len(p.pages) - 1
	if last < 0 || len(p.pages[last]) > pageSize-maxRecord {
		p.pages = append(p.pages, b.page())
		last++
	}
	page := append(p.pages[last], key...)
	difference := int64(r.Line) - int64(p.last.Line)
	v := uint64(difference)<<1 ^ uint64(difference>>63)
	if r.Kind == p.last.Kind {
		page = binary.AppendUvarint(page, v<<1)
	} else {
		page = binary.AppendUvarint(page, v<<1|1)
		page = binary.AppendUvarint(page, uint64(r.Kind))
	}
	p.pages[last] = page
	p.last = r
}

// appendKey appends the key of the name with the given bits at p.
func appendKey(b []byte, words []uint64, p place) []byte {
	b = binary.AppendUvarint(b, uint64(p.n))
	b = appendLow(b, p.y, width(p.n))
	for i := uint(64); i < p.n; i += 64 {
		k := min(64, p.n-i)
		b = appendLow(b, words[i/64]&(^uint64(0)>>(64-k)), k)
	}
	return b
}

// appendLow appends the lowest n bits of v, 64 at most, in whole bytes. The bits
// above must be 0.
func appendLow(b []byte, v uint64, n uint) []byte {
	end := len(b) + int(n+7)/8
	return binary.LittleEndian.AppendUint64(b, v)[:end]
}

// key is the key of a record.
type key struct {
	place place
	rest  []byte // bits of the name from the 65th on
	size  int
}

// parseKey reads the key that b starts with.
func parseKey(b []byte) (k key) {
	n, at := binary.Uvarint(b)
	k.place.n = uint(n)
	w := width(k.place.n)
	y := int(w+7) / 8
	if len(b) >= at+8 {
		k.place.y = binary.LittleEndian.Uint64(b[at:]) & (^uint64(0) >> (64 - w))
	} else { // the last record of a page
		for i := range y {
			k.place.y |= uint64(b[at+i]) << (8 * i)
		}
	}
	at += y
	if n > 64 {
		k.rest = b[at : at+int(n-64+7)/8]
		at += len(k.rest)
	}
	k.size = at
	return k
}

// parseRule reads the rule that b starts with, after the rule last.
func parseRule(b []byte, last Rule) (r Rule, size int) {
	v, size := binary.Uvarint(b)
	r.Kind = last.Kind
	if v&1 != 0 {
		kind, k := binary.Uvarint(b[size:])
		r.Kind = uint32(kind)
		size += k
	}
	v >>= 1
	r.Line = last.Line + uint32(v>>1^-(v&1))
	return r, size
}
