package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/blocklists"
	"tundns/cache"
	"tundns/dnswire"
)

// The user's own records come before rules, special-use zones and upstreams.
func TestLocalRecords(t *testing.T) {
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		if name := q.Question[0].Name; name != "host.example." && name != "example." {
			t.Errorf("an upstream is asked for %v", q.Question[0])
		}
		return zone("host.example. 60 IN A 192.0.2.1", "example. 60 IN TXT x")(nil, q)
	}}
	names := records(t, "nas.home.arpa A 192.168.1.5", "nas.home.arpa A 192.168.1.6", "nas.home.arpa 60 AAAA fd00::5", "nas.home.arpa TXT \"on the\" shelf",
		"tv.home.arpa CNAME nas.home.arpa", "box.home.arpa CNAME tv.home.arpa", "home.arpa MX 10 mail.home.arpa", "_ipp._tcp.local SRV 0 5 631 printer.local",
		"db.internal A 10.0.0.3", "ads.example A 192.0.2.8", "www.sub.example A 192.0.2.9", "9.2.0.192.in-addr.arpa PTR named.example", "8.8.8.8.in-addr.arpa PTR mine.example")
	r := with(t, State{Upstream: up, Names: names, Policy: rules(t, "refused", "||ads.example^$important", "||home.arpa^", "||in-addr.arpa^")})
	const nas = "nas.home.arpa. 300 IN A 192.168.1.5; nas.home.arpa. 300 IN A 192.168.1.6"
	for question, want := range map[string]string{
		"nas.home.arpa A":              "NOERROR; " + nas,
		"nas.home.arpa AAAA":           "NOERROR; nas.home.arpa. 60 IN AAAA fd00::5",
		"nas.home.arpa TXT":            `NOERROR; nas.home.arpa. 300 IN TXT "on the" "shelf"`,
		"nas.home.arpa MX":             "NOERROR",
		"nas.home.arpa DS":             "NOERROR",
		"tv.home.arpa A":               "NOERROR; tv.home.arpa. 300 IN CNAME nas.home.arpa.; " + nas,
		"tv.home.arpa CNAME":           "NOERROR; tv.home.arpa. 300 IN CNAME nas.home.arpa.",
		"box.home.arpa A":              "NOERROR; box.home.arpa. 300 IN CNAME tv.home.arpa.; tv.home.arpa. 300 IN CNAME nas.home.arpa.; " + nas,
		"box.home.arpa MX":             "NOERROR; box.home.arpa. 300 IN CNAME tv.home.arpa.; tv.home.arpa. 300 IN CNAME nas.home.arpa.",
		"home.arpa MX":                 "NOERROR; home.arpa. 300 IN MX 10 mail.home.arpa.",
		"_ipp._tcp.local SRV":          "NOERROR; _ipp._tcp.local. 300 IN SRV 0 5 631 printer.local.",
		"_tcp.local PTR":               "NOERROR",
		"printer.local A":              "NXDOMAIN",
		"db.internal A":                "NOERROR; db.internal. 300 IN A 10.0.0.3",
		"ads.example A":                "NOERROR; ads.example. 300 IN A 192.0.2.8",
		"5.1.168.192.in-addr.arpa PTR": "NOERROR; 5.1.168.192.in-addr.arpa. 300 IN PTR nas.home.arpa.",
		"7.1.168.192.in-addr.arpa PTR": "NXDOMAIN",
		"9.2.0.192.in-addr.arpa PTR":   "NOERROR; 9.2.0.192.in-addr.arpa. 300 IN PTR named.example.",
		"8.8.8.8.in-addr.arpa PTR":     "NOERROR; 8.8.8.8.in-addr.arpa. 300 IN PTR mine.example.",
		"5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR": "NOERROR; 5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 60 IN PTR nas.home.arpa.",
		"6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR": "NXDOMAIN",
	} {
		m, a := resolve(t, r, question+" +do +ad")
		n := len(m.Answer)
		negative := n == 0 || m.Answer[n-1].Header().Rrtype != m.Question[0].Qtype
		if summary(m) != want || a.Outcome != Local || a.Verdict != nil || !m.Authoritative || m.AuthenticatedData || negative != (len(m.Ns) == 1) {
			t.Errorf("%s: %s %s, authority %v", question, a.Outcome, summary(m), m.Ns)
		}
		// Only the special-use zones say why there is nothing.
		if _, text := ede(m); (text != "") != (m.Rcode == dns.RcodeNameError || question == "_tcp.local PTR") {
			t.Errorf("%s: EDE %q", question, text)
		}
	}
	// What else is in the domain of a local name is asked elsewhere, ads.example's
	// neighbours and what is above www.sub.example.
	for question, want := range map[string]string{"host.example A": "NOERROR; host.example. 60 IN A 192.0.2.1", "example A": "NOERROR"} {
		if m, a := resolve(t, r, question); summary(m) != want || a.Outcome != Forwarded {
			t.Errorf("%s: %s %s", question, a.Outcome, summary(m))
		}
	}
}

