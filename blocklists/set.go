package blocklists

import (
	"hash/maphash"
	"slices"

	"tundns/dnswire"
)

// Set is the compiled form of some lists. It is immutable and safe for
// concurrent use. The zero value is a set without lists.
//
// The names form a tree of labels with the top-level domains below its root. A
// look-up goes down from there and ends at the first label that no rule knows,
// for most names at the second. Every step compares the label and the parent, so
// answers are exact whatever the hashes do.
type Set struct {
	// arena holds the nodes but for the root, by bucket of their hash:
	//
	//	length of the label (6 bits), bareNode if no rule follows
	//	the label
	//	the parent's offset in the arena, refLen bytes, little endian; 0 is the root
	//	rules in the order of lists and lines, each two uvarints:
	//	    (list << flagBits | flags) << 1 | 1 if another rule follows
	//	    line
	arena []byte
	// index holds the offset of every bucket and the end of the last one.
	index  []uint32
	refLen int

	seed  maphash.Seed // lists are others' data: they must not choose who collides
	lists []string
	names int
	rules int
}

const (
	bareNode = 0x80

	// perBucket is how many nodes share a bucket on average: about as many as one
	// cache line and a half hold, at a price of 2 bytes of index for a node.
	perBucket = 2

	// maxLabels is more than any name has: 255 bytes, two at least for a label.
	maxLabels = 128
)

// Names returns the number of different names that have a rule.
func (s *Set) Names() int { return s.names }

// Rules returns the number of rules, those with the same name in several lists
// counted for each.
func (s *Set) Rules() int { return s.rules }

// Bytes returns the memory that the set occupies.
func (s *Set) Bytes() int64 {
	n := int64(cap(s.arena)) + 4*int64(cap(s.index))
	for _, name := range s.lists {
		n += int64(len(name)) + 16 // a string header
	}
	return n
}

// Lists returns the names of the lists in their order.
func (s *Set) Lists() []string { return slices.Clone(s.lists) }

// Match returns the rule that decides on name among the rules of the given
// lists of this set, by precedence. It does not allocate: the rule's name shares
// memory with name.
func (s *Set) Match(name dnswire.Name, lists Lists) (Rule, bool) {
	var best hit
	found := false
	s.walk(name, lists, func(h hit) {
		// Hits come with the shortest name first, and for one name in the order of
		// lists and lines.
		if c, b := h.f.class(), best.f.class(); !found || c > b || c == b && h.start < best.start {
			best, found = h, true
		}
	})
	if !found {
		return Rule{}, false
	}
	return s.ruleOf(name, best), true
}

// MatchAll returns all rules of the given lists that match name, the one that
// Match returns first and the others by precedence.
func (s *Set) MatchAll(name dnswire.Name, lists Lists) []Rule {
	var rules []Rule
	s.walk(name, lists, func(h hit) { rules = append(rules, s.ruleOf(name, h)) })
	slices.SortFunc(rules, Rule.Compare)
	return rules
}

// hit is a rule that matches a name from its byte start on.
type hit struct {
	start int
	list  int
	line  int
	f     flags
}

func (s *Set) ruleOf(name dnswire.Name, h hit) Rule {
	return newRule(s.lists[h.list], h.list, h.line, name[h.start:], h.f)
}

// walk calls visit for every rule of the given lists that matches name.
func (s *Set) walk(name dnswire.Name, lists Lists, visit func(hit)) {
	if s.names == 0 {
		return
	}
	var starts [maxLabels]uint8
	var hash uint64
	parent := 0
	for i := labelStarts(&starts, name) - 1; i >= 0; i-- {
		start := int(starts[i])
		label := string(name[start+1 : start+1+int(name[start])])
		hash = chainHash(hash, maphash.String(s.seed, label))
		var rules int
		if parent, rules = s.find(parent, hash, label); parent == 0 {
			return
		}
		for rules != 0 {
			h := hit{start: start}
			h.list, h.line, h.f, rules = s.rule(rules)
			if (i == 0 || h.f&flagSubtree != 0) && lists.Has(h.list) {
				visit(h)
			}
		}
	}
}

// find returns where the node for label under parent is and where its rules
// are, 0 for none.
func (s *Set) find(parent int, hash uint64, label string) (at, rules int) {
	bucket := bucketOf(hash, len(s.index)-1)
	end := int(s.index[bucket+1])
	for at = int(s.index[bucket]); at < end; {
		head := s.arena[at]
		ref := at + 1 + int(head&dnswire.MaxLabel)
		rules = ref + s.refLen
		if string(s.arena[at+1:ref]) == label && s.ref(ref) == parent {
			if head&bareNode != 0 {
				rules = 0
			}
			return at, rules
		}
		at = rules
		if head&bareNode == 0 {
			at = s.afterRules(rules)
		}
	}
	return 0, 0
}

func (s *Set) ref(at int) int {
	n := int(s.arena[at]) | int(s.arena[at+1])<<8 | int(s.arena[at+2])<<16
	if s.refLen == 4 {
		n |= int(s.arena[at+3]) << 24
	}
	return n
}

// rule decodes the rule at the given offset. next is the offset of the node's
// next one, 0 for none.
func (s *Set) rule(at int) (list, line int, f flags, next int) {
	head, at := s.uvarint(at)
	line, at = s.uvarint(at)
	f = flags(head >> 1 & (1<<flagBits - 1))
	if head&1 != 0 {
		next = at
	}
	return head >> (1 + flagBits), line, f, next
}

// afterRules returns the offset behind the rules that start at at.
func (s *Set) afterRules(at int) int {
	for more := true; more; {
		more = s.arena[at]&1 != 0
		for range 2 {
			for s.arena[at] >= 0x80 {
				at++
			}
			at++
		}
	}
	return at
}

// uvarint reads a number of at most 31 bits.
func (s *Set) uvarint(at int) (v, next int) {
	for shift := 0; ; shift += 7 {
		c := s.arena[at]
		at++
		v |= int(c&0x7F) << shift
		if c < 0x80 {
			return v, at
		}
	}
}

// labelStarts puts the offsets of the labels of a name in wire form into starts
// and returns their number, the root not counted.
func labelStarts[T ~string | ~[]byte](starts *[maxLabels]uint8, name T) (n int) {
	for i := 0; i < len(name) && name[i] != 0 && n < maxLabels; i += 1 + int(name[i]) {
		starts[n] = uint8(i)
		n++
	}
	return n
}
