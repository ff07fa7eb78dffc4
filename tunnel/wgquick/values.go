package wgquick

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	// minMTU is what an IPv4 host must be able to receive (RFC 1122 section 3.3.2).
	minMTU = 576
	// minMTU6 is the least MTU of a link that carries IPv6 (RFC 8200 section 5).
	minMTU6 = 1280
	maxMTU  = 65535
	// maxKeepalive is that of wg(8), in seconds.
	maxKeepalive = 65535
)

func (p *parser) setPrivateKey(value string) {
	k, err := ParseKey(value)
	switch {
	case err != nil:
		p.fail(p.line, "PrivateKey %v", err)
	case k.IsZero():
		p.fail(p.line, "PrivateKey is all zeros, which means no key; make one with: wg genkey")
	default:
		p.conf.PrivateKey = k
	}
}

func (p *parser) setPublicKey(value string) {
	k, err := ParseKey(value)
	switch {
	case err != nil:
		p.fail(p.line, "PublicKey %v", err)
	case k.IsZero():
		p.fail(p.line, "PublicKey is all zeros, which is nobody's key")
	case p.publicKey[k] != 0:
		p.fail(p.line, "this PublicKey is also that of the peer on line %d; a peer has one section", p.publicKey[k])
	default:
		p.publicKey[k] = p.line
		p.peer().PublicKey = k
	}
}

func (p *parser) setPresharedKey(value string) {
	k, err := ParseKey(value)
	if err != nil {
		p.fail(p.line, "PresharedKey %v", err)
		return
	}
	p.peer().PresharedKey = k
}

func (p *parser) setAddress(value string) {
	for text := range strings.SplitSeq(value, ",") {
		text = strings.TrimSpace(text)
		prefix, ok := parsePrefix(text)
		addr := prefix.Addr()
		switch {
		case !ok:
			p.fail(p.line, "Address %s is not an address like 10.0.0.2/24 or fd00::2/64", quote(text))
		case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback():
			p.fail(p.line, "Address %s cannot be an interface's own address", quote(text))
		case p.address[addr]:
			p.fail(p.line, "Address %s is given twice", quote(text))
		default:
			p.address[addr] = true
			p.conf.Addresses = append(p.conf.Addresses, prefix)
		}
	}
}

func (p *parser) setAllowedIPs(value string) {
	if value == "" {
		return
	}
	for text := range strings.SplitSeq(value, ",") {
		text = strings.TrimSpace(text)
		prefix, ok := parsePrefix(text)
		if !ok {
			p.fail(p.line, "AllowedIPs %s is not a network like 10.0.0.0/24 or fd00::/64", quote(text))
			continue
		}
		p.allow(prefix.Masked())
	}
}

// allow adds a masked prefix to the current peer.
func (p *parser) allow(prefix netip.Prefix) {
	if prefix.Bits() == 0 {
		p.failFullTunnel(prefix.String())
		return
	}
	by := allowedBy{len(p.conf.Peers) - 1, p.line}
	switch first, again := p.allowed[prefix]; {
	case again && first.peer == by.peer:
		return
	case again:
		p.fail(p.line, "AllowedIPs %s also belongs to another peer, on line %d; a network has one peer", prefix, first.line)
		return
	}
	p.allowed[prefix] = by
	p.peer().AllowedIPs = append(p.peer().AllowedIPs, prefix)
	// The two halves of a family are the usual way around 0.0.0.0/0 and as much of a
	// full tunnel as that.
	if prefix.Bits() != 1 {
		return
	}
	if other := otherHalf(prefix); p.allowed[other].line != 0 {
		p.failFullTunnel(prefix.String() + " together with " + other.String())
	}
}

func (p *parser) failFullTunnel(what string) {
	p.fail(p.line, "AllowedIPs %s is not supported in this version: full-tunnel routing would send WireGuard's own packets and the upstream queries into the tunnel; name the networks behind this peer", what)
}

// otherHalf returns the other prefix of length 1 of the same family.
func otherHalf(p netip.Prefix) netip.Prefix {
	a := p.Addr().AsSlice()
	a[0] ^= 0x80
	addr, _ := netip.AddrFromSlice(a)
	return netip.PrefixFrom(addr, 1)
}

func (p *parser) setMTU(value string) {
	if n, ok := parseNumber(value, minMTU, maxMTU); ok {
		p.conf.MTU, p.mtuLine = n, p.line
		return
	}
	p.fail(p.line, "MTU %s is not a number from %d to %d", quote(value), minMTU, maxMTU)
}

func (p *parser) setListenPort(value string) {
	n, ok := parseNumber(value, 0, 65535)
	if !ok {
		p.fail(p.line, "ListenPort %s is not a number from 0 to 65535", quote(value))
		return
	}
	p.conf.ListenPort = n
}

func (p *parser) setKeepalive(value string) {
	if strings.EqualFold(value, "off") {
		return
	}
	n, ok := parseNumber(value, 0, maxKeepalive)
	if !ok {
		p.fail(p.line, "PersistentKeepalive %s is neither \"off\" nor a number of seconds from 0 to %d", quote(value), maxKeepalive)
		return
	}
	p.peer().PersistentKeepalive = n
}

func (p *parser) setEndpoint(value string) {
	host, portText, err := net.SplitHostPort(value)
	port, ok := parseNumber(portText, 1, 65535)
	if err != nil || !ok || !validHost(host, value[0] == '[') {
		p.fail(p.line, "Endpoint %s is not of the form host:port, like vpn.example.com:51820, 192.0.2.1:51820 or [2001:db8::1]:51820", quote(value))
		return
	}
	p.peer().Endpoint = Endpoint{Host: host, Port: uint16(port)}
}

// validHost reports whether host can be an endpoint: an IPv6 address if it stood in
// brackets, else an IPv4 address or a name by RFC 1123 section 2.1, with '_' allowed
// since such names exist.
func validHost(host string, brackets bool) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Is6() == brackets && !addr.IsUnspecified() && !addr.IsMulticast() && !addr.Is4In6()
	}
	host = strings.TrimSuffix(host, ".")
	if brackets || len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	// A last label of digits alone is a mistyped address: no such top-level domain can be.
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// parsePrefix parses an address with or without a prefix length.
func parsePrefix(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == "" && !addr.Is4In6()
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix, err == nil && !prefix.Addr().Is4In6()
}

// parseNumber parses a decimal number from lo to hi, digits alone.
func parseNumber(text string, lo, hi int) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil && int(n) >= lo && int(n) <= hi
}

// checkFile checks what only the whole file can tell.
func (p *parser) checkFile() {
	if p.headers[sectionInterface] == 0 {
		p.fail(1, "there is no [Interface] section")
	}
	if own := p.conf.PrivateKey.Public(); !own.IsZero() && p.publicKey[own] != 0 {
		p.fail(p.publicKey[own], "this PublicKey is the one of [Interface] itself; a peer needs the key of the other end")
	}
	v6 := slices.ContainsFunc(p.conf.Addresses, func(a netip.Prefix) bool { return a.Addr().Is6() })
	if v6 && p.conf.MTU != 0 && p.conf.MTU < minMTU6 {
		p.fail(p.mtuLine, "MTU %d is too small for the IPv6 address of this interface; IPv6 needs %d", p.conf.MTU, minMTU6)
	}
}
