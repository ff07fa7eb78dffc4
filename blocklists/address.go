package blocklists

import (
	"bytes"
	"net/netip"

	"tundns/blocklists/addrset"
)

// address reads an address or prefix and passes on the rule for answers with
// such addresses.
func (r *reader) address(text []byte) {
	prefix, ok := parsePrefix(text)
	switch {
	case !ok:
		r.out.skip(whyAddress)
	case addrset.TooWide(prefix) && r.refusesWide():
		r.out.skip(whyWideAddress)
	default:
		r.p.prefix = prefix
		r.emit()
	}
}

// isPrefix reports whether text looks like an address or prefix: it starts as one
// and has none of the letters that only names have.
func isPrefix(text []byte) bool {
	host, bits, prefix := bytes.Cut(text, []byte("/"))
	if prefix {
		_, ok := number(bits, 128)
		return ok && isAddress(host)
	}
	return isAddress(host)
}

// parsePrefix reads an address as the prefix of that address alone, or a prefix,
// whose host bits are cleared. IPv4-mapped addresses are IPv4.
func parsePrefix(text []byte) (p netip.Prefix, ok bool) {
	if bytes.IndexByte(text, '/') < 0 {
		addr, err := netip.ParseAddr(string(text))
		if err != nil || addr.Zone() != "" {
			return p, false
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return p, false
	}
	if addr := p.Addr(); addr.Is4In6() {
		const mapped = 96 // bits in front of the IPv4 address, RFC 4291 section 2.5.5.2
		if p.Bits() < mapped {
			return p, false
		}
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), true
}
