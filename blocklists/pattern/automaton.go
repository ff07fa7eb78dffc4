package pattern

import (
	"slices"
)

// automaton finds all of many texts in one pass, after Aho and Corasick. Its
// states are the beginnings of the texts, numbered by length: the states that
// one leads to are neighbours, so that they need no list. State 0 is the empty
// beginning.
type automaton struct {
	// By state; first has one element more. The states that s leads to are those
	// from first[s] to first[s+1], each by the byte of its own.
	first []uint32
	by    []byte
	fail  []uint32 // the longest other beginning that s ends in
	found []uint32 // 1 + the text that s ends in, the longest if there are several; 0 for none

	// By text: 1 + the next shorter text that it ends in, 0 for none.
	shorter []uint32

	root [256]uint32 // what state 0 leads to, 0 for itself
}

// newAutomaton returns the automaton for texts that are sorted, different and
// not empty. They are numbered by their order.
func newAutomaton(texts []string) automaton {
	a := automaton{shorter: make([]uint32, len(texts))}
	a.grow(texts)
	a.link()
	a.first, a.by, a.found = slices.Clip(a.first), slices.Clip(a.by), slices.Clip(a.found)
	return a
}

// grow makes the states with first, by, and found for whole texts.
func (a *automaton) grow(texts []string) {
	// A state stands for the texts from low to high, which have the first depth
	// bytes in common.
	type span struct{ low, high, depth int }
	queue := []span{{0, len(texts), 0}}
	a.by = []byte{0}
	for s := 0; s < len(queue); s++ {
		at := queue[s]
		queue[s] = span{}
		a.first = append(a.first, uint32(len(queue)))
		a.found = append(a.found, 0)
		if at.low < at.high && len(texts[at.low]) == at.depth {
			a.found[s] = uint32(at.low) + 1
			at.low++
		}
		for at.low < at.high {
			c := texts[at.low][at.depth]
			next := at.low + 1
			for next < at.high && texts[next][at.depth] == c {
				next++
			}
			queue = append(queue, span{at.low, next, at.depth + 1})
			a.by = append(a.by, c)
			at.low = next
		}
	}
	a.first = append(a.first, uint32(len(queue)))
	for s := a.first[0]; s < a.first[1]; s++ {
		a.root[a.by[s]] = s
	}
}

// link makes fail and completes found. What a state fails to is shorter and so
// has a smaller number.
func (a *automaton) link() {
	a.fail = make([]uint32, len(a.by))
	for s := range uint32(len(a.by)) {
		for next := a.first[s]; next < a.first[s+1]; next++ {
			if s > 0 {
				a.fail[next] = a.step(a.fail[s], a.by[next])
			}
			inside := a.found[a.fail[next]]
			if text := a.found[next]; text != 0 {
				a.shorter[text-1] = inside
			} else {
				a.found[next] = inside
			}
		}
	}
}

// step returns the state that byte c leads to from state s.
func (a *automaton) step(s uint32, c byte) uint32 {
	for s != 0 {
		for next := a.first[s]; next < a.first[s+1]; next++ {
			if a.by[next] == c {
				return next
			}
		}
		s = a.fail[s]
	}
	return a.root[c]
}

func (a *automaton) bytes() int64 {
	n := cap(a.first) + cap(a.fail) + cap(a.found) + cap(a.shorter) + len(a.root)
	return 4*int64(n) + int64(cap(a.by))
}
