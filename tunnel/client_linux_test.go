package tunnel

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"tundns/tunnel/wgquick"
)

// The kernel's packets go through WireGuard on a real interface to a peer in this process,
// also after the link was down. WireGuard opens its sockets from threads of its own
// choice, so that the whole process has to be in the namespace.
func TestClientOnTUN(t *testing.T) {
	if !isChild() {
		newNamespace(t)
		if out, err := childOf(t).CombinedOutput(); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		return
	}
	checkLeaks(t)
	before := hostState(t)
	peer, local := newSides()
	network := netip.MustParsePrefix("10.9.0.0/24")

	pc := newClient(t, peer, peer.config(local, wgquick.Endpoint{}), nil)
	conf := local.config(peer, wgquick.Endpoint{Host: "127.0.0.1", Port: port(t, pc)})
	conf.File = "wgtest.conf"
	conf.Addresses = prefixes("10.8.0.2/24")
	conf.Peers[0].AllowedIPs = append(conf.Peers[0].AllowedIPs, network)
	opts, err := ClientOptions(conf, Options{Addresses: []netip.Prefix{own4, own6}, Virtual: []netip.Addr{virtual4, virtual6}})
	must(t, err)
	d, err := Open(opts)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	c, err := NewClient(d.TUN(), d.Name(), conf, nil, t.Logf)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, d.Up())

	crosses := func() {
		t.Helper()
		behind := netip.MustParseAddr("10.9.0.5")
		must(t, reach(behind))
		expectInbound(t, peer, local.addr, behind)
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: local.addr.AsSlice()})
		must(t, err)
		defer conn.Close()
		must(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		select {
		case peer.dev.Outbound <- datagram(peer.addr, conn.LocalAddr().(*net.UDPAddr).AddrPort(), "hello"):
		case <-time.After(20 * time.Second):
			t.Fatal("the peer's WireGuard does not read")
		}
		buf := make([]byte, 64)
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "hello" || from.Addr() != peer.addr {
			t.Fatalf("the host got %q from %v, %v", buf[:n], from, err)
		}
	}
	crosses()

	link, err := netlink.LinkByName("wgtest")
	must(t, err)
	updates, done := make(chan netlink.RouteUpdate, 64), make(chan struct{})
	must(t, netlink.RouteSubscribe(updates, done))
	must(t, netlink.LinkSetDown(link))
	must(t, netlink.LinkSetUp(link))
	waitForRoute(t, updates, network)
	close(done)
	crosses()

	// As when somebody else deletes the interface.
	must(t, netlink.LinkDel(link))
	select {
	case <-c.Done():
	case <-time.After(20 * time.Second):
		t.Error("WireGuard goes on without its interface")
	}
	must(t, c.Close())
	must(t, d.Close())
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// datagram returns an IPv4 UDP packet, without a UDP checksum (RFC 768 permits that).
func datagram(src netip.Addr, dst netip.AddrPort, payload string) []byte {
	const ip, udp = 20, 8
	p := make([]byte, ip+udp, ip+udp+len(payload))
	p = append(p, payload...)
	p[0] = 4<<4 | ip/4
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p[8], p[9] = 64, 17 // TTL, UDP
	copy(p[12:], src.AsSlice())
	copy(p[16:], dst.Addr().AsSlice())
	var sum uint32
	for i := 0; i < ip; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum+sum>>16))
	binary.BigEndian.PutUint16(p[ip:], 9) // from port
	binary.BigEndian.PutUint16(p[ip+2:], dst.Port())
	binary.BigEndian.PutUint16(p[ip+4:], uint16(udp+len(payload)))
	return p
}

// expectInbound waits for the packet from src to dst that comes out of the tunnel at s.
func expectInbound(t *testing.T, s side, src, dst netip.Addr) {
	t.Helper()
	select {
	case p := <-s.dev.Inbound:
		if gotSrc, gotDst := ends(p); gotSrc != src || gotDst != dst {
			t.Errorf("packet from %v to %v came out of the tunnel, want from %v to %v", gotSrc, gotDst, src, dst)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("no packet from %v to %v came out of the tunnel", src, dst)
	}
}
