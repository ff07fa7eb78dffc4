package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/dnswire"
	"tundns/resolver/upstream"
)

var errDown = &upstream.Error{Group: "default", Failures: []upstream.Failure{{Upstream: "udp://192.0.2.53", Cause: upstream.Timeout, Err: context.DeadlineExceeded}}}

func TestValidate(t *testing.T) {
	up := &script{answer: zone()}
	r := start(t, up, nil, 0)
	for text, want := range map[string]string{
		"example.com AXFR":          "REFUSED",
		"example.com IXFR":          "REFUSED",
		"example.com TSIG":          "REFUSED",
		"version.bind TXT ch":       "REFUSED",
		"example.com ANY":           `NOERROR; example.com. 3789 IN HINFO "RFC8482" ""`,
		"version.tundns TXT ch":     `NOERROR; version.tundns. 0 CH TXT "tundns test"`,
		"version.tundns A ch":       "NOERROR",
		"version.tundns TXT +do":    "NXDOMAIN",
		"nothere.example.com A +do": "NXDOMAIN",
	} {
		if m, _ := resolve(t, r, text); summary(m) != want {
			t.Errorf("%s: %s, want %s", text, summary(m), want)
		}
	}
	if n := up.asked.Load(); n != 2 {
		t.Errorf("%d upstream queries, want those of the two IN names", n)
	}
}

func TestRFC6891OptionsAreHopByHop(t *testing.T) { // what travels upstream is ours alone
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		o := q.IsEdns0()
		if q.Question[0].Name != "example.com." || !q.RecursionDesired || !q.CheckingDisabled || o == nil || o.UDPSize() != 1232 || !o.Do() || len(o.Option) != 0 {
			t.Errorf("upstream is asked\n%s", q)
		}
		return zone("example.com. 60 IN A 192.0.2.1")(t.Context(), q)
	}}
	r := start(t, up, nil, 0)
	msg := ask(t, "EXAMPLE.com.", dns.TypeA, func(m *dns.Msg) {
		m.CheckingDisabled = true
		m.SetEdns0(4096, true)
		o := m.IsEdns0()
		o.Option = append(o.Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)},
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})
	})
	q := &Query{Client: client}
	if parse(msg, q) != accepted {
		t.Fatal("not accepted")
	}
	if _, err := r.Resolve(t.Context(), q); err != nil || up.asked.Load() != 1 {
		t.Fatal(err, up.asked.Load())
	}
}

func TestCachedAnswersAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
		r := New(Options{State: State{Upstream: up}})
		defer r.Close()
		for _, step := range []struct {
			wait    time.Duration
			ttl     int
			outcome Outcome
		}{{0, 60, Forwarded}, {10 * time.Second, 50, Cached}, {50 * time.Second, 60, Forwarded}, {59 * time.Second, 1, Cached}, {time.Second, 60, Forwarded}} {
			time.Sleep(step.wait) // the bubble's clock: no time passes outside
			m, a := resolve(t, r, "example.com A")
			if summary(m) != fmt.Sprintf("NOERROR; example.com. %d IN A 192.0.2.1", step.ttl) || a.Outcome != step.outcome {
				t.Errorf("after %v: %s %s", step.wait, a.Outcome, summary(m))
			}
		}
		if up.asked.Load() != 3 {
			t.Errorf("%d upstream queries", up.asked.Load())
		}
	})
}

func TestBlockAnswers(t *testing.T) {
	const soa = "tundns.invalid."
	for _, c := range []struct {
		mode, question, want string
		negative             bool
	}{
		{"null", "ads.example A", "NOERROR; ads.example. 10 IN A 0.0.0.0", false},
		{"null", "x.ads.example AAAA", "NOERROR; x.ads.example. 10 IN AAAA ::", false},
		{"null", "ads.example HTTPS", "NOERROR", true},
		{"null", "ads.example TXT", "NOERROR", true},
		{"nxdomain", "ads.example A", "NXDOMAIN", true},
		{"nodata", "ads.example A", "NOERROR", true},
		{"refused", "ads.example A", "REFUSED", false},
		{"192.0.2.80", "ads.example A", "NOERROR; ads.example. 10 IN A 192.0.2.80", false},
		{"192.0.2.80", "ads.example AAAA", "NOERROR", true},
		{"2001:db8::80", "ads.example AAAA", "NOERROR; ads.example. 10 IN AAAA 2001:db8::80", false},
	} {
		up := &script{answer: zone("ads.example. 60 IN A 192.0.2.1")}
		r := start(t, up, rules(t, c.mode, "! a comment", "||ads.example^"), 0)
		m, a := resolve(t, r, c.question)
		if summary(m) != c.want || a.Outcome != Blocked || up.asked.Load() != 0 {
			t.Errorf("%s %s: %s %s", c.mode, c.question, a.Outcome, summary(m))
		}
		if c.negative != (len(m.Ns) == 1 && m.Ns[0].Header().Name != "" && m.Ns[0].(*dns.SOA).Ns == soa && m.Ns[0].Header().Ttl == 10 && m.Ns[0].(*dns.SOA).Minttl == 10) {
			t.Errorf("%s %s: authority %v", c.mode, c.question, m.Ns)
		}
		if codes, text := ede(m); !slices.Equal(codes, []uint16{15}) || text != "ads:2 ||ads.example^|" {
			t.Errorf("%s %s: EDE %v %q", c.mode, c.question, codes, text)
		}
		if m.Authoritative || m.AuthenticatedData {
			t.Errorf("%s %s: AA %v AD %v", c.mode, c.question, m.Authoritative, m.AuthenticatedData)
		}
	}
}

