package resolver

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/cache"
)

// TestRefresh: a popular answer is asked for again in the last tenth of its life,
// once at a time, and no client waits for that.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := zone("example.com. 100 IN A 192.0.2.1")
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			time.Sleep(time.Second)
			return good(ctx, q)
		}}
		r := New(Options{State: State{Upstream: up}})
		defer r.Close()
		born := time.Now()
		at := func(second int) { time.Sleep(time.Until(born.Add(time.Duration(second) * time.Second))) }
		get := func(want int, asked int64) {
			t.Helper()
			begin := time.Now()
			m, _ := resolve(t, r, "example.com A")
			synctest.Wait()
			if summary(m) != fmt.Sprintf("NOERROR; example.com. %d IN A 192.0.2.1", want) || up.asked.Load() != asked {
				t.Errorf("after %v: %s, %d upstream queries", begin.Sub(born), summary(m), up.asked.Load())
			}
			if asked > 1 && time.Since(begin) != 0 {
				t.Errorf("a cached answer took %v", time.Since(begin))
			}
		}
		get(100, 1) // takes a second: born at 1
		at(50)
		get(51, 1)
		at(92)
		for range 5 {
			get(9, 2) // the refresh is under way; one of it
		}
		at(94)
		get(99, 2)
		at(150)
		get(43, 2)
		at(191)
		up.become(func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown })
		get(2, 3)
		get(2, 3) // it failed, which changes nothing for what is fresh
		at(192)
		get(1, 3)
		at(300)
		if m, _ := resolve(t, r, "example.com A"); m.Rcode != dns.RcodeServerFailure || up.asked.Load() != 4 {
			t.Errorf("an entry that nobody wanted in the end: %s, %d queries", summary(m), up.asked.Load())
		}
		if n := r.cache.Stats().Refreshes; n != 2 {
			t.Errorf("%d refreshes counted", n)
		}
	})
}

// TestRefreshYieldsToClients: the places that clients wait for are not taken by
// what nobody waits for.
func TestRefreshYieldsToClients(t *testing.T) {
	r := New(Options{State: State{Upstream: &script{answer: zone()}}})
	defer r.Close()
	r.flights.m = make(map[flightKey]*flight)
	for i := range maxFlights / 2 {
		r.flights.m[flightKey{Key: cache.Key{Type: uint16(i)}}] = nil
	}
	q := query("example.com A")
	q.state = r.state.Load()
	again := q.detached()
	again.refresh = true
	if _, err := r.join(again, HandlerFunc(r.forward)); err != errOverload {
		t.Errorf("a refresh took a place: %v", err)
	}
	f, err := r.join(q, HandlerFunc(r.forward))
	if err != nil {
		t.Fatal(err)
	}
	<-f.done
}

func TestRefreshEndsWithClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	now := time.Now()
	clock := func() time.Time { return now }
	up := &script{answer: zone("example.com. 100 IN A 192.0.2.1")}
	r := New(Options{State: State{Upstream: up}, Cache: cache.New(cache.Options{Now: clock})})
	resolve(t, r, "example.com A")
	hang := make(chan struct{})
	up.become(func(ctx context.Context, _ *dns.Msg) (*dns.Msg, error) {
		close(hang)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	now = now.Add(95 * time.Second)
	resolve(t, r, "example.com A")
	resolve(t, r, "example.com A")
	<-hang
	r.Close()
}
