package policy

import (
	"fmt"
	"net/netip"

	"tundns/dnswire"
)

// Rebinding is the protection against names on the internet that lead to
// addresses of the own network, by which web pages reach what a firewall keeps
// from them (DNS rebinding). It is off in the zero value.
type Rebinding struct {
	On bool
	// Allow are domains that may have such addresses, with all names under them.
	Allow []dnswire.Name
}

// checked returns a copy of r for a policy.
func (r Rebinding) checked() (Rebinding, error) {
	for _, name := range r.Allow {
		if name == "" || name == dnswire.Root {
			return r, fmt.Errorf("rebinding protection: an exception has no name; turn the protection off to allow every name")
		}
	}
	r.Allow = append([]dnswire.Name(nil), r.Allow...)
	return r, nil
}

// Rebinding returns the verdict on the addresses in an answer from the internet
// to q: the first private one blocks it, as NODATA, for every group and whatever
// the lists or a pause say. Names that are routed to an upstream group of their
// own may well have private addresses: answers to them are not to be asked about.
//
// Rebinding does not keep msg and does not allocate.
func (p *Policy) Rebinding(q *Question, msg []byte) Verdict {
	if !p.rebinding.On {
		return Verdict{}
	}
	addr := firstAddr(msg, private)
	if !addr.IsValid() {
		return Verdict{}
	}
	for _, name := range p.rebinding.Allow {
		if q.Name.In(name) {
			return Verdict{}
		}
	}
	return Verdict{Action: Block, Cause: ByRebinding, Reply: noData, Addr: addr}
}

// notPublic are the networks of a host, a link and a site beside those that
// netip knows.
var notPublic = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),     // this network (RFC 791); Linux takes 0.0.0.0 for itself
	netip.MustParsePrefix("100.64.0.0/10"), // shared with the provider (RFC 6598); used inside VPNs
	netip.MustParsePrefix("fec0::/10"),     // site-local (RFC 3879), still routed by some
}

// nat64 is the well-known prefix of IPv4 addresses in IPv6 (RFC 6052), and
// localNAT64 the one for use inside a network (RFC 8215), where the address is in
// the last 32 bits as well.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")
	compatible = netip.MustParsePrefix("::/96") // IPv4-compatible (RFC 4291 section 2.5.5.1)
)

// private reports whether addr is of no host on the internet: private,
// loopback, link-local, unspecified or the like, also as an IPv4 address inside
// an IPv6 one.
func private(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() {
		return true
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return true
		}
	}
	if nat64.Contains(addr) || localNAT64.Contains(addr) || compatible.Contains(addr) {
		b := addr.As16()
		return private(netip.AddrFrom4([4]byte(b[12:])))
	}
	return false
}
