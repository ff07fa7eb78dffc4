package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stagger is the head start of one address over the next (RFC 8305
	// section 5 recommends 250 ms).
	stagger = 250 * time.Millisecond

	// redial is how often an address is dialled anew while earlier dials are
	// pending. The kernel repeats a lost SYN after 1, 3 and 7 s; this finds a
	// server that has come back within a second.
	redial = 750 * time.Millisecond

	// dialTimeout bounds a connection's set-up, TLS included.
	dialTimeout = Budget
)

// race tries the n addresses in turn, starting with first: the next when all
// before it have failed or the last has been pending for stagger. After the
// last one it begins anew, every redial, when again is set. The first success
// wins; what else succeeds is discarded. It returns the winner's index, or the
// first error. Its goroutines run in wg and end soon after ctx.
func race[T any](ctx context.Context, wg *sync.WaitGroup, n, first int, again bool,
	try func(context.Context, int) (T, error), discard func(T)) (T, int, error) {
	if n == 1 && !again {
		v, err := try(ctx, 0)
		return v, 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		v   T
		i   int
		err error
	}
	limit := n
	if again {
		limit = n * (1 + int(dialTimeout/redial))
	}
	var (
		results = make(chan result, limit)
		won     atomic.Bool
		started int
		pending int
		failed  error
	)
	start := func() {
		i := (first + started) % n
		started++
		pending++
		wg.Go(func() {
			v, err := try(ctx, i)
			if err == nil && !won.CompareAndSwap(false, true) {
				discard(v)
				return
			}
			results <- result{v, i, err}
		})
	}
	start()
	timer := time.NewTimer(pace(started, n))
	defer timer.Stop()
	for {
		select {
		case r := <-results:
			if r.err == nil {
				return r.v, r.i, nil
			}
			pending--
			if failed == nil || errors.Is(failed, context.Canceled) {
				failed = r.err
			}
			switch {
			case started < n:
				start()
				timer.Reset(pace(started, n))
			case pending == 0:
				var zero T
				return zero, 0, failed
			}
		case <-timer.C:
			if started < limit && ctx.Err() == nil {
				start()
				timer.Reset(pace(started, n))
			}
		}
	}
}

// pace is the time from the start of one try to the next.
func pace(started, n int) time.Duration {
	if started < n {
		return stagger
	}
	return max(redial/time.Duration(n), stagger)
}

// dialer makes connections to one server's addresses, the one that worked last
// first.
type dialer struct {
	finder
	tls *tls.Config // nil: none
	wg  *sync.WaitGroup
}

// dial returns a connection, with the TLS handshake done if there is one.
func (d *dialer) dial(ctx context.Context) (net.Conn, *activity, error) {
	type connected struct {
		conn net.Conn
		act  *activity
	}
	c, err := reach(ctx, d.wg, &d.finder, true,
		func(ctx context.Context, addr netip.AddrPort) (connected, error) {
			conn, act, err := d.dialOne(ctx, addr)
			return connected{conn, act}, err
		},
		func(c connected) { c.act.Close() })
	if err != nil {
		return nil, nil, err
	}
	return c.conn, c.act, nil
}

func (d *dialer) dialOne(ctx context.Context, addr netip.AddrPort) (net.Conn, *activity, error) {
	nd := net.Dialer{KeepAlive: -1} // idle connections are closed before a keep-alive would be due
	conn, err := nd.DialTCP(ctx, "tcp", netip.AddrPort{}, addr)
	if err != nil {
		return nil, nil, err
	}
	act := newActivity(conn)
	if d.tls == nil {
		return act, act, nil
	}
	tc := tls.Client(act, d.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, &tlsError{err}
	}
	return tc, act, nil
}

// epoch is what pulse counts from: durations are monotonic, a wall clock's times
// are not.
var epoch = time.Now()

// pulse knows when the other end was last heard of.
type pulse struct {
	last atomic.Int64 // nanoseconds since epoch
}

func (p *pulse) beat() { p.last.Store(int64(time.Since(epoch))) }

// heard returns when something was last read, or the connection was made.
func (p *pulse) heard() time.Time { return epoch.Add(time.Duration(p.last.Load())) }

// activity is a connection with a pulse.
type activity struct {
	net.Conn
	pulse
}

func newActivity(c net.Conn) *activity {
	a := &activity{Conn: c}
	a.beat()
	return a
}

func (a *activity) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if n > 0 {
		a.beat()
	}
	return n, err
}
