package upstreamtest

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"tundns/dnswire"
)

// Server is a scripted server on loopback.
type Server struct {
	t        testing.TB
	handler  atomic.Pointer[Handler]
	queries  atomic.Int64
	accepted atomic.Int64 // QUIC connections
	addr     netip.AddrPort
	start    func(*Server, netip.AddrPort) error
	scheme   string      // of its URL
	tls      *tls.Config // nil for plain DNS

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[io.Closer]bool // listeners, sockets and connections; nil while stopped
	http  httpState
}

// NewDNS starts a server for plain DNS over UDP and TCP at one port. Over UDP a
// reply of more than 512 bytes, or than the query's EDNS size, is truncated.
func NewDNS(t testing.TB, h Handler) *Server {
	t.Helper()
	return newServer(t, h, (*Server).startDNS)
}

func newServer(t testing.TB, h Handler, start func(*Server, netip.AddrPort) error) *Server {
	t.Helper()
	s := &Server{t: t, start: start, scheme: "udp"}
	s.Handle(h)
	loopback := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	if err := s.listen(loopback); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Handle replaces the handler.
func (s *Server) Handle(h Handler) { s.handler.Store(&h) }

// Queries returns the number of queries received so far.
func (s *Server) Queries() int { return int(s.queries.Load()) }

// Addr is where the server listens. It stays the same after a Stop and Start.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// URL is how to reach an encrypted server by its Name, and one for plain DNS at
// its address, over UDP.
func (s *Server) URL() string {
	if s.tls == nil {
		return s.scheme + "://" + s.addr.String()
	}
	_, port, _ := net.SplitHostPort(s.addr.String())
	url := s.scheme + "://" + net.JoinHostPort(Name, port)
	if s.scheme != "tls" && s.scheme != "quic" {
		url += Path
	}
	return url
}

// Stop closes the listeners and connections at once, without a word to the
// clients, and waits for the handlers.
func (s *Server) Stop() {
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	// Without the lock: an http.Server's Close waits for its Accept, which may
	// be about to keep a connection.
	for c := range conns {
		c.Close()
	}
	s.wg.Wait()
}

// Start listens again at the same address after a Stop.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.listen(s.addr); err != nil {
		s.t.Fatal(err)
	}
}

// Hangup closes the connections that clients have made, but not the listeners.
func (s *Server) Hangup() {
	for _, c := range s.kept(func(c io.Closer) bool {
		switch c.(type) {
		case *net.TCPConn, quicConn:
			return true
		}
		return false
	}) {
		c.Close()
	}
}

// kept returns what is registered and wanted.
func (s *Server) kept(wanted func(io.Closer) bool) (conns []io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if wanted(c) {
			conns = append(conns, c)
		}
	}
	return conns
}

func (s *Server) listen(at netip.AddrPort) error {
	s.mu.Lock()
	s.conns = make(map[io.Closer]bool)
	s.mu.Unlock()
	return s.start(s, at)
}

// keep registers c to be closed by Stop. It closes c when that has happened.
func (s *Server) keep(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		c.Close()
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) forget(c io.Closer) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// answer runs the handler.
func (s *Server) answer(query []byte) []byte {
	s.queries.Add(1)
	return (*s.handler.Load())(query)
}

func (s *Server) startDNS(at netip.AddrPort) error {
	var err error
	for range 10 { // a port that is free for TCP may be taken for UDP
		var l *net.TCPListener
		if l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err != nil {
			return err
		}
		addr := l.Addr().(*net.TCPAddr).AddrPort()
		var u *net.UDPConn
		if u, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err != nil {
			l.Close()
			continue
		}
		s.addr = addr
		s.keep(l)
		s.keep(u)
		s.wg.Go(func() { s.serveUDP(u) })
		s.wg.Go(func() { s.serveTCP(l) })
		return nil
	}
	return err
}

func (s *Server) serveUDP(conn *net.UDPConn) {
	buf := make([]byte, dnswire.MaxMessage)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		query := append([]byte(nil), buf[:n]...)
		s.wg.Go(func() {
			limit := 512
			if rr, found, _ := dnswire.FindOPT(query); found {
				limit = max(limit, int(dnswire.ReadOPT(query, &rr).UDPSize))
			}
			reply := s.answer(query)
			if len(reply) > limit {
				reply = Head(query, dnswire.FlagTC)
			}
			if reply != nil {
				conn.WriteToUDPAddrPort(reply, from)
			}
		})
	}
}

func (s *Server) serveTCP(l *net.TCPListener) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return
		}
		if !s.keep(conn) {
			continue
		}
		s.wg.Go(func() {
			defer s.forget(conn)
			if s.tls == nil {
				s.serveConn(conn)
			} else {
				s.serveConn(tls.Server(conn, s.tls))
			}
		})
	}
}

// serveConn answers each query when its reply is ready, in any order.
func (s *Server) serveConn(conn net.Conn) {
	var write sync.Mutex
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		s.wg.Go(func() {
			if reply := s.answer(query); reply != nil {
				write.Lock()
				defer write.Unlock()
				conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			}
		})
	}
}
