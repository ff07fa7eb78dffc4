package pattern

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// beginMark and endMark stand for the beginning and the end of a name in the
// texts that a pattern needs. Neither byte occurs in UTF-8 or in a host name; a
// name that has one all the same is only tried in vain.
const (
	beginMark = "\xfe"
	endMark   = "\xff"
)

const (
	// maxExact bounds the different texts that are written out for a part of an
	// expression: a digit has ten, a letter and one more choice do not fit.
	maxExact = 16

	// maxNeeds is how many sets of texts are kept for the choice between them.
	maxNeeds = 8
)

// needs collects sets of texts, the rarest first. See Pattern.needs.
type needs struct {
	sets [][]string
}

// add takes a set of which every match contains a text. A set that says nothing,
// because it is empty or has an empty text, is passed over.
func (n *needs) add(set []string) {
	if len(set) == 0 || slices.Contains(set, "") {
		return
	}
	set = fewest(set)
	n.insert(set)
	if longest(set) > maxNeed {
		// Patterns of one family often differ at one end only.
		heads, tails := slices.Clone(set), slices.Clone(set)
		for i, s := range set {
			heads[i], tails[i] = s[:min(len(s), maxNeed)], s[max(0, len(s)-maxNeed):]
		}
		n.insert(fewest(heads))
		n.insert(fewest(tails))
	}
}

// insert keeps the best sets of those that are rare and short enough.
func (n *needs) insert(set []string) {
	if longest(set) > maxNeed || rarity(set) < usable {
		return
	}
	n.sets = append(n.sets, set)
	slices.SortStableFunc(n.sets, func(a, b []string) int {
		return -cmp.Compare(rarity(a), rarity(b))
	})
	n.sets = n.sets[:min(len(n.sets), maxNeeds)]
}

// fewest returns the set without repetitions and, unless it is large, without
// texts that contain another one. It may reorder set.
func fewest(set []string) []string {
	slices.SortFunc(set, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	set = slices.Compact(set)
	if len(set) > 4*maxExact {
		return set // comparing all with all would take long
	}
	kept := set[:0]
	for _, s := range set {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(s, k) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

// needsOf returns the sets of an expression without counted repetitions.
func needsOf(re *syntax.Regexp) [][]string {
	p := partOf(re)
	if p.exact != nil {
		p.needs.add(p.exact)
	}
	return p.needs.sets
}

// part is what is known of a part of an expression.
type part struct {
	// exact has all texts that the part can match, with marks where it asks for the
	// beginning or the end, and perhaps more. It is nil if they are too many.
	exact []string
	needs needs
}

func partOf(re *syntax.Regexp) part {
	switch re.Op {
	case syntax.OpLiteral:
		return literal(re)
	case syntax.OpCharClass:
		return charClass(re)
	case syntax.OpBeginText:
		return part{exact: []string{beginMark}}
	case syntax.OpEndText:
		return part{exact: []string{endMark}}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return part{exact: []string{""}}
	case syntax.OpCapture:
		return partOf(re.Sub[0])
	case syntax.OpPlus:
		return part{needs: partOf(re.Sub[0]).settle()}
	case syntax.OpQuest:
		return optional(partOf(re.Sub[0]))
	case syntax.OpConcat:
		return concat(re.Sub)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	}
	return part{} // what matches anything, nothing, or any number of times
}

// settle returns the needs of a part, its exact texts among them.
func (p part) settle() needs {
	if p.exact != nil {
		p.needs.add(slices.Clone(p.exact))
	}
	return p.needs
}

// literal returns the part for a text. Of the versions of a letter one at most
// is in names.
func literal(re *syntax.Regexp) part {
	var b strings.Builder
	for _, r := range re.Rune {
		chars := runeClass(r, re.Flags&syntax.FoldCase != 0)
		if chars.len() == 1 {
			b.WriteByte(chars.first())
		} else {
			b.WriteRune(r) // in no name
		}
	}
	return part{exact: []string{b.String()}}
}

func charClass(re *syntax.Regexp) part {
	chars := rangeClass(re.Rune)
	if n := chars.len(); n == 0 || n > maxExact || chars.has(unicode.MaxASCII) {
		return part{}
	}
	var p part
	for c := range byte(unicode.MaxASCII + 1) {
		if chars.has(c) {
			p.exact = append(p.exact, string(rune(c)))
		}
	}
	return p
}

func optional(p part) part {
	if p.exact == nil || len(p.exact) >= maxExact {
		return part{}
	}
	return part{exact: append(p.exact, "")}
}

// concat joins exact parts that follow each other as long as the texts stay few,
// because a long text is rarer than its parts.
func concat(subs []*syntax.Regexp) part {
	var all needs
	joined := []string{""}
	whole := true // joined is all from the beginning
	for _, sub := range flat(nil, subs) {
		p := partOf(sub)
		if p.exact != nil && len(joined)*len(p.exact) <= maxExact && longest(joined)+longest(p.exact) <= maxText {
			joined = product(joined, p.exact)
			continue
		}
		whole = false
		all.add(joined)
		joined = []string{""}
		if p.exact != nil {
			joined = p.exact
			continue
		}
		for _, set := range p.needs.sets {
			all.insert(set)
		}
	}
	if whole {
		return part{exact: joined}
	}
	all.add(joined)
	return part{needs: all}
}

// flat appends the parts with those that are concatenations taken apart.
func flat(dst, subs []*syntax.Regexp) []*syntax.Regexp {
	for _, sub := range subs {
		for sub.Op == syntax.OpCapture {
			sub = sub.Sub[0]
		}
		if sub.Op == syntax.OpConcat {
			dst = flat(dst, sub.Sub)
		} else {
			dst = append(dst, sub)
		}
	}
	return dst
}

func alternate(subs []*syntax.Regexp) part {
	var exact, union []string
	few, known := true, true // exact and union are complete
	for _, sub := range subs {
		p := partOf(sub)
		if few = few && p.exact != nil && len(exact)+len(p.exact) <= maxExact; few {
			exact = append(exact, p.exact...)
		}
		n := p.settle()
		if known = known && len(n.sets) > 0; known {
			union = append(union, n.sets[0]...)
		}
	}
	var all part
	if few {
		all.exact = exact
	}
	if known {
		all.needs.add(union)
	}
	return all
}

// product returns every text of a followed by every one of b.
func product(a, b []string) []string {
	all := make([]string, 0, len(a)*len(b))
	for _, s := range a {
		for _, t := range b {
			// A place is the same place twice.
			for _, mark := range []string{beginMark, endMark} {
				if strings.HasSuffix(s, mark) {
					t = strings.TrimPrefix(t, mark)
				}
			}
			all = append(all, s+t)
		}
	}
	return all
}

func longest(set []string) (n int) {
	for _, s := range set {
		n = max(n, len(s))
	}
	return n
}
