package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// h3Server starts a server that counts requests by version of HTTP.
func h3Server(t *testing.T, h upstreamtest.Handler) (*upstreamtest.Server, *upstreamtest.CA, Server, *[4]atomic.Int32) {
	t.Helper()
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewHTTP3(t, ca, h)
	versions := new([4]atomic.Int32)
	s.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			versions[r.ProtoMajor].Add(1)
			h.ServeHTTP(w, r)
		})
	})
	return s, ca, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}, versions
}

func TestH3OnTheWire(t *testing.T) {
	s, ca, server, _ := h3Server(t, testAnswer)
	requests, bodies := make(chan *http.Request, 2), make(chan []byte, 2)
	s.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			requests <- r.Clone(context.Background())
			bodies <- body
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
		})
	})
	tr := transport(t, server, ca)
	for range 2 {
		exchange(t, tr)
		seen, body := <-requests, <-bodies
		want := pad(testQuery())
		dnswire.SetID(want, 0)
		if !bytes.Equal(body, want) {
			t.Errorf("body %x, want %x", body, want)
		}
		if seen.Method != "POST" || seen.ProtoMajor != 3 || seen.URL.Path != upstreamtest.Path ||
			seen.ContentLength != int64(len(want)) || seen.TLS.ServerName != upstreamtest.Name {
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
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := tr.Exchange(t.Context(), nil); err != ErrQuery {
		t.Errorf("empty query: %v", err)
	}
}

func TestH3Replies(t *testing.T) {
	write := func(status int, mediaType string, body func(query []byte) []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
			w.Write(body(query))
		}
	}
	s, ca, server, _ := h3Server(t, testAnswer)
	tr := transport(t, server, ca)
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    Cause
	}{
		{"500", write(500, dnsMessage, answer), HTTPStatus},
		{"HTML", write(200, "text/html", answer), MediaType},
		{"cut", write(200, dnsMessage, func(q []byte) []byte { return answer(q)[:40] }), Malformed},
		{"too long", write(200, dnsMessage, func(q []byte) []byte { return append(answer(q), make([]byte, 1<<16)...) }), Malformed},
		{"another question", write(200, dnsMessage, func(q []byte) []byte { q[13]++; return answer(q) }), Mismatch},
		{"broken off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Reset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Wrap(func(http.Handler) http.Handler { return tt.handler })
			_, err := tr.Exchange(within(t, enough), testQuery())
			if got := causeOf(err); err == nil || got != tt.want {
				t.Errorf("%v is %v, want %v", err, got, tt.want)
			}
		})
	}
}

// TestH3FallsBack: where there is no HTTP/3 the query is answered over HTTP/2,
// and the next ones do not wait for HTTP/3 at all.
func TestH3FallsBack(t *testing.T) {
	s, ca, server, versions := h3Server(t, testAnswer)
	s.BlockQUIC()
	tr := transport(t, server, ca)
	exchange(t, tr)
	h := inner(tr).(*h3)
	if got := h.state(time.Now()); got != h3Blocked {
		t.Errorf("HTTP/3 is in state %d", got)
	}
	for range 10 {
		exchange(t, tr)
	}
	if n := versions[2].Load(); n != 11 {
		t.Errorf("%d requests over HTTP/2", n)
	}
}

// TestH3DeadWhilePooled: QUIC stops getting through, and later does so again.
func TestH3DeadWhilePooled(t *testing.T) {
	s, ca, server, versions := h3Server(t, testAnswer)
	tr := transport(t, server, ca)
	t.Cleanup(s.Stop) // before tr is closed: its goroutines look like a client's
	h := inner(tr).(*h3)
	exchange(t, tr)
	s.BlockQUIC()
	exchange(t, tr)
	exchange(t, tr)
	if two, three := versions[2].Load(), versions[3].Load(); two != 2 || three != 1 {
		t.Errorf("%d requests over HTTP/2, %d over HTTP/3", two, three)
	}
	s.UnblockQUIC()
	h.mu.Lock()
	h.until = time.Now() // as after h3Backoff
	h.mu.Unlock()
	exchange(t, tr) // over HTTP/2, while HTTP/3 is tried
	for ctx := within(t, enough); h.state(time.Now()) != h3Works; exchange(t, tr) {
		if ctx.Err() != nil {
			t.Fatal("HTTP/3 is not used again")
		}
	}
	before := versions[3].Load()
	exchange(t, tr)
	if versions[3].Load() != before+1 {
		t.Error("the query did not go over HTTP/3")
	}
}

// TestH3Backoff: failures that began before the last verdict count once.
func TestH3Backoff(t *testing.T) {
	h := new(h3)
	start := time.Now()
	for range 5 {
		h.judge(false, start)
	}
	if h.backoff != h3Backoff {
		t.Errorf("%v after five failures at once", h.backoff)
	}
	for _, want := range []time.Duration{2 * h3Backoff, 4 * h3Backoff} {
		h.judge(false, time.Now())
		if h.backoff != want {
			t.Errorf("%v, want %v", h.backoff, want)
		}
	}
	for range 10 {
		h.judge(false, time.Now())
	}
	if h.backoff != maxH3Backoff {
		t.Errorf("%v at last", h.backoff)
	}
	now := h.until
	if a, b := h.state(now), h.state(now); a != h3Due || b != h3Blocked {
		t.Errorf("states %d and %d when a try is due", a, b)
	}
	h.judge(true, time.Now())
	if got := h.state(now); got != h3Works {
		t.Errorf("state %d after success", got)
	}
}

func TestH3PooledConnections(t *testing.T) {
	for name, kill := range map[string]func(*upstreamtest.Server){
		"hangup":  (*upstreamtest.Server).Hangup,
		"restart": func(s *upstreamtest.Server) { s.Stop(); s.Start() },
		"GOAWAY":  func(s *upstreamtest.Server) { s.Drain(); s.Start() },
	} {
		t.Run(name, func(t *testing.T) {
			s, ca, server, _ := h3Server(t, testAnswer)
			tr := transport(t, server, ca)
			t.Cleanup(s.Stop)
			for range 3 {
				exchange(t, tr)
				exchange(t, tr)
				kill(s)
			}
			exchange(t, tr)
		})
	}
}

func TestH3Many(t *testing.T) {
	s, ca, server, _ := h3Server(t, upstreamtest.Delay(5*time.Millisecond, testAnswer))
	tr := transport(t, server, ca)
	var wg sync.WaitGroup
	for range 300 {
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

func TestH3Close(t *testing.T) {
	s, ca, server, _ := h3Server(t, upstreamtest.Silent)
	before := descriptors(t)
	tr := transport(t, server, ca)
	t.Cleanup(s.Stop) // before the check for leaks: it may wait for the rest of a handshake
	closeHanging(t, tr)
	if n := descriptors(t); n > before {
		t.Errorf("%d descriptors are left", n-before)
	}
	tr.Reset()
}

func BenchmarkH3(b *testing.B) {
	ca := upstreamtest.NewCA(b)
	s := upstreamtest.NewHTTP3(b, ca, testAnswer)
	benchmarkExchange(b, Server{URL: s.URL(), Addresses: []netip.Addr{s.Addr().Addr()}}, ca.Pool)
}
