package datapath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of one UDP service's receive queue. Whichever is reached first drops:
// 4,096 datagrams hold a burst of 1,500 queries with room, 4 MiB keeps large
// datagrams from taking 256 MiB.
const (
	udpQueueLen   = 4096
	udpQueueBytes = 4 << 20
)

// udpHandler takes a valid UDP datagram, header first, that it must copy. It
// reports false if nobody listens there.
type udpHandler func(d Direction, src, dst netip.Addr, seg []byte) bool

// Sender is where a datagram came from, and so where its answer goes.
type Sender struct {
	Addr  netip.AddrPort // of who sent it
	Local netip.Addr     // the virtual address that it was sent to
	From  Direction      // the side it came from
}

// Network returns "udp".
func (s Sender) Network() string { return "udp" }

// String returns the sender's address and port.
func (s Sender) String() string { return s.Addr.String() }

// AddrPort returns the sender's address and port, as net.UDPAddr.AddrPort does.
func (s Sender) AddrPort() netip.AddrPort { return s.Addr }

// UDPConn is a virtual service's UDP endpoint. It is a net.PacketConn, and all
// of its methods may be called by several goroutines at once.
type UDPConn struct {
	f     *Filter
	local netip.AddrPort

	queue  chan *datagram
	queued atomic.Int64 // payload bytes in queue

	closeOnce sync.Once
	done      chan struct{}
	deadline  deadline
}

var _ net.PacketConn = (*UDPConn)(nil)

// datagram is a received payload, pooled.
type datagram struct {
	payload []byte
	from    Sender
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

func (d *datagram) free() {
	if cap(d.payload) <= maxPooled {
		datagrams.Put(d)
	}
}

// ListenUDP opens the UDP port at a virtual address. The unspecified address
// (0.0.0.0 or ::) stands for all virtual addresses of its family, now and
// later. Both sides are heard that the filter serves.
func (f *Filter) ListenUDP(local netip.AddrPort) (*UDPConn, error) {
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	fail := func(err error) (*UDPConn, error) {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(local), Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkListen(local); err != nil {
		return fail(err)
	}
	old := *f.udp.Load()
	for taken := range old {
		if collide(local, taken) {
			return fail(syscall.EADDRINUSE)
		}
	}
	c := &UDPConn{
		f:     f,
		local: local,
		queue: make(chan *datagram, udpQueueLen),
		done:  make(chan struct{}),
	}
	conns := maps.Clone(old)
	conns[local] = c
	f.udp.Store(&conns)
	return c, nil
}

// deliverUDP is the filter's udpHandler.
func (f *Filter) deliverUDP(d Direction, src, dst netip.Addr, seg []byte) bool {
	conns := *f.udp.Load()
	if len(conns) == 0 {
		return false
	}
	port := binary.BigEndian.Uint16(seg[2:])
	c := conns[netip.AddrPortFrom(dst, port)]
	if c == nil {
		any4or6 := netip.IPv6Unspecified()
		if dst.Is4() {
			any4or6 = netip.IPv4Unspecified()
		}
		if c = conns[netip.AddrPortFrom(any4or6, port)]; c == nil {
			return false
		}
	}
	from := Sender{
		Addr:  netip.AddrPortFrom(src, binary.BigEndian.Uint16(seg[0:])),
		Local: dst,
		From:  d,
	}
	if !c.enqueue(seg[headerUDP:], from) {
		f.counts[d].drop(ServiceBusy)
	}
	return true
}

func (c *UDPConn) enqueue(payload []byte, from Sender) bool {
	if c.queued.Add(int64(len(payload))) > udpQueueBytes {
		c.queued.Add(-int64(len(payload)))
		return false
	}
	d := datagrams.Get().(*datagram)
	d.payload, d.from = append(d.payload[:0], payload...), from
	select {
	case c.queue <- d:
		return true
	default:
		c.queued.Add(-int64(len(payload)))
		d.free()
		return false
	}
}

// ReadDatagram waits for a datagram and copies it to b; what does not fit is
// lost. It fails with net.ErrClosed after Close and with os.ErrDeadlineExceeded
// after the read deadline, both wrapped in a *net.OpError. It does not
// allocate.
func (c *UDPConn) ReadDatagram(b []byte) (n int, from Sender, err error) {
	d, err := c.next()
	if err != nil {
		return 0, Sender{}, &net.OpError{Op: "read", Net: "udp", Addr: c.LocalAddr(), Err: err}
	}
	n, from = copy(b, d.payload), d.from
	c.queued.Add(-int64(len(d.payload)))
	d.free()
	return n, from, nil
}

func (c *UDPConn) next() (*datagram, error) {
	expired := c.deadline.expired()
	select {
	case <-c.done:
		return nil, net.ErrClosed
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-c.queue:
		return d, nil
	case <-c.done:
		return nil, net.ErrClosed
	case <-expired:
		return nil, os.ErrDeadlineExceeded
	}
}

// WriteDatagram sends b to a sender, from the virtual address that the sender
// wrote to, on the side it came from. It never blocks. It fails with
// syscall.EMSGSIZE if b is longer than [Filter.MaxUDPPayload], as datagrams are
// never fragmented, and with syscall.ENOBUFS if the queue to that side is full;
// either is wrapped in a *net.OpError.
func (c *UDPConn) WriteDatagram(b []byte, to Sender) (int, error) {
	if err := c.send(b, to); err != nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.LocalAddr(), Addr: to, Err: err}
	}
	return len(b), nil
}

