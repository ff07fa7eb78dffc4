package upstreamtest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/quic-go/quic-go"
)

// NewQUIC starts a DNS-over-QUIC server (RFC 9250) with a certificate of ca for
// Name and 127.0.0.1.
func NewQUIC(t testing.TB, ca *CA, h Handler) *Server {
	t.Helper()
	return NewQUICConfig(t, &tls.Config{
		Certificates: []tls.Certificate{ca.Certificate(Name, "127.0.0.1")},
		NextProtos:   []string{"doq"},
	}, h)
}

// NewQUICConfig is NewQUIC with a TLS configuration of the caller's.
func NewQUICConfig(t testing.TB, config *tls.Config, h Handler) *Server {
	t.Helper()
	return newServer(t, h, func(s *Server, at netip.AddrPort) error {
		s.scheme, s.tls = "quic", config
		return s.startQUIC(at)
	})
}

// Connections returns the number of QUIC connections accepted so far.
func (s *Server) Connections() int { return int(s.accepted.Load()) }

// quicSocket is closed without a word to the clients.
type quicSocket struct {
	*net.UDPConn
	transport *quic.Transport
}

func (q quicSocket) Close() error {
	q.UDPConn.Close()
	return q.transport.Close()
}

// quicConn is a connection that Hangup can close.
type quicConn struct{ *quic.Conn }

func (c quicConn) Close() error { return c.CloseWithError(0, "") }

// listenQUIC listens at an address.
func (s *Server) listenQUIC(at netip.AddrPort, config *tls.Config) (*quic.Listener, error) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	t := &quic.Transport{Conn: socket}
	l, err := t.Listen(config, nil)
	if err != nil {
		socket.Close()
		return nil, err
	}
	s.addr = socket.LocalAddr().(*net.UDPAddr).AddrPort()
	s.keep(quicSocket{socket, t})
	return l, nil
}

// acceptQUIC runs serve for each connection.
func (s *Server) acceptQUIC(l *quic.Listener, serve func(*quic.Conn)) {
	for {
		conn, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		s.accepted.Add(1)
		if s.keep(quicConn{conn}) {
			s.wg.Go(func() {
				defer s.forget(quicConn{conn})
				serve(conn)
			})
		}
	}
}

func (s *Server) startQUIC(at netip.AddrPort) error {
	l, err := s.listenQUIC(at, s.tls)
	if err != nil {
		return err
	}
	s.wg.Go(func() { s.acceptQUIC(l, s.serveStreams) })
	return nil
}

// serveStreams answers the query of each stream.
func (s *Server) serveStreams(conn *quic.Conn) {
	for {
		stream, err := conn.AcceptStream(context.Background())
		if err != nil {
			return
		}
		s.wg.Go(func() {
			msg, err := io.ReadAll(io.LimitReader(stream, 1<<17))
			if err != nil {
				return
			}
			if len(msg) < 2 || int(binary.BigEndian.Uint16(msg)) != len(msg)-2 {
				s.t.Errorf("stream of %x", msg)
				return
			}
			reply := s.answer(msg[2:])
			if reply == nil { // silence
				<-stream.Context().Done()
				return
			}
			stream.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			stream.Close()
		})
	}
}
