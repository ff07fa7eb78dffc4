package upstreamtest

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// NewHTTP3 starts a DNS-over-HTTPS server that speaks HTTP/3 over UDP and HTTP/2
// over TCP at one port.
func NewHTTP3(t testing.TB, ca *CA, h Handler) *Server {
	t.Helper()
	return newServer(t, h, func(s *Server, at netip.AddrPort) error {
		s.scheme = "h3"
		s.tls = &tls.Config{
			Certificates: []tls.Certificate{ca.Certificate(Name, "127.0.0.1")},
			NextProtos:   []string{"h2"},
		}
		if err := s.startHTTPS(at); err != nil {
			return err
		}
		return s.startHTTP3(s.addr)
	})
}

func (s *Server) startHTTP3(at netip.AddrPort) error {
	config := s.tls.Clone()
	config.NextProtos = []string{http3.NextProtoH3}
	l, err := s.listenQUIC(at, config)
	if err != nil {
		return err
	}
	server := &http3.Server{Handler: http.HandlerFunc(s.serveWrapped)}
	s.http.running3.Store(server)
	s.wg.Go(func() { s.acceptQUIC(l, func(conn *quic.Conn) { server.ServeQUICConn(conn) }) })
	return nil
}

// BlockQUIC ends what the server does over UDP, without a word.
func (s *Server) BlockQUIC() {
	for _, c := range s.kept(func(c io.Closer) bool { _, ok := c.(quicSocket); return ok }) {
		s.forget(c) // which closes it
	}
}

// UnblockQUIC undoes BlockQUIC.
func (s *Server) UnblockQUIC() {
	s.t.Helper()
	if err := s.startHTTP3(s.addr); err != nil {
		s.t.Fatal(err)
	}
}
