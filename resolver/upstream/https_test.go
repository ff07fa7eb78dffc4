package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// dohServer starts a server and returns it with its authority and how to reach
// it.
func dohServer(t *testing.T, h upstreamtest.Handler) (*upstreamtest.Server, *upstreamtest.CA, Server) {
	t.Helper()
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewHTTPS(t, ca, h)
	return s, ca, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}
}

// dohAt is a server by name at an address.
func dohAt(addr netip.AddrPort) Server {
	return Server{
		URL:       "https://" + net.JoinHostPort(upstreamtest.Name, strconv.Itoa(int(addr.Port()))) + upstreamtest.Path,
		Addresses: []netip.Addr{addr.Addr()},
	}
}

func TestHTTPSOnTheWire(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	s, ca, server := dohServer(t, testAnswer)
	var seen *http.Request
	var body []byte
	s.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ = io.ReadAll(r.Body)
			seen = r.Clone(context.Background())
			r.Body = io.NopCloser(bytes.NewReader(body))
			w.Header().Set("Set-Cookie", "id=1")
			h.ServeHTTP(w, r)
		})
	})
	tr := transport(t, server, ca)
	for range 2 {
		exchange(t, tr)
		want := pad(testQuery())
		dnswire.SetID(want, 0)
		if !bytes.Equal(body, want) {
			t.Errorf("body %x, want %x", body, want)
		}
		if seen.Method != "POST" || seen.ProtoMajor != 2 || seen.Host != server.URL[8:len(server.URL)-len(upstreamtest.Path)] ||
			seen.URL.Path != upstreamtest.Path || seen.ContentLength != int64(len(want)) || seen.TLS.ServerName != upstreamtest.Name {
			t.Errorf("%+v", seen)
		}
		for name, want := range map[string]string{"Content-Type": dnsMessage, "Accept": dnsMessage} {
			if got := seen.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
			seen.Header.Del(name)
		}
		seen.Header.Del("Content-Length")
		if len(seen.Header) != 0 {
			t.Errorf("more headers than needed: %v", seen.Header)
		}
	}
	if _, err := tr.Exchange(t.Context(), nil); err != ErrQuery {
		t.Errorf("empty query: %v", err)
	}
}

func TestHTTPSReplies(t *testing.T) {
	write := func(status int, mediaType string, body func(query []byte) []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
			w.Write(body(query))
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    Cause
	}{
		{"answer", write(200, dnsMessage, answer), ""},
		{"media type in capitals", write(200, "Application/DNS-Message", answer), ""},
		{"media type with a parameter", write(200, dnsMessage+"; charset=utf-8", answer), ""},
		{"another ID", write(200, dnsMessage, func(q []byte) []byte { q[0] = 1; return answer(q) }), ""},
		{"500", write(500, dnsMessage, answer), HTTPStatus},
		{"404", write(404, "text/plain", answer), HTTPStatus},
		{"204", write(204, dnsMessage, func([]byte) []byte { return nil }), HTTPStatus},
		{"206", write(206, dnsMessage, answer), HTTPStatus},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, HTTPStatus},
		{"HTML", write(200, "text/html", answer), MediaType},
		{"nearly", write(200, dnsMessage+"x", answer), MediaType},
		{"bad parameter", write(200, dnsMessage+"; =", answer), MediaType},
		{"no media type", write(200, "", answer), MediaType},
		{"empty", write(200, dnsMessage, func([]byte) []byte { return nil }), Malformed},
		{"cut", write(200, dnsMessage, func(q []byte) []byte { return answer(q)[:40] }), Malformed},
		{"too long", write(200, dnsMessage, func(q []byte) []byte { return append(answer(q), make([]byte, 1<<16)...) }), Malformed},
		{"another question", write(200, dnsMessage, func(q []byte) []byte { q[13]++; return answer(q) }), Mismatch},
		{"broken off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", dnsMessage)
			w.Header().Set("Content-Length", "100")
			w.Write([]byte{0})
			panic(http.ErrAbortHandler)
		}, Reset},
		{"64 KiB of headers", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", string(bytes.Repeat([]byte("x"), 64<<10)))
			write(200, dnsMessage, answer)(w, r)
		}, Reset},
	}
	s, ca, server := dohServer(t, testAnswer)
	tr := transport(t, server, ca)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.Wrap(func(http.Handler) http.Handler { return tt.handler })
			query := testQuery()
			reply, err := tr.Exchange(within(t, enough), query)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				checkAnswer(t, reply, query)
			} else if got := causeOf(err); err == nil || got != tt.want {
				t.Errorf("%v is %v, want %v", err, got, tt.want)
			}
		})
	}
}

