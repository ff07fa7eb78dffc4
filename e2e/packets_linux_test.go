package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// TestFragments sends queries that the kernel has to send in pieces.
func TestFragments(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))
	for _, addr := range []string{virtual4, virtual6} {
		for _, padding := range []int{1300, 3000, 20000} {
			query := new(dns.Msg).SetQuestion("www.example.", dns.TypeA).SetEdns0(1232, false)
			query.IsEdns0().Option = append(query.IsEdns0().Option, &dns.EDNS0_PADDING{Padding: make([]byte, padding)})
			conn, err := h.dial(t.Context(), "udp", net.JoinHostPort(addr, "53"))
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(clientPatience))
			c := &dns.Conn{Conn: conn, UDPSize: 1232}
			if err := c.WriteMsg(query); err != nil {
				t.Fatal(err)
			}
			if m, err := c.ReadMsg(); err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
				t.Errorf("a query of more than %d bytes to %s: %v, %v", padding, addr, m, err)
			}
			conn.Close()
		}
	}
}

// TestBurst sends 1,500 queries as fast as the kernel takes them.
func TestBurst(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))
	h.ask("NOERROR", "@"+virtual4, "www.example") // in the cache from now on

	// Many clients, each with few answers waiting: a socket's buffer holds
	// some 250 by default, and what is lost there is not tundns's loss.
	const (
		clients = 15
		each    = 100
		wanted  = clients * each * 9 / 10
	)
	for _, addr := range []string{virtual4, virtual6} {
		var conns [clients]net.Conn
		answers := make(chan int, clients)
		for i := range conns {
			conn, err := h.dial(t.Context(), "udp", net.JoinHostPort(addr, "53"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(clientPatience))
			go func() { answers <- countAnswers(conn, each) }()
			conns[i] = conn
		}
		wire, err := new(dns.Msg).SetQuestion("www.example.", dns.TypeA).Pack()
		if err != nil {
			t.Fatal(err)
		}
		for id := range uint16(each) {
			binary.BigEndian.PutUint16(wire, id)
			for _, conn := range conns {
				if _, err := conn.Write(wire); err != nil {
					t.Fatal(err)
				}
			}
		}
		n := 0
		for range clients {
			n += <-answers
		}
		t.Logf("%s: %d of %d answered", addr, n, clients*each)
		if n < wanted {
			t.Errorf("%s: %d of %d answered, want %d at least", addr, n, clients*each, wanted)
		}
	}
}

// countAnswers reads until there have been as many good answers, told apart by
// their IDs, as are wanted, or the connection's deadline has passed.
func countAnswers(conn net.Conn, wanted int) int {
	answered, buf := make(map[uint16]bool), make([]byte, 1232)
	for len(answered) < wanted {
		n, err := conn.Read(buf)
		if err != nil {
			break
		}
		if n > 12 && buf[2]&0x80 != 0 && buf[3]&0xf == dns.RcodeSuccess {
			answered[binary.BigEndian.Uint16(buf)] = true
		}
	}
	return len(answered)
}

// packet is what a malformed query is made of.
type packet struct {
	source, destination netip.Addr
	checksum            bool // right
	port                uint16
}

// bytes returns an IP packet with a query for the name ".". The kernel fills in
// what it fills in on raw sockets: an IPv4 header's checksum and total length.
func (p packet) bytes() []byte {
	query := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}
	segment := binary.BigEndian.AppendUint16(nil, p.port)
	segment = binary.BigEndian.AppendUint16(segment, 53)
	segment = binary.BigEndian.AppendUint16(segment, uint16(8+len(query)))
	segment = append(append(segment, 0, 0), query...)
	pseudo := append(append(p.source.AsSlice(), p.destination.AsSlice()...), 0, unix.IPPROTO_UDP, 0, byte(len(segment)))
	sum := checksum(append(pseudo, segment...))
	if !p.checksum {
		sum ^= 0x0101
	}
	binary.BigEndian.PutUint16(segment[6:], sum)
	var header []byte
	if p.source.Is4() {
		header = make([]byte, 20)
		header[0], header[8], header[9] = 0x45, 64, unix.IPPROTO_UDP
		copy(header[12:], p.source.AsSlice())
		copy(header[16:], p.destination.AsSlice())
	} else {
		header = make([]byte, 40)
		header[0], header[5], header[6], header[7] = 0x60, byte(len(segment)), unix.IPPROTO_UDP, 64
		copy(header[8:], p.source.AsSlice())
		copy(header[24:], p.destination.AsSlice())
	}
	return append(header, segment...)
}

// checksum is the Internet checksum of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// inject sends a packet as it is, from a raw socket of the host.
func (h *host) inject(p packet) error {
	return h.do(func() error {
		family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: [4]byte(p.destination.AsSlice()[:4])})
		if p.destination.Is6() {
			family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: p.destination.As16()}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		return os.NewSyscallError("sendto", unix.Sendto(fd, p.bytes(), 0, to))
	})
}

// TestMalformedPackets sends well-formed queries in packets that no good kernel
// takes in, and sees them counted as dropped and unanswered.
func TestMalformedPackets(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.up("")
	addr := netip.MustParseAddr
	for _, test := range []struct {
		name    string
		packet  packet
		dropped string // the reason; empty: taken
	}{
		{"whole", packet{addr(ours4), addr(virtual4), true, 40001}, ""},
		{"whole, IPv6", packet{addr("fd30:30:30::1"), addr(virtual6), true, 40001}, ""},
		{"bad checksum", packet{addr(ours4), addr(virtual4), false, 40002}, "bad_checksum"},
		{"bad checksum, IPv6", packet{addr("fd30:30:30::1"), addr(virtual6), false, 40002}, "bad_checksum"},
		{"land", packet{addr(virtual4), addr(virtual4), true, 53}, "land"},
		{"land, IPv6", packet{addr(virtual6), addr(virtual6), true, 53}, "land"},
		{"from a loopback address", packet{addr("127.0.0.1"), addr(virtual4), true, 40003}, "martian"},
		{"from a multicast address", packet{addr("224.0.0.1"), addr(virtual4), true, 40003}, "martian"},
		{"from the broadcast address", packet{addr("255.255.255.255"), addr(virtual4), true, 40003}, "martian"},
		{"from nowhere, IPv6", packet{addr("::"), addr(virtual6), true, 40003}, "martian"},
		{"from a loopback address, IPv6", packet{addr("::1"), addr(virtual6), true, 40003}, "martian"},
	} {
		before := h.metrics()
		if err := h.inject(test.packet); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if test.dropped == "" {
			eventually(t, test.name+": a query counted", func() bool {
				return h.metrics().sum("tundns_queries_total") == before.sum("tundns_queries_total")+1
			})
			continue
		}
		reason := fmt.Sprintf("reason=%q", test.dropped)
		eventually(t, test.name+": a packet dropped for "+reason, func() bool {
			return h.metrics().sum("tundns_datapath_drops_total", reason) == before.sum("tundns_datapath_drops_total", reason)+1
		})
		if n := h.metrics().sum("tundns_queries_total"); n != before.sum("tundns_queries_total") {
			t.Errorf("%s: taken for a query", test.name)
		}
	}
}
