package blocklists

import (
	"errors"
	"net/netip"
	"slices"

	"tundns/blocklists/addrset"
	"tundns/blocklists/nametable"
	"tundns/blocklists/pattern"
)

// builder collects rules and compiles them into a Set. The zero value is ready
// for use.
type builder struct {
	kinds    interner
	names    nametable.Builder
	patterns byIDBuilder[string] // by their canonical texts
	matcher  pattern.Builder     // of patterns
	addrs    byIDBuilder[netip.Prefix]
}

// add adds a rule of the given list. Lists must not go down from call to call.
// known is true when the list has that rule already; for names only compile can
// tell. why says why the rule cannot be taken.
func (b *builder) add(list uint16, r *parsed) (known bool, why reason) {
	rule := nametable.Rule{Kind: b.kinds.kind(list, r), Line: uint32(r.line)}
	switch {
	case r.pattern != nil:
		id, isNew := b.patterns.id(r.pattern.String())
		if isNew {
			if err := b.matcher.Add(id, r.pattern); err != nil {
				b.patterns.forget(id)
				return false, patternReason(err)
			}
		}
		return !b.patterns.add(id, rule), ""
	case r.prefix.IsValid():
		id, _ := b.addrs.id(r.prefix.Masked())
		return !b.addrs.add(id, rule), ""
	}
	switch err := b.names.Add(r.name, rule); {
	case errors.Is(err, nametable.ErrName):
		return false, whyName
	case err != nil:
		return false, whyKinds
	}
	return false, ""
}

// whyKinds is for lists that prescribe a million different answers.
const whyKinds reason = "too many rules with conditions or answers of their own"

// parts are what a Set is compiled from beside the names: the patterns and
// prefixes by id, of which it can give no account.
type parts struct {
	patterns []string
	prefixes []netip.Prefix
}

func (b *builder) parts() parts { return parts{b.patterns.things, b.addrs.things} }

// compile returns the Set for the lists of the given names, and for each list
// how many of its rules for names repeat others of it. The builder is not to be
// used afterwards, but for its parts.
func (b *builder) compile(lists []string) (s *Set, repeated []int, err error) {
	s = &Set{
		lists:        slices.Clone(lists),
		kinds:        b.kinds.clip(),
		patterns:     b.matcher.Build(),
		patternRules: b.patterns.build(),
		addrRules:    b.addrs.build(),
	}
	if s.addrs, err = compileAddrs(b.addrs.things); err != nil {
		return nil, nil, err
	}
	s.complete()
	b.kinds = interner{} // room for the names
	if s.names, err = b.names.Build(); err != nil {
		return nil, nil, err
	}
	repeated = make([]int, len(lists))
	for kind, n := range b.names.Duplicates() {
		repeated[s.kinds.all[kind].list] += n
	}
	return s, repeated, nil
}

func compileAddrs(prefixes []netip.Prefix) (*addrset.Set, error) {
	var b addrset.Builder
	for id, prefix := range prefixes {
		if err := b.Add(prefix, uint32(id)); err != nil {
			return nil, err
		}
	}
	return b.Build(), nil
}

// complete computes what the set knows about itself.
func (s *Set) complete() {
	s.withPatterns = s.kinds.lists(s.patternRules.rules)
	s.withAddrs = s.kinds.lists(s.addrRules.rules)
}
