package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"tundns/dnswire"
)

// Server reads queries from sockets, has Handler answer them and writes the
// replies. The zero value with a Handler is ready to use; its fields must not be
// changed once it serves. One Server can serve any number of sockets, which
// then share its limits.
type Server struct {
	Handler Handler
	// MaxUDPSize bounds UDP replies in bytes, for links whose MTU is smaller
	// than what OurUDPSize needs. 0 means OurUDPSize, which it cannot exceed.
	MaxUDPSize int
	// Observer is told of queries turned away and of what is no query; nil:
	// nobody.
	Observer Observer

	once    sync.Once
	waiting limiter

	mu    sync.Mutex
	conns map[*conn]struct{} // guarded by mu
}

const (
	// maxWaiting bounds the queries that wait for upstreams, each a goroutine
	// of some 8 KiB. Cached and blocked names are answered beyond it.
	maxWaiting = 16384
	// maxClientWaiting leaves room for others when one client floods.
	maxClientWaiting = maxWaiting / 2
	// errorPause keeps a failing socket from spinning a core.
	errorPause = 10 * time.Millisecond
)

func (s *Server) init() {
	s.once.Do(func() {
		s.waiting = limiter{max: maxWaiting, maxClient: maxClientWaiting, clients: make(map[netip.Addr]int)}
		s.conns = make(map[*conn]struct{})
		if s.Observer == nil {
			s.Observer = nobody{}
		}
		if s.MaxUDPSize <= 0 || s.MaxUDPSize > OurUDPSize {
			s.MaxUDPSize = OurUDPSize
		}
	})
}

// limit is how many bytes a reply to q may have.
func (s *Server) limit(q *Query) int {
	if q.Transport == TCP {
		return dnswire.MaxMessage
	}
	return min(int(q.UDPSize), s.MaxUDPSize)
}

// serve answers msg. What can be answered at once is appended to dst and
// returned. What has to wait is pending: it goes on in a goroutine that
// waiting counts, which calls later once with the reply, in a buffer of its own;
// of a datagram that is pending already nothing more comes. reply is nil and
// pending false when msg is nothing that a client sends; it is empty, here and
// for later, when no reply is to be sent to a query. msg is not kept.
func (s *Server) serve(ctx context.Context, dst, msg []byte, client netip.AddrPort, t Transport, waiting *pending, later func(reply []byte)) (reply []byte, isPending bool) {
	q := &Query{Client: client, Transport: t, NoWait: true, received: time.Now()}
	if r := parse(msg, q); r != accepted {
		if r == ignored {
			return nil, false
		}
		s.Observer.Response(Invalid.String(), int(refusalRcode(r)), time.Since(q.received))
		return appendRefusal(dst, q, r), false
	}
	a, err := s.Handler.Resolve(ctx, q)
	if err == nil {
		return s.reply(dst, q, a), false
	}
	q.NoWait = false
	if t == UDP && !waiting.first(q) {
		s.Observer.Coalesced()
		return nil, true
	}
	if scope := s.waiting.enter(client.Addr()); scope != "" {
		s.Observer.Overload(scope)
		if t == UDP {
			waiting.last(q)
		}
		s.Observer.Response(Failed.String(), dnswire.RcodeServerFailure, time.Since(q.received))
		return s.reply(dst, q, failure(q, errOverload)), false
	}
	waiting.Go(func() {
		defer s.waiting.leave(client.Addr())
		if t == UDP {
			defer waiting.last(q)
		}
		a, err := s.Handler.Resolve(ctx, q)
		if err != nil {
			a = failure(q, err)
		}
		later(s.reply(nil, q, a))
	})
	return nil, true
}

// reply appends the reply to q to dst. It is empty and not nil for an answer that
// is not to be sent.
func (s *Server) reply(dst []byte, q *Query, a *Answer) []byte {
	if a.Outcome == Dropped {
		return []byte{}
	}
	return appendReply(dst, q, a, s.limit(q))
}

func refusalRcode(r refusal) uint16 {
	switch r {
	case notImp:
		return dnswire.RcodeNotImplemented
	case badVersion:
		return dnswire.RcodeBadVersion
	}
	return dnswire.RcodeFormatError
}

// ended says whether err, from a socket that is being served, is its end, and
// what to return then. After any other error (an ICMP message, a lack of
// descriptors) it has paused: such errors must neither end the service nor spin.
func ended(ctx context.Context, err error) (bool, error) {
	if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return true, nil
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return true, err // somebody set a deadline
	}
	select {
	case <-ctx.Done():
	case <-time.After(errorPause):
	}
	return false, nil
}

// limiter counts what is under way, in all and for each client.
type limiter struct {
	max, maxClient int

	mu      sync.Mutex
	all     int                // guarded by mu
	clients map[netip.Addr]int // guarded by mu; only clients with a count above 0
}

// enter takes a place for client. It returns which limit stood in the way, or ""
// when the place was taken and leave must give it back.
func (l *limiter) enter(client netip.Addr) (full string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.all >= l.max:
		return "all"
	case l.clients[client] >= l.maxClient:
		return "client"
	}
	l.all++
	l.clients[client]++
	return ""
}

func (l *limiter) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.clients[client]--; l.clients[client] == 0 {
		delete(l.clients, client)
	}
}
