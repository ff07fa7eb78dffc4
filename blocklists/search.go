package blocklists

import (
	"net/netip"
	"slices"

	"tundns/blocklists/nametable"
	"tundns/dnswire"
)

// search is the way from a query to rules.
type search struct {
	set   *Set
	q     *Query
	lists Lists
	addr  netip.Addr // sought in place of the query's name; not valid when it is the name
}

// hit is a rule that a search found.
type hit struct {
	nametable.Rule
	at  int // where the rule's name begins in the query's; or the id of its pattern or prefix
	len int // bytes of the rule's name, 0 for a pattern; or bits of its prefix

	pattern string
}

// walk calls visit for every rule of the chosen lists that matches and whose
// condition holds.
func (s *search) walk(visit func(hit)) {
	if s.addr.IsValid() {
		s.walkAddrs(visit)
		return
	}
	names := s.set.names.Find(s.q.Name)
	for start, r, ok := names.Next(); ok; start, r, ok = names.Next() {
		if s.applies(start, r) {
			visit(s.named(start, r))
		}
	}
	if s.lists.overlap(s.set.withPatterns) {
		s.walkPatterns(visit)
	}
}

// applies reports whether a rule for the name from start on counts.
func (s *search) applies(start int, r nametable.Rule) bool {
	k := s.set.kinds.all[r.Kind]
	if !s.lists.Has(int(k.list)) {
		return false
	}
	e := &s.set.kinds.effects[k.effect]
	return (e.scope == Subtree || (e.scope == Exact) == (start == 0)) && e.cond.Holds(s.q)
}

func (s *search) named(start int, r nametable.Rule) hit {
	return hit{Rule: r, at: start, len: len(s.q.Name) - start}
}

func (s *search) walkPatterns(visit func(hit)) {
	var text [dnswire.MaxName]byte
	patterns := s.set.patterns.Find(appendText(text[:0], s.q.Name))
	for {
		id, text, ok := patterns.Next()
		if !ok {
			return
		}
		s.walkRules(&s.set.patternRules, hit{at: int(id), pattern: text}, visit)
	}
}

func (s *search) walkAddrs(visit func(hit)) {
	prefixes := s.set.addrs.Find(s.addr)
	for {
		prefix, id, ok := prefixes.Next()
		if !ok {
			return
		}
		s.walkRules(&s.set.addrRules, hit{at: int(id), len: prefix.Bits()}, visit)
	}
}

// walkRules calls visit for the rules of what h hits, h.at being its id.
func (s *search) walkRules(rules *byID, h hit, visit func(hit)) {
	for _, h.Rule = range rules.of(uint32(h.at)) {
		k := s.set.kinds.all[h.Kind]
		if s.lists.Has(int(k.list)) && s.set.kinds.effects[k.effect].cond.Holds(s.q) {
			visit(h)
		}
	}
}

// decide returns the rule that wins.
func (s *search) decide() (Rule, bool) {
	d := decision{kinds: &s.set.kinds}
	if s.addr.IsValid() {
		s.walkAddrs(func(h hit) { d.see(&h) })
	} else {
		// Not by way of walk: calls of a function value for each hit are a good part of
		// the time that a look-up takes.
		names := s.set.names.Find(s.q.Name)
		for start, r, ok := names.Next(); ok; start, r, ok = names.Next() {
			if s.applies(start, r) {
				h := s.named(start, r)
				d.see(&h)
			}
		}
		if s.lists.overlap(s.set.withPatterns) {
			s.walkPatterns(func(h hit) { d.see(&h) })
		}
	}
	if d.badfilters {
		// Rare, and then few rules: look for each whether another one cancels it.
		d = decision{kinds: &s.set.kinds}
		s.walk(func(h hit) {
			cancelled := false
			s.walk(func(other hit) { cancelled = cancelled || d.kinds.cancels(&other, &h) })
			if !cancelled {
				d.see(&h)
			}
		})
	}
	h := d.winner()
	if h == nil {
		return Rule{}, false
	}
	return s.rule(h), true
}

// all returns the hits that have an effect, by precedence.
func (s *search) all() []hit {
	var hits []hit
	s.walk(func(h hit) { hits = append(hits, h) })
	kinds := &s.set.kinds
	cancelled := make(map[hit]struct{})
	for _, h := range hits {
		if kinds.all[h.Kind].badfilter {
			cancelled[kinds.same(h)] = struct{}{}
		}
	}
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		_, found := cancelled[kinds.same(h)]
		return found
	})
	lifted := 0
	for _, h := range hits {
		lifted = max(lifted, kinds.effect(h.Kind).lifts())
	}
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		e := kinds.effect(h.Kind)
		return e.lifts() > 0 || e.reply != nil && e.f.class() < lifted
	})
	slices.SortFunc(hits, func(a, b hit) int { return kinds.compare(&a, &b) })
	return hits
}

// rule returns the rule of a hit.
func (s *search) rule(h *hit) Rule {
	k := s.set.kinds.all[h.Kind]
	e := &s.set.kinds.effects[k.effect]
	r := Rule{
		List:      s.set.lists[k.list],
		Line:      int(h.Line),
		Action:    e.f.action(),
		Important: e.f&flagImportant != 0,
		Scope:     e.scope,
		Condition: e.cond,
		Reply:     e.reply,
		list:      int(k.list),
	}
	switch {
	case s.addr.IsValid():
		r.Prefix, _ = s.addr.Prefix(h.len) // it is one that the set found for the address
	case h.len == 0:
		r.Pattern = h.pattern
	default:
		r.Name = s.q.Name[h.at:]
	}
	return r
}

// appendText appends a name as patterns see it: in text, without the dot at the
// end.
func appendText(dst []byte, name dnswire.Name) []byte {
	for i := 0; i < len(name) && name[i] != 0; {
		if i > 0 {
			dst = append(dst, '.')
		}
		end := min(len(name), i+1+int(name[i]))
		dst = append(dst, name[i+1:end]...)
		i = end
	}
	return dst
}
