// Package prefixcode makes prefix codes of bounded length: the best lengths for
// given weights, and the canonical codes for given lengths. A code is written
// with its first bit in the lowest bit, as it goes into a stream that is filled
// from the lowest bit up.
package prefixcode

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
)

// MaxLen is the longest code in bits that Codes makes: what fits a uint16 beside
// a length of 4 bits.
const MaxLen = 12

// Lengths returns for every weight the bits of its code, so that their weighted
// sum is the least that a prefix code of at most limit bits can have. A weight of
// 0 gets no code: length 0. A weight that stands alone gets a code of one bit.
// There must be at most 1<<limit weights above 0, limit at most MaxLen, and the
// sum of the weights must be below 1<<58.
//
// It is the package-merge algorithm of Larmore and Hirschberg (1990): level by
// level the items are the weights and the pairs of the level before, in order;
// every time a weight is among the first 2n-2 items its code gets a bit longer.
func Lengths(weights []uint64, limit int) []uint8 {
	lengths := make([]uint8, len(weights))
	var order []int // indexes of the weights above 0, the lightest first
	for i, w := range weights {
		if w > 0 {
			order = append(order, i)
		}
	}
	n := len(order)
	if n > 1<<limit || limit > MaxLen {
		panic("prefixcode: more weights than codes")
	}
	if n == 1 {
		lengths[order[0]] = 1
		return lengths
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[a], weights[b]) })

	levels := make([][]item, limit)
	for level := range levels {
		var pairs []item
		if level > 0 {
			below := levels[level-1]
			for i := 0; i+1 < len(below); i += 2 {
				pairs = append(pairs, item{weight: below[i].weight + below[i+1].weight, pair: true})
			}
		}
		levels[level] = merge(order, weights, pairs)
	}
	taken := 2*n - 2
	for level := limit - 1; level >= 0 && taken > 0; level-- {
		leaves := 0
		for _, it := range levels[level][:taken] {
			if !it.pair {
				lengths[order[leaves]]++
				leaves++
			}
		}
		taken = 2 * (taken - leaves)
	}
	return lengths
}

// item is a weight or a pair of items of the level before.
type item struct {
	weight uint64
	pair   bool
}

func merge(order []int, weights []uint64, pairs []item) []item {
	items := make([]item, 0, len(order)+len(pairs))
	for _, i := range order {
		for len(pairs) > 0 && pairs[0].weight < weights[i] {
			items, pairs = append(items, pairs[0]), pairs[1:]
		}
		items = append(items, item{weight: weights[i]})
	}
	return append(items, pairs...)
}

// ErrLengths says that no prefix code has the lengths.
var ErrLengths = errors.New("no prefix code has these lengths")

// Codes returns the canonical codes of the given lengths: shorter codes first,
// those of one length in the order of their index. An index of length 0 has no
// code. Lengths that leave some bits unused are good; those that no prefix code
// has, or that are above MaxLen, give ErrLengths.
func Codes(lengths []uint8) ([]uint16, error) {
	var count [MaxLen + 1]int
	for _, n := range lengths {
		if n > MaxLen {
			return nil, ErrLengths
		}
		count[n]++
	}
	var next [MaxLen + 1]int // the next free code of every length
	for n := 1; n <= MaxLen; n++ {
		if n > 1 {
			next[n] = (next[n-1] + count[n-1]) << 1
		}
		if next[n]+count[n] > 1<<n {
			return nil, ErrLengths
		}
	}
	codes := make([]uint16, len(lengths))
	for i, n := range lengths {
		if n > 0 {
			codes[i] = bits.Reverse16(uint16(next[n])) >> (16 - n)
			next[n]++
		}
	}
	return codes, nil
}
