package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
)

// bubble runs a test of a group in virtual time.
func bubble(t *testing.T, test func(t *testing.T, g *Group, r *recorder), transports ...Transport) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		g := NewGroup(Options{Name: "test", Transports: transports, Observer: r})
		test(t, g, r)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRcodes(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name     string
		a, b     script
		upstream string
		rcode    int
		most     time.Duration
	}{
		{"NXDOMAIN is final", after(ms, nxdomain), after(ms, answer), "a", dnswire.RcodeNameError, ms},
		{"bogus is final", after(ms, bogus), after(ms, answer), "a", dnswire.RcodeServerFailure, ms},
		{"SERVFAIL everywhere", after(ms, servfail), after(ms, servfail), "a", dnswire.RcodeServerFailure, 2 * ms},
		{"SERVFAIL beats REFUSED", after(ms, refused), after(ms, servfail), "b", dnswire.RcodeServerFailure, 2 * ms},
		{"an explanation is best", after(ms, servfail), after(ms, explained), "b", dnswire.RcodeServerFailure, 2 * ms},
		{"rcode beats network", after(ms, refused), fails(syscall.ECONNREFUSED), "a", dnswire.RcodeRefused, ms},
		{"network, then rcode", fails(syscall.ECONNREFUSED), after(ms, servfail), "b", dnswire.RcodeServerFailure, ms},
		{"truncated beats SERVFAIL", after(ms, truncated), after(ms, servfail), "a", dnswire.RcodeSuccess, 2 * ms},
		{"rcode, then silence", after(ms, servfail), silent, "a", dnswire.RcodeServerFailure, healthyGrace + ms},
		{"rcode, then patience", after(ms, servfail), after(time.Second, answer), "b", dnswire.RcodeSuccess, time.Second + ms},
		{"FORMERR without end", after(ms, formerr), after(ms, answer), "a", dnswire.RcodeFormatError, 2 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *Group, r *recorder) {
				reply, took, err := timed(t, g)
				if err != nil || reply.Upstream != tt.upstream || dnswire.Rcode(reply.Message) != tt.rcode || took > tt.most {
					t.Errorf("rcode %d of %q after %v, %v; want %d of %s within %v",
						dnswire.Rcode(reply.Message), reply.Upstream, took, err, tt.rcode, tt.upstream, tt.most)
				}
			}, newFake("a", tt.a), newFake("b", tt.b))
		})
	}
}

// TestBrokenName: names that fail everywhere, or now and then at one server,
// are no reason to leave it.
func TestBrokenName(t *testing.T) {
	a, b := newFake("a", after(time.Millisecond, servfail)), newFake("b", after(time.Millisecond, servfail))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range 20 {
			timed(t, g)
		}
		a.become(after(time.Millisecond, answer))
		if reply, _, _ := timed(t, g); reply.Upstream != "a" {
			t.Errorf("answer of %q after names that fail everywhere", reply.Upstream)
		}
		b.become(after(time.Millisecond, answer))
		for i := range 20 {
			if i%2 == 0 {
				a.become(after(time.Millisecond, servfail))
			} else {
				a.become(after(time.Millisecond, answer))
			}
			if reply, _, _ := timed(t, g); i%2 == 1 && reply.Upstream != "a" {
				t.Errorf("query %d: answer of %q", i, reply.Upstream)
			}
		}
	}, a, b)
}

func TestOldServerWithoutEDNS(t *testing.T) {
	for _, code := range []uint16{dnswire.RcodeFormatError, dnswire.RcodeNotImplemented} {
		a := newFake("a", func(_ context.Context, query []byte) ([]byte, error) {
			if dnswire.Count(query, dnswire.Additional) != 0 {
				return rcode(code)(query), nil
			}
			return answer(query), nil
		})
		bubble(t, func(t *testing.T, g *Group, r *recorder) {
			for i := range 2 {
				reply, _, err := timed(t, g)
				if err != nil || dnswire.Rcode(reply.Message) != 0 || dnswire.Count(reply.Message, dnswire.Answer) != 1 {
					t.Errorf("%x, %v", reply.Message, err)
				}
				if n := a.asked.Load(); n != int64(2*i+2) {
					t.Errorf("asked %d times", n)
				}
			}
		}, a)
	}
}

func TestCallerCancels(t *testing.T) {
	a := newFake("a", after(50*time.Millisecond, answer))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := g.Exchange(ctx, testQuery())
			var all *Error
			if !errors.As(err, &all) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("deadline: %v", err)
			}
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(10*time.Millisecond, cancel)
			if _, err := g.Exchange(ctx, testQuery()); err != context.Canceled {
				t.Errorf("cancelled: %v", err)
			}
			if _, err := g.Exchange(ctx, testQuery()); err != context.Canceled {
				t.Errorf("cancelled before: %v", err)
			}
		}
		time.Sleep(time.Second)
		if r.count("a ok") != 20 || len(r.results) != 1 {
			t.Errorf("results %v, want 20 of a ok", r.results)
		}
		if s := g.State()[0]; s.Open || s.InFlight != 0 || s.Latency != 50*time.Millisecond {
			t.Errorf("state %+v", s)
		}
	}, a)
}

