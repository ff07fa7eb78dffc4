package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"

	"tundns/dnswire"
)

// addrPortConn is what *net.UDPConn has over net.PacketConn: addresses without
// an allocation.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

// genericConn gives any net.PacketConn those methods.
type genericConn struct{ net.PacketConn }

func (c genericConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, addr, err := c.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	ap, err := netip.ParseAddrPort(addr.String())
	return n, ap, err
}

func (c genericConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(addr))
}

// ServeUDP answers the queries that arrive on pc until pc is closed or ctx is
// done, and then waits for the queries that it still has to answer. It closes pc
// and returns nil after either, otherwise the error that ended it.
func (s *Server) ServeUDP(ctx context.Context, pc net.PacketConn) error {
	s.init()
	stop := context.AfterFunc(ctx, func() { pc.Close() })
	defer stop()
	defer pc.Close()
	c, ok := pc.(addrPortConn)
	if !ok {
		c = genericConn{pc}
	}
	// One worker a processor keeps them all busy: a worker never waits for an
	// upstream. A second one on a single processor reads while the first writes.
	workers := max(runtime.GOMAXPROCS(0), 2)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	var later pending
	for i := range workers {
		wg.Go(func() { errs[i] = s.udpWorker(ctx, c, &later) })
	}
	wg.Wait()
	later.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs...)
}

func (s *Server) udpWorker(ctx context.Context, c addrPortConn, later *pending) error {
	in := make([]byte, dnswire.MaxMessage)
	out := make([]byte, 0, OurUDPSize+1024)
	for {
		n, client, err := c.ReadFromUDPAddrPort(in)
		if err != nil {
			if end, err := ended(ctx, err); end {
				return err
			}
			continue
		}
		if client.Port() == 0 {
			continue // nowhere to answer to
		}
		// A reply that cannot be sent is the network's loss: the client asks again.
		reply, _ := s.serve(ctx, out[:0], in[:n], client, UDP, later, func(reply []byte) {
			if len(reply) > 0 {
				c.WriteToUDPAddrPort(reply, client)
			}
		})
		if len(reply) > 0 {
			c.WriteToUDPAddrPort(reply, client)
			out = reply[:0]
		}
	}
}
