package nametable

import (
	"math/rand/v2"
	"testing"
)

// unpermute undoes permute: a shift by half of the width is its own inverse when
// done twice, a factor is undone by its inverse modulo 2^64.
func unpermute(k *keys, y uint64, w uint) uint64 {
	mask := ^uint64(0) >> (64 - w)
	unshift := func(x uint64) uint64 {
		for got := x; ; {
			next := x ^ got>>(w/2)
			if next == got {
				return got
			}
			got = next
		}
	}
	y = unshift(y) * inverse(k[2]) & mask
	y = unshift(y) * inverse(k[1]) & mask
	return (y ^ k[0]) & mask
}

// inverse returns 1/odd modulo 2^64, by Newton's method.
func inverse(odd uint64) uint64 {
	x := odd // right in 3 bits, then 6, 12, 24, 48, 96
	for range 5 {
		x *= 2 - odd*x
	}
	return x
}

func TestPermuteIsOneToOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for w := uint(minWidth); w <= 64; w++ {
		k := newKeys()
		for range 100 {
			x := rng.Uint64() >> (64 - w)
			y := k.permute(x, w)
			if y>>(w-1)>>1 != 0 || unpermute(&k, y, w) != x {
				t.Fatalf("%d bits: %x becomes %x, which came from %x", w, x, y, unpermute(&k, y, w))
			}
		}
	}
}

// The place of a name does not depend on which names were placed before it.
func TestPlacer(t *testing.T) {
	k := newKeys()
	words := make([]uint64, maxWords)
	for i := range words {
		words[i] = rand.Uint64()
	}
	all := newPlacer(&k, words)
	seen := make(map[place]bool)
	for n := uint(1); n < 64*maxWords; n++ {
		alone := newPlacer(&k, words)
		p := all.place(n)
		if q := alone.place(n); p != q {
			t.Fatalf("%d bits: %v, and %v after shorter names", n, q, p)
		}
		if p.bucket(maxBucketBits) >= 1<<maxBucketBits || p.filter()>>filterBits != 0 || seen[p] {
			t.Fatalf("%d bits: %v", n, p)
		}
		seen[p] = true
	}
}
