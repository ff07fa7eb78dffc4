package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

const (
	// httpIdle is how long an unused HTTP/2 connection is kept: long enough for
	// a page and what it loads, short enough to let a mobile radio sleep.
	httpIdle = 10 * time.Second

	// A connection that is silent for pingAfter is asked for a sign of life,
	// and given up after pingTimeout.
	pingAfter   = 5 * time.Second
	pingTimeout = 2 * time.Second

	// dnsMessage is the media type of RFC 8484 section 6.
	dnsMessage = "application/dns-message"
)

// https is DNS over HTTPS (RFC 8484): POST over HTTP/2, with ID 0 on the wire.
type https struct {
	target *target
	dialer *dialer
	pool   *pool
	header http.Header // of all requests; never changed
}

func newHTTPS(t *target, roots *x509.CertPool) *https {
	life := newLifetime()
	h := &https{
		target: t,
		dialer: &dialer{addrs: t.addrs, wg: &life.wg, tls: &tls.Config{
			ServerName:         t.host,
			RootCAs:            roots,
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"h2"},
			ClientSessionCache: tls.NewLRUClientSessionCache(len(t.addrs)),
		}},
		header: http.Header{
			"Accept":       {dnsMessage},
			"Content-Type": {dnsMessage},
			"User-Agent":   {""}, // none: it would tell installations apart
		},
	}
	h.pool = &pool{lifetime: life, dial: h.dial}
	return h
}

func (h *https) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil || len(query) > dnswire.MaxMessage {
		return nil, ErrQuery
	}
	// RFC 8484 section 4.1: ID 0 lets caches do their work, and shows nothing.
	body := append(make([]byte, 0, len(query)), query...)
	dnswire.SetID(body, 0)
	reply, err := h.pool.exchange(ctx, body)
	if err != nil {
		return nil, err
	}
	return finish(reply, query)
}

func (h *https) Reset()         { h.pool.reset() }
func (h *https) String() string { return h.target.label }

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
		MaxResponseHeaderBytes: 16 << 10, // DoH servers send a few hundred bytes
	}
	cc, err := client.NewClientConn(ctx, "https", act.RemoteAddr().String())
	if err != nil {
		act.Close()
		return nil, &connError{err}
	}
	return &httpSession{https: h, conn: cc, act: act, made: time.Now()}, nil
}

// httpSession is one HTTP/2 connection.
type httpSession struct {
	https *https
	conn  *http.ClientConn
	act   *activity
	made  time.Time

	places atomic.Int32 // the server's limit of exchanges in progress
}

func (s *httpSession) exchange(ctx context.Context, query []byte) ([]byte, error) {
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           s.https.target.url,
		Host:          s.https.target.url.Host,
		Header:        s.https.header,
		Body:          io.NopCloser(bytes.NewReader(query)),
		ContentLength: int64(len(query)),
		Proto:         "HTTP/2.0",
		ProtoMajor:    2,
	}).WithContext(ctx)
	resp, err := s.conn.RoundTrip(req)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, StatusError(resp.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != dnsMessage {
		return nil, MediaTypeError(resp.Header.Get("Content-Type"))
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, dnswire.MaxMessage+1))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	if len(reply) > dnswire.MaxMessage {
		return nil, ErrMalformed
	}
	takeOffAge(reply, resp.Header.Get("Age"))
	return reply, nil
}

func (s *httpSession) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &connError{err}
}

// takeOffAge reduces the TTLs of reply by the seconds that it has spent in HTTP
// caches (RFC 8484 section 5.1). An age that is not a number is ignored.
func takeOffAge(reply []byte, age string) {
	seconds, err := strconv.ParseUint(age, 10, 32)
	if err != nil || seconds == 0 {
		return
	}
	dnswire.MapTTL(reply, func(ttl uint32) uint32 { return ttl - min(ttl, uint32(seconds)) })
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
