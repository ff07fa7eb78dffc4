package datapath

import (
	"encoding/binary"
	"net/netip"
)

// Packets are built here from the RFCs, apart from the code under test.

var (
	vip4  = netip.MustParseAddr("10.30.30.30")
	vip6  = netip.MustParseAddr("fd30:30:30::30")
	host4 = netip.MustParseAddr("10.30.30.1")
	host6 = netip.MustParseAddr("fd30:30:30::1")
	peer4 = netip.MustParseAddr("10.40.0.7")
	peer6 = netip.MustParseAddr("fd40::7")
	far4  = netip.MustParseAddr("192.0.2.9")
	far6  = netip.MustParseAddr("2001:db8::9")
)

// sum is the one's complement sum of RFC 1071, a byte pair at a time.
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			s += uint32(b[i]) << 8
			if i+1 < len(b) {
				s += uint32(b[i+1])
			}
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func be16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func pseudo(src, dst netip.Addr, proto, n int) []byte {
	return append(append(append(src.AsSlice(), dst.AsSlice()...), be16(proto)...), be16(n)...)
}

// fix sets the checksum at seg[at:].
func fix(seg []byte, at int, pseudo []byte) []byte {
	seg[at], seg[at+1] = 0, 0
	c := ^sum(pseudo, seg)
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(seg[at:], c)
	return seg
}

// ip wraps a transport segment in an IP packet with TTL 64. For IPv4 options
// may be given, a multiple of 4 bytes.
func ip(src, dst netip.Addr, proto int, seg []byte, options ...byte) []byte {
	if src.Is6() {
		p := append([]byte{0x60, 0, 0, 0}, be16(len(seg))...)
		p = append(append(append(p, byte(proto), 64), src.AsSlice()...), dst.AsSlice()...)
		return append(p, seg...)
	}
	n := 20 + len(options)
	p := append([]byte{0x40 | byte(n/4), 0}, be16(n+len(seg))...)
	p = append(p, 0, 1, 0, 0, 64, byte(proto), 0, 0)
	p = append(append(append(p, src.AsSlice()...), dst.AsSlice()...), options...)
	return append(fix(p, 10, nil), seg...)
}

// edit returns p changed by f; for IPv4 the header checksum is made right again.
func edit(p []byte, f func(p []byte)) []byte {
	p = append([]byte(nil), p...)
	f(p)
	if p[0]>>4 == 4 && len(p) >= 20 && int(p[0]&15)*4 <= len(p) && p[0]&15 >= 5 {
		fix(p[:int(p[0]&15)*4], 10, nil)
	}
	return p
}

func udpSeg(src, dst netip.AddrPort, payload []byte) []byte {
	n := 8 + len(payload)
	seg := append(append(append(be16(int(src.Port())), be16(int(dst.Port()))...), be16(n)...), 0, 0)
	return fix(append(seg, payload...), 6, pseudo(src.Addr(), dst.Addr(), protoUDP, n))
}

func udpPacket(src, dst netip.AddrPort, payload string) []byte {
	return ip(src.Addr(), dst.Addr(), protoUDP, udpSeg(src, dst, []byte(payload)))
}

func tcpPacket(src, dst netip.AddrPort, flags byte, seq, ack uint32) []byte {
	seg := append(be16(int(src.Port())), be16(int(dst.Port()))...)
	seg = binary.BigEndian.AppendUint32(seg, seq)
	seg = binary.BigEndian.AppendUint32(seg, ack)
	seg = append(seg, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return ip(src.Addr(), dst.Addr(), protoTCP, fix(seg, 16, pseudo(src.Addr(), dst.Addr(), protoTCP, len(seg))))
}

const (
	flagFIN, flagSYN, flagRST, flagACK = 1, 2, 4, 16
)

func ping(src, dst netip.Addr, payload string) []byte {
	if src.Is4() {
		return ip(src, dst, protoICMP, fix(append([]byte{8, 0, 0, 0, 0, 7, 0, 1}, payload...), 2, nil))
	}
	seg := append([]byte{128, 0, 0, 0, 0, 7, 0, 1}, payload...)
	return ip(src, dst, protoICMP6, fix(seg, 2, pseudo(src, dst, protoICMP6, len(seg))))
}

// ext prefixes seg with an IPv6 extension header of one 8-byte unit.
func ext(next int, data [6]byte, seg []byte) []byte {
	return append(append([]byte{byte(next), 0}, data[:]...), seg...)
}

// padN fills an options header (RFC 8200 section 4.2).
var padN = [6]byte{1, 4}

// fragments splits an IP packet's payload into fragments of at most size
// bytes, a multiple of 8.
func fragments(p []byte, size int, id uint32) [][]byte {
	h, proto := 20, p[9]
	if p[0]>>4 == 6 {
		h, proto = 40, p[6]
	}
	var out [][]byte
	for off := 0; off < len(p)-h; off += size {
		end := min(off+size, len(p)-h)
		more := end < len(p)-h
		out = append(out, fragment(p[:h], proto, p[h+off:h+end], off, more, id))
	}
	return out
}

// fragment makes one fragment with the fixed header h.
func fragment(h []byte, proto byte, data []byte, off int, more bool, id uint32) []byte {
	if h[0]>>4 == 4 {
		q := append(append([]byte(nil), h[:20]...), data...)
		return edit(q, func(q []byte) {
			binary.BigEndian.PutUint16(q[2:], uint16(len(q)))
			binary.BigEndian.PutUint16(q[4:], uint16(id))
			v := uint16(off / 8)
			if more {
				v |= 0x2000
			}
			binary.BigEndian.PutUint16(q[6:], v)
		})
	}
	v := uint16(off)
	if more {
		v |= 1
	}
	f := append([]byte{proto, 0}, be16(int(v))...)
	f = append(binary.BigEndian.AppendUint32(f, id), data...)
	q := append(append([]byte(nil), h[:40]...), f...)
	q[6] = protoFragment
	binary.BigEndian.PutUint16(q[4:], uint16(len(f)))
	return q
}

func ap(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
