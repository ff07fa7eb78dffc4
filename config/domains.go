package config

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"

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
	if name == "" || name == "." {
		return nil, "is no domain; leave domains out, and the upstream group answers for all names that no other group has"
	}
	if name, why = parseSubtree(name); why != "" {
		return nil, why
	}
	return []Domain{{name, exact}}, ""
}

// parseSubtree parses a domain that stands for the names under it as well.
func parseSubtree(text string) (name, why string) {
	if bare := strings.TrimLeft(text, "*."); bare != "" && (strings.HasPrefix(text, "*.") || text[0] == '.') {
		return "", `must be written "` + bare + `", which stands for the names under it as well`
	}
	name, ok := parseName(text)
	if !ok {
		return "", `is not a domain, like "corp.example"`
	}
	return name, ""
}

// toASCII maps names in Unicode as programs do that look them up (UTS 46, non-transitional).
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// parseName returns the name that text is, in lower case and ASCII, without a trailing dot.
// It is of letters, digits, '-' and '_', neither the root nor an address.
func parseName(text string) (name string, ok bool) {
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		var err error
		if text, err = toASCII.ToASCII(text); err != nil {
			return "", false
		}
	}
	wire, err := dnswire.ParseName(text)
	if err != nil || wire == dnswire.Root {
		return "", false
	}
	name = wire.Text()
	if strings.Trim(name, alphanumeric+"-_.") != "" || isAddr(name) {
		return "", false
	}
	if again, err := idna.Punycode.ToASCII(name); err != nil || again != name {
		return "", false // an "xn--" that is nothing's
	}
	return name, true
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
