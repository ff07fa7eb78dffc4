package resolver

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/cache"
)

// TestRFC8767Stale is RFC 8767 as a scenario: steps, time passes, expected answers.
func TestRFC8767Stale(t *testing.T) {
	fresh := zone("example.com. 60 IN A 192.0.2.1")
	dead := func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown }
	servfail := func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure), nil
	}
	slow := func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
		select {
		case <-time.After(3 * time.Second):
			return zone("example.com. 60 IN A 192.0.2.2")(ctx, q)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	const old, new = "NOERROR; example.com. 30 IN A 192.0.2.1", "NOERROR; example.com. 57 IN A 192.0.2.2"
	for name, steps := range map[string][]struct {
		pass  time.Duration
		up    func(context.Context, *dns.Msg) (*dns.Msg, error)
		want  string
		codes []uint16
		took  time.Duration
	}{
		"upstream dead": {
			{2 * time.Minute, dead, old, []uint16{3}, 0},
			{cache.MinFailureTTL / 2, fresh, old, []uint16{3}, 0}, // the failure is remembered
			{cache.MinFailureTTL, fresh, "NOERROR; example.com. 60 IN A 192.0.2.1", nil, 0},
		},
		"SERVFAIL never over good data": {
			{2 * time.Minute, servfail, old, []uint16{3}, 0},
			{time.Minute, servfail, old, []uint16{3}, 0},
		},
		"slow: stale after 1.8 s, the answer kept when it comes": {
			{2 * time.Minute, slow, old, []uint16{3}, 1800 * time.Millisecond},
			{4200 * time.Millisecond, dead, new, nil, 0},
		},
		"too old": {
			{25 * time.Hour, dead, "SERVFAIL", []uint16{22}, 0},
			{0, dead, "SERVFAIL", []uint16{13, 22}, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &script{answer: fresh}
				r := New(Options{State: State{Upstream: up}, Cache: cache.New(cache.Options{StaleFor: 24 * time.Hour})})
				defer r.Close()
				resolve(t, r, "example.com A")
				for i, s := range steps {
					time.Sleep(s.pass)
					up.become(s.up)
					begin := time.Now()
					m, _ := resolve(t, r, "example.com A")
					codes, _ := ede(m)
					if summary(m) != s.want || !slices.Equal(codes, s.codes) || time.Since(begin) != s.took {
						t.Errorf("step %d: %s, EDE %v after %v", i+1, summary(m), codes, time.Since(begin))
					}
				}
			})
		})
	}
}

func TestRFC8767StaleNXDOMAIN(t *testing.T) { // RFC 8914 section 4.20
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: zone()}
		r := New(Options{State: State{Upstream: up}, Cache: cache.New(cache.Options{StaleFor: time.Hour})})
		defer r.Close()
		resolve(t, r, "x.example.com A")
		time.Sleep(10 * time.Minute)
		up.become(func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown })
		m, _ := resolve(t, r, "x.example.com A")
		if codes, _ := ede(m); summary(m) != "NXDOMAIN" || !slices.Equal(codes, []uint16{19}) {
			t.Errorf("%s %v", summary(m), codes)
		}
	})
}