// The example of section 2.2.1, without its delegation and without the name that
// has a * further down, which is refused.
func TestRFC4592(t *testing.T) {
	names := records(t, `*.example TXT "this is a wildcard"`, "*.example MX 10 host1.example", "host1.example A 192.0.2.1", "_ssh._tcp.host1.example SRV 0 0 22 host1.example", "_ssh._tcp.host2.example SRV 0 0 22 host1.example",
		"*.alias.example CNAME host1.example")
	up := &script{answer: zone()}
	r := with(t, State{Names: names, Upstream: up})
	for question, want := range map[string]string{
		"host3.example MX":       "NOERROR; host3.example. 300 IN MX 10 host1.example.",
		"host3.example A":        "NOERROR",
		"foo.bar.example TXT":    `NOERROR; foo.bar.example. 300 IN TXT "this is a wildcard"`,
		"host1.example MX":       "NOERROR",
		"*.example TXT":          `NOERROR; *.example. 300 IN TXT "this is a wildcard"`,
		"a.b.alias.example A":    "NOERROR; a.b.alias.example. 300 IN CNAME host1.example.; host1.example. 300 IN A 192.0.2.1",
		"a.b.alias.example AAAA": "NOERROR; a.b.alias.example. 300 IN CNAME host1.example.",
	} {
		m, a := resolve(t, r, question)
		if got := summary(m); got != want || a.Outcome != Local || !m.Authoritative {
			t.Errorf("%s: %s %s", question, a.Outcome, got)
		}
	}
	if up.asked.Load() != 0 {
		t.Errorf("%d upstream queries", up.asked.Load())
	}
	// The wildcard covers nothing below names that are there: they block it. What
	// we do not have is asked for elsewhere, as the domain is not all ours.
	for _, question := range []string{"ghost.host1.example MX", "_telnet._tcp.host1.example SRV", "host2.example A", "alias.example A"} {
		if _, a := resolve(t, r, question); a.Outcome != Forwarded {
			t.Errorf("%s: %s", question, a.Outcome)
		}
	}
}

// outside are local names that lead to names of others.
var outside = []string{"a.home.arpa CNAME www.example.com", "b.home.arpa CNAME ads.example", "c.home.arpa CNAME cloaked.example", "d.home.arpa CNAME shop.onion",
	"e.home.arpa CNAME missing.example", "f.home.arpa CNAME back.example", "g.home.arpa CNAME home.example", "h.home.arpa CNAME fine.example",
	"nas.home.arpa A 192.168.1.5", "*.w.home.arpa CNAME www.example.com", "i.home.arpa CNAME a.home.arpa"}

const outsideRules = `||ads.example^
||back.example^$dnsrewrite=f.home.arpa
||home.example^$dnsrewrite=nas.home.arpa
@@||fine.example^
||www.example.com^$dnstype=MX
`

