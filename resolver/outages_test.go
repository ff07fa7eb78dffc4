package resolver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/cache"
)

// TestServiceAfterAnOutage: with no server left, names fail, are remembered as
// failing, and yet work again within a second of a server's return, however long
// the outage was and however few names are asked for.
func TestServiceAfterAnOutage(t *testing.T) {
	for _, stale := range []time.Duration{0, time.Hour} {
		for length := 3 * time.Second; length < 40*time.Second; length += 2300 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				alive := zone("www.example.com. 1 IN A 192.0.2.1")
				dead := func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown }
				up := &script{answer: alive}
				r := New(Options{State: State{Upstream: up, Group: "default"}, Cache: cache.New(cache.Options{StaleFor: stale})})
				defer r.Close()
				resolve(t, r, "www.example.com A")
				time.Sleep(2 * time.Second) // the bubble's clock
				up.become(dead)
				before := up.asked.Load()
				for begun := time.Now(); time.Since(begun) < length; time.Sleep(100 * time.Millisecond) {
					if _, a := resolve(t, r, "www.example.com A"); a.Outcome == Forwarded {
						t.Fatal("an answer out of nothing")
					}
				}
				if n, most := up.asked.Load()-before, int64(length/time.Second)+1; n > most {
					t.Errorf("the dead servers were asked %d times in %v", n, length)
				}
				up.become(alive)
				returned := time.Now()
				for {
					_, a := resolve(t, r, "www.example.com A")
					synctest.Wait()
					if a.Outcome == Forwarded || a.Outcome == Cached && a.Rcode() == dns.RcodeSuccess {
						break
					}
					if time.Since(returned) > 1100*time.Millisecond {
						t.Fatalf("after an outage of %v, stale %v: %s %v after the return", length, stale, a.Outcome, time.Since(returned))
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
	}
}

// TestOneNameEndsTheOutageForAll: when one name shows that the servers are back,
// the others are not held to what was remembered of them.
func TestOneNameEndsTheOutageForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		office := &script{answer: func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown }}
		public := &script{answer: office.answer}
		r := New(Options{State: State{Upstream: public, Group: "default", Routes: routes(t, route("corp.example", "office", office))}})
		defer r.Close()
		names := []string{"a.example A", "b.example A", "a.corp.example A"}
		for range 40 { // until they are remembered for MaxFailureTTL
			for _, n := range names {
				resolve(t, r, n)
			}
			time.Sleep(500 * time.Millisecond)
		}
		public.become(zone("a.example. 60 IN A 192.0.2.1", "b.example. 60 IN A 192.0.2.2", "new.example. 60 IN A 192.0.2.3"))
		time.Sleep(time.Second)
		resolve(t, r, "new.example A")
		for _, n := range names[:2] {
			if m, a := resolve(t, r, n); len(m.Answer) != 1 {
				t.Errorf("%s: %s %s", n, a.Outcome, summary(m))
			}
		}
		if m, _ := resolve(t, r, names[2]); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("another group's outage: %s", summary(m))
		}
	})
}

// TestHardNameIsNoOutage: a name that no server has an answer for in time is
// remembered for longer and longer (RFC 9520 section 3.2), while others are
// answered.
func TestHardNameIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hard := 0
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			if q.Question[0].Name != "hard.example." {
				return zone(q.Question[0].Name+" 1 IN A 192.0.2.1")(ctx, q)
			}
			hard++
			time.Sleep(3 * time.Second)
			return nil, errDown
		}}
		r := New(Options{State: State{Upstream: up, Group: "default"}})
		defer r.Close()
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					resolve(t, r, "easy.example A")
				}
			}
		}()
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) {
			if m, _ := resolve(t, r, "hard.example A"); m.Rcode != dns.RcodeServerFailure {
				t.Error(summary(m))
			}
		}
		close(stop)
		if hard > 10 { // each 3 s, then 1, 2, 4, 5, 5 … s
			t.Errorf("asked %d times in a minute", hard)
		}
	})
}
