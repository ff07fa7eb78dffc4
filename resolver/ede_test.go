package resolver

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/cache"
	"tundns/dnswire"
	"tundns/resolver/upstream"
)

// explained answers with an rcode and an Extended DNS Error.
func explained(rcode int, code uint16, text string) func(context.Context, *dns.Msg) (*dns.Msg, error) {
	return func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetRcode(q, rcode)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: code, ExtraText: text}}
		return m, nil
	}
}

// TestRFC8914 is the table of the errors that we explain, and of those that we
// pass on (section 3: a forwarder may).
func TestRFC8914(t *testing.T) {
	failing := func(cause upstream.Cause, err error) func(context.Context, *dns.Msg) (*dns.Msg, error) {
		return func(context.Context, *dns.Msg) (*dns.Msg, error) {
			return nil, &upstream.Error{Group: "default", Failures: []upstream.Failure{{Upstream: "udp://192.0.2.53", Cause: cause, Err: err}}}
		}
	}
	good := zone("example.com. 60 IN A 192.0.2.1", "ads.example. 60 IN A 192.0.2.2")
	for _, c := range []struct {
		name     string
		before   string // asked while the upstream is good
		pass     time.Duration
		up       func(context.Context, *dns.Msg) (*dns.Msg, error)
		question string
		rcode    int
		codes    []uint16
		text     string
	}{
		{"4.23 22: silence", "", 0, failing(upstream.Timeout, context.DeadlineExceeded), "example.com A", dns.RcodeServerFailure, []uint16{22}, "udp://192.0.2.53: timeout"},
		{"4.23 22: refused", "", 0, failing(upstream.Refused, errors.New("x")), "example.com A", dns.RcodeServerFailure, []uint16{22}, "refused"},
		{"4.24 23: reset", "", 0, failing(upstream.Reset, io.EOF), "example.com A", dns.RcodeServerFailure, []uint16{23}, "reset"},
		{"4.24 23: broken TLS", "", 0, failing(upstream.TLS, errors.New("x")), "example.com A", dns.RcodeServerFailure, []uint16{23}, "tls"},
		{"4.4 3: stale answer", "example.com A", time.Hour, failing(upstream.Timeout, nil), "example.com A", dns.RcodeSuccess, []uint16{3}, "upstreams failed"},
		{"4.20 19: stale NXDOMAIN", "none.example.com A", time.Hour, failing(upstream.Timeout, nil), "none.example.com A", dns.RcodeNameError, []uint16{19}, "upstreams failed"},
		{"4.16 15: blocked", "", 0, good, "ads.example A", dns.RcodeSuccess, []uint16{15}, "ads:1 ||ads.example^"},
		{"4.19 18: prohibited", "", 0, good, "example.com AXFR", dns.RcodeRefused, []uint16{18}, "zone transfers"},
		{"4.22 21: not supported", "", 0, good, "version.bind TXT ch", dns.RcodeRefused, []uint16{21}, "only version.tundns"},
		{"3 passed on: 6, bogus", "", 0, explained(dns.RcodeServerFailure, 6, "bogus"), "example.com A", dns.RcodeServerFailure, []uint16{6}, "bogus"},
		{"3 passed on: 17, filtered", "", 0, explained(dns.RcodeNameError, 17, "you wanted it"), "example.com A", dns.RcodeNameError, []uint16{17}, "you wanted it"},
		{"3 passed on: 18, prohibited", "", 0, explained(dns.RcodeRefused, 18, "not you"), "example.com A", dns.RcodeRefused, []uint16{18}, "not you"},
		{"3 passed on: 9999, of tomorrow", "", 0, explained(dns.RcodeSuccess, 9999, "new"), "example.com A", dns.RcodeSuccess, []uint16{9999}, "new"},
		{"2 long text is cut", "", 0, explained(dns.RcodeServerFailure, 6, strings.Repeat("é", 5000)), "example.com A", dns.RcodeServerFailure, []uint16{6}, strings.Repeat("é", 100) + "|"},
		{"extended rcodes are no answer", "", 0, explained(dns.RcodeBadCookie, 0, ""), "example.com A", dns.RcodeServerFailure, []uint16{0}, "rcode 23"},
	} {
		synctest.Test(t, func(t *testing.T) {
			up := &script{answer: good}
			r := New(Options{State: State{Policy: rules(t, "null", "||ads.example^"), Upstream: up}, Cache: cache.New(cache.Options{StaleFor: 24 * time.Hour})})
			defer r.Close()
			if c.before != "" {
				resolve(t, r, c.before)
			}
			time.Sleep(c.pass)
			up.become(c.up)
			m, a := resolve(t, r, c.question)
			if codes, text := ede(m); m.Rcode != c.rcode || !slices.Equal(codes, c.codes) || !strings.Contains(text, c.text) {
				t.Errorf("%s: %s", c.name, m)
			}
			q := query(c.question)
			q.EDNS = false
			if m := unpack(t, appendReply(nil, q, a, dnswire.MaxMessage)); m.IsEdns0() != nil {
				t.Errorf("%s: told to who has no EDNS", c.name)
			}
			if c.rcode == dns.RcodeServerFailure {
				if codes, _ := ede(func() *dns.Msg { m, _ := resolve(t, r, c.question); return m }()); !slices.Equal(codes, append([]uint16{13}, c.codes...)) {
					t.Errorf("%s: 4.14 13, cached error: %v", c.name, codes)
				}
			}
		})
	}
	t.Run("4.15 14: not ready", func(t *testing.T) {
		r := New(Options{State: State{Upstream: &script{answer: good}}})
		r.Close()
		m, _ := resolve(t, r, "example.com A")
		if codes, _ := ede(m); !slices.Equal(codes, []uint16{14}) {
			t.Errorf("%s", m)
		}
	})
}
