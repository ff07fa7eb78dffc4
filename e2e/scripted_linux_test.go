package e2e

import (
	"crypto/tls"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// script answers a query; nil stays silent.
type script func(query *dns.Msg) *dns.Msg

// scripted is an upstream server that does as it is told, to the letter of the
// script, and counts what it is asked.
type scripted struct {
	t      testing.TB
	script atomic.Pointer[script]
	status atomic.Int32                    // HTTP status instead of an answer; 0: none
	cert   atomic.Pointer[tls.Certificate] // shown to the next connection

	mu    sync.Mutex
	asked map[string]int // queries by name, without those for which status was set
	conns map[net.Conn]struct{}
}

func newScripted(t testing.TB, s script) *scripted {
	server := &scripted{t: t, asked: make(map[string]int), conns: make(map[net.Conn]struct{})}
	server.script.Store(&s)
	return server
}

// answerA is a script that answers every A question with one address.
func answerA(addr string, ttl uint32) script {
	a := net.ParseIP(addr)
	return func(query *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(query)
		m.RecursionAvailable = true
		if q := query.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass, Ttl: ttl}, A: a}}
		}
		return m
	}
}

// servfail is a script that fails.
func servfail(query *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(query, dns.RcodeServerFailure) }

// count returns how often a name, with its last dot, has been asked for.
func (s *scripted) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// names returns what has been asked for.
func (s *scripted) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.asked))
}

// reply runs the script on a wire query; nil: no answer.
func (s *scripted) reply(wire []byte) []byte {
	query := new(dns.Msg)
	if err := query.Unpack(wire); err != nil || len(query.Question) != 1 {
		s.t.Errorf("a query that no server takes: %x (%v)", wire, err)
		return nil
	}
	s.mu.Lock()
	s.asked[query.Question[0].Name]++
	s.mu.Unlock()
	m := (*s.script.Load())(query)
	if m == nil {
		return nil
	}
	out, err := m.Pack()
	if err != nil {
		s.t.Error("packing a scripted answer: ", err)
		return nil
	}
	return out
}

// serveUDP answers datagrams at the host until the socket it returns is closed.
func (s *scripted) serveUDP(h *host, addr netip.Addr) net.PacketConn {
	h.t.Helper()
	conn := h.listenPacket(netip.AddrPortFrom(addr, 53))
	go func() {
		for {
			buf := make([]byte, dns.MaxMsgSize)
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			// A script may take its time over one query while others come in.
			go func() {
				if out := s.reply(buf[:n]); out != nil {
					conn.WriteTo(out, from)
				}
			}()
		}
	}()
	return conn
}

// serveDoH answers RFC 8484 requests at the host until the server is closed.
func (s *scripted) serveDoH(h *host, addr netip.Addr, cert tls.Certificate) *http.Server {
	h.t.Helper()
	s.cert.Store(&cert)
	server := &http.Server{
		Handler:  http.HandlerFunc(s.handle),
		ErrorLog: log.New(io.Discard, "", 0), // broken handshakes are part of the script
		TLSConfig: &tls.Config{
			NextProtos:     []string{"h2"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil },
			// A session taken up again would not show the certificate.
			SessionTicketsDisabled: true,
		},
		ConnState: s.track,
	}
	l := h.listen(netip.AddrPortFrom(addr, 443))
	h.t.Cleanup(func() { server.Close() })
	go server.ServeTLS(l, "", "")
	return server
}

func (s *scripted) handle(w http.ResponseWriter, r *http.Request) {
	const mediaType = "application/dns-message"
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, dns.MaxMsgSize))
	switch status := s.status.Load(); {
	case status != 0:
		w.WriteHeader(int(status))
		return
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	case r.Method != http.MethodPost || r.URL.Path != "/dns-query" || r.Header.Get("Content-Type") != mediaType || r.ProtoMajor != 2:
		s.t.Errorf("not an RFC 8484 request over HTTP/2: %s %s %s %q", r.Method, r.URL, r.Proto, r.Header)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if len(body) > 1 && (body[0] != 0 || body[1] != 0) {
		s.t.Errorf("a DoH query with ID %x; RFC 8484, section 4.1, asks for 0", body[:2])
	}
	out := s.reply(body)
	if out == nil {
		<-r.Context().Done() // silent until the client gives up
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Write(out)
}

// track keeps the open connections for hangUp.
func (s *scripted) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	}
}

// hangUp closes the open DoH connections; new ones are accepted.
func (s *scripted) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}
