package blocklists

import (
	"slices"

	"tundns/blocklists/addrset"
	"tundns/blocklists/nametable"
	"tundns/blocklists/pattern"
)

// Set is the compiled form of some lists. It is immutable and safe for
// concurrent use. The zero value is a set without lists.
type Set struct {
	lists []string
	kinds kinds

	names *nametable.Table

	patterns     *pattern.Set // by id
	patternRules byID
	withPatterns Lists // that have a rule for a pattern

	addrs     *addrset.Set // prefixes by id
	addrRules byID
	withAddrs Lists // that have a rule for addresses
}

// Names returns the number of different names that have a rule.
func (s *Set) Names() int { return s.names.Names() }

// Rules returns the number of rules, those for the same name in several lists
// counted for each.
func (s *Set) Rules() int {
	return s.names.Rules() + len(s.patternRules.rules) + len(s.addrRules.rules)
}

// Bytes returns the memory that the set occupies beside the Set itself.
func (s *Set) Bytes() int64 {
	return s.names.Bytes() + s.kinds.bytes() + stringBytes(s.lists) +
		s.patterns.Bytes() + s.patternRules.bytes() + s.withPatterns.bytes() +
		s.addrs.Bytes() + s.addrRules.bytes() + s.withAddrs.bytes()
}

// Lists returns the names of the lists in their order.
func (s *Set) Lists() []string { return slices.Clone(s.lists) }

// HasAddrs reports whether any of the given lists of this set has a rule for
// addresses: without one MatchAddr never finds a rule.
func (s *Set) HasAddrs(lists Lists) bool { return lists.overlap(s.withAddrs) }
