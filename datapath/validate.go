package datapath

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
)

// IP protocol and extension header numbers (IANA).
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoICMP6    = 58
	protoDestOpts = 60
)

// Smallest transport headers: RFC 9293, 768, 792 and 4443.
const (
	headerTCP  = 20
	headerUDP  = 8
	headerICMP = 8
)

// valid is the reason of a packet that has none to be dropped.
const valid = Reason(reasons)

// view is a validated IP packet.
type view struct {
	b     []byte // the packet, without what follows its IP length
	v6    bool
	proto uint8 // of the transport, if whole
	upper int   // where the transport header starts, if whole

	// whole: no fragment and no source route, so that the transport is all
	// here and has been checked.
	whole bool

	// plain: whole, and no IP option or extension header that could ask for
	// anything.
	plain bool
}

func (v *view) src() netip.Addr {
	if v.v6 {
		return netip.AddrFrom16([16]byte(v.b[src6:]))
	}
	return netip.AddrFrom4([4]byte(v.b[src4:]))
}

func (v *view) dst() netip.Addr {
	if v.v6 {
		return netip.AddrFrom16([16]byte(v.b[dst6:]))
	}
	return netip.AddrFrom4([4]byte(v.b[dst4:]))
}

// validate checks a packet that classify has found to be virtual, as RFC 1122
// section 3.2.1 and RFC 8200 want it checked before it is processed. It returns
// valid, or why the packet must be dropped. TTL 1 and any option are fine: the
// packet has arrived.
func validate(p []byte) (view, Reason) {
	if p[0]>>4 == 4 {
		return validate4(p)
	}
	return validate6(p)
}

func validate4(p []byte) (v view, r Reason) {
	ihl := int(p[0]&15) * 4
	total := int(binary.BigEndian.Uint16(p[2:]))
	if ihl < header4 || total < ihl || total > len(p) {
		return v, Malformed
	}
	p = p[:total]
	if checksum.Checksum(p[:ihl], 0) != 0xffff {
		return v, BadChecksum
	}
	if martian4(binary.BigEndian.Uint32(p[src4:])) {
		return v, Martian
	}
	v = view{b: p, proto: p[9], upper: ihl}
	// More fragments, or an offset: RFC 791 section 3.1.
	v.whole = binary.BigEndian.Uint16(p[6:])&0x3fff == 0
	v.plain = v.whole && ihl == header4
	return v, v.checkTransport(checksum.Checksum(p[src4:header4], 0))
}

func validate6(p []byte) (v view, r Reason) {
	total := header6 + int(binary.BigEndian.Uint16(p[4:]))
	if total > len(p) {
		return v, Malformed
	}
	p = p[:total]
	if martian6(load6(p[src6:])) {
		return v, Martian
	}
	v = view{b: p, v6: true, proto: p[6], upper: header6, whole: true, plain: true}
	for v.whole {
		switch v.proto {
		case protoHopByHop, protoRouting, protoDestOpts:
		case protoFragment:
			v.whole, v.plain = false, false
			continue
		default:
			return v, v.checkTransport(checksum.Checksum(p[src6:header6], 0))
		}
		// All three: next header, length in 8 bytes beyond the first 8.
		h := p[v.upper:]
		if len(h) < 8 || len(h) < 8+int(h[1])*8 {
			return v, Malformed
		}
		if v.proto == protoRouting {
			if h[2] == 0 {
				return v, RoutingHeader
			}
			// With segments left the destination is not the final one, which
			// the transport's checksum covers. The netstack refuses it.
			v.whole = h[3] == 0
		}
		v.plain = false
		v.proto = h[0]
		v.upper += 8 + int(h[1])*8
	}
	return v, valid
}

// checkTransport checks the transport header's length and checksum, given the
// sum of both addresses. Fragments are checked after their reassembly, by the
// netstack.
func (v *view) checkTransport(addresses uint16) Reason {
	if !v.whole {
		return valid
	}
	seg := v.b[v.upper:]
	pseudo := func() uint16 {
		return checksum.Combine(checksum.Combine(addresses, uint16(v.proto)), uint16(len(seg)))
	}
	switch {
	case v.proto == protoTCP:
		if len(seg) < headerTCP {
			return Malformed
		}
		return sumIsGood(seg, pseudo())
	case v.proto == protoUDP:
		return checkUDP(seg, addresses, v.v6)
	case v.proto == protoICMP && !v.v6:
		if len(seg) < headerICMP {
			return Malformed
		}
		return sumIsGood(seg, 0)
	case v.proto == protoICMP6 && v.v6:
		if len(seg) < headerICMP {
			return Malformed
		}
		return sumIsGood(seg, pseudo())
	}
	return valid
}

// checkUDP checks a UDP datagram that may be followed by padding. addresses is
// the sum of both addresses. A checksum of 0 means none on IPv4, and is
// forbidden on IPv6 (RFC 8200 section 8.1).
func checkUDP(seg []byte, addresses uint16, v6 bool) Reason {
	if len(seg) < headerUDP {
		return Malformed
	}
	n := binary.BigEndian.Uint16(seg[4:])
	if n < headerUDP || int(n) > len(seg) {
		return Malformed
	}
	if binary.BigEndian.Uint16(seg[6:]) == 0 {
		if v6 {
			return BadChecksum
		}
		return valid
	}
	return sumIsGood(seg[:n], checksum.Combine(checksum.Combine(addresses, protoUDP), n))
}

// udpLength is the length field of a checked UDP datagram.
func udpLength(seg []byte) int { return int(binary.BigEndian.Uint16(seg[4:])) }

func sumIsGood(seg []byte, initial uint16) Reason {
	if checksum.Checksum(seg, initial) != 0xffff {
		return BadChecksum
	}
	return valid
}

// martian4 reports whether a cannot be a sender's address: 0.0.0.0/8,
// 127.0.0.0/8, and multicast, reserved and broadcast from 224.0.0.0 up
// (RFC 1122 section 3.2.1.3, RFC 6890).
func martian4(a uint32) bool {
	return a>>24 == 0 || a>>24 == 127 || a>>29 == 7
}

// martian6 reports whether a cannot be a sender's address: ::/96, which holds
// :: and ::1, ::ffff:0:0/96 and ff00::/8 (RFC 4291 section 2.5, RFC 6890).
func martian6(a addr6) bool {
	return a.hi == 0 && (a.lo>>32 == 0 || a.lo>>32 == 0xffff) || a.hi>>56 == 0xff
}

func martian(a netip.Addr) bool {
	if a.Is4() {
		return martian4(word4(a))
	}
	return martian6(word6(a))
}
