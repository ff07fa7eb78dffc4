package blocklists

import (
	"net/netip"
	"slices"

	"tundns/dnswire"
)

// Condition restricts a rule to some questions. The zero value restricts
// nothing. Conditions are shared by rules and not to be changed.
type Condition struct {
	Types    []uint16 // $dnstype: only questions of these types
	NotTypes []uint16 // $dnstype with ~: none of these types

	Clients    []ClientMatch // $client: only these clients
	NotClients []ClientMatch // $client with ~: none of these

	DenyAllow []dnswire.Name // $denyallow: not these names and what is under them

	// RewritesOnly makes an allow rule one that lifts only rules with $dnsrewrite
	// (@@…$dnsrewrite).
	RewritesOnly bool
}

// ClientMatch is one value of $client: an address or network, or the name of a
// peer.
type ClientMatch struct {
	Prefix netip.Prefix // not valid when it is a name
	Name   string
}

func (m ClientMatch) matches(c Client) bool {
	if m.Prefix.IsValid() {
		return m.Prefix.Contains(c.Addr)
	}
	return m.Name == c.Name && c.Name != ""
}

// Holds reports whether a rule with the condition applies to q. nil always does.
func (c *Condition) Holds(q *Query) bool {
	if c == nil {
		return true
	}
	is := func(m ClientMatch) bool { return m.matches(q.Client) }
	switch {
	case len(c.Types) > 0 && !slices.Contains(c.Types, q.Type),
		slices.Contains(c.NotTypes, q.Type),
		len(c.Clients) > 0 && !slices.ContainsFunc(c.Clients, is),
		slices.ContainsFunc(c.NotClients, is):
		return false
	}
	return !slices.ContainsFunc(c.DenyAllow, q.Name.In)
}
