package datapath

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

// fixSums repairs the checksums, which mutations cannot.
func FuzzClassify(f *testing.F) {
	for _, p := range seeds() {
		f.Add(p, true)
		f.Add(p, false)
	}
	f.Fuzz(func(t *testing.T, p []byte, fixSums bool) {
		if fixSums {
			p = repaired(p)
		}
		before := slices.Clone(p)
		got, want := verdict(sets, p), verdictOf(sets.addrs, p)
		if got != want {
			t.Fatalf("%x: %s, the oracle says %s", p, got, want)
		}
		if !slices.Equal(before, p) {
			t.Fatalf("%x was changed to %x", before, p)
		}
	})
}

// FuzzFilter gives outside bytes to a whole filter, netstack and all: the
// decision is the oracle's, and every answer is a valid packet from a virtual
// address to the sender.
func FuzzFilter(f *testing.F) {
	for _, p := range seeds() {
		f.Add(p, true)
		for _, q := range fragments(p, 8, 1) {
			f.Add(q, false)
		}
	}
	dev := newScriptTUN(1)
	answers := make(chan []byte, 2*replyQueueLen)
	dev.write = func(bufs [][]byte, offset int) (int, error) {
		for _, b := range bufs {
			answers <- slices.Clone(b[offset:])
		}
		return len(bufs), nil
	}
	filter := newFilter(f, dev, Config{})
	for _, a := range []netip.Addr{vip4, vip6} {
		c, err := filter.ListenUDP(ap(a, 53))
		if err != nil {
			f.Fatal(err)
		}
		echo(c, 1, same)
		l, err := filter.ListenTCP(ap(a, 53))
		if err != nil {
			f.Fatal(err)
		}
		serveTCP(l, tcpEcho)
	}
	bufs, sizes := newBuffers(1), make([]int, 1)
	f.Fuzz(func(t *testing.T, p []byte, fixSums bool) {
		if fixSums {
			p = repaired(p)
		}
		p = p[:min(len(p), 65535)]
		dev.replay([][]byte{p})
		if _, err := filter.Read(bufs, sizes, headroom); err != nil {
			t.Fatal(err)
		}
		want := 0
		if verdictOf(sets.addrs, p) == "pass" {
			want = len(p)
		}
		if sizes[0] != want {
			t.Fatalf("%x: size %d, want %d", p, sizes[0], want)
		}
		for {
			select {
			case a := <-answers:
				src, dst, ok := addresses(a)
				if !ok || src != vip4 && src != vip6 || verdictOf([]netip.Addr{dst}, a) != "serve" {
					t.Fatalf("%x is answered by %x", p, a)
				}
				continue
			default:
			}
			break
		}
	})
}

// seeds are packets from which mutations reach every decision.
func seeds() [][]byte {
	q4 := udpPacket(ap(host4, 4000), ap(vip4, 53), "query")
	q6 := udpPacket(ap(host6, 4000), ap(vip6, 53), "query")
	return [][]byte{
		q4, q6,
		ip(host4, vip4, protoUDP, q4[20:], 7, 7, 4, 0, 0, 0, 0, 0),
		ip(host6, vip6, 0, ext(43, padN, ext(60, [6]byte{2, 0}, ext(17, padN, q6[40:])))),
		ip(host6, vip6, 44, ext(17, [6]byte{}, q6[40:])),
		tcpPacket(ap(host4, 1), ap(vip4, 53), flagSYN, 1, 0),
		tcpPacket(ap(host6, 1), ap(vip6, 53), flagSYN, 1, 0),
		ping(host4, vip4, "x"), ping(host6, vip6, "x"),
		udpPacket(ap(vip4, 53), ap(far4, 53), "x"),
		udpPacket(ap(vip6, 53), ap(vip6, 53), "x"),
		udpPacket(ap(host4, 1), ap(far4, 53), "x"),
	}
}

// repaired makes the header checksum right, and the transport's if it is where
// it is without options.
func repaired(p []byte) []byte {
	src, dst, ok := addresses(p)
	if !ok {
		return p
	}
	p = slices.Clone(p)
	h, proto := 40, int(p[6])
	if src.Is4() {
		h, proto = int(p[0]&15)*4, int(p[9])
		if h < 20 || h > len(p) {
			return p
		}
		fix(p[:h], 10, nil)
		if total := int(binary.BigEndian.Uint16(p[2:])); total >= h && total < len(p) {
			p = p[:total]
		}
	}
	seg := p[h:]
	at, smallest := map[int]int{1: 2, 6: 16, 17: 6, 58: 2}[proto], 20
	if at == 0 || len(seg) < smallest {
		return p
	}
	if proto == protoICMP {
		fix(seg, at, nil)
	} else {
		fix(seg, at, pseudo(src, dst, proto, len(seg)))
	}
	return p
}
