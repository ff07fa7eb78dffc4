package nametable

import (
	"math/rand/v2"
	"testing"
)

// Rules come back as they were written, with few kinds and many, each with the
// widest lines.
func TestHeads(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for _, kinds := range []uint32{1, 2, 6, maxDirect, maxDirect + 1, 5000, maxKinds} {
		var counts []kindCount
		for kind := uint32(0); kind < kinds; kind += 1 + kinds/1000 {
			line := uint32(1<<32-1) >> rng.IntN(32)
			counts = append(counts, kindCount{kind: kind, last: rng.Uint64N(1 << rng.IntN(20)), another: rng.Uint64N(1000), line: line})
		}
		h, err := newHeads(counts, kinds)
		if err != nil {
			t.Fatal(err)
		}
		direct := make(map[uint32]int)
		for i, d := range h.direct[:len(h.direct)-1] {
			direct[d.kind] = i
		}
		var (
			w     bitWriter
			rules []Rule
		)
		for i, c := range counts {
			at, ok := direct[c.kind]
			if !ok {
				at = len(h.direct) - 1
			}
			r := Rule{Kind: c.kind, Line: c.line >> rng.IntN(3)}
			rules = append(rules, r)
			h.put(&w, at, r, i < len(counts)-1)
		}
		w.align()
		var bits page
		if copy(bits[:], w.bytes) < len(w.bytes) {
			t.Fatalf("%d bytes of rules do not fit in a page", len(w.bytes))
		}
		var at hit
		for i, want := range rules {
			got, good, last := h.take(&bits, &at)
			if got != want || !good || last != (i == len(rules)-1) {
				t.Fatalf("%d kinds: rule %d is %v %v %v, want %v", kinds, i, got, good, last, want)
			}
		}
	}
}