func (c *UDPConn) send(b []byte, to Sender) error {
	select {
	case <-c.done:
		return net.ErrClosed
	default:
	}
	dst := netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port())
	switch {
	case to.From >= directions || c.f.outs[to.From] == nil:
		return fmt.Errorf("the filter does not serve the side %q", to.From)
	case !dst.IsValid() || dst.Port() == 0 || dst.Addr().Is4() != to.Local.Is4():
		return syscall.EDESTADDRREQ
	case !c.f.table.Load().isVirtual(to.Local) || !c.local.Addr().IsUnspecified() && to.Local != c.local.Addr():
		return syscall.EADDRNOTAVAIL
	case len(b) > c.f.MaxUDPPayload(to.Local):
		return syscall.EMSGSIZE
	}
	if !c.f.outs[to.From].push(newUDPFrame(netip.AddrPortFrom(to.Local, c.local.Port()), dst, b)) {
		return syscall.ENOBUFS
	}
	return nil
}

// MaxUDPPayload returns the largest UDP payload in bytes that a reply from the
// virtual address local, or another of its family, can carry: the device's
// current MTU less the IP and UDP headers.
func (f *Filter) MaxUDPPayload(local netip.Addr) int {
	if local.Is4() {
		return int(f.mtu.Load()) - header4 - headerUDP
	}
	return int(f.mtu.Load()) - header6 - headerUDP
}

// ReadFromUDPAddrPort is ReadDatagram for callers that know net.UDPConn.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadDatagram(b)
	return n, from.Addr, err
}

// WriteToUDPAddrPort sends b to an address on the host's side from the address
// that c listens at. It refuses where the address alone does not say how to
// answer: if the filter serves peers too, or if c listens at an unspecified
// address. WriteDatagram and WriteTo always know.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.f.outs[FromPeers] != nil || c.local.Addr().IsUnspecified() {
		err := errors.New("the address does not say which side or which virtual address to use: reply with WriteDatagram, or WriteTo and the address that ReadFrom returned")
		return 0, &net.OpError{Op: "write", Net: "udp", Source: c.LocalAddr(), Addr: net.UDPAddrFromAddrPort(to), Err: err}
	}
	return c.WriteDatagram(b, Sender{Addr: to, Local: c.local.Addr()})
}

// ReadFrom is ReadDatagram for a net.PacketConn; the address is a [Sender].
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadDatagram(b)
	if err != nil {
		return 0, nil, err
	}
	return n, from, nil
}

// WriteTo sends b to an address that ReadFrom returned, or to a *net.UDPAddr as
// WriteToUDPAddrPort does.
func (c *UDPConn) WriteTo(b []byte, to net.Addr) (int, error) {
	switch a := to.(type) {
	case Sender:
		return c.WriteDatagram(b, a)
	case *net.UDPAddr:
		return c.WriteToUDPAddrPort(b, a.AddrPort())
	}
	return 0, &net.OpError{Op: "write", Net: "udp", Source: c.LocalAddr(), Addr: to, Err: fmt.Errorf("cannot send to a %T", to)}
}

// LocalAddr returns the *net.UDPAddr that c listens at.
func (c *UDPConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// Close ends the service: readers return, and the port is unreachable again.
// Datagrams that nobody has read are lost. A second Close returns
// net.ErrClosed.
func (c *UDPConn) Close() error {
	err := net.ErrClosed
	c.closeOnce.Do(func() {
		err = nil
		close(c.done)
		c.deadline.set(time.Time{})
		c.f.mu.Lock()
		defer c.f.mu.Unlock()
		conns := maps.Clone(*c.f.udp.Load())
		delete(conns, c.local)
		c.f.udp.Store(&conns)
	})
	return err
}

// SetDeadline sets the read deadline.
func (c *UDPConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline makes reads that wait, now and later, fail at t. The zero
// time means never.
func (c *UDPConn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t)
	return nil
}

// SetWriteDeadline does nothing: no write waits.
func (c *UDPConn) SetWriteDeadline(time.Time) error { return nil }
