package resolver

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/cache"
	"tundns/dnswire"
	"tundns/policy"
)

// askWhy returns the text of why.NAME for a client, in one string.
func askWhy(t testing.TB, r *Resolver, who netip.AddrPort, name string) string {
	t.Helper()
	q := NewQuery(dnswire.MustName("why."+name+".tundns.internal"), dns.TypeTXT, who)
	a, err := r.Resolve(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	m := unpack(t, appendReply(nil, q, a, OurUDPSize))
	if m.Rcode != dns.RcodeSuccess || m.Truncated || !m.Authoritative || a.Outcome != Local || a.Verdict != nil || len(m.Answer) != 1 || len(m.Ns) != 0 {
		t.Fatalf("%s: %s %v", name, a.Outcome, m)
	}
	txt, ok := m.Answer[0].(*dns.TXT)
	if !ok || txt.Hdr.Ttl != 0 || txt.Hdr.Name != q.Question.Name.String() {
		t.Fatalf("%s: %v", name, m.Answer[0])
	}
	text := strings.Join(txt.Txt, "")
	if text == "" || len(text) > 1000 {
		t.Errorf("%s: %d bytes: %s", name, len(text), text)
	}
	return text
}

// What is told agrees with what the same client gets when it asks for the name.
func TestWhy(t *testing.T) {
	up := &script{answer: zone("www.example.com. 60 IN A 192.0.2.1", "cloaked.example. 60 IN CNAME ads.example.", "ads.example. 60 IN A 192.0.2.66",
		"fine.example. 60 IN A 192.0.2.2", "xn--bcher-kva.example. 60 IN A 192.0.2.3", "ok.ads.example. 60 IN A 192.0.2.4", "evil.example. 60 IN A 10.0.0.1", "nas.corp.example. 60 IN A 10.0.0.2")}
	routes, err := NewRoutes([]Route{{Domain: dnswire.MustName("corp.example"), Group: "corp", Upstream: up}})
	if err != nil {
		t.Fatal(err)
	}
	p := filtered(t, blocklists.Adblock, outsideRules+"@@||ok.ads.example^\n||home.arpa^\n||drop.example^$dnsrewrite=NXDOMAIN", func(o *policy.Options, _ *policy.ClientGroup) {
		o.Canaries, o.Rebinding.On = true, true
	})
	r := with(t, State{Upstream: up, Routes: routes, Policy: p, Names: records(t, outside...)})
	const local = "before any rule is asked: "
	for name, test := range map[string]struct {
		want    string // all of them, separated by |
		outcome Outcome
	}{
		"ads.example":           {"ads.example: blocked (null) for client group default (10.30.30.1)|block list:1 ||ads.example^", Blocked},
		"x.ads.example":         {"x.ads.example: blocked (null)|list:1 ||ads.example^", Blocked},
		"ok.ads.example":        {"ok.ads.example: allowed|allow list:6 @@||ok.ads.example^|block list:1 ||ads.example^|hop A 192.0.2.4", Cached},
		"www.example.com":       {"www.example.com: not blocked|no rule|hop A 192.0.2.1: no rule matches", Cached},
		"cloaked.example":       {"cloaked.example: blocked (null)|for what the answer leads to: list:1|hop CNAME ads.example: block list:1", Blocked},
		"home.example":          {"home.example: rewritten to nas.home.arpa|list:3", Rewritten},
		"drop.example":          {"drop.example: blocked (nxdomain)|list:8", Blocked},
		"missing.example":       {"missing.example: not blocked|no rule", Cached},
		"xn--bcher-kva.example": {"xn--bcher-kva.example: not blocked|hop A 192.0.2.3", Cached},
		"evil.example":          {"evil.example: blocked|rebinding: 10.0.0.1", Blocked},
		"nas.corp.example":      {"nas.corp.example: not blocked|hop A 10.0.0.2", Cached},
		"nas.home.arpa":         {"nas.home.arpa: not blocked|has the answer, " + local + "records of your own", Local},
		"printer.home.arpa":     {"answers NXDOMAIN, " + local + "home.arpa (RFC 8375) stays here", Local},
		"shop.onion":            {"answers NXDOMAIN, " + local + "onion (RFC 7686) stays here", Local},
		"localhost":             {"has the answer, " + local + "localhost (RFC 6761) stays here", Local},
		"mask.icloud.com":       {"answers NXDOMAIN, " + local + "mask.icloud.com (iCloud Private Relay) stays here", Local},
		"a.home.arpa":           {"www.example.com: not blocked|records of your own send a.home.arpa here; no rule|hop A 192.0.2.1", Local},
		"b.home.arpa":           {"ads.example: blocked (null)|records of your own send b.home.arpa here; |list:1", Blocked},
		"d.home.arpa":           {"shop.onion: not blocked|records of your own send d.home.arpa here; tundns itself answers NXDOMAIN|onion (RFC 7686)", Local},
		"why.x.tundns.internal": {"answers NODATA, " + local + "internal (reserved by ICANN for private use) stays here", Local},
	} {
		text := askWhy(t, r, client, name)
		for _, want := range strings.Split(test.want, "|") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %q", name, want, text)
			}
		}
		if strings.Contains(text, local) && strings.Contains(text, "list:") {
			t.Errorf("%s: rules that are not asked in %q", name, text)
		}
		if _, a := resolve(t, r, name+" A"); a.Outcome != test.outcome {
			t.Errorf("%s: %s, but it says %q", name, a.Outcome, text)
		}
	}
}

