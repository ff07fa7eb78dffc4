package datapath

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// TCP limits. The services are request and answer over a link to this machine
// or one tunnel away, so buffers and times are far below a general host's.
const (
	tcpMinBuffer = 4 << 10
	// Some 500 pipelined DNS queries; then the window closes until the service
	// has read them.
	tcpReceiveBuffer = 32 << 10
	// The largest DNS message with its length (65,537 bytes) in one write.
	tcpSendBuffer = 96 << 10
	tcpMaxBuffer  = 256 << 10

	// Our side of a close waits this long for the other side's FIN.
	tcpFinWait = 10 * time.Second
	// No segment outlives a link to the same machine by more than seconds.
	tcpTimeWait = 5 * time.Second
)

// netstack is the IP, ICMP and TCP implementation behind the virtual addresses:
// one stack with an interface to each side, so that what came from a side is
// answered to it. UDP datagrams only pass through it if they need reassembly or
// carry options, and if nobody listens.
type netstack struct {
	stack *stack.Stack
	links [directions]*link // nil for a side that is not served
}

// nic is a side's interface number; 0 would mean any.
func nic(d Direction) tcpip.NICID { return tcpip.NICID(d) + 1 }

// newNetstack starts a netstack. deliver is given the UDP datagrams that it
// has reassembled or stripped of options. clock is nil but in tests.
func newNetstack(mtu *atomic.Uint32, outs [directions]*outbound, deliver udpHandler, clock tcpip.Clock) (*netstack, error) {
	n := &netstack{stack: stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
		// A packet to a virtual address from within the stack is delivered
		// inside instead of leaving to a side where it cannot come back from.
		HandleLocal: true,
		Clock:       clock,
	})}
	if err := n.configureTCP(); err != nil {
		n.stack.Destroy()
		return nil, err
	}
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		return n.handleUDP(deliver, id, pkt)
	})
	var routes []tcpip.Route
	for d, out := range outs {
		if out == nil {
			continue
		}
		l := &link{mtu: mtu, out: out}
		id := nic(Direction(d))
		if err := n.stack.CreateNIC(id, l); err != nil {
			n.stack.Destroy()
			return nil, errors.New("datapath: netstack: " + err.String())
		}
		n.links[d] = l
		routes = append(routes,
			tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: id},
			tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: id})
	}
	n.stack.SetRouteTable(routes)
	return n, nil
}

func (n *netstack) configureTCP() error {
	var (
		sack     = tcpip.TCPSACKEnabled(true)
		recovery = tcpip.TCPRecovery(0) // RACK stalls and misfires on links this short
		control  = tcpip.CongestionControlOption("reno")
		receive  = tcpip.TCPReceiveBufferSizeRangeOption{Min: tcpMinBuffer, Default: tcpReceiveBuffer, Max: tcpMaxBuffer}
		send     = tcpip.TCPSendBufferSizeRangeOption{Min: tcpMinBuffer, Default: tcpSendBuffer, Max: tcpMaxBuffer}
		fin      = tcpip.TCPLingerTimeoutOption(tcpFinWait)
		wait     = tcpip.TCPTimeWaitTimeoutOption(tcpTimeWait)
	)
	for _, opt := range []tcpip.SettableTransportProtocolOption{&sack, &recovery, &control, &receive, &send, &fin, &wait} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, opt); err != nil {
			return errors.New("datapath: netstack: setting TCP options: " + err.String())
		}
	}
	return nil
}

func (n *netstack) addAddress(a netip.Addr) error {
	for d, l := range n.links {
		if l == nil {
			continue
		}
		addr := tcpip.ProtocolAddress{
			Protocol:          protocolOf(a),
			AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix(),
		}
		if err := n.stack.AddProtocolAddress(nic(Direction(d)), addr, stack.AddressProperties{}); err != nil {
			return errors.New(err.String())
		}
	}
	return nil
}

func (n *netstack) removeAddress(a netip.Addr) error {
	for d, l := range n.links {
		if l == nil {
			continue
		}
		if err := n.stack.RemoveAddress(nic(Direction(d)), tcpip.AddrFromSlice(a.AsSlice())); err != nil {
			return errors.New(err.String())
		}
	}
	return nil
}

// handleUDP takes a datagram that has come through the netstack. It reports
// false if nobody listens, and the netstack answers port unreachable.
func (n *netstack) handleUDP(deliver udpHandler, id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	d := Direction(pkt.NICID - 1)
	seg := slices.Concat(pkt.TransportHeader().Slice(), pkt.Data().AsRange().ToSlice())
	src, dst := addrFrom(id.RemoteAddress), addrFrom(id.LocalAddress)
	sum := checksum.Checksum(id.LocalAddress.AsSlice(), checksum.Checksum(id.RemoteAddress.AsSlice(), 0))
	if r := checkUDP(seg, sum, src.Is6()); r != valid {
		// The netstack finds the same fault in it, and counts it.
		return false
	}
	return deliver(d, src, dst, seg[:udpLength(seg)])
}

// close ends all connections and the stack's goroutines. It does not wait for
// services.
func (n *netstack) close() {
	for _, l := range n.links {
		if l != nil {
			l.shut()
		}
	}
	n.stack.Destroy()
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}

func addrFrom(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr
}