// The target of a local CNAME is asked for as if the client had asked for it:
// policy judges it, and special-use names do not leave.
func TestLocalNamesThatLeadOutside(t *testing.T) {
	up := &script{answer: zone("www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN MX 10 mail.example.com.", "cloaked.example. 60 IN CNAME ads.example.",
		"ads.example. 60 IN A 192.0.2.66", "fine.example. 60 IN CNAME ads.example.")}
	r := with(t, State{Upstream: up, Names: records(t, outside...), Policy: filtered(t, blocklists.Adblock, outsideRules, nil)})
	const www = ". 300 IN CNAME www.example.com.; www.example.com. 60 IN A 192.0.2.1"
	for _, test := range []struct {
		question, want string
		outcome        Outcome
		code           []uint16
		text           string
	}{
		{"a.home.arpa A", "NOERROR; a.home.arpa" + www, Local, nil, ""},
		{"a.home.arpa AAAA", "NOERROR; a.home.arpa. 300 IN CNAME www.example.com.", Local, nil, ""},
		{"a.home.arpa MX", "NOERROR; a.home.arpa. 300 IN CNAME www.example.com.", Blocked, []uint16{15}, "list:5 "},
		{"x.y.w.home.arpa A", "NOERROR; x.y.w.home.arpa" + www, Local, nil, ""},
		{"i.home.arpa A", "NOERROR; i.home.arpa. 300 IN CNAME a.home.arpa.; a.home.arpa" + www, Local, nil, ""},
		{"b.home.arpa A", "NOERROR; b.home.arpa. 300 IN CNAME ads.example.; ads.example. 10 IN A 0.0.0.0", Blocked, []uint16{15}, "list:1 "},
		{"c.home.arpa A", "NOERROR; c.home.arpa. 300 IN CNAME cloaked.example.; cloaked.example. 10 IN A 0.0.0.0", Blocked, []uint16{15}, "list:1 ||ads.example^ for ads.example|"},
		{"d.home.arpa A", "NXDOMAIN; d.home.arpa. 300 IN CNAME shop.onion.", Local, []uint16{0}, "onion (RFC 7686) stays here|"},
		{"e.home.arpa A", "NXDOMAIN; e.home.arpa. 300 IN CNAME missing.example.", Local, nil, ""},
		{"f.home.arpa A", "SERVFAIL", Failed, []uint16{0}, "names are sent round in a circle: f.home.arpa to back.example to f.home.arpa|"},
		{"g.home.arpa A", "NOERROR; g.home.arpa. 300 IN CNAME home.example.; home.example. 10 IN CNAME nas.home.arpa.; nas.home.arpa. 300 IN A 192.168.1.5", Local, []uint16{4}, "list:3 "},
		{"h.home.arpa A", "NOERROR; h.home.arpa. 300 IN CNAME fine.example.; fine.example. 60 IN CNAME ads.example.; ads.example. 60 IN A 192.0.2.66", Local, nil, ""},
	} {
		for range 2 { // from the upstream, and from the cache
			m, a := resolve(t, r, test.question+" +do")
			codes, text := ede(m)
			if summary(m) != test.want || a.Outcome != test.outcome || !slices.Equal(codes, test.code) || !strings.HasPrefix(text, test.text) || m.AuthenticatedData {
				t.Errorf("%s: %s %s, EDE %v %q", test.question, a.Outcome, summary(m), codes, text)
			}
			if negative := len(m.Answer) == 1 && m.Rcode != dns.RcodeServerFailure && test.code == nil; negative && len(m.Ns) != 1 {
				t.Errorf("%s: no SOA in %v", test.question, m)
			}
		}
	}
	if n := up.asked.Load(); n != 5 {
		t.Errorf("%d upstream queries, want one each for www.example.com A and AAAA, cloaked, missing and fine", n)
	}
}

// An upstream that sends a local name's target back to that name is asked once,
// and the client gets no addresses.
func TestLocalNameInACircle(t *testing.T) {
	up := &script{answer: zone("round.example. 60 IN CNAME r.home.arpa.", "r.home.arpa. 60 IN A 192.0.2.66")}
	r := with(t, State{Upstream: up, Names: records(t, "r.home.arpa CNAME round.example")})
	m, _ := resolve(t, r, "r.home.arpa AAAA")
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != dns.TypeCNAME {
			t.Errorf("%v", rr)
		}
	}
	if _, text := ede(m); summary(m) != "SERVFAIL" || text != "names are sent round in a circle: r.home.arpa to round.example to r.home.arpa|" {
		t.Errorf("%s %q", summary(m), text)
	}
	if up.asked.Load() != 1 {
		t.Errorf("%d upstream queries", up.asked.Load())
	}
}

