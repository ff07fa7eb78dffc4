package blocklists

import (
	"bytes"
	"net/netip"
)

// hosts reads a line of hosts(5): an address, then names, then perhaps a
// comment behind # or, as in other lists, a blank and ! or ;. Every name is a rule
// of its own for exactly that name. Only lines that lead nowhere block: those
// whose address is unspecified or loopback. A line with another address says
// where the name is, which is not a block.
func (r *reader) hosts(text []byte) {
	first, rest := field(text)
	nowhere := leadsNowhere(first)
	for len(rest) > 0 && rest[0] != '#' && rest[0] != '!' && rest[0] != ';' {
		var name []byte
		name, rest = field(rest)
		if i := bytes.IndexByte(name, '#'); i > 0 {
			name, rest = name[:i], nil
		}
		switch {
		case isBoilerplate(name):
		case !nowhere:
			r.out.skip(whyHosts)
		default:
			r.name(name, Exact)
		}
	}
}

// leadsNowhere reports whether text is an address that no service can be at: the
// unspecified one or one of the own machine.
func leadsNowhere(text []byte) bool {
	switch string(text) { // nearly always
	case "0.0.0.0", "127.0.0.1", "::", "::1":
		return true
	}
	addr, err := netip.ParseAddr(string(text))
	return err == nil && isSink(addr)
}

func isSink(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsUnspecified() || addr.IsLoopback()
}

// isBoilerplate reports whether name is one of those that hosts files define
// for the machine itself, in any letter case. They are no rules.
func isBoilerplate(name []byte) bool {
	if len(name) == 0 || name[0] != '0' && bytes.IndexByte(name, '.') >= 0 && name[0]|0x20 != 'l' {
		return false // most names, told by few bytes
	}
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
	case "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6", "localhost6.localdomain6",
		"local", "loopback", "broadcasthost", "0.0.0.0":
		return true
	}
	// ip6-localhost, ip6-allnodes and the like
	return bytes.HasPrefix(low[:len(name)], []byte("ip6-")) && bytes.IndexByte(name, '.') < 0
}
