package datapath

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/faketime"
)

// quotes reports whether an ICMP error at seg quotes the packet that caused it.
func quotes(seg, packet []byte) bool {
	return len(seg) > 8 && strings.HasPrefix(string(packet), string(seg[8:8+min(28, len(seg)-8)]))
}

func TestUnservedIsRefused(t *testing.T) {
	h := newHarness(t, Config{})

	t.Run("tcp", func(t *testing.T) {
		for _, p := range [][]byte{
			tcpPacket(ap(host4, 4000), ap(vip4, 853), flagSYN, 77, 0),
			tcpPacket(ap(host6, 4000), ap(vip6, 853), flagSYN, 77, 0),
		} {
			src, dst, _ := addresses(p)
			proto, seg := checkReply(t, h.ask(p), dst, src)
			if proto != protoTCP || seg[13] != flagRST|flagACK || binary.BigEndian.Uint32(seg[8:]) != 78 {
				t.Errorf("not a reset of the SYN: %d %x", proto, seg)
			}
		}
	})
	t.Run("udp", func(t *testing.T) {
		p := udpPacket(ap(host4, 4000), ap(vip4, 9), "anybody?")
		if proto, seg := checkReply(t, h.ask(p), vip4, host4); proto != protoICMP || seg[0] != 3 || seg[1] != 3 || !quotes(seg, p) {
			t.Errorf("not port unreachable: %d %x", proto, seg)
		}
		p = udpPacket(ap(host6, 4000), ap(vip6, 9), "anybody?")
		if proto, seg := checkReply(t, h.ask(p), vip6, host6); proto != protoICMP6 || seg[0] != 1 || seg[1] != 4 || !quotes(seg, p) {
			t.Errorf("not port unreachable: %d %x", proto, seg)
		}
	})
	t.Run("other protocol", func(t *testing.T) {
		p := ip(host4, vip4, 132, []byte("sctp, or so it says"))
		if proto, seg := checkReply(t, h.ask(p), vip4, host4); proto != protoICMP || seg[0] != 3 || seg[1] != 2 || !quotes(seg, p) {
			t.Errorf("not protocol unreachable: %d %x", proto, seg)
		}
		// RFC 8200 section 4: parameter problem, unrecognized next header.
		p = ip(host6, vip6, 132, []byte("sctp, or so it says"))
		if proto, seg := checkReply(t, h.ask(p), vip6, host6); proto != protoICMP6 || seg[0] != 4 || seg[1] != 1 || !quotes(seg, p) {
			t.Errorf("not parameter problem: %d %x", proto, seg)
		}
	})
	if s := h.Stats(); s.Host.Served != 6 || s.Host.Passed != 0 || s.Host.Replies != 6 {
		t.Errorf("stats: %+v", s)
	}
}

func TestPing(t *testing.T) {
	h := newHarness(t, Config{})
	long := strings.Repeat("x", 1372) // fills the MTU on IPv6
	for _, p := range [][]byte{
		ping(host4, vip4, "hello"), ping(host6, vip6, "hello"), ping(host4, vip4, long), ping(host6, vip6, long),
		edit(ping(host4, vip4, "one hop"), func(p []byte) { p[8] = 1 }),
		ip(host4, vip4, protoICMP, ping(host4, vip4, "record route")[20:], 7, 7, 4, 0, 0, 0, 0, 0),
		ip(host4, vip4, protoICMP, ping(host4, vip4, "router alert")[20:], 148, 4, 0, 0),
		ip(host6, vip6, 0, ext(protoICMP6, [6]byte{5, 2, 0, 0, 1, 0}, ping(host6, vip6, "router alert")[40:])),
	} {
		src, dst, _ := addresses(p)
		proto, seg := checkReply(t, h.ask(p), dst, src)
		want, kind := p[len(p)-len(seg):], byte(0)
		if proto == protoICMP6 {
			kind = 129
		}
		if seg[0] != kind || string(seg[4:]) != string(want[4:]) {
			t.Errorf("%x is answered by %x", want, seg)
		}
	}
}

func TestFragmentsAreReassembled(t *testing.T) {
	h := newHarness(t, Config{})
	echo(h.listenUDP(ap(vip4, 7)), 1, func(b []byte, _ Sender) []byte { return be16(len(b)) })
	echo(h.listenUDP(ap(vip6, 7)), 1, func(b []byte, _ Sender) []byte { return be16(len(b)) })
	for _, p := range [][]byte{
		udpPacket(ap(host4, 4000), ap(vip4, 7), strings.Repeat("x", 3001)),
		udpPacket(ap(host6, 4000), ap(vip6, 7), strings.Repeat("x", 3001)),
	} {
		src, dst, _ := addresses(p)
		for name, order := range map[string]func([][]byte){
			"in order": func([][]byte) {},
			"reversed": func(f [][]byte) { slices.Reverse(f) },
			"with a duplicate": func(f [][]byte) {
				f[1], f[2] = f[2], f[1]
			},
		} {
			fs := fragments(p, 1000, 42)
			if name == "with a duplicate" {
				fs = append([][]byte{fs[0]}, fs...)
			}
			order(fs)
			_, seg := checkReply(t, h.ask(fs...), dst, src)
			if got := binary.BigEndian.Uint16(seg[8:]); got != 3001 {
				t.Errorf("%s: %d bytes arrived", name, got)
			}
		}
		// A single "fragment" that is the whole (RFC 6946).
		_, seg := checkReply(t, h.ask(fragments(p[:len(p):len(p)], 8000, 43)...), dst, src)
		if got := binary.BigEndian.Uint16(seg[8:]); got != 3001 {
			t.Errorf("atomic: %d bytes arrived", got)
		}
	}
}

