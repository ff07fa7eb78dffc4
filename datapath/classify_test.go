package datapath

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func TestAddressSetsAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 2, 3, 7, 64, 1000} {
		m4, m6 := map[uint32]bool{}, map[addr6]bool{}
		// Few distinct bits, so that homes collide and absent ones are near.
		random4 := func() uint32 { return 0x0a000000 | r.Uint32N(uint32(4*size+8))<<(r.UintN(2)*8) }
		random6 := func() addr6 { return addr6{0xfd00 << 48, uint64(random4())} }
		var l4 []uint32
		var l6 []addr6
		for len(l4) < size {
			if a := random4(); !m4[a] {
				m4[a] = true
				l4 = append(l4, a)
			}
		}
		for len(l6) < size {
			if a := random6(); !m6[a] {
				m6[a] = true
				l6 = append(l6, a)
			}
		}
		s4, s6 := newSet4(l4), newSet6(l6)
		for _, a := range append(slices.Clone(l4), 0) {
			if s4.has(a) != m4[a] {
				t.Fatalf("size %d: has(%#x) = %v", size, a, s4.has(a))
			}
		}
		if s6.has(addr6{}) {
			t.Fatalf("size %d: has(::)", size)
		}
		for range 10_000 {
			if a := random4(); s4.has(a) != m4[a] {
				t.Fatalf("size %d: has(%#x) = %v", size, a, s4.has(a))
			}
			if a := random6(); s6.has(a) != m6[a] {
				t.Fatalf("size %d: has(%#x) = %v", size, a, s6.has(a))
			}
		}
	}
}

// verdict is what the code under test says, in the oracle's words.
func verdict(t *table, p []byte) string {
	switch t.classify(p) {
	case foreign:
		return "pass"
	case spoofed:
		if isLand(p) {
			return Land.String()
		}
		return Spoofed.String()
	}
	v, r := validate(p)
	if r != valid {
		return r.String()
	}
	if len(v.b) > len(p) || v.whole && v.upper > len(v.b) || v.plain && !v.whole {
		panic(fmt.Sprintf("view does not fit: %+v of %d bytes", v, len(p)))
	}
	return "serve"
}

var sets = newTable([]netip.Addr{vip4, vip6}, nil)

