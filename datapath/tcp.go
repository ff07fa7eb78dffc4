package datapath

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// tcpBacklog bounds the handshakes in progress, and the connections that
	// wait for Accept, at each listener. Beyond it handshakes are answered with
	// SYN cookies, which keep no state. The netstack gives a handshake up 127 s
	// after the SYN (six retransmissions from 1 s on, doubling), which cannot be
	// changed; this bound makes it harmless.
	tcpBacklog = 512

	// A silent connection is probed after tcpKeepIdle and given up
	// tcpKeepCount probes later, 2 minutes in all: the service's own idle
	// timeout should be shorter.
	tcpKeepIdle     = time.Minute
	tcpKeepInterval = 15 * time.Second
	tcpKeepCount    = 4

	// What we sent must be acknowledged within tcpUserTimeout (RFC 5482), also
	// after the service has closed the connection.
	tcpUserTimeout = 30 * time.Second
)

// ListenTCP opens the TCP port at a virtual address. The unspecified address
// (0.0.0.0 or ::) stands for all virtual addresses of its family, now and
// later. Both sides are heard that the filter serves.
//
// Accepted connections have deadlines and a CloseWrite method, and tell by
// LocalAddr which virtual address was asked. They are probed when silent and
// given up when their peer is gone; how long an idle one may stay, and how many
// there may be, is the service's to decide.
func (f *Filter) ListenTCP(local netip.AddrPort) (net.Listener, error) {
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	addr := net.TCPAddrFromAddrPort(local)
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkListen(local); err != nil {
		return fail(err)
	}
	for other := range f.listeners {
		if collide(local, other.addr.AddrPort()) {
			return fail(syscall.EADDRINUSE)
		}
	}
	l := &tcpListener{f: f, addr: addr, done: make(chan struct{})}
	ep, terr := f.net.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(local.Addr()), &l.wq)
	if terr != nil {
		return fail(netError(terr))
	}
	l.ep = ep
	at := tcpip.FullAddress{Port: local.Port()} // an unspecified address is an empty one
	if !local.Addr().IsUnspecified() {
		at.Addr = tcpip.AddrFromSlice(local.Addr().AsSlice())
	}
	ep.SocketOptions().SetV6Only(local.Addr().Is6())
	// Connections of a listener closed before do not keep its port.
	ep.SocketOptions().SetReuseAddress(true)
	timeout := tcpip.TCPUserTimeoutOption(tcpUserTimeout) // inherited by what is accepted
	for _, step := range []func() tcpip.Error{
		func() tcpip.Error { return ep.SetSockOpt(&timeout) },
		func() tcpip.Error { return ep.Bind(at) },
		func() tcpip.Error { return ep.Listen(tcpBacklog) },
	} {
		if terr := step(); terr != nil {
			ep.Close()
			return fail(netError(terr))
		}
	}
	f.listeners[l] = struct{}{}
	return l, nil
}

type tcpListener struct {
	f    *Filter
	ep   tcpip.Endpoint
	wq   waiter.Queue
	addr *net.TCPAddr

	closeOnce sync.Once
	done      chan struct{}
}

func (l *tcpListener) Accept() (net.Conn, error) {
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	l.wq.EventRegister(&entry)
	defer l.wq.EventUnregister(&entry)
	for {
		ep, wq, terr := l.ep.Accept(nil)
		if terr == nil {
			return newTCPConn(l.f, wq, ep), nil
		}
		select {
		case <-l.done:
			return nil, l.error(net.ErrClosed)
		default:
		}
		if _, ok := terr.(*tcpip.ErrWouldBlock); !ok {
			return nil, l.error(netError(terr))
		}
		select {
		case <-l.done:
		case <-ready:
		}
	}
}

func (l *tcpListener) error(err error) error {
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: err}
}

// Close stops listening. Connections that were accepted stay.
func (l *tcpListener) Close() error {
	err := net.ErrClosed
	l.closeOnce.Do(func() {
		err = nil
		close(l.done)
		l.ep.Close()
		l.f.mu.Lock()
		delete(l.f.listeners, l)
		l.f.mu.Unlock()
	})
	return err
}

func (l *tcpListener) Addr() net.Addr { return l.addr }

// tcpConn is gonet's connection with the net package's errors.
type tcpConn struct {
	*gonet.TCPConn
	f      *Filter
	closed atomic.Bool
}

func newTCPConn(f *Filter, wq *waiter.Queue, ep tcpip.Endpoint) *tcpConn {
	// The options cannot fail on a TCP endpoint.
	idle, interval := tcpip.KeepaliveIdleOption(tcpKeepIdle), tcpip.KeepaliveIntervalOption(tcpKeepInterval)
	ep.SetSockOpt(&idle)
	ep.SetSockOpt(&interval)
	ep.SetSockOptInt(tcpip.KeepaliveCountOption, tcpKeepCount)
	ep.SocketOptions().SetKeepAlive(true)
	// Answers are written whole: waiting to fill a segment only adds delay.
	ep.SocketOptions().SetDelayOption(false)
	return &tcpConn{TCPConn: gonet.NewTCPConn(wq, ep), f: f}
}

func (c *tcpConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, c.mapError("read", err)
}

func (c *tcpConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, c.mapError("write", err)
}

// Close sends what was written and the end, without waiting for it. A second
// Close returns net.ErrClosed.
func (c *tcpConn) Close() error {
	if c.closed.Swap(true) {
		return &net.OpError{Op: "close", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: net.ErrClosed}
	}
	return c.TCPConn.Close()
}

// mapError gives the errors that the net package's users test for: io.EOF as
// it is, net.ErrClosed after Close of the connection or the filter, and
// os.ErrDeadlineExceeded.
func (c *tcpConn) mapError(op string, err error) error {
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case c.closed.Load() || c.f.checkOpen() != nil:
		err = net.ErrClosed
	case errors.As(err, &timeout) && timeout.Timeout():
		err = os.ErrDeadlineExceeded
	default:
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// netError gives a netstack's error the system's value where callers may test
// for it.
func netError(err tcpip.Error) error {
	switch err.(type) {
	case *tcpip.ErrPortInUse:
		return syscall.EADDRINUSE
	case *tcpip.ErrBadLocalAddress:
		return syscall.EADDRNOTAVAIL
	}
	return errors.New(err.String())
}
