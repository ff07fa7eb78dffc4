package datapath

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
)

// headroom is the room before each packet that is written to a device: 16, as
// much as wireguard-go leaves (its transport header), and enough for the Linux
// virtio header (10) and the BSD family header (4).
const headroom = 16

// frame is an outbound packet: headroom bytes, then the IP packet. It is owned
// by whoever holds it and goes back by free.
type frame struct {
	b []byte
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// maxPooled bounds the buffers that are kept for reuse, so that a few large
// packets do not pin memory.
const maxPooled = 4096

// newFrame returns a frame for a packet of n bytes, which are not zeroed.
func newFrame(n int) *frame {
	fr := frames.Get().(*frame)
	if cap(fr.b) < headroom+n {
		fr.b = make([]byte, headroom+max(n, 2048-headroom))
	}
	fr.b = fr.b[:headroom+n]
	return fr
}

func (fr *frame) packet() []byte { return fr.b[headroom:] }

func (fr *frame) free() {
	if cap(fr.b) <= maxPooled {
		frames.Put(fr)
	}
}

// newUDPFrame returns a frame that holds payload as a UDP datagram. Both
// addresses are of one family. The packet may not be fragmented on its way;
// its IPv4 ID is therefore 0 (RFC 6864 section 4.1).
func newUDPFrame(src, dst netip.AddrPort, payload []byte) *frame {
	const ttl = 64 // RFC 1700's default
	n := headerUDP + len(payload)
	var fr *frame
	var seg []byte
	var sum uint16
	if src.Addr().Is4() {
		fr = newFrame(header4 + n)
		p := fr.packet()
		p[0], p[1] = 0x45, 0
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		copy(p[4:], []byte{0, 0, 0x40, 0, ttl, protoUDP, 0, 0}) // don't fragment
		s, d := src.Addr().As4(), dst.Addr().As4()
		copy(p[src4:], s[:])
		copy(p[dst4:], d[:])
		binary.BigEndian.PutUint16(p[10:], ^checksum.Checksum(p[:header4], 0))
		seg, sum = p[header4:], checksum.Checksum(p[src4:header4], 0)
	} else {
		fr = newFrame(header6 + n)
		p := fr.packet()
		copy(p, []byte{0x60, 0, 0, 0, 0, 0, protoUDP, ttl})
		binary.BigEndian.PutUint16(p[4:], uint16(n))
		s, d := src.Addr().As16(), dst.Addr().As16()
		copy(p[src6:], s[:])
		copy(p[dst6:], d[:])
		seg, sum = p[header6:], checksum.Checksum(p[src6:header6], 0)
	}
	binary.BigEndian.PutUint16(seg[0:], src.Port())
	binary.BigEndian.PutUint16(seg[2:], dst.Port())
	binary.BigEndian.PutUint16(seg[4:], uint16(n))
	binary.BigEndian.PutUint16(seg[6:], 0)
	copy(seg[headerUDP:], payload)
	sum = checksum.Combine(checksum.Combine(sum, protoUDP), uint16(n))
	c := ^checksum.Checksum(seg, sum)
	if c == 0 {
		c = 0xffff // 0 would say that there is no checksum (RFC 768)
	}
	binary.BigEndian.PutUint16(seg[6:], c)
	return fr
}
