package blocklists

import (
	"net/netip"
	"slices"
)

// Match returns the rule for names or patterns that decides on q among those of
// the given lists of this set, by precedence. It does not allocate: the rule
// shares memory with q's name and with the set. Rules that only take the effect
// of others away, $badfilter and @@…$dnsrewrite, never are the one that decides.
func (s *Set) Match(q *Query, lists Lists) (Rule, bool) {
	by := search{set: s, q: q, lists: lists}
	return by.decide()
}

// MatchAddr returns the rule for addresses that decides on addr in an answer to
// q, by precedence: of those of one class the rule for the longest prefix. It
// does not allocate.
func (s *Set) MatchAddr(addr netip.Addr, q *Query, lists Lists) (Rule, bool) {
	if !lists.overlap(s.withAddrs) {
		return Rule{}, false
	}
	by := search{set: s, q: q, lists: lists, addr: addr.Unmap().WithZone("")}
	return by.decide()
}

// MatchAll returns all rules for names and patterns of the given lists that
// match q, the one that Match returns first and the others by precedence. Rules
// without effect are not among them: those that a $badfilter cancels or an
// @@…$dnsrewrite lifts, and these two themselves.
func (s *Set) MatchAll(q *Query, lists Lists) []Rule {
	var rules []Rule
	by := search{set: s, q: q, lists: lists}
	for _, h := range by.all() {
		rules = append(rules, by.rule(&h))
	}
	return rules
}

// Reply returns the reply of the rule that Match or MatchAddr returned for q and
// lists, nil when it has none. When that rule prescribes records for a name or
// pattern, the records of all rules that win equally come together: rules of the
// same class for the same name, or for patterns. The result is not to be changed.
func (s *Set) Reply(q *Query, lists Lists, winner Rule) *Reply {
	if winner.Prefix.IsValid() || !winner.Reply.joins(winner.Reply) {
		return winner.Reply
	}
	joined := &Reply{Rcode: winner.Reply.Rcode}
	for _, r := range s.MatchAll(q, lists) {
		if r.flags() != winner.flags() || len(r.Name) != len(winner.Name) || !r.Reply.joins(winner.Reply) {
			continue
		}
		for _, record := range r.Reply.Records {
			if !slices.ContainsFunc(joined.Records, record.equal) {
				joined.Records = append(joined.Records, record)
			}
		}
	}
	if len(joined.Records) == len(winner.Reply.Records) {
		return winner.Reply
	}
	return joined
}
