package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

const (
	// answerTime is how long a server takes that is well.
	answerTime = 5 * time.Millisecond
	// slowness is how much longer one takes that is slow.
	slowness = 2 * time.Second
	// ttl of the answers in seconds; no name is asked for twice.
	ttl = 60
)

// server is a scripted upstream server on loopback: plain DNS over UDP, or DNS
// over HTTPS. It answers every question with 192.0.2.N, N being its number.
type server struct {
	number byte
	addr   netip.AddrPort
	roots  *identity // of HTTPS; nil for plain DNS
	asked  atomic.Int64
	mode   atomic.Int32

	mu    sync.Mutex
	open  map[io.Closer]bool // socket, listener, connections
	serve sync.WaitGroup
}

func startServer(number byte, encrypted bool) (*server, error) {
	s := &server{number: number, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0), open: make(map[io.Closer]bool)}
	if encrypted {
		var err error
		if s.roots, err = newIdentity(); err != nil {
			return nil, err
		}
	}
	return s, s.listen()
}

// url is where the server answers, as an upstream of tundns.
func (s *server) url() string {
	if s.roots == nil {
		return "udp://" + s.addr.String()
	}
	return "https://" + s.addr.String() + "/dns-query"
}

func (s *server) is(m mode) bool { return mode(s.mode.Load()) == m }

// become changes the server's behaviour for what comes from now on.
func (s *server) become(m mode) error {
	was := mode(s.mode.Swap(int32(m)))
	switch {
	case m == refused:
		s.shut()
	case was == refused:
		return s.listen()
	case m == resets || m == badTLS:
		s.hangup()
	}
	return nil
}

func (s *server) close() {
	s.mode.Store(int32(refused))
	s.shut()
	s.serve.Wait()
}

func (s *server) keep(c io.Closer) {
	s.mu.Lock()
	s.open[c] = true
	s.mu.Unlock()
}

func (s *server) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
		delete(s.open, c)
	}
}

// hangup resets the connections.
func (s *server) hangup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if conn, ok := c.(*net.TCPConn); ok {
			conn.SetLinger(0)
			conn.Close()
			delete(s.open, c)
		}
	}
}

func (s *server) listen() error {
	if s.roots != nil {
		return s.listenHTTPS()
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.addr))
	if err != nil {
		return err
	}
	s.addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.keep(conn)
	s.serve.Go(func() {
		var buf [dnswire.MaxMessage]byte
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf[:])
			if err != nil {
				return
			}
			query := append([]byte(nil), buf[:n]...)
			go func() {
				if reply := s.answer(context.Background(), query); reply != nil {
					conn.WriteToUDPAddrPort(reply, from)
				}
			}()
		}
	})
	return nil
}

// answer returns the reply to query, nil for silence.
func (s *server) answer(ctx context.Context, query []byte) []byte {
	s.asked.Add(1)
	wait := answerTime
	switch mode(s.mode.Load()) {
	case silent:
		return nil
	case slow:
		wait += slowness
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil
	}
	q, end, err := dnswire.ReadQuestion(query)
	if err != nil {
		return nil
	}
	flags := dnswire.FlagQR | dnswire.FlagRD | dnswire.FlagRA
	if s.is(servfail) {
		flags |= dnswire.RcodeServerFailure
	}
	msg := dnswire.AppendQuestion(nil, dnswire.ID(query), flags, q)
	copy(msg[dnswire.HeaderLen:], query[dnswire.HeaderLen:end]) // with the query's letter case
	if !s.is(servfail) && q.Type == dnswire.TypeA {
		msg = dnswire.AppendRR(msg, q.Name, q.Type, q.Class, ttl, []byte{192, 0, 2, s.number})
		dnswire.SetCount(msg, dnswire.Answer, 1)
	}
	return msg
}

func (s *server) listenHTTPS() error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.addr))
	if err != nil {
		return err
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	s.keep(l)
	h := &http.Server{
		Handler:  http.HandlerFunc(s.serveHTTP),
		ErrorLog: log.New(io.Discard, "", 0), // failing handshakes are what is measured
		TLSConfig: &tls.Config{
			NextProtos:             []string{"h2"},
			SessionTicketsDisabled: true, // who resumes a session does not look at the certificate
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				if s.is(badTLS) {
					return &s.roots.stranger, nil
				}
				return &s.roots.own, nil
			},
		},
	}
	s.keep(h)
	s.serve.Go(func() { h.ServeTLS(acceptor{l, s}, "", "") })
	return nil
}

// acceptor hands out connections that hangup can reset.
type acceptor struct {
	*net.TCPListener
	s *server
}

// Accept is for net.Listener.
func (a acceptor) Accept() (net.Conn, error) {
	for {
		conn, err := a.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if a.s.is(resets) {
			conn.SetLinger(0)
			conn.Close()
			continue
		}
		a.s.keep(conn)
		return conn, nil
	}
}

func (s *server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if s.is(status5xx) {
		s.asked.Add(1)
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, dnswire.MaxMessage))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply := s.answer(r.Context(), query)
	if reply == nil {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(reply)
}
