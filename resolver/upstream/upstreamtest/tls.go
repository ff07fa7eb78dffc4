package upstreamtest

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
)

// NewTLS starts a DNS-over-TLS server (RFC 7858) with a certificate of ca for
// Name and 127.0.0.1.
func NewTLS(t testing.TB, ca *CA, h Handler) *Server {
	t.Helper()
	return NewTLSConfig(t, &tls.Config{Certificates: []tls.Certificate{ca.Certificate(Name, "127.0.0.1")}}, h)
}

// NewTLSConfig is NewTLS with a TLS configuration of the caller's.
func NewTLSConfig(t testing.TB, config *tls.Config, h Handler) *Server {
	t.Helper()
	return newServer(t, h, func(s *Server, at netip.AddrPort) error {
		s.scheme, s.tls = "tls", config
		return s.startTLS(at)
	})
}

func (s *Server) startTLS(at netip.AddrPort) error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	s.keep(l)
	s.wg.Go(func() { s.serveTCP(l) })
	return nil
}
