package nametable

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// place is where a name lives: in the bucket that the top bits of y name. y is w
// bits wide, and together with the number of bits of the name and its bits from
// the 65th on it says which name that is: it comes from the first w bits by a
// bijection. So a bucket need not hold the bits of y that name the bucket, and
// is exact all the same.
type place struct {
	y uint64
	n uint // bits of the name
}

// width returns w for a name of n bits. A short name gets enough of them to name
// a bucket, a long one as many as a word has.
func width(n uint) uint { return min(max(n, minWidth), 64) }

// minWidth is the least w: the most bits that can name a bucket.
const minWidth = maxBucketBits

func (p place) bucket(bucketBits uint) uint {
	return uint(p.y >> (width(p.n) - bucketBits))
}

// filter returns the bits of a bucket's filter that the name sets, two or one out
// of filterBits.
func (p place) filter() uint32 {
	return 1<<(p.y&(1<<filterDraw-1)*filterBits>>filterDraw) | 1<<(p.y>>filterDraw&(1<<filterDraw-1)*filterBits>>filterDraw)
}

const (
	filterBits = 24
	filterDraw = 10 // random bits to choose one of filterBits
)

// keys choose the bijection. Lists are others' data: who writes them must not
// choose which names share a bucket.
type keys [6]uint64

const keyBytes = 6 * 8

func newKeys() (k keys) {
	var b [keyBytes]byte
	rand.Read(b[:])
	k.set(b[:])
	return k
}

// set reads the keys from keyBytes bytes, any of them.
func (k *keys) set(b []byte) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	k[1] |= 1 // factors must be odd to have an inverse modulo 2^w
	k[2] |= 1
}

func (k *keys) append(b []byte) []byte {
	for _, key := range k {
		b = binary.LittleEndian.AppendUint64(b, key)
	}
	return b
}

// placer computes the places of the names in an encoding, shorter ones first.
type placer struct {
	keys  *keys
	words []uint64
	hash  uint64 // of the full words behind the first one
	full  uint   // how many words that are, the first one included
}

func newPlacer(k *keys, words []uint64) placer {
	return placer{keys: k, words: words, hash: k[3], full: 1}
}

// place returns the place of the name of n bits. For names of usual length there
// is no jump in it that depends on n: half of them have more than 64 bits, so that
// the processor could not foresee it.
func (p *placer) place(n uint) place {
	for ; p.full < n/64; p.full++ {
		p.hash = mix(p.hash^p.words[p.full], p.keys[4])
	}
	rest := p.words[n/64] & (1<<(n&63) - 1)
	if n < 64 {
		rest = 0
	}
	hash := mix(mix(p.hash^rest, p.keys[4])^uint64(n), p.keys[5])
	x := p.words[0] & (^uint64(0) >> ((64 - min(n, 64)) & 63))
	return place{y: p.keys.permute(x^hash, width(n)), n: n}
}

// permute maps the lowest w bits of x, w at least minWidth, one to one. Every
// bit of the result's upper half depends on all of x.
func (k *keys) permute(x uint64, w uint) uint64 {
	mask := ^uint64(0) >> ((64 - w) & 63)
	x = (x ^ k[0]) * k[1] & mask
	x ^= x >> (w / 2 & 63)
	x = x * k[2] & mask
	return x ^ x>>(w/2&63)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