// Each client hears of its own group alone, of the upstreams' failures, and of
// its own pause.
func TestWhyByClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := new(policy.Pauses)
		p := filtered(t, blocklists.Adblock, "||ads.example^", func(o *policy.Options, g *policy.ClientGroup) {
			o.Pauses = pauses
			*g = policy.ClientGroup{Name: "free", Clients: []netip.Prefix{netip.MustParsePrefix("10.30.30.0/24")}, Lists: []string{}}
		})
		up := &script{answer: zone("ads.example. 60 IN A 192.0.2.66")}
		r := New(Options{State: State{Upstream: up, Policy: p}, Cache: cache.New(cache.Options{StaleFor: time.Hour})})
		defer r.Close()
		other := netip.MustParseAddrPort("[2001:db8::7]:53")
		expect := func(who netip.AddrPort, name, want, not string) {
			t.Helper()
			if text := askWhy(t, r, who, name); !strings.Contains(text, want) || strings.Contains(text, not) {
				t.Errorf("%v asks for %s: no %q or some %q in %q", who, name, want, not, text)
			}
		}
		expect(client, "ads.example", "ads.example: not blocked for client group free (10.30.30.1)", "list:1")
		expect(other, "ads.example", "ads.example: blocked (null) for client group default (2001:db8::7)", "free")
		pauses.Pause("default", time.Now().Add(time.Hour))
		expect(other, "ads.example", "nothing is blocked in the group at present", "fail")
		up.become(func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, context.DeadlineExceeded })
		for range 2 { // at first, and from the cache
			expect(client, "other.example", "the upstreams fail (rcode 2): no upstream answered in time", "hop")
		}
		time.Sleep(2 * time.Minute)
		expect(client, "ads.example", "the answer is out of date: upstreams failed", "rcode")
	})
}

// The pass that must not wait tells at once what needs no upstream or is cached.
func TestWhyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: slowly(zone("www.example.com. 60 IN A 192.0.2.1"))}
		r := New(Options{State: State{Upstream: up, Policy: rules(t, "null", "||ads.example^"), Names: records(t, outside...)}})
		defer r.Close()
		for _, step := range []struct {
			name  string
			waits bool
		}{{"ads.example", false}, {"nas.home.arpa", false}, {"b.home.arpa", false}, {"a.home.arpa", true}, {"www.example.com", false}} {
			q := query("why." + step.name + ".tundns.internal TXT")
			q.NoWait = true
			before := up.asked.Load()
			a, err := r.Resolve(t.Context(), q)
			if waits := errors.Is(err, ErrWait); waits != step.waits || waits == (a != nil) || up.asked.Load() != before {
				t.Errorf("%s: %v, %v", step.name, a, err)
			}
			q.NoWait = false
			if a, err := r.Resolve(t.Context(), q); err != nil || len(a.Message) < 100 {
				t.Errorf("%s: %v, %v", step.name, a, err)
			}
		}
	})
}

