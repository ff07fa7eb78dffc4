package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// seen is what a capture keeps of a packet. The ports are 0 where the protocol,
// or a fragment, has none.
type seen struct {
	protocol            byte // unix.IPPROTO_...
	source, destination netip.AddrPort
}

func (p seen) String() string {
	return fmt.Sprintf("a packet of protocol %d from %v to %v", p.protocol, p.source, p.destination)
}

// capture records the packets that cross an interface, in either direction.
type capture struct {
	h       *host
	mu      sync.Mutex
	packets []seen
}

// startCapture records from now on until the test ends.
func (h *host) startCapture(name string) *capture {
	h.t.Helper()
	const everything = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network byte order
	var socket *os.File
	err := h.do(func() error {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		// SOCK_DGRAM: without link-layer headers.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		socket = os.NewFile(uintptr(fd), "packets of "+name)
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: i.Index}))
	})
	if err != nil {
		h.t.Fatal(err)
	}
	c := &capture{h: h}
	h.t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, err := socket.Read(buf)
			if err != nil {
				return
			}
			if p, ok := parsePacket(buf[:n]); ok {
				c.mu.Lock()
				c.packets = append(c.packets, p)
				c.mu.Unlock()
			}
		}
	}()
	return c
}

// parsePacket reads the headers of an IP packet; not ok: it is none.
func parsePacket(b []byte) (p seen, ok bool) {
	var source, destination netip.Addr
	var ports []byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		p.protocol = b[9]
		source, destination = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		if header := int(b[0]&0xf) * 4; binary.BigEndian.Uint16(b[6:])&0x1fff == 0 && len(b) >= header {
			ports = b[header:]
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		p.protocol = b[6]
		source, destination = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		ports = b[40:]
	default:
		return p, false
	}
	var from, to uint16
	if (p.protocol == unix.IPPROTO_UDP || p.protocol == unix.IPPROTO_TCP) && len(ports) >= 4 {
		from, to = binary.BigEndian.Uint16(ports), binary.BigEndian.Uint16(ports[2:])
	}
	p.source, p.destination = netip.AddrPortFrom(source, from), netip.AddrPortFrom(destination, to)
	return p, true
}

// until returns what has been captured up to a datagram that is sent now, from
// another host to an address behind the interface.
func (c *capture) until(from *host, to netip.Addr) []seen {
	c.h.t.Helper()
	const discard = 9
	marker := netip.AddrPortFrom(to, discard)
	conn, err := from.dial(c.h.t.Context(), "udp", marker.String())
	if err != nil {
		c.h.t.Fatal(err)
	}
	defer conn.Close()
	var packets []seen
	eventually(c.h.t, fmt.Sprintf("a datagram to %v captured", marker), func() bool {
		conn.Write([]byte("marker")) // refused the second time, when it has arrived
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, p := range c.packets {
			if p.destination == marker {
				packets = c.packets[:i]
				return true
			}
		}
		return false
	})
	return packets
}

func TestParsePacket(t *testing.T) {
	for _, addrs := range [][2]string{{"192.0.2.1", "10.30.30.30"}, {"2001:db8::1", "fd30:30:30::30"}} {
		p := packet{netip.MustParseAddr(addrs[0]), netip.MustParseAddr(addrs[1]), true, 4242}
		want := seen{unix.IPPROTO_UDP, netip.AddrPortFrom(p.source, 4242), netip.AddrPortFrom(p.destination, 53)}
		if got, ok := parsePacket(p.bytes()); !ok || got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if _, ok := parsePacket([]byte{0x45, 0}); ok {
		t.Error("two bytes are a packet")
	}
}
