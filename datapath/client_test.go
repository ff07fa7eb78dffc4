package datapath

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// client is a TCP host at the other end of the harness: a stack of its own. It
// sees every packet that the host gets, in spy if there is one.
type client struct {
	t     testing.TB
	stack *stack.Stack
}

func newClient(h *harness, spy func(p []byte)) *client {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	link := channel.New(1024, 1420, "")
	if err := s.CreateNIC(1, link); err != nil {
		h.t.Fatal(err)
	}
	for _, a := range []netip.Addr{host4, host6} {
		s.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: protocolOf(a), AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}, stack.AddressProperties{})
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}, {Destination: header.IPv6EmptySubnet, NIC: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	sent, received := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		for pkt := link.ReadContext(ctx); pkt != nil; pkt = link.ReadContext(ctx) {
			v := pkt.ToView()
			pkt.DecRef()
			h.host.Send(v.AsSlice())
			v.Release()
		}
	}()
	go func() {
		defer close(received)
		for {
			p, err := h.host.Receive(ctx)
			if err != nil {
				return
			}
			if spy != nil {
				spy(p)
			}
			pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(p)})
			if p[0]>>4 == 4 {
				link.InjectInbound(header.IPv4ProtocolNumber, pkt)
			} else {
				link.InjectInbound(header.IPv6ProtocolNumber, pkt)
			}
			pkt.DecRef()
		}
	}()
	h.t.Cleanup(func() {
		cancel()
		<-received
		<-sent
		link.Close()
		s.Destroy()
	})
	return &client{h.t, s}
}

func (c *client) dial(to netip.AddrPort) *gonet.TCPConn {
	c.t.Helper()
	conn, err := c.tryDial(to)
	if err != nil {
		c.t.Fatalf("dialing %v: %v", to, err)
	}
	return conn
}

func (c *client) tryDial(to netip.AddrPort) (*gonet.TCPConn, error) {
	conn, err := gonet.DialContextTCP(within(c.t), c.stack, tcpip.FullAddress{
		NIC: 1, Addr: tcpip.AddrFromSlice(to.Addr().AsSlice()), Port: to.Port(),
	}, protocolOf(to.Addr()))
	if err == nil {
		conn.SetDeadline(time.Now().Add(patience))
		c.t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func (h *harness) listenTCP(a netip.AddrPort) net.Listener {
	h.t.Helper()
	l, err := h.ListenTCP(a)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

// serveTCP gives each accepted connection to serve, which need not close it.
func serveTCP(l net.Listener, serve func(net.Conn)) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
}

func tcpEcho(c net.Conn) { io.Copy(c, c) }
