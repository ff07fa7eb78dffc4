package datapath

import (
	"encoding/binary"
	"net/netip"
)

// verdictOf is the slow oracle of the decision on a packet from the host
// without rules: "pass", "serve" or the name of the drop's reason. It works on
// netip values and re-reads the packet for each question.
func verdictOf(addrs []netip.Addr, p []byte) string {
	src, dst, ok := addresses(p)
	is := func(a netip.Addr) bool {
		for _, v := range addrs {
			if v == a {
				return true
			}
		}
		return false
	}
	switch {
	case !ok:
		return "pass"
	case is(src) && src == dst:
		return "land"
	case is(src):
		return "spoofed"
	case !is(dst):
		return "pass"
	}
	if src.Is4() {
		return verdict4(p, src, dst)
	}
	return verdict6(p, src, dst)
}

func addresses(p []byte) (src, dst netip.Addr, ok bool) {
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		src, _ = netip.AddrFromSlice(p[12:16])
		dst, _ = netip.AddrFromSlice(p[16:20])
	case len(p) >= 40 && p[0]>>4 == 6:
		src, _ = netip.AddrFromSlice(p[8:24])
		dst, _ = netip.AddrFromSlice(p[24:40])
	}
	return src, dst, src.IsValid()
}

var (
	martians4 = prefixes("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4")
	martians6 = prefixes("::/96", "::ffff:0:0/96", "ff00::/8")
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// contains compares bits one by one: netip.Prefix would not let an IPv4-mapped
// address match an IPv6 prefix.
func contains(list []netip.Prefix, a netip.Addr) bool {
next:
	for _, p := range list {
		x, y := p.Addr().AsSlice(), a.AsSlice()
		for i := range p.Bits() {
			if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
				continue next
			}
		}
		return true
	}
	return false
}

func verdict4(p []byte, src, dst netip.Addr) string {
	h, total := int(p[0]&15)*4, int(p[2])<<8|int(p[3])
	switch {
	case h < 20 || h > total || total > len(p):
		return "malformed"
	case sum(p[:h]) != 0xffff:
		return "bad_checksum"
	case contains(martians4, src):
		return "martian"
	case p[6]&0x20 != 0 || p[6]&0x1f != 0 || p[7] != 0:
		return "serve"
	}
	return transportVerdict(src, dst, int(p[9]), p[h:total])
}

func verdict6(p []byte, src, dst netip.Addr) string {
	rest := p[40:]
	n := int(p[4])<<8 | int(p[5])
	if n > len(rest) {
		return "malformed"
	}
	if contains(martians6, src) {
		return "martian"
	}
	return chainVerdict(src, dst, int(p[6]), rest[:n])
}

// chainVerdict peels extension headers recursively.
func chainVerdict(src, dst netip.Addr, next int, rest []byte) string {
	switch next {
	case 44:
		return "serve"
	case 0, 43, 60:
		if len(rest) < 8 {
			return "malformed"
		}
		n := (int(rest[1]) + 1) * 8
		if len(rest) < n {
			return "malformed"
		}
		if next == 43 && rest[2] == 0 {
			return "routing_header"
		}
		if next == 43 && rest[3] != 0 {
			return "serve"
		}
		return chainVerdict(src, dst, int(rest[0]), rest[n:])
	}
	return transportVerdict(src, dst, next, rest)
}

func transportVerdict(src, dst netip.Addr, proto int, seg []byte) string {
	smallest := map[int]int{6: 20, 17: 8}
	if src.Is4() {
		smallest[1] = 8
	} else {
		smallest[58] = 8
	}
	least, known := smallest[proto]
	switch {
	case !known:
		return "serve"
	case len(seg) < least:
		return "malformed"
	case proto == 1:
		if sum(seg) != 0xffff {
			return "bad_checksum"
		}
		return "serve"
	case proto == 17:
		n := int(binary.BigEndian.Uint16(seg[4:]))
		if n < 8 || n > len(seg) {
			return "malformed"
		}
		seg = seg[:n]
		if src.Is4() && seg[6]|seg[7] == 0 {
			return "serve"
		}
		if seg[6]|seg[7] == 0 {
			return "bad_checksum"
		}
	}
	if sum(pseudo(src, dst, proto, len(seg)), seg) != 0xffff {
		return "bad_checksum"
	}
	return "serve"
}
