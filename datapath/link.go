package datapath

import (
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// link is the netstack's interface to one side of the filter. It claims no
// offload: the netstack verifies and computes every checksum and makes no
// packet larger than the MTU.
type link struct {
	mtu *atomic.Uint32 // the device's, shared with the filter
	out *outbound

	// mu is held for reading while a packet is delivered, so that after close
	// none is on its way.
	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher // nil while detached; guarded by mu
	closed     bool                    // guarded by mu
}

// inject gives a copy of the packet to the netstack. What the netstack answers
// at once is queued before inject returns.
func (l *link) inject(p []byte, v6 bool) {
	proto := header.IPv4ProtocolNumber
	if v6 {
		proto = header.IPv6ProtocolNumber
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.dispatcher == nil || l.closed {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(p)})
	l.dispatcher.DeliverNetworkPacket(proto, pkt)
	pkt.DecRef()
}

// shut ends injection; it returns when no packet is being delivered.
func (l *link) shut() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
}

// WritePackets queues copies of the packets. It never blocks; what finds the
// queue full is counted there and is reported to the netstack as sent, as a
// network would lose it.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for _, pkt := range pkts.AsSlice() {
		fr := newFrame(pkt.Size())
		b := fr.packet()
		for _, s := range pkt.AsSlices() {
			b = b[copy(b, s):]
		}
		l.out.push(fr)
	}
	return pkts.Len(), nil
}

// Attach is for stack.LinkEndpoint: packets go to d from now on, to nobody if it is nil.
func (l *link) Attach(d stack.NetworkDispatcher) {
	l.mu.Lock()
	l.dispatcher = d
	l.mu.Unlock()
}

// IsAttached is for stack.LinkEndpoint.
func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.dispatcher != nil
}

// MTU is for stack.LinkEndpoint, in bytes.
func (l *link) MTU() uint32 { return l.mtu.Load() }

// SetMTU does nothing: the device alone says what its MTU is.
func (l *link) SetMTU(uint32) {}

// Capabilities and what follows are for stack.LinkEndpoint: a TUN has neither link
// addresses nor headers, and the filter ends the goroutines.
func (l *link) Capabilities() stack.LinkEndpointCapabilities { return stack.CapabilityNone }
func (l *link) MaxHeaderLength() uint16                      { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress               { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress)             {}
func (l *link) ARPHardwareType() header.ARPHardwareType      { return header.ARPHardwareNone }
func (l *link) AddHeader(*stack.PacketBuffer)                {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool         { return true }
func (l *link) SetOnCloseAction(func())                      {}
func (l *link) Close()                                       {}
func (l *link) Wait()                                        {}
