package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// slowly answers after a second.
func slowly(answer func(context.Context, *dns.Msg) (*dns.Msg, error)) func(context.Context, *dns.Msg) (*dns.Msg, error) {
	return func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
		select {
		case <-time.After(time.Second):
			return answer(ctx, q)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// places is how many queries wait at s.
func places(s *Server) int {
	s.waiting.mu.Lock()
	defer s.waiting.mu.Unlock()
	return s.waiting.all
}

// underWay is how many upstream queries of r are.
func underWay(r *Resolver) int {
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	return len(r.flights.m)
}

func remembered(p *pending) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.datagrams)
}

// TestRepeatedDatagrams: RFC 1035 section 4.2.1 has clients send again. That
// costs no second upstream query, no second place and no second reply; what
// only looks alike has an answer of its own.
func TestRepeatedDatagrams(t *testing.T) {
	other := netip.MustParseAddrPort("10.30.30.1:40001")
	plain := ask(t, "example.com.", dns.TypeA, nil)
	for _, c := range []struct {
		name      string
		again     []byte
		client    netip.AddrPort
		transport Transport
		replies   int
	}{
		{"the same", plain, client, UDP, 1},
		{"another ID", put(plain, 0, 1), client, UDP, 2},
		{"another port", plain, other, UDP, 2},
		{"other letter case", ask(t, "eXample.com.", dns.TypeA, nil), client, UDP, 2},
		{"with EDNS", ask(t, "example.com.", dns.TypeA, edns(nil)), client, UDP, 2},
		{"with CD", flags(plain, dnswire.FlagCD), client, UDP, 2},
		{"over TCP, where each query is one", plain, client, TCP, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			up := &script{answer: slowly(zone("example.com. 60 IN A 192.0.2.1"))}
			r := New(Options{State: State{Upstream: up}})
			defer r.Close()
			s := server(r)
			var waiting pending
			replies := make(chan []byte, 100)
			serve := func(msg []byte, from netip.AddrPort, transport Transport) {
				t.Helper()
				if _, waits := s.serve(t.Context(), nil, msg, from, transport, &waiting, func(b []byte) { replies <- b }); !waits {
					t.Errorf("%s: answered at once", c.name)
				}
			}
			serve(plain, client, c.transport)
			for range 20 {
				serve(c.again, c.client, c.transport)
			}
			synctest.Wait()
			wantAsked, wantReplies := int64(1), c.replies
			if c.name == "with CD" {
				wantAsked = 2
			}
			if c.transport == TCP {
				wantReplies = 21
			}
			if places(s) != wantReplies {
				t.Errorf("%s: %d wait", c.name, places(s))
			}
			waiting.Wait()
			if len(replies) != wantReplies || up.asked.Load() != wantAsked || remembered(&waiting) != 0 || places(s) != 0 {
				t.Errorf("%s: %d replies, %d upstream queries, %d remembered", c.name, len(replies), up.asked.Load(), remembered(&waiting))
			}
			// Answered, the same datagram is a new query.
			if b, waits := s.serve(t.Context(), nil, plain, client, UDP, &waiting, nil); waits || len(unpack(t, b).Answer) != 1 {
				t.Errorf("%s: not answered from the cache", c.name)
			}
		})
	}
}

// TestAnsweredInBetween: a query that found nothing in the cache, and no flight
// because that has just landed, takes what it has brought.
func TestAnsweredInBetween(t *testing.T) {
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	r := start(t, up, nil, 0)
	late := query("example.com A")
	late.NoWait = true
	if _, err := r.Resolve(t.Context(), late); err != ErrWait {
		t.Fatal(err)
	}
	resolve(t, r, "example.com A")
	late.NoWait = false
	if a, err := r.Resolve(t.Context(), late); err != nil || a.Outcome != Cached || dnswire.Count(a.Message, dnswire.Answer) != 1 || up.asked.Load() != 1 {
		t.Errorf("%+v, %v after %d upstream queries", a, err, up.asked.Load())
	}
}

// TestTenThousandWait: what waits for a dead upstream is bounded, and what can be
// answered is answered at once.
func TestTenThousandWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, waiting := crowd(t)
		defer r.Close()
		synctest.Wait()
		if places(s) > maxFlights || underWay(r) != maxFlights {
			t.Errorf("%d queries wait for %d upstream queries", places(s), underWay(r))
		}
		for i := range 100 {
			reply, waits := s.serve(t.Context(), nil, ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { m.Id = uint16(i) }), client, UDP, waiting, nil)
			if waits || dnswire.Count(reply, dnswire.Answer) != 1 {
				t.Fatal("a cached answer has to wait")
			}
		}
		waiting.Wait()
		if underWay(r) != 0 || places(s) != 0 || remembered(waiting) != 0 {
			t.Errorf("left: %d flights, %d places", underWay(r), places(s))
		}
	})
}

// crowd is a resolver with one cached name and a server at which 10,000
// questions for other names wait: maxFlights for the dead upstream, the rest has
// been told so.
func crowd(t testing.TB) (*Resolver, *Server, *pending) {
	t.Helper()
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	r := New(Options{State: State{Upstream: up}})
	resolve(t, r, "example.com A")
	up.become(func(ctx context.Context, _ *dns.Msg) (*dns.Msg, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s, waiting := server(r), new(pending)
	told := make(chan struct{}, 10000)
	for i := range 10000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i % 100), 1}), 1024)
		reply, waits := s.serve(t.Context(), nil, ask(t, fmt.Sprintf("n%d.example.com.", i), dns.TypeA, nil), from, UDP, waiting, func(b []byte) {
			if dnswire.Rcode(b) != dnswire.RcodeServerFailure {
				t.Errorf("rcode %d", dnswire.Rcode(b))
			}
			told <- struct{}{}
		})
		if !waits && dnswire.Rcode(reply) != dnswire.RcodeServerFailure {
			t.Fatal("answered")
		}
	}
	for range 10000 - maxFlights {
		<-told
	}
	return r, s, waiting
}

// BenchmarkCachedWhileTenThousandWait is to be held beside
// BenchmarkResolveCached.
func BenchmarkCachedWhileTenThousandWait(b *testing.B) {
	msg := ask(b, "example.com.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) })
	out := make([]byte, 0, 2048)
	r, s, waiting := crowd(b)
	defer r.Close()
	b.ReportAllocs()
	for b.Loop() {
		if reply, _ := s.serve(b.Context(), out, msg, client, UDP, waiting, nil); reply == nil {
			b.Fatal("not cached")
		}
	}
}
