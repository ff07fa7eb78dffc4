package nametable

import (
	"cmp"
	"math/bits"
	"slices"

	"tundns/blocklists/nametable/prefixcode"
)

// A rule is a head, which tells its kind and whether another rule of the name
// follows, and the line, in as many bits as the last line of its kind takes. The
// heads are a prefix code of their own: frequent kinds have short ones. Kinds
// without a code follow the head for others in as many bits as the last kind
// takes, their lines in as many as the last line takes.

const (
	// maxDirect is how many kinds have a code: with a longer table, look-ups would
	// miss the processor's cache more often.
	maxDirect = 255

	// maxKinds bounds the builder's tables by kind.
	maxKinds = 1 << 20
)

// kindCode is a kind that has a code. lengths are the bits of the head when it is
// the last rule of its name, and when another one follows.
type kindCode struct {
	kind    uint32
	line    uint8 // bits of the line
	lengths [2]uint8
}

// heads is the code of the heads.
type heads struct {
	// direct are the kinds with a code. After them comes an entry for all others,
	// whose kind is the number of all kinds.
	direct   []kindCode
	codes    [][2]uint16 // of the entries of direct, in their order
	table    []head      // by the next bits of a record
	kindBits uint8       // width of a kind without a code
}

// head is what the next bits of a record say.
type head struct {
	kind  uint32
	bits  uint8 // of the head; 0 if there is no such head
	line  uint8 // width of the line
	width uint8 // of the rule: head, kind and line
	flags uint8
}

const (
	another   = 1 << iota // another rule of the name follows
	otherKind             // the kind is in the rule
)

// kindCount says how often a kind is the last rule of a name and how often it is
// not, and its last line.
type kindCount struct {
	kind          uint32
	last, another uint64
	line          uint32
}

// newHeads returns the code for kinds below the number kinds.
func newHeads(counts []kindCount, kinds uint32) (*heads, error) {
	counts = slices.Clone(counts)
	slices.SortStableFunc(counts, func(a, b kindCount) int {
		return cmp.Compare(b.last+b.another, a.last+a.another)
	})
	h := &heads{}
	others := kindCount{kind: kinds}
	var weights []uint64
	for i, c := range counts {
		if i < maxDirect {
			h.direct = append(h.direct, kindCode{kind: c.kind, line: uint8(bits.Len32(c.line))})
			weights = append(weights, c.last+1, c.another+1) // either may happen yet
			continue
		}
		others.last += c.last
		others.another += c.another
		others.line = max(others.line, c.line)
	}
	h.direct = append(h.direct, kindCode{kind: kinds, line: uint8(bits.Len32(others.line))})
	weights = append(weights, others.last+1, others.another+1)
	lengths := prefixcode.Lengths(weights, min(prefixcode.MaxLen, bits.Len(uint(len(weights)))+3))
	for i := range h.direct {
		h.direct[i].lengths = [2]uint8(lengths[2*i:])
	}
	return h, h.fill()
}

// fill makes the code of direct.
func (h *heads) fill() error {
	var lengths []uint8
	for _, d := range h.direct {
		lengths = append(lengths, d.lengths[0], d.lengths[1])
	}
	codes, err := prefixcode.Codes(lengths)
	if err != nil {
		return err
	}
	kinds := h.direct[len(h.direct)-1].kind
	h.kindBits = uint8(bits.Len32(kinds))
	longest := slices.Max(lengths)
	h.table = make([]head, 1<<longest)
	h.codes = make([][2]uint16, len(h.direct))
	for i, d := range h.direct {
		for follows, n := range d.lengths {
			code := codes[2*i+follows]
			h.codes[i][follows] = code
			if n == 0 {
				continue
			}
			entry := head{kind: d.kind, bits: n, line: d.line, width: n + d.line, flags: uint8(follows) * another}
			if d.kind == kinds {
				entry.flags |= otherKind
				entry.width += h.kindBits
			}
			for at := int(code); at < len(h.table); at += 1 << n {
				h.table[at] = entry
			}
		}
	}
	return nil
}

// put writes a rule. at is the place of its kind in direct.
func (h *heads) put(w *bitWriter, at int, r Rule, follows bool) {
	f := 0
	if follows {
		f = 1
	}
	d := &h.direct[at]
	w.put(uint64(h.codes[at][f]), uint(d.lengths[f]))
	if at == len(h.direct)-1 {
		w.put(uint64(r.Kind), uint(h.kindBits))
	}
	w.put(uint64(r.Line), uint(d.line))
}

// kinds returns the number of all kinds.
func (h *heads) kinds() uint32 { return h.direct[len(h.direct)-1].kind }

// take reads the rule at a hit and moves the hit behind it. last: no other one
// follows. good: it is a rule; in a damaged table it need not be.
func (h *heads) take(page *page, at *hit) (r Rule, good, last bool) {
	bit := uint(at.bit)
	word := page.window(bit)
	d := h.table[word&uint64(len(h.table)-1)]
	if d.bits == 0 || bit >= 8*pageSize {
		return Rule{}, false, true
	}
	at.bit += uint32(d.width)
	last = d.flags&another == 0
	if d.flags&otherKind == 0 {
		return Rule{Kind: d.kind, Line: uint32(word>>d.bits) & uint32(1<<d.line-1)}, true, last
	}
	kind := uint32(page.take(bit+uint(d.bits), uint(h.kindBits)))
	line := uint32(page.take(bit+uint(d.bits)+uint(h.kindBits), uint(d.line)))
	return Rule{Kind: kind, Line: line}, kind < h.kinds(), last
}