func TestBadFragmentsAreDropped(t *testing.T) {
	h := newHarness(t, Config{})
	echo(h.listenUDP(ap(vip4, 7)), 1, same)
	echo(h.listenUDP(ap(vip6, 7)), 1, same)
	for _, p := range [][]byte{
		udpPacket(ap(host4, 4000), ap(vip4, 7), strings.Repeat("x", 300)),
		udpPacket(ap(host6, 4000), ap(vip6, 7), strings.Repeat("x", 300)),
	} {
		before := h.Stats().Netstack.MalformedFragments
		head, proto := 20, p[9]
		if p[0]>>4 == 6 {
			head, proto = 40, p[6]
		}
		part := func(from, to int, id uint32) []byte {
			return fragment(p[:head], proto, p[head+from:head+to], from, to < len(p)-head, id)
		}
		end := len(p) - head
		// The second overlaps the first: all is discarded, and what is left of
		// the datagram never becomes whole.
		h.silent(part(0, 160, 1), part(80, 240, 1), part(160, end, 1))
		if got := h.Stats().Netstack.MalformedFragments - before; got != 1 {
			t.Errorf("%d malformed fragments counted, want 1", got)
		}
		// Reassembled, but not what was sent.
		before = h.Stats().Netstack.BadChecksum
		bad := part(160, end, 2)
		bad[len(bad)-1] ^= 1
		h.silent(part(0, 160, 2), bad)
		if got := h.Stats().Netstack.BadChecksum - before; got != 1 {
			t.Errorf("%d bad checksums counted, want 1", got)
		}
	}
}

func TestIncompleteDatagramsExpire(t *testing.T) {
	clock := faketime.NewManualClock()
	h := newHarness(t, Config{clock: clock})
	echo(h.listenUDP(ap(vip4, 7)), 1, same)
	echo(h.listenUDP(ap(vip6, 7)), 1, same)
	for _, p := range [][]byte{
		udpPacket(ap(host4, 4000), ap(vip4, 7), strings.Repeat("x", 300)),
		udpPacket(ap(host6, 4000), ap(vip6, 7), strings.Repeat("x", 300)),
	} {
		fs := fragments(p, 160, 9)
		h.silent(fs[0])
		clock.Advance(61 * time.Second)
		// RFC 792 and 4443: time exceeded, fragment reassembly.
		src, dst, _ := addresses(p)
		kind := byte(11)
		if src.Is6() {
			kind = 3
		}
		if _, seg := checkReply(t, h.receive(), dst, src); seg[0] != kind || seg[1] != 1 {
			t.Errorf("not time exceeded: %x", seg)
		}
		h.silent(fs[1])
	}
}

// A flood of first fragments must not keep more than the netstack's 4 MiB, and
// an honest datagram still gets through.
func TestFragmentFloodIsBounded(t *testing.T) {
	h := newHarness(t, Config{})
	echo(h.listenUDP(ap(vip4, 7)), 1, func(b []byte, _ Sender) []byte { return be16(len(b)) })
	p := udpPacket(ap(host4, 4000), ap(vip4, 7), strings.Repeat("x", 2000))
	for id := range uint32(8000) {
		h.send(fragments(p, 1000, id)[0])
	}
	_, seg := checkReply(t, h.ask(fragments(p, 1000, 9000)...), vip4, host4)
	if got := binary.BigEndian.Uint16(seg[8:]); got != 2000 {
		t.Errorf("%d bytes arrived", got)
	}
	// The first of the flood were evicted long ago: their rest completes nothing.
	h.silent(fragments(p, 1000, 0)[1:]...)
}

func TestInvalidPacketsGetNoAnswer(t *testing.T) {
	h := newHarness(t, Config{})
	echo(h.listenUDP(ap(vip4, 53)), 1, same)
	echo(h.listenUDP(ap(vip6, 53)), 1, same)
	q6 := udpPacket(ap(host6, 4000), ap(vip6, 53), "query")
	packets := map[Reason][]byte{
		Malformed:     udpPacket(ap(host4, 4000), ap(vip4, 53), "query")[:30],
		BadChecksum:   edit(udpPacket(ap(host4, 4000), ap(vip4, 53), "query"), func(p []byte) { p[30] ^= 1 }),
		Martian:       udpPacket(ap(prefixes("127.0.0.1/8")[0].Addr(), 4000), ap(vip4, 53), "query"),
		Land:          udpPacket(ap(vip4, 53), ap(vip4, 53), "query"),
		Spoofed:       udpPacket(ap(vip6, 53), ap(far6, 53), "query"),
		RoutingHeader: ip(host6, vip6, 43, ext(17, [6]byte{}, q6[40:])),
	}
	for _, p := range packets {
		h.silent(p)
	}
	s := h.Stats()
	for r := range packets {
		if s.Host.Dropped[r] != 1 {
			t.Errorf("%v counted %d times", r, s.Host.Dropped[r])
		}
	}
	if s.Discarded != 0 {
		t.Errorf("%d packets passed", s.Discarded)
	}
}

// The netstack's limiter allows bursts of 50 and 1,000 ICMP errors a second;
// the rest is counted.
func TestICMPErrorsAreLimited(t *testing.T) {
	h := newHarness(t, Config{clock: faketime.NewManualClock()})
	const asked = 200
	for range asked {
		h.send(udpPacket(ap(host4, 4000), ap(vip4, 9), "anybody?"))
	}
	for range 50 {
		if _, seg := checkReply(t, h.receive(), vip4, host4); seg[0] != 3 {
			t.Fatalf("unexpected answer %x", seg)
		}
	}
	h.silent() // echo replies are not errors
	if got := h.Stats().Netstack.ICMPLimited; got != asked-50 {
		t.Errorf("%d errors limited, want %d", got, asked-50)
	}
}
