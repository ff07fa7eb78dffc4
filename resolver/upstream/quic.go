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

	"github.com/quic-go/quic-go"
)

const (
	// quicIdle is how long an unused QUIC connection lives, on both ends and
	// without a word: as long as one of HTTP/2.
	quicIdle = httpIdle

	// quicStreams is how many exchanges share a QUIC connection before another
	// one is opened: about what servers allow without being asked to.
	quicStreams = 100

	// Bounds of what a server may send unread, in bytes: a stream carries one
	// message, and a connection one for each place.
	quicStreamWindow = 66 << 10
	quicConnWindow   = 1 << 20
)

// quicDialer makes QUIC connections to one server's addresses, the one that
// worked last first. All use one UDP socket, which is opened by the first dial
// and lives until close: connections that are given up leave nothing behind.
type quicDialer struct {
	finder
	tls *tls.Config
	wg  *sync.WaitGroup

	incoming int64 // streams that the server may open, -1 for none

	mu        sync.Mutex
	socket    *net.UDPConn
	transport *quic.Transport // nil before the first dial
}

// dial returns a connection whose handshake is done. No query is sent before
// that: 0-RTT data can be replayed (RFC 9250 section 4.5).
func (d *quicDialer) dial(ctx context.Context) (*quic.Conn, error) {
	t, err := d.open()
	if err != nil {
		return nil, err
	}
	config := &quic.Config{
		HandshakeIdleTimeout:           dialTimeout,
		MaxIdleTimeout:                 quicIdle,
		InitialStreamReceiveWindow:     quicStreamWindow,
		MaxStreamReceiveWindow:         quicStreamWindow,
		InitialConnectionReceiveWindow: quicConnWindow,
		MaxConnectionReceiveWindow:     quicConnWindow,
		MaxIncomingStreams:             -1,
		MaxIncomingUniStreams:          d.incoming,
	}
	return reach(ctx, d.wg, &d.finder, true,
		func(ctx context.Context, addr netip.AddrPort) (*quic.Conn, error) {
			conn, err := t.Dial(ctx, net.UDPAddrFromAddrPort(addr), d.tls, config)
			return conn, quicDialError(err)
		},
		func(conn *quic.Conn) { conn.CloseWithError(0, "") })
}

func (d *quicDialer) open() (*quic.Transport, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.transport == nil {
		socket, err := net.ListenUDP("udp", nil)
		if err != nil {
			return nil, err
		}
		d.socket, d.transport = socket, &quic.Transport{Conn: socket}
	}
	return d.transport, nil
}

// close closes the socket. There must be no dial in progress, nor one after it.
func (d *quicDialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.transport != nil {
		d.transport.Close()
		d.socket.Close()
		d.socket, d.transport = nil, nil
	}
}

// quicDialError marks what failed in the TLS handshake inside of QUIC's.
func quicDialError(err error) error {
	var t *quic.TransportError
	if errors.As(err, &t) && t.ErrorCode.IsCryptoError() {
		return &tlsError{err}
	}
	return err
}

// quicSession is what sessions over QUIC have in common.
type quicSession struct {
	pulse
	conn *quic.Conn
	made time.Time

	inFlight atomic.Int32
	unusable atomic.Bool // the connection takes no more exchanges
}

func newQUICSession(conn *quic.Conn) *quicSession {
	s := &quicSession{conn: conn, made: time.Now()}
	s.beat()
	return s
}

func (s *quicSession) reserve() bool   { return s.load() < quicStreams }
func (s *quicSession) full() bool      { return true } // exchanges wait for a stream
func (s *quicSession) load() int       { return int(s.inFlight.Load()) }
func (s *quicSession) alive() bool     { return s.conn.Context().Err() == nil && !s.unusable.Load() }
func (s *quicSession) born() time.Time { return s.made }
func (s *quicSession) close()          { s.conn.CloseWithError(0, "") }
