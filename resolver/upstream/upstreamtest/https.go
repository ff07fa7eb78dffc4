package upstreamtest

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/quic-go/quic-go/http3"

	"tundns/dnswire"
)

// Name is the host name that encrypted servers are made out to.
const Name = "dns.test"

// Path is where DNS-over-HTTPS servers answer.
const Path = "/dns-query"

// httpState is the part of a Server that speaks HTTP.
type httpState struct {
	wrap     atomic.Pointer[func(http.Handler) http.Handler]
	running  atomic.Pointer[http.Server]
	running3 atomic.Pointer[http3.Server] // over HTTP/3
}

// NewHTTPS starts a DNS-over-HTTPS server (RFC 8484, POST and GET,
// HTTP/2) with a
// certificate of ca for Name and 127.0.0.1.
func NewHTTPS(t testing.TB, ca *CA, h Handler) *Server {
	t.Helper()
	return NewHTTPSConfig(t, &tls.Config{
		Certificates: []tls.Certificate{ca.Certificate(Name, "127.0.0.1")},
		NextProtos:   []string{"h2"},
	}, h)
}

// NewHTTPSConfig is NewHTTPS with a TLS configuration of the caller's.
func NewHTTPSConfig(t testing.TB, config *tls.Config, h Handler) *Server {
	t.Helper()
	return newServer(t, h, func(s *Server, at netip.AddrPort) error {
		s.scheme, s.tls = "https", config
		return s.startHTTPS(at)
	})
}

// Wrap puts a handler in front of the DNS-over-HTTPS server, nil for none.
func (s *Server) Wrap(wrap func(http.Handler) http.Handler) {
	if wrap == nil {
		wrap = func(h http.Handler) http.Handler { return h }
	}
	s.http.wrap.Store(&wrap)
}

// Drain makes the server say GOAWAY on its connections, end what is in progress
// and stop.
func (s *Server) Drain() {
	s.t.Helper()
	if three := s.http.running3.Load(); three != nil {
		if err := three.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
	}
	if err := s.http.running.Load().Shutdown(context.Background()); err != nil {
		s.t.Error(err)
	}
	s.Stop()
}

func (s *Server) startHTTPS(at netip.AddrPort) error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	if s.http.wrap.Load() == nil {
		s.Wrap(nil)
	}
	server := &http.Server{
		Handler:   http.HandlerFunc(s.serveWrapped),
		TLSConfig: s.tls.Clone(),
		ErrorLog:  log.New(io.Discard, "", 0), // failing handshakes are part of the script
	}
	s.http.running.Store(server)
	s.keep(server)
	s.wg.Go(func() { server.ServeTLS(keeper{l, s}, "", "") })
	return nil
}

// keeper is a listener whose connections Hangup can close.
type keeper struct {
	*net.TCPListener
	s *Server
}

func (k keeper) Accept() (net.Conn, error) {
	conn, err := k.AcceptTCP()
	if err != nil {
		return nil, err
	}
	k.s.keep(conn)
	return conn, nil
}

func (s *Server) serveWrapped(w http.ResponseWriter, r *http.Request) {
	(*s.http.wrap.Load())(http.HandlerFunc(s.serveHTTP)).ServeHTTP(w, r)
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path {
		http.NotFound(w, r)
		return
	}
	var query []byte
	var err error
	switch {
	case r.Method == http.MethodGet:
		query, err = base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
	case r.Method != http.MethodPost:
		http.Error(w, "POST or GET only", http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Content-Type") != "application/dns-message":
		http.Error(w, "not a DNS message", http.StatusUnsupportedMediaType)
		return
	default:
		query, err = io.ReadAll(http.MaxBytesReader(w, r.Body, dnswire.MaxMessage))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply := s.answer(query)
	if reply == nil { // silence
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(reply)
}
