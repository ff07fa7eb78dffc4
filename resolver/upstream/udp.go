package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"tundns/dnswire"
)

// udp is plain DNS over UDP. Every exchange has a socket of its own, connected
// to the server: the kernel picks a random port, drops what comes from elsewhere
// and reports ICMP errors (RFC 5452 section 9.2). Beside port and ID a reply must
// have our cookie, if it has any, and the letter case of the question where that
// is random. What is truncated or doubtful is asked again over TCP.
type udp struct {
	*lifetime
	finder
	label   string
	rtt     latency
	cookies cookieJar
	shuffle bool // letter case
	tcp     *tcp
}

func newUDP(t *target) *udp {
	return &udp{lifetime: newLifetime(), finder: finder{place: t.place}, label: t.label, shuffle: t.randomCase, tcp: newTCP(t)}
}

func (u *udp) Reset()         { u.tcp.Reset() }
func (u *udp) String() string { return u.label }

func (u *udp) Close() error {
	u.end()
	return u.tcp.Close()
}

func (u *udp) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil {
		return nil, ErrQuery
	}
	if err := u.enter(); err != nil {
		return nil, err
	}
	defer u.leave()
	ctx, done := u.bind(ctx)
	defer done()
	reply, err := reach(ctx, &u.wg, &u.finder, false,
		func(ctx context.Context, addr netip.AddrPort) ([]byte, error) { return u.ask(ctx, addr, query) },
		func([]byte) {})
	if u.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, err
	}
	if reply == nil {
		ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
		defer cancel()
		return u.tcp.Exchange(ctx, query)
	}
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
// time, then after twice that, and so on, because datagrams get lost. No reply
// and no error mean that the server answers, but that UDP will not do.
func (u *udp) ask(ctx context.Context, addr netip.AddrPort, query []byte) ([]byte, error) {
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
	w := way{conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), addr}
	m := u.prepare(query, w)
	forged, again := false, false
	start := time.Now()
	first := u.rtt.patience()
	for wait := first; ; wait *= 2 {
		if _, err := conn.Write(m.msg); err != nil {
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
			v, cookie := m.check(reply)
			if cookie != nil {
				u.cookies.set(w, cookie)
			}
			switch {
			case v == cookieForged:
				forged = true
				continue
			case v == cookieBad && !again:
				again = true
				m = u.prepare(query, w)
				if _, err := conn.Write(m.msg); err != nil {
					return nil, err
				}
				continue
			case v == cookieMissing: // RFC 7873 section 5.3; another server of that address may be new
				u.cookies.set(w, m.cookie[:clientCookie])
				return nil, nil
			case v == cookieBad:
				return nil, nil
			}
			if wait == first { // later it is unknown which of the datagrams this answers
				u.rtt.add(time.Since(start))
			}
			return m.own(reply, query), nil
		}
		if err := ctx.Err(); err != nil {
			if forged {
				return nil, errors.Join(ErrMismatch, err)
			}
			return nil, err
		}
	}
}

// datagram is a query in the form in which it is sent, with what a reply must
// have.
type datagram struct {
	msg      []byte
	question dnswire.Question
	end      int    // of the question in msg
	exact    bool   // the reply must repeat its letter case
	cookie   []byte // nil: none was sent
}

// prepare makes a datagram of query, which has been read without error.
func (u *udp) prepare(query []byte, w way) *datagram {
	m := &datagram{exact: u.shuffle, cookie: u.cookies.get(w)}
	if m.msg = withOption(query, dnswire.OptionCookie, m.cookie); m.msg == nil {
		m.msg, m.cookie = append(make([]byte, 0, len(query)), query...), nil
	}
	m.question, m.end, _ = dnswire.ReadQuestion(m.msg)
	dnswire.SetID(m.msg, randomID())
	if m.exact {
		randomCase(m.msg)
	}
	return m
}

// check judges a datagram that has come in: cookieForged for all that is not the
// reply. cookie is the reply's, if it is one to keep.
func (m *datagram) check(reply []byte) (v cookieVerdict, cookie []byte) {
	switch {
	case !isResponse(reply) || dnswire.ID(reply) != dnswire.ID(m.msg):
		return cookieForged, nil
	case isBareError(reply): // has no room for more
	case !dnswire.Asks(reply, m.question) || m.exact && !sameQuestion(reply, m.msg, m.end):
		return cookieForged, nil
	}
	if m.cookie == nil {
		return cookieGood, nil
	}
	return checkCookie(m.cookie, reply)
}

// own returns a copy of a checked reply, with the letter case of query.
func (m *datagram) own(reply, query []byte) []byte {
	reply = append([]byte(nil), reply...)
	if m.exact && !isBareError(reply) {
		copy(reply[dnswire.HeaderLen:m.end], query[dnswire.HeaderLen:m.end])
	}
	return reply
}
