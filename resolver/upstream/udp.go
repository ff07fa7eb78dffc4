package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

// udp is plain DNS over UDP. Every exchange has a socket of its own, connected
// to the server: the kernel picks a random port, drops what comes from elsewhere
// and reports ICMP errors (RFC 5452 section 9.2). What is truncated is asked
// again over TCP.
type udp struct {
	*lifetime
	label string
	addrs []netip.AddrPort
	good  atomic.Int32 // index into addrs
	rtt   latency
	tcp   *tcp
}

func newUDP(t *target) *udp {
	return &udp{lifetime: newLifetime(), label: t.label, addrs: t.addrs, tcp: newTCP(t)}
}

func (u *udp) Reset()         { u.tcp.Reset() }
func (u *udp) String() string { return u.label }

func (u *udp) Close() error {
	u.end()
	return u.tcp.Close()
}

func (u *udp) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	q, _, err := dnswire.ReadQuestion(query)
	if err != nil {
		return nil, ErrQuery
	}
	if err := u.enter(); err != nil {
		return nil, err
	}
	defer u.leave()
	ctx, done := u.bind(ctx)
	defer done()
	reply, i, err := race(ctx, &u.wg, len(u.addrs), int(u.good.Load()), false,
		func(ctx context.Context, i int) ([]byte, error) { return u.ask(ctx, u.addrs[i], query, q) },
		func([]byte) {})
	if u.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, err
	}
	u.good.Store(int32(i))
	if dnswire.Flags(reply)&dnswire.FlagTC != 0 {
		return u.whole(ctx, reply, query)
	}
	return finish(reply, query)
}

// tcpTimeout bounds the attempt to get by TCP what was truncated, so that a
// network that blocks TCP leaves time for another server.
const tcpTimeout = 2 * time.Second

// whole asks over TCP what the server has truncated. When that fails the
// truncated reply is all there is.
func (u *udp) whole(ctx context.Context, truncated, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
	defer cancel()
	if reply, err := u.tcp.Exchange(ctx, query); err == nil {
		return reply, nil
	}
	if u.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if dnswire.Check(truncated) != nil { // cut inside a record, as some servers do
		truncated = withQuestion(truncated, query)
	}
	return finish(truncated, query)
}

// datagrams holds read buffers for the largest datagram there is.
var datagrams = sync.Pool{New: func() any { return new([dnswire.MaxMessage]byte) }}

// ask exchanges query with addr. Datagrams that are not the reply are passed
// over: anyone can send them. The query is sent again after the server's usual
// time, then after twice that, and so on, because datagrams get lost.
func (u *udp) ask(ctx context.Context, addr netip.AddrPort, query []byte, q dnswire.Question) ([]byte, error) {
	var d net.Dialer
	conn, err := d.DialUDP(ctx, "udp", netip.AddrPort{}, addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	buf := datagrams.Get().(*[dnswire.MaxMessage]byte)
	defer datagrams.Put(buf)
	msg := append(make([]byte, 0, len(query)), query...)
	id := randomID()
	dnswire.SetID(msg, id)

	forged := false
	start := time.Now()
	first := u.rtt.patience()
	for wait := first; ; wait *= 2 {
		if _, err := conn.Write(msg); err != nil {
			return nil, err
		}
		conn.SetReadDeadline(time.Now().Add(wait))
		for ctx.Err() == nil { // looked at after each deadline is set: AfterFunc's must not be lost
			n, err := conn.Read(buf[:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return nil, err
			}
			reply := buf[:n]
			if !isResponse(reply) || dnswire.ID(reply) != id || !isBareError(reply) && !dnswire.Asks(reply, q) {
				forged = true
				continue
			}
			if wait == first { // later it is unknown which of the datagrams this answers
				u.rtt.add(time.Since(start))
			}
			return append([]byte(nil), reply...), nil
		}
		if err := ctx.Err(); err != nil {
			if forged {
				return nil, errors.Join(ErrMismatch, err)
			}
			return nil, err
		}
	}
}
