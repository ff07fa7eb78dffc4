package nametable

import "encoding/binary"

// page holds bits from the lowest of the first byte on. After the last one come
// pageTail bytes that hold none, so that reading never needs to look where a page
// ends.
type page [pageSize]byte

const (
	pageBits = 14
	pageSize = 1 << pageBits
	pageTail = 16
	pageRoom = pageSize - pageTail // bytes for buckets
)

// window returns the bits from at on: 57 of them, and perhaps a few more. Behind
// the page all bits are 0.
func (p *page) window(at uint) uint64 {
	i := at / 8
	if i > pageSize-8 {
		return 0
	}
	return binary.LittleEndian.Uint64(p[i:]) >> (at % 8)
}

// take returns n bits from at on, at most 64.
func (p *page) take(at, n uint) uint64 {
	v := p.window(at) & (1<<32 - 1)
	if n > 32 {
		return v | p.window(at+32)<<32&(^uint64(0)>>(64-n))
	}
	return v & (1<<n - 1)
}

// bitWriter appends bits to bytes.
type bitWriter struct {
	bytes []byte
	word  uint64
	n     uint // bits in word, below 32 between calls
}

// put writes the lowest n bits of v, at most 64. The others must be 0.
func (w *bitWriter) put(v uint64, n uint) {
	if n > 32 {
		w.put(v&(1<<32-1), 32)
		v >>= 32
		n -= 32
	}
	w.word |= v << (w.n & 63)
	if w.n += n; w.n >= 32 {
		w.bytes = binary.LittleEndian.AppendUint32(w.bytes, uint32(w.word))
		w.word >>= 32
		w.n -= 32
	}
}

// align writes out all bits and fills the last byte with 0.
func (w *bitWriter) align() {
	end := len(w.bytes) + int(w.n+7)/8
	w.bytes = binary.LittleEndian.AppendUint32(w.bytes, uint32(w.word))[:end]
	w.word, w.n = 0, 0
}