func TestDecision(t *testing.T) {
	q4 := udpPacket(ap(host4, 4000), ap(vip4, 53), "query")
	q6 := udpPacket(ap(host6, 4000), ap(vip6, 53), "query")
	syn4 := tcpPacket(ap(host4, 4000), ap(vip4, 53), flagSYN, 1, 0)
	syn6 := tcpPacket(ap(host6, 4000), ap(vip6, 53), flagSYN, 1, 0)
	from := func(s string) []byte { return udpPacket(ap(netip.MustParseAddr(s), 4000), ap(vip4, 53), "q") }
	from6 := func(s string) []byte { return udpPacket(ap(netip.MustParseAddr(s), 4000), ap(vip6, 53), "q") }
	udp6 := q6[40:]
	with6 := func(next int, seg []byte) []byte { return ip(host6, vip6, next, seg) }
	set := func(p []byte, at int, b ...byte) []byte { return edit(p, func(p []byte) { copy(p[at:], b) }) }
	raw := func(p []byte, at int, b ...byte) []byte {
		p = slices.Clone(p)
		copy(p[at:], b)
		return p
	}

	for _, c := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"empty", nil, "pass"},
		{"one byte", []byte{0x45}, "pass"},
		{"short v4", q4[:19], "pass"},
		{"short v6", q6[:39], "pass"},
		{"version 5", set(q4, 0, 0x55), "pass"},
		{"foreign v4", udpPacket(ap(host4, 1), ap(far4, 53), "x"), "pass"},
		{"foreign v6", udpPacket(ap(host6, 1), ap(far6, 53), "x"), "pass"},
		{"foreign v4 from a martian", udpPacket(ap(netip.MustParseAddr("127.0.0.1"), 1), ap(far4, 53), "x"), "pass"},

		{"udp v4", q4, "serve"},
		{"udp v6", q6, "serve"},
		{"tcp v4", syn4, "serve"},
		{"tcp v6", syn6, "serve"},
		{"ping v4", ping(host4, vip4, "x"), "serve"},
		{"ping v6", ping(host6, vip6, "x"), "serve"},
		{"unknown protocol v4", ip(host4, vip4, 132, []byte("sctp")), "serve"},
		{"unknown protocol v6", ip(host6, vip6, 132, []byte("sctp")), "serve"},
		{"no payload v4", ip(host4, vip4, 59, nil), "serve"},
		{"ttl 1", set(q4, 8, 1), "serve"},
		{"hop limit 1", raw(q6, 7, 1), "serve"},
		{"record route option", ip(host4, vip4, protoUDP, q4[20:], 7, 7, 4, 0, 0, 0, 0, 0), "serve"},
		{"hop-by-hop", with6(0, ext(17, padN, udp6)), "serve"},
		{"destination options", with6(60, ext(17, padN, udp6)), "serve"},
		{"both", with6(0, ext(60, padN, ext(17, padN, udp6))), "serve"},
		{"trailing bytes v4", append(slices.Clone(q4), 1, 2, 3), "serve"},
		{"trailing bytes v6", append(slices.Clone(q6), 1, 2, 3), "serve"},
		{"udp without checksum v4", set(q4, 26, 0, 0), "serve"},
		{"udp padded within ip", ip(host4, vip4, protoUDP, append(udpSeg(ap(host4, 1), ap(vip4, 2), []byte("x")), 0, 0, 0)), "serve"},
		{"first fragment v4", set(q4, 6, 0x20, 0), "serve"},
		{"later fragment v4", set(q4, 6, 0, 9), "serve"},
		{"fragment v6", with6(44, ext(17, [6]byte{}, udp6)), "serve"},
		{"routing type 2, done", with6(43, ext(17, [6]byte{2, 0}, udp6)), "serve"},
		{"routing type 2, segments left", with6(43, ext(17, [6]byte{2, 1}, udp6)), "serve"},

		{"ihl 4", set(q4, 0, 0x44), "malformed"},
		{"ihl beyond total", set(q4, 0, 0x4f), "malformed"},
		{"total beyond packet", q4[:len(q4)-1], "malformed"},
		{"total below header", set(q4, 2, 0, 19), "malformed"},
		{"payload beyond packet v6", q6[:len(q6)-1], "malformed"},
		{"jumbo length v6", raw(q6, 4, 0, 0), "malformed"},
		{"extension header cut", with6(0, []byte{17, 0, 1, 4}), "malformed"},
		{"extension header beyond packet", with6(0, append([]byte{17, 9}, make([]byte, 20)...)), "malformed"},
		{"short udp", ip(host4, vip4, protoUDP, make([]byte, 7)), "malformed"},
		{"udp length below header", set(q4, 24, 0, 7), "malformed"},
		{"udp length beyond packet", set(q4, 24, 1, 0), "malformed"},
		{"short tcp", ip(host4, vip4, protoTCP, make([]byte, 19)), "malformed"},
		{"short icmp", ip(host4, vip4, protoICMP, make([]byte, 7)), "malformed"},
		{"short icmp v6", ip(host6, vip6, protoICMP6, make([]byte, 7)), "malformed"},

		{"header checksum", raw(q4, 10, 1, 2), "bad_checksum"},
		{"udp checksum v4", set(q4, 26, 1, 2), "bad_checksum"},
		{"udp checksum v6", raw(q6, 46, 1, 2), "bad_checksum"},
		{"udp without checksum v6", raw(q6, 46, 0, 0), "bad_checksum"},
		{"tcp checksum v4", set(syn4, 36, 1, 2), "bad_checksum"},
		{"tcp checksum v6", raw(syn6, 56, 1, 2), "bad_checksum"},
		{"icmp checksum v4", set(ping(host4, vip4, "x"), 22, 1, 2), "bad_checksum"},
		{"icmp checksum v6", raw(ping(host6, vip6, "x"), 42, 1, 2), "bad_checksum"},

		{"unspecified", from("0.0.0.0"), "martian"},
		{"this network", from("0.1.2.3"), "martian"},
		{"loopback", from("127.0.0.1"), "martian"},
		{"multicast", from("224.0.0.251"), "martian"},
		{"class E", from("240.0.0.1"), "martian"},
		{"broadcast", from("255.255.255.255"), "martian"},
		{"private is fine", from("192.168.1.1"), "serve"},
		{"link-local is fine", from("169.254.1.1"), "serve"},
		{"unspecified v6", from6("::"), "martian"},
		{"loopback v6", from6("::1"), "martian"},
		{"compatible v6", from6("::192.0.2.1"), "martian"},
		{"mapped v6", from6("::ffff:192.0.2.1"), "martian"},
		{"multicast v6", from6("ff02::fb"), "martian"},
		{"link-local v6 is fine", from6("fe80::1"), "serve"},
		{"nat64 v6 is fine", from6("64:ff9b::192.0.2.1"), "serve"},

		{"land v4", udpPacket(ap(vip4, 53), ap(vip4, 53), "x"), "land"},
		{"land v6", udpPacket(ap(vip6, 53), ap(vip6, 53), "x"), "land"},
		{"spoofed v4", udpPacket(ap(vip4, 53), ap(far4, 53), "x"), "spoofed"},
		{"spoofed v6", udpPacket(ap(vip6, 53), ap(far6, 53), "x"), "spoofed"},
		{"spoofed and malformed", udpPacket(ap(vip4, 53), ap(far4, 53), "x")[:20], "spoofed"},

		{"routing type 0", with6(43, ext(17, [6]byte{0, 0}, udp6)), "routing_header"},
		{"routing type 0, segments left", with6(43, ext(17, [6]byte{0, 1}, udp6)), "routing_header"},
		{"routing type 0 behind hop-by-hop", with6(0, ext(43, padN, ext(17, [6]byte{0, 0}, udp6))), "routing_header"},
	} {
		if got := verdict(sets, c.packet); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if got := verdictOf(sets.addrs, c.packet); got != c.want {
			t.Errorf("%s: the oracle says %s, want %s", c.name, got, c.want)
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	for _, c := range []struct {
		name string
		p    []byte
	}{
		{"v4", udpPacket(ap(host4, 1), ap(far4, 443), "payload")},
		{"v6", udpPacket(ap(host6, 1), ap(far6, 443), "payload")},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := &Filter{}
			t := newTable([]netip.Addr{vip4, vip6}, nil)
			b.ReportAllocs()
			passed := 0
			for b.Loop() {
				if f.passes(t, FromHost, c.p) {
					passed++
				}
			}
			if passed != b.N {
				b.Fatalf("%d of %d passed", passed, b.N)
			}
		})
	}
	// The floor: reading and comparing the destination alone.
	b.Run("v4 destination alone", func(b *testing.B) {
		p := udpPacket(ap(host4, 1), ap(far4, 443), "payload")
		want, hits := word4(vip4), 0
		for b.Loop() {
			if len(p) >= header4 && p[0]>>4 == 4 && binary.BigEndian.Uint32(p[dst4:]) == want {
				hits++
			}
		}
		if hits != 0 {
			b.Fatal(hits)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	for name, p := range map[string][]byte{
		"v4": udpPacket(ap(host4, 1), ap(vip4, 53), "a query of forty bytes, as they often are"),
		"v6": udpPacket(ap(host6, 1), ap(vip6, 53), "a query of forty bytes, as they often are"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, r := validate(p); r != valid {
					b.Fatal(r)
				}
			}
		})
	}
}
