package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// httpIdle is how long an unused HTTP connection is kept: long enough for a
	// page and what it loads, short enough to let a mobile radio sleep.
	httpIdle = 10 * time.Second

	// A connection that is silent for pingAfter is asked for a sign of life,
	// and given up after pingTimeout.
	pingAfter   = 5 * time.Second
	pingTimeout = 2 * time.Second
)

// https is DNS over HTTPS (RFC 8484) over HTTP/2.
type https struct {
	label  string
	doh    *doh
	dialer *dialer
	pool   *pool
}

func newHTTPS(t *target) *https {
	life := newLifetime()
	h := &https{
		label:  t.label,
		doh:    newDoH(t),
		dialer: &dialer{finder: finder{place: t.place}, wg: &life.wg, tls: t.tlsConfig("h2")},
	}
	h.pool = &pool{lifetime: life, dial: h.dial}
	return h
}

func (h *https) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	return dohExchange(ctx, h.pool, query)
}

func (h *https) Reset()         { h.pool.reset() }
func (h *https) String() string { return h.label }

func (h *https) Close() error {
	h.pool.shut()
	return nil
}

// dial connects at the pinned addresses. An http.Transport speaks HTTP/2 over the
// connection, but its pool is not used, nor is there a proxy, cookie or redirect.
func (h *https) dial(ctx context.Context) (session, error) {
	conn, act, err := h.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != "h2" {
		act.Close()
		return nil, &tlsError{errors.New("the server does not offer HTTP/2")}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	client := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		Protocols:              protocols,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: streamWrite},
		IdleConnTimeout:        httpIdle,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHTTPHeader,
	}
	cc, err := client.NewClientConn(ctx, "https", act.RemoteAddr().String())
	if err != nil {
		act.Close()
		return nil, &connError{err}
	}
	return &httpSession{doh: h.doh, conn: cc, act: act, made: time.Now()}, nil
}

// httpSession is one HTTP/2 connection.
type httpSession struct {
	doh  *doh
	conn *http.ClientConn
	act  *activity
	made time.Time

	places atomic.Int32 // the server's limit of exchanges in progress
}

func (s *httpSession) exchange(ctx context.Context, query []byte) ([]byte, error) {
	return s.doh.ask(ctx, s.conn, query)
}

func (s *httpSession) reserve() bool {
	if s.conn.Reserve() != nil {
		return false
	}
	s.places.Store(int32(s.conn.Available() + s.conn.InFlight()))
	return true
}

// full tells a connection without a free place from one whose server has said
// GOAWAY, which will not have one again.
func (s *httpSession) full() bool { return s.conn.InFlight() >= int(s.places.Load()) }

func (s *httpSession) load() int        { return s.conn.InFlight() }
func (s *httpSession) heard() time.Time { return s.act.heard() }
func (s *httpSession) born() time.Time  { return s.made }

// alive is false too once the last exchange after a GOAWAY has ended: no place is
// left then, though nothing is in flight.
func (s *httpSession) alive() bool {
	return s.conn.Err() == nil && (s.conn.Available() > 0 || s.conn.InFlight() > 0)
}

func (s *httpSession) close() {
	s.act.Close() // first: the TLS close alert may otherwise block on a dead peer
	s.conn.Close()
}