func TestCNAMECloaking(t *testing.T) {
	records := []string{"shop.example. 60 IN CNAME t.tracker.example.", "t.tracker.example. 60 IN A 192.0.2.66",
		"good.example. 60 IN CNAME ok.example.", "ok.example. 60 IN A 192.0.2.1",
		"svc.example. 60 IN HTTPS 1 t.tracker.example. alpn=h2"}
	for _, c := range []struct{ name, list, question, want, text string }{
		{"target blocked", "||tracker.example^", "shop.example A", "NOERROR; shop.example. 10 IN A 0.0.0.0", "t.tracker.example"},
		{"HTTPS target blocked", "||tracker.example^", "svc.example HTTPS", "NOERROR", "t.tracker.example"},
		{"question allowed", "||tracker.example^\n@@||shop.example^", "shop.example A", "NOERROR; shop.example. 60 IN CNAME t.tracker.example.; t.tracker.example. 60 IN A 192.0.2.66", ""},
		{"nothing to say", "||tracker.example^", "good.example A", "NOERROR; good.example. 60 IN CNAME ok.example.; ok.example. 60 IN A 192.0.2.1", ""},
	} {
		r := start(t, &script{answer: zone(records...)}, rules(t, "null", c.list), 0)
		for range 2 { // the second from the cache, where policy must hold as well
			m, _ := resolve(t, r, c.question)
			if _, text := ede(m); summary(m) != c.want || c.text != "" && !strings.Contains(text, c.text) {
				t.Errorf("%s: %s %q", c.name, summary(m), text)
			}
		}
	}
}

func TestNewPolicyHoldsForCachedNames(t *testing.T) {
	up := &script{answer: zone("ads.example. 60 IN A 192.0.2.1")}
	r := start(t, up, nil, 0)
	resolve(t, r, "ads.example A")
	r.Swap(State{Policy: rules(t, "null", "||ads.example^"), Upstream: up})
	if _, a := resolve(t, r, "ads.example A"); a.Outcome != Blocked {
		t.Errorf("%s", a.Outcome)
	}
	r.Swap(State{Upstream: up})
	if _, a := resolve(t, r, "ads.example A"); a.Outcome != Cached {
		t.Errorf("%s", a.Outcome)
	}
}

func TestIdenticalQuestionsShareOneUpstreamQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			time.Sleep(50 * time.Millisecond)
			return zone("example.com. 60 IN A 192.0.2.1")(ctx, q)
		}}
		r := New(Options{State: State{Upstream: up}})
		defer r.Close()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if m, _ := resolve(t, r, "example.com A"); summary(m) != "NOERROR; example.com. 60 IN A 192.0.2.1" {
					t.Error(summary(m))
				}
			})
		}
		wg.Wait()
		if n := up.asked.Load(); n != 1 {
			t.Errorf("%d upstream queries", n)
		}
	})
}

func TestOneImpatientClientDoesNotSpoilTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			select {
			case <-time.After(time.Second):
				return zone("example.com. 60 IN A 192.0.2.1")(ctx, q)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		r := New(Options{State: State{Upstream: up}})
		defer r.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		go r.Resolve(ctx, query("example.com A"))
		synctest.Wait()
		if m, _ := resolve(t, r, "example.com A"); len(m.Answer) != 1 {
			t.Error(summary(m))
		}
		if _, a := resolve(t, r, "example.com A"); a.Outcome != Cached || up.asked.Load() != 1 {
			t.Errorf("%s after %d upstream queries", a.Outcome, up.asked.Load())
		}
	})
}

func TestFailuresCarryTheirReason(t *testing.T) {
	for _, c := range []struct {
		err  error
		code uint16
		text string
	}{
		{errDown, 22, "udp://192.0.2.53: timeout|"},
		{context.DeadlineExceeded, 22, "no upstream answered in time|"},
		{errors.New("odd"), 0, "odd|"},
	} {
		r := start(t, &script{answer: func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, c.err }}, nil, 0)
		m, a := resolve(t, r, "example.com A")
		if codes, text := ede(m); summary(m) != "SERVFAIL" || a.Outcome != Failed || !slices.Equal(codes, []uint16{c.code}) || text != c.text {
			t.Errorf("%v: %s %v %q", c.err, summary(m), codes, text)
		}
	}
}

