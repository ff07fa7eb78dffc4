package config

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"tundns/dnswire"
)

// Domain is a domain that an upstream group answers for.
type Domain struct {
	// Name is in lower case and ASCII, without a trailing dot.
	Name string
	// Exact restricts it to that very name, without the names under it.
	Exact bool
}

// String returns d as a file has it.
func (d Domain) String() string {
	if d.Exact {
		return "=" + d.Name
	}
	return d.Name
}

// domains decodes the domains of an upstream group. No two groups have the same.
func (d *decoder) domains(n *node) []Domain {
	items, ok := d.list(n, "domains")
	if !ok {
		return nil
	}
	var domains []Domain
	for _, item := range items {
		text, ok := d.item(item, "a domain or a network")
		if !ok {
			continue
		}
		names, why := parseDomain(text)
		if why != "" {
			d.fail(item.at, "domain %s %s", quote(text), why)
			continue
		}
		for _, name := range names {
			if d.routed[name] {
				d.fail(item.at, "domain %s is given twice", quote(name.String()))
				break
			}
			if d.routed == nil {
				d.routed = map[Domain]bool{}
			}
			d.routed[name] = true
			domains = append(domains, name)
		}
	}
	return domains
}

// parseDomain returns the domains that text stands for, one unless it is a network.
func parseDomain(text string) (domains []Domain, why string) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return nil, `is neither a domain, like "corp.example", nor a network, like "10.0.0.0/8"`
		case p != p.Masked():
			return nil, `has host bits set; write "` + p.Masked().String() + `"`
		case p.Addr().Is4In6():
			return nil, "is an IPv4 network in IPv6 clothes; write the IPv4 network"
		}
		return reverse(p), ""
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return nil, `is an address; for the names of addresses write a network, like "` + netip.PrefixFrom(a, a.BitLen()).String() + `"`
	}
	name, exact := strings.CutPrefix(text, "=")
	switch {
	case name == "" || name == ".":
		return nil, "is no domain; leave domains out, and the upstream group answers for all names that no other group has"
	case strings.HasPrefix(name, "*.") || strings.HasPrefix(name, "."):
		return nil, `must be written "` + strings.TrimLeft(name, "*.") + `", which stands for the names under it as well`
	}
	const no = `is not a domain, like "corp.example"`
	ascii, err := idna.Punycode.ToASCII(name)
	if err != nil || strings.Contains(name, `\`) {
		return nil, no
	}
	wire, err := dnswire.ParseName(ascii)
	if err != nil || strings.ContainsAny(wire.Text(), `\*=:/`) || isAddr(wire.Text()) { // "\" is in what had to be escaped
		return nil, no
	}
	if again, err := idna.Punycode.ToASCII(wire.Text()); err != nil || again != wire.Text() {
		return nil, no // an "xn--" that is nothing's
	}
	return []Domain{{wire.Text(), exact}}, ""
}

// reverse returns the zones in which the addresses of p have their names (RFC 1035 section
// 3.5, RFC 3596 section 2.5). Where p ends within a label they are several: up to 128.
func reverse(p netip.Prefix) []Domain {
	width, base, root := 8, 10, "in-addr.arpa" // bits and number base of a label
	if p.Addr().Is6() {
		width, base, root = 4, 16, "ip6.arpa"
	}
	whole := p.Bits() / width
	name := root
	for i := range whole {
		name = strconv.FormatUint(uint64(digit(p.Addr(), i, width)), base) + "." + name
	}
	rest := p.Bits() % width
	if rest == 0 {
		return []Domain{{Name: name}}
	}
	first := digit(p.Addr(), whole, width)
	zones := make([]Domain, 1<<(width-rest))
	for i := range zones {
		zones[i].Name = strconv.FormatUint(uint64(first)+uint64(i), base) + "." + name
	}
	return zones
}

// digit returns the i-th group of width bits of a.
func digit(a netip.Addr, i, width int) byte {
	b := a.AsSlice()
	if width == 8 {
		return b[i]
	}
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 0xF
}
