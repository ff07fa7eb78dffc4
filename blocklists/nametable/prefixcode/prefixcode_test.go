package prefixcode

import (
	"container/heap"
	"math/rand/v2"
	"testing"
)

// Codes of random lengths are free of prefixes, and Lengths is as good as
// Huffman's algorithm where the limit does not bind.
func TestCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		weights := make([]uint64, 1+rng.IntN(60))
		for i := range weights {
			weights[i] = rng.Uint64N(1 << rng.IntN(40))
		}
		for _, limit := range []int{6, 8, MaxLen} {
			lengths := Lengths(weights, limit)
			codes, err := Codes(lengths)
			if err != nil {
				t.Fatalf("weights %v: lengths %v: %v", weights, lengths, err)
			}
			var longest uint8
			for i, n := range lengths {
				if (n == 0) != (weights[i] == 0) || int(n) > limit {
					t.Fatalf("weight %d has a code of %d bits, limit %d", weights[i], n, limit)
				}
				longest = max(longest, n)
				for j, m := range lengths {
					if i != j && n > 0 && m >= n && codes[j]&(1<<n-1) == codes[i] {
						t.Fatalf("code %b of %d bits begins code %b", codes[i], n, codes[j])
					}
				}
			}
			want, depth := huffman(weights)
			got := cost(weights, lengths)
			if got < want || int(depth) <= limit && got != want {
				t.Fatalf("weights %v, limit %d: %d bits, the best code has %d", weights, limit, got, want)
			}
		}
	}
}

// With few weights every assignment of lengths can be tried.
func TestLengthsWithinLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		weights := make([]uint64, 5)
		for i := range weights {
			weights[i] = 1 + rng.Uint64N(1<<rng.IntN(12))
		}
		best := ^uint64(0)
		lengths := make([]uint8, len(weights))
		for n := range 243 {
			for i := range lengths {
				lengths[i] = uint8(1 + n%3)
				n /= 3
			}
			if _, err := Codes(lengths); err == nil {
				best = min(best, cost(weights, lengths))
			}
		}
		if got := cost(weights, Lengths(weights, 3)); got != best {
			t.Fatalf("weights %v: %d bits, the best of 3 bits has %d", weights, got, best)
		}
	}
}

func TestCodesRefusesLengths(t *testing.T) {
	for _, lengths := range [][]uint8{{1, 1, 1}, {1, 2, 2, 12}, {MaxLen + 1}, {255}} {
		if codes, err := Codes(lengths); err == nil {
			t.Errorf("lengths %v: codes %v", lengths, codes)
		}
	}
	for _, lengths := range [][]uint8{nil, {0}, {1}, {3, 3, 0, 1}} {
		if _, err := Codes(lengths); err != nil {
			t.Errorf("lengths %v: %v", lengths, err)
		}
	}
}

func cost(weights []uint64, lengths []uint8) (sum uint64) {
	for i, w := range weights {
		sum += w * uint64(lengths[i])
	}
	return sum
}

// huffman returns the cost of the best code without a limit and its longest
// code.
func huffman(weights []uint64) (cost uint64, depth uint8) {
	var h trees
	for _, w := range weights {
		if w > 0 {
			h = append(h, tree{weight: w})
		}
	}
	if len(h) == 1 {
		return h[0].weight, 1
	}
	heap.Init(&h)
	for len(h) > 1 {
		a, b := heap.Pop(&h).(tree), heap.Pop(&h).(tree)
		cost += a.weight + b.weight
		depth = max(a.depth, b.depth) + 1
		heap.Push(&h, tree{a.weight + b.weight, depth})
	}
	return cost, depth
}

type tree struct {
	weight uint64
	depth  uint8
}

type trees []tree

func (h trees) Len() int           { return len(h) }
func (h trees) Less(i, j int) bool { return h[i].weight < h[j].weight }
func (h trees) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *trees) Push(x any)        { *h = append(*h, x.(tree)) }
func (h *trees) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