// Local names and rewrites that send a query to each other are bounded together.
func TestLocalNamesAndRewritesAreBounded(t *testing.T) {
	for hops, want := range map[int]string{maxFollow / 2: "NOERROR", maxFollow/2 + 1: "SERVFAIL"} {
		var lines []string
		var list strings.Builder
		for i := range hops {
			lines = append(lines, fmt.Sprintf("n%d.home.arpa CNAME n%d.example", i, i))
			fmt.Fprintf(&list, "||n%d.example^$dnsrewrite=n%d.home.arpa\n", i, i+1)
		}
		lines = append(lines, fmt.Sprintf("n%d.home.arpa A 192.168.1.5", hops))
		r := with(t, State{Upstream: unasked(t, "."), Names: records(t, lines...), Policy: filtered(t, blocklists.Adblock, list.String(), nil)})
		m, _ := resolve(t, r, "n0.home.arpa A")
		if _, text := ede(m); dns.RcodeToString[m.Rcode] != want || want == "NOERROR" && len(m.Answer) != 2*hops+1 || want != "NOERROR" && !strings.HasPrefix(text, "more than 16 names in a row") {
			t.Errorf("%d hops: %s %q", hops, summary(m), text)
		}
	}
}

// What comes with the target's answer is passed on: signatures, but not AD, for
// who wants them; failures; stale answers. Who must not wait is told to, and gets
// what is cached at once.
func TestLocalNameWithTheTargetsAnswer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		signed := func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m, _ := zone("www.example.com. 60 IN A 192.0.2.1")(nil, q)
			sig, err := dns.NewRR("www.example.com. 60 IN RRSIG A 13 3 60 20300101000000 20200101000000 1 example.com. AAAA")
			m.Answer, m.AuthenticatedData = append(m.Answer, sig), true
			return m, err
		}
		up := &script{answer: slowly(signed)}
		r := New(Options{State: State{Upstream: up, Names: records(t, outside...)}, Cache: cache.New(cache.Options{StaleFor: time.Hour})})
		defer r.Close()
		q := query("a.home.arpa A +do +ad")
		q.NoWait = true
		if _, err := r.Resolve(t.Context(), q); !errors.Is(err, ErrWait) || up.asked.Load() != 0 {
			t.Fatalf("%v, asked %d times", err, up.asked.Load())
		}
		const cname = "NOERROR; a.home.arpa. 300 IN CNAME www.example.com.; "
		for _, q.NoWait = range []bool{false, true} {
			a, err := r.Resolve(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			m := unpack(t, appendReply(nil, q, a, dnswire.MaxMessage))
			if got := summary(m); !strings.HasPrefix(got, cname+"www.example.com. 60 IN A 192.0.2.1; www.example.com. 60 IN RRSIG A ") || m.AuthenticatedData || up.asked.Load() != 1 {
				t.Errorf("AD %v, %s, asked %d times", m.AuthenticatedData, got, up.asked.Load())
			}
		}
		if m, _ := resolve(t, r, "a.home.arpa A"); summary(m) != cname+"www.example.com. 60 IN A 192.0.2.1" {
			t.Error(summary(m))
		}
		up.become(func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, context.DeadlineExceeded })
		time.Sleep(2 * time.Minute) // on the bubble's clock: expired
		m, a := resolve(t, r, "a.home.arpa A")
		if codes, _ := ede(m); summary(m) != cname+"www.example.com. 30 IN A 192.0.2.1" || !slices.Contains(codes, dnswire.EDEStaleAnswer) || a.Outcome != Local {
			t.Errorf("%s %s %v", a.Outcome, summary(m), codes)
		}
		m, a = resolve(t, r, "e.home.arpa A")
		if codes, text := ede(m); summary(m) != "SERVFAIL" || a.Outcome != Failed || !slices.Contains(codes, dnswire.EDENoReachable) {
			t.Errorf("%s %s %v %q", a.Outcome, summary(m), codes, text)
		}
	})
}