func TestHTTPSAge(t *testing.T) {
	s, ca, server := dohServer(t, testAnswer)
	tr := transport(t, server, ca)
	for age, want := range map[string]uint32{"": 300, "100": 200, "300": 0, "9999": 0, "-1": 300, "x": 300, "99999999999": 300} {
		s.Wrap(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if age != "" {
					w.Header().Set("Age", age)
				}
				h.ServeHTTP(w, r)
			})
		})
		if got, _ := dnswire.MinTTL(exchange(t, tr)); got != want {
			t.Errorf("Age %q: TTL %d, want %d", age, got, want)
		}
	}
}

func TestHTTPSHandshake(t *testing.T) {
	ca, other := upstreamtest.NewCA(t), upstreamtest.NewCA(t)
	config := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	old := config(ca.Certificate(upstreamtest.Name))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	tls12 := config(ca.Certificate(upstreamtest.Name))
	tls12.MaxVersion = tls.VersionTLS12
	tests := []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"good", config(ca.Certificate(upstreamtest.Name)), true},
		{"TLS 1.2", tls12, true},
		{"TLS 1.1", old, false},
		{"another authority", config(other.Certificate(upstreamtest.Name)), false},
		{"another name", config(ca.Certificate("dns.example")), false},
		{"the address only", config(ca.Certificate("127.0.0.1")), false},
		{"expired", config(ca.Expired(upstreamtest.Name)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := upstreamtest.NewHTTPSConfig(t, tt.config, testAnswer)
			tr := transport(t, dohAt(s.Addr()), ca)
			if tt.ok {
				exchange(t, tr)
				return
			}
			if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
				t.Errorf("%v is %v, want tls", err, causeOf(err))
			}
		})
	}
	t.Run("by address", func(t *testing.T) {
		s := upstreamtest.NewHTTPS(t, ca, testAnswer)
		exchange(t, transport(t, Server{URL: "https://" + s.Addr().String() + upstreamtest.Path}, ca))
	})
	t.Run("the system's authorities", func(t *testing.T) {
		s := upstreamtest.NewHTTPS(t, ca, testAnswer)
		tr := transport(t, dohAt(s.Addr()), nil)
		if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
			t.Errorf("%v is %v, want tls", err, causeOf(err))
		}
	})
	t.Run("no HTTP/2", func(t *testing.T) {
		l, err := tls.Listen("tcp", "127.0.0.1:0", config(ca.Certificate(upstreamtest.Name)))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				io.Copy(io.Discard, c)
				c.Close()
			}
		})
		defer wg.Wait()
		defer l.Close()
		tr := transport(t, dohAt(l.Addr().(*net.TCPAddr).AddrPort()), ca)
		if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
			t.Errorf("%v is %v, want tls", err, causeOf(err))
		}
	})
	t.Run("not TLS", func(t *testing.T) {
		s := rawTCP(t, func(conn net.Conn, _ int) { conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
		tr := transport(t, dohAt(netip.MustParseAddrPort(s.URL[len("tcp://"):])), ca)
		if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
			t.Errorf("%v is %v, want tls", err, causeOf(err))
		}
	})
}

func TestHTTPSRefused(t *testing.T) {
	s, ca, server := dohServer(t, testAnswer)
	tr := transport(t, server, ca)
	s.Stop()
	if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != Refused {
		t.Errorf("%v is %v, want refused", err, causeOf(err))
	}
	s.Start()
	exchange(t, tr)
}