// TestOneLostQuery: silence on one query says nothing of a server that answers
// others meanwhile.
func TestOneLostQuery(t *testing.T) {
	a := newFake("a", silent)
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		lost := make(chan error)
		go func() {
			_, err := g.Exchange(t.Context(), testQuery())
			lost <- err
		}()
		synctest.Wait()
		a.become(after(time.Millisecond, answer))
		for range 100 {
			timed(t, g)
			time.Sleep(50 * time.Millisecond)
		}
		if err := <-lost; err == nil {
			t.Error("the lost query was answered")
		}
		if !g.members[0].healthy() {
			t.Error("the server has lost its trust")
		}
	}, a)
}

// TestFailuresAtOnce: queries that fail together are one failure; the breaker
// opens at the next one.
func TestFailuresAtOnce(t *testing.T) {
	fail := func(ctx context.Context, query []byte) ([]byte, error) {
		after(time.Millisecond, answer)(ctx, query)
		return nil, syscall.ECONNREFUSED
	}
	a, b := newFake("a", fail), newFake("b", after(time.Millisecond, answer))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range 50 {
			go g.Exchange(t.Context(), testQuery())
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if a.asked.Load() != 50 || len(r.changes()) != 0 || g.members[0].healthy() {
			t.Errorf("asked %d times; breaker changes %v", a.asked.Load(), r.changes())
		}
		timed(t, g)
		synctest.Wait()
		if got := fmt.Sprint(r.changes()); a.asked.Load() != 51 || got != "[a true]" {
			t.Errorf("asked %d times; breaker changes %s", a.asked.Load(), got)
		}
	}, a, b)
}

func TestOverload(t *testing.T) {
	a := newFake("a", silent)
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range maxInFlight {
			go g.Exchange(t.Context(), testQuery())
		}
		synctest.Wait()
		_, took, err := timed(t, g)
		if !errors.Is(err, ErrOverloaded) || took != 0 {
			t.Errorf("query %d: %v after %v", maxInFlight+1, err, took)
		}
		time.Sleep(Budget + time.Millisecond)
		if r.count("a overloaded") != 1 || r.count("a timeout") != maxInFlight {
			t.Errorf("results %v", r.results)
		}
	}, a)
}

func TestReset(t *testing.T) {
	a, b := newFake("a", fails(syscall.ENETUNREACH)), newFake("b", after(time.Millisecond, answer))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range 100 { // far into the backoff
			timed(t, g)
			time.Sleep(200 * time.Millisecond)
		}
		a.become(after(time.Millisecond, answer))
		g.Reset()
		if a.resets.Load() != 1 || b.resets.Load() != 1 {
			t.Error("a transport was not reset")
		}
		timed(t, g)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		if reply, _, _ := timed(t, g); reply.Upstream != "a" {
			t.Errorf("second answer after the reset of %q", reply.Upstream)
		}
	}, a, b)
}

func TestClose(t *testing.T) {
	a := newFake("a", silent)
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		done := make(chan error, 1)
		go func() {
			_, err := g.Exchange(t.Context(), testQuery())
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		g.Close()
		if err := <-done; err != ErrClosed || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, _, err := timed(t, g); err != ErrClosed {
			t.Errorf("after Close: %v", err)
		}
		if !a.closed.Load() {
			t.Error("the transport is open")
		}
		if len(r.results) != 0 {
			t.Errorf("Close was reported: %v", r.results)
		}
	}, a)
}

func TestBadQuery(t *testing.T) {
	a := newFake("a", silent)
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		two := testQuery()
		two[5] = 2
		for _, q := range [][]byte{nil, make([]byte, 11), make([]byte, 12), two, testQuery()[:20]} {
			if _, err := g.Exchange(t.Context(), q); err != ErrQuery {
				t.Errorf("%x: %v", q, err)
			}
		}
		if a.asked.Load() != 0 {
			t.Error("the server was asked")
		}
	}, a)
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		if _, err := g.Exchange(t.Context(), testQuery()); err == nil || !strings.Contains(err.Error(), "no servers") {
			t.Errorf("empty group: %v", err)
		}
	})
}

func TestErrorText(t *testing.T) {
	e := &Error{Group: "default"}
	for i := range 12 {
		e.Failures = append(e.Failures, Failure{fmt.Sprintf("https://dns%d.example.net/dns-query", i), Timeout, nil})
	}
	got := e.EDE().Text
	if len(got) > dnswire.MaxEDEText || !strings.HasSuffix(got, "; 8 more") || strings.Count(got, ": timeout") != 4 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	long := &Error{Failures: []Failure{{strings.Repeat("x", 300), Refused, nil}}}
	if got := long.EDE().Text; len(got) > dnswire.MaxEDEText {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// TestAllocs: what a query costs beside its transport. A goroutine, a deadline and
// a channel for each server asked are the price of hedging.
func TestAllocs(t *testing.T) {
	query := testQuery()
	reply := answer(query)
	g := NewGroup(Options{Transports: []Transport{
		newFake("a", func(context.Context, []byte) ([]byte, error) { return reply, nil }), newFake("b", silent),
	}})
	defer g.Close()
	if n := testing.AllocsPerRun(500, func() { g.Exchange(context.Background(), query) }); n > 18 {
		t.Errorf("%v allocations a query", n)
	}
	if n := testing.AllocsPerRun(500, func() { CheckReply(reply, query) }); n > 1 {
		t.Errorf("%v allocations a check", n)
	}
}

func BenchmarkGroup(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			query := testQuery()
			reply := answer(query)
			var ts []Transport
			for i := range n {
				ts = append(ts, newFake(fmt.Sprint(i), func(context.Context, []byte) ([]byte, error) { return reply, nil }))
			}
			g := NewGroup(Options{Transports: ts})
			defer g.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.Exchange(context.Background(), query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
