package blocklists

import (
	"bytes"
	"net/netip"
)

// hosts reads a line of hosts(5): an address, then names, then perhaps a
// comment. Every name is a rule of its own for exactly that name. Only lines
// that lead nowhere block: those whose address is unspecified or loopback. A
// line with another address says where the name is, which is not a block.
func (r *reader) hosts(text []byte) {
	if i := bytes.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	first, rest := field(bytes.TrimSpace(text))
	addr, err := netip.ParseAddr(string(first))
	if err != nil || len(rest) == 0 {
		r.out.skip(whyAddress)
		return
	}
	addr = addr.Unmap()
	sink := addr.IsUnspecified() || addr.IsLoopback()
	for len(rest) > 0 {
		var name []byte
		name, rest = field(rest)
		switch {
		case isBoilerplate(name):
		case !sink:
			r.out.skip(whyHosts)
		default:
			r.name(name, 0)
		}
	}
}

// isBoilerplate reports whether name is one of those that hosts files define
// for the machine itself, in any letter case. They are no rules.
func isBoilerplate(name []byte) bool {
	var low [24]byte // longer than the longest name below
	if len(name) > len(low) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(name)]) {
	case "localhost", "localhost.localdomain", "localhost4", "localhost6", "local", "loopback", "broadcasthost", "0.0.0.0":
		return true
	}
	// ip6-localhost, ip6-allnodes and the like
	return bytes.HasPrefix(low[:len(name)], []byte("ip6-")) && bytes.IndexByte(name, '.') < 0
}