func TestHTTPSSilence(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewHTTPS(t, ca, upstreamtest.Silent)
	for name, addr := range map[string]netip.AddrPort{"no handshake": deaf(t), "no reply": s.Addr()} {
		t.Run(name, func(t *testing.T) {
			tr := transport(t, dohAt(addr), ca)
			if _, err := tr.Exchange(within(t, 200*time.Millisecond), testQuery()); causeOf(err) != Timeout {
				t.Errorf("%v is %v, want timeout", err, causeOf(err))
			}
			done := make(chan error)
			go func() {
				_, err := tr.Exchange(context.Background(), testQuery())
				done <- err
			}()
			tr.Close()
			if err := <-done; err != ErrClosed {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// TestHTTPSPooledConnections: no query is lost when the connection that the pool
// holds turns out closed, drained or dead.
func TestHTTPSPooledConnections(t *testing.T) {
	tests := []struct {
		name string
		kill func(s *upstreamtest.Server, r *relay)
	}{
		{"hangup", func(s *upstreamtest.Server, _ *relay) { s.Hangup() }},
		{"restart", func(s *upstreamtest.Server, _ *relay) { s.Stop(); s.Start() }},
		{"GOAWAY", func(s *upstreamtest.Server, _ *relay) { s.Drain(); s.Start() }},
		{"dead", func(_ *upstreamtest.Server, r *relay) { r.freeze() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ca, _ := dohServer(t, testAnswer)
			r := newRelay(t, s.Addr())
			tr := transport(t, dohAt(r.addr()), ca)
			for i := range 3 {
				exchange(t, tr)
				exchange(t, tr)
				if n := r.accepted.Load(); n != int64(i+1) {
					t.Errorf("%d connections after %d deaths", n, i)
				}
				tt.kill(s, r)
			}
		})
	}
}

// TestHTTPSClosesEach: a server that says GOAWAY after every reply loses nothing.
func TestHTTPSClosesEach(t *testing.T) {
	s, ca, server := dohServer(t, testAnswer)
	s.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			h.ServeHTTP(w, r)
		})
	})
	tr := transport(t, server, ca)
	for range 20 {
		exchange(t, tr)
	}
}

func TestHTTPSMany(t *testing.T) {
	s, ca, _ := dohServer(t, upstreamtest.Delay(5*time.Millisecond, testAnswer))
	r := newRelay(t, s.Addr())
	tr := transport(t, dohAt(r.addr()), ca)
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
	if n := r.accepted.Load(); n > maxSessions {
		t.Errorf("%d connections", n)
	}
}

// TestHTTPSAddresses: the second address is used when the first refuses, or
// accepts and says nothing, and it is the first one from then on.
func TestHTTPSAddresses(t *testing.T) {
	s, ca, server := dohServer(t, testAnswer)
	second := netip.MustParseAddr("127.0.0.2")
	server.Addresses = []netip.Addr{second, s.Addr().Addr()}
	t.Run("refused", func(t *testing.T) { exchange(t, transport(t, server, ca)) })
	t.Run("silent", func(t *testing.T) {
		l, err := net.Listen("tcp", netip.AddrPortFrom(second, s.Addr().Port()).String())
		if err != nil {
			needed(t, "a second loopback address", err)
		}
		defer l.Close() // never accepted: the kernel completes the TCP handshake alone
		tr := transport(t, server, ca)
		exchange(t, tr)
		if good := inner(tr).(*https).dialer.good.Load(); *good != s.Addr() {
			t.Errorf("the good address is %v", good)
		}
	})
}

func TestHTTPSReset(t *testing.T) {
	resetUnderWay(t, func(h upstreamtest.Handler) Transport {
		_, ca, server := dohServer(t, h)
		return transport(t, server, ca)
	})
}

func BenchmarkHTTPS(b *testing.B) {
	ca := upstreamtest.NewCA(b)
	s := upstreamtest.NewHTTPS(b, ca, testAnswer)
	benchmarkExchange(b, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}, ca.Pool)
}