// Letter case does not matter and is echoed; other types are NODATA; nothing of
// the zone leaves, and no name of it is denied, as why.NAME is below each.
func TestWhyNames(t *testing.T) {
	up := unasked(t, "internal")
	r := with(t, State{Upstream: up, Policy: rules(t, "null", "||ads.example^")})
	s := server(r)
	for name, want := range map[string]string{
		"why.ads.example.tundns.internal. TXT":     "blocked (null)",
		"wHy.ADS.exAmple.tunDNS.Internal. TXT":     "blocked (null)",
		"why.why.ads.example.tundns.internal. TXT": "why.ads.example: blocked (null)",
		"why.ads.example.tundns.internal. A":       "",
		"why.ads.example.tundns.internal. CNAME":   "",
		"why.tundns.internal. TXT":                 "",
		"whyx.ads.example.tundns.internal. TXT":    "",
		"example.tundns.internal. A":               "",
		"tundns.internal. SOA":                     "",
		"internal. A":                              "",
	} {
		name, typ, _ := strings.Cut(name, " ")
		m := unpack(t, answer(t, s, ask(t, name, dns.StringToType[typ], edns(nil)), UDP))
		if m.Rcode != dns.RcodeSuccess || !m.Authoritative || m.Question[0].Name != name {
			t.Errorf("%s %s: %v", name, typ, m)
		}
		switch {
		case want == "":
			if len(m.Answer) != 0 || len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA {
				t.Errorf("%s %s: %v", name, typ, m)
			}
		case len(m.Answer) != 1 || !strings.Contains(m.Answer[0].String(), want):
			t.Errorf("%s %s: %v", name, typ, m)
		}
	}
	if m, _ := resolve(t, r, "x.internal A"); m.Rcode != dns.RcodeNameError {
		t.Error(m)
	}
	// Without policy there is nothing to tell.
	if m, _ := resolve(t, with(t, State{Upstream: up}), "why.ads.example.tundns.internal TXT"); m.Rcode != dns.RcodeNameError {
		t.Error(m)
	}
	if up.asked.Load() != 0 {
		t.Errorf("%d upstream queries", up.asked.Load())
	}
	// Another class has no such names.
	if m, a := resolve(t, r, "why.ads.example.tundns.internal TXT ch"); a.Outcome != Refused {
		t.Error(m)
	}
}

// The longest names, of bytes that take four characters each, fit.
func TestWhyOfLongNames(t *testing.T) {
	long := dnswire.Name(strings.Repeat("\x3f"+strings.Repeat("\x01", 63), 3) + "\x29" + strings.Repeat("\x02", 41) + "\x00")
	r := with(t, State{Upstream: &script{answer: zone()}, Policy: rules(t, "null", "||ads.example^")})
	q := NewQuery(dnswire.Name(whyLabel)+long[:len(long)-1]+whyZone, dns.TypeTXT, client)
	if len(q.Question.Name) != 255 {
		t.Fatalf("%d bytes", len(q.Question.Name))
	}
	a, err := r.Resolve(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	m := unpack(t, appendReply(nil, q, a, dnswire.MaxMessage))
	if len(m.Answer) != 1 {
		t.Fatal(m)
	}
	n := 0
	for _, s := range m.Answer[0].(*dns.TXT).Txt {
		n += len(s) // as it is written, with escapes
	}
	if n < 900 || int(m.Answer[0].Header().Rdlength) > 1000+4 {
		t.Errorf("%d bytes: %v", m.Answer[0].Header().Rdlength, m)
	}
}