func TestUpstreamEDEIsPassedOn(t *testing.T) {
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 6, ExtraText: "bogus"})
		return m, nil
	}}
	r := start(t, up, nil, 0)
	m, _ := resolve(t, r, "example.com A")
	if codes, text := ede(m); !slices.Equal(codes, []uint16{6}) || text != "bogus|" {
		t.Errorf("%v %q", codes, text)
	}
	m, _ = resolve(t, r, "example.com A")
	if codes, _ := ede(m); !slices.Equal(codes, []uint16{13, 6}) || up.asked.Load() != 1 { // RFC 9520, EDE 13 Cached Error
		t.Errorf("cached: %v after %d queries", codes, up.asked.Load())
	}
}

func TestScrub(t *testing.T) {
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		add := func(sec *[]dns.RR, s string) {
			rr, err := dns.NewRR(s)
			if err != nil {
				t.Fatal(err)
			}
			*sec = append(*sec, rr)
		}
		add(&m.Answer, "www.example.com. 60 IN CNAME cdn.example.net.")
		add(&m.Answer, "bank.example. 60 IN A 192.0.2.66")
		add(&m.Answer, "cdn.example.net. 60 IN A 192.0.2.1")
		add(&m.Answer, "cdn.example.net. 60 IN RRSIG A 8 2 60 20300101000000 20200101000000 1 example.net. AAAA")
		add(&m.Ns, "bank.example. 60 IN NS ns.evil.example.")
		add(&m.Ns, "example.net. 60 IN NS ns.example.net.")
		add(&m.Extra, "bank.example. 60 IN A 192.0.2.67")
		m.SetEdns0(1232, true)
		m.Extra = append(m.Extra, m.Answer[1]) // a record after the OPT record
		return m, nil
	}}
	r := start(t, up, nil, 0)
	m, _ := resolve(t, r, "www.example.com A")
	if got := summary(m); got != "NOERROR; www.example.com. 60 IN CNAME cdn.example.net.; cdn.example.net. 60 IN A 192.0.2.1" || len(m.Ns) != 1 || len(m.Extra) != 1 {
		t.Errorf("%s\n%s", got, m)
	}
	if m, _ = resolve(t, r, "www.example.com A +do"); len(m.Answer) != 3 {
		t.Errorf("with DO: %s", m)
	}
}

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	r := start(t, &script{answer: func(context.Context, *dns.Msg) (*dns.Msg, error) { panic("upstream") }}, nil, 0)
	if m, _ := resolve(t, r, "example.com A"); m.Rcode != dns.RcodeServerFailure {
		t.Error(summary(m))
	}
	h := r.observe(HandlerFunc(func(context.Context, *Query) (*Answer, error) { panic("stage") }))
	a, err := h.Resolve(t.Context(), query("example.com A"))
	if err != nil || a.Rcode() != dnswire.RcodeServerFailure {
		t.Error(a, err)
	}
}

func TestNoWait(t *testing.T) {
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	r := start(t, up, nil, 0)
	q := query("example.com A")
	q.NoWait = true
	if _, err := r.Resolve(t.Context(), q); err != ErrWait || up.asked.Load() != 0 {
		t.Fatal(err, up.asked.Load())
	}
	q.NoWait = false
	if a, err := r.Resolve(t.Context(), q); err != nil || a.Outcome != Forwarded {
		t.Fatal(err)
	}
	if st := r.cache.Stats(); st.Misses != 1 {
		t.Errorf("one question, %d misses", st.Misses)
	}
	q = query("example.com A")
	q.NoWait = true
	if a, err := r.Resolve(t.Context(), q); err != nil || a.Outcome != Cached {
		t.Fatal(err)
	}
}

func TestCloseWithUpstreamsHanging(t *testing.T) {
	defer goleak.VerifyNone(t)
	hang := make(chan struct{})
	up := &script{answer: func(ctx context.Context, _ *dns.Msg) (*dns.Msg, error) {
		close(hang)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	r := New(Options{State: State{Upstream: up}})
	got := make(chan *Answer)
	go func() {
		a, _ := r.Resolve(context.Background(), query("example.com A"))
		got <- a
	}()
	<-hang
	r.Close()
	if a := <-got; a.Rcode() != dnswire.RcodeServerFailure {
		t.Error(a.Rcode())
	}
	if a, err := r.Resolve(context.Background(), query("other.example.com A")); err != nil || a.Outcome != Failed {
		t.Error("a closed resolver", a, err)
	}
}

func BenchmarkResolveCached(b *testing.B) {
	r := start(b, &script{answer: zone("example.com. 60 IN A 192.0.2.1")}, rules(b, "null", "||ads.example^"), 0)
	resolve(b, r, "example.com A")
	s := &Server{Handler: r}
	s.init()
	msg := ask(b, "example.com.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) })
	out := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if reply, _ := s.serve(b.Context(), out, msg, client, UDP, nil, nil); reply == nil {
			b.Fatal("not cached")
		}
	}
}

func BenchmarkResolveBlocked(b *testing.B) {
	r := start(b, &script{}, rules(b, "null", "||ads.example^"), 0)
	s := &Server{Handler: r}
	s.init()
	msg := ask(b, "ads.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) })
	out := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		s.serve(b.Context(), out, msg, client, UDP, nil, nil)
	}
}
