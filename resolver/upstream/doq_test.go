package upstream

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

func doqServer(t *testing.T, h upstreamtest.Handler) (*upstreamtest.Server, *upstreamtest.CA, Server) {
	t.Helper()
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewQUIC(t, ca, h)
	return s, ca, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}
}

// TestDoQ (RFC 9250): queries share a connection, have ID 0 and are padded.
func TestDoQ(t *testing.T) {
	var odd atomic.Int32
	s, ca, server := doqServer(t, func(query []byte) []byte {
		if dnswire.ID(query) != 0 || len(query)%paddedBlock != 0 {
			odd.Add(1)
		}
		return big(query)
	})
	tr := transport(t, server, ca)
	for range 20 {
		query := testQuery()
		reply, err := tr.Exchange(within(t, enough), query)
		if err != nil || dnswire.Count(reply, dnswire.Answer) != 101 || dnswire.ID(reply) != dnswire.ID(query) {
			t.Fatalf("%d bytes, %v", len(reply), err)
		}
	}
	if s.Connections() != 1 || odd.Load() != 0 {
		t.Errorf("%d connections, %d queries with an ID or unpadded", s.Connections(), odd.Load())
	}
	if _, err := tr.Exchange(t.Context(), nil); err != ErrQuery {
		t.Errorf("empty query: %v", err)
	}
}

func TestDoQMany(t *testing.T) {
	s, ca, server := doqServer(t, upstreamtest.Delay(5*time.Millisecond, testAnswer))
	tr := transport(t, server, ca)
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			query := testQuery()
			if reply, err := tr.Exchange(within(t, enough), query); err != nil || CheckReply(reply, query) != nil {
				t.Errorf("%x, %v", reply, err)
			}
		})
	}
	wg.Wait()
	if n := s.Connections(); n > maxSessions {
		t.Errorf("%d connections", n)
	}
}

// TestDoQBadReplies: what is not a reply by RFC 9250 section 4.3.3.
func TestDoQBadReplies(t *testing.T) {
	for name, tt := range map[string]struct {
		reply func(query []byte) []byte
		want  Cause
	}{
		"another question": {func(q []byte) []byte { q[13]++; return answer(q) }, Mismatch},
		"cut":              {func(q []byte) []byte { m := answer(q); return m[:len(m)-1] }, Malformed},
		"nothing":          {func(q []byte) []byte { return []byte{} }, Malformed},
		"an ID":            {func(q []byte) []byte { q[1] = 7; return answer(q) }, Malformed},
		"query":            {func(q []byte) []byte { return q }, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, ca, server := doqServer(t, tt.reply)
			_, err := transport(t, server, ca).Exchange(within(t, enough), testQuery())
			if got := causeOf(err); got != tt.want {
				t.Errorf("%v is %v, want %v", err, got, tt.want)
			}
		})
	}
}

func FuzzDoQStream(f *testing.F) {
	f.Add(framed(answer(testQuery())))
	f.Add([]byte{0, 0})
	f.Add([]byte{0, 12, 0, 0})
	f.Add(framed(make([]byte, dnswire.HeaderLen)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := &doqSession{new(quicSession)}
		reply, err := s.read(bytes.NewReader(stream))
		if err == nil && (len(reply) < dnswire.HeaderLen || !bytes.HasPrefix(stream[2:], reply) || dnswire.ID(reply) != 0) {
			t.Errorf("%x gives %x", stream, reply)
		}
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", stream, err)
		}
	})
}

func TestDoQHandshake(t *testing.T) {
	ca, other := upstreamtest.NewCA(t), upstreamtest.NewCA(t)
	foreign := other.Certificate("127.0.0.1")
	for _, tt := range []struct {
		name   string
		cert   tls.Certificate
		proto  string
		byName bool
		pins   []string
		ok     bool
	}{
		{"good", ca.Certificate(upstreamtest.Name), "doq", true, nil, true},
		{"another authority", other.Certificate(upstreamtest.Name), "doq", true, nil, false},
		{"another name", ca.Certificate("dns.example"), "doq", true, nil, false},
		{"expired", ca.Expired(upstreamtest.Name), "doq", true, nil, false},
		{"another protocol", ca.Certificate(upstreamtest.Name), "h3", true, nil, false},
		{"address and pin", foreign, "doq", false, []string{pinOf(t, foreign.Certificate[0])}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := upstreamtest.NewQUICConfig(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}, NextProtos: []string{tt.proto}}, testAnswer)
			server := Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}, Pins: tt.pins}
			if !tt.byName {
				server = Server{URL: "quic://" + s.Addr().String(), Pins: tt.pins}
			}
			tr := transport(t, server, ca)
			if tt.ok {
				exchange(t, tr)
				return
			}
			if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
				t.Errorf("%v is %v, want tls", err, causeOf(err))
			}
		})
	}
}

// TestDoQPooledConnections: no query is lost when the connection that the pool
// holds turns out closed, or dead after a restart of the server.
func TestDoQPooledConnections(t *testing.T) {
	for name, kill := range map[string]func(*upstreamtest.Server){
		"hangup":  (*upstreamtest.Server).Hangup,
		"restart": func(s *upstreamtest.Server) { s.Stop(); s.Start() },
	} {
		t.Run(name, func(t *testing.T) {
			s, ca, server := doqServer(t, testAnswer)
			tr := transport(t, server, ca)
			t.Cleanup(s.Stop) // before tr is closed: its goroutines look like a client's
			for range 3 {
				exchange(t, tr)
				exchange(t, tr)
				kill(s)
			}
			exchange(t, tr)
		})
	}
}

func TestDoQReset(t *testing.T) {
	resetUnderWay(t, func(h upstreamtest.Handler) Transport {
		_, ca, server := doqServer(t, h)
		return transport(t, server, ca)
	})
}

func TestDoQClose(t *testing.T) {
	s, ca, server := doqServer(t, upstreamtest.Silent)
	tr := transport(t, server, ca)
	t.Cleanup(s.Stop) // before the check for leaks: it may wait for the rest of a handshake
	closeHanging(t, tr)
	tr.Reset()
}

// TestDoQSilence: whatever is tried while a server is silent, there is one
// socket, and none after Close.
func TestDoQSilence(t *testing.T) {
	s := rawUDP(t, func(_ *net.UDPConn, _ netip.AddrPort, _ []byte) {})
	ca := upstreamtest.NewCA(t)
	before := descriptors(t)
	tr := transport(t, Server{URL: "quic" + strings.TrimPrefix(s.URL, "udp")}, ca)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := tr.Exchange(within(t, 200*time.Millisecond), testQuery()); causeOf(err) != Timeout {
				t.Errorf("%v is %v, want timeout", err, causeOf(err))
			}
		})
	}
	wg.Wait()
	if n := descriptors(t); n > before+1 {
		t.Errorf("%d descriptors more for a silent server", n-before)
	}
	tr.Close()
	if n := descriptors(t); n > before {
		t.Errorf("%d descriptors are left", n-before)
	}
}

// descriptors returns the number of this process's open sockets.
func descriptors(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		needed(t, "/proc", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func BenchmarkDoQ(b *testing.B) {
	ca := upstreamtest.NewCA(b)
	s := upstreamtest.NewQUIC(b, ca, testAnswer)
	benchmarkExchange(b, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}, ca.Pool)
}
