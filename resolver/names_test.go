package resolver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
	"tundns/localnames"
	"tundns/policy"
)

// records makes local names.
func records(t testing.TB, lines ...string) *localnames.Names {
	t.Helper()
	var b localnames.Builder
	for _, line := range lines {
		if err := b.Add(line); err != nil {
			t.Fatal(err)
		}
	}
	n, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// with makes a resolver with a state that ends with the test.
func with(t testing.TB, s State) *Resolver {
	t.Helper()
	r := New(Options{State: s})
	t.Cleanup(func() { r.Close() })
	return r
}

// unasked is an upstream that must not hear of names in zone, the DS record of
// the zone itself excepted, which the zone above has.
func unasked(t testing.TB, zone string) *script {
	return &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		if dns.IsSubDomain(dns.Fqdn(zone), q.Question[0].Name) && (q.Question[0].Qtype != dns.TypeDS || q.Question[0].Name != dns.Fqdn(zone)) {
			t.Errorf("an upstream is asked for %v", q.Question[0])
		}
		m := new(dns.Msg).SetReply(q)
		m.Rcode = dns.RcodeNameError
		return m, nil
	}}
}

// staysHere asks for zone and for random names under it, and wants want of those
// ("NXDOMAIN", or "NOERROR" without records) with the zone's SOA, authoritative,
// and an Extended DNS Error that says why.
func staysHere(t *testing.T, zone, source, want string) {
	t.Helper()
	types := []string{"A", "AAAA", "PTR", "TXT", "MX", "SRV", "HTTPS", "DS", "DNSKEY", "CNAME", "NS", "SOA", "TYPE65400"}
	for _, s := range []State{{}, {Policy: rules(t, "null", "||ads.example^")}, {Names: records(t, "nas.lan A 192.0.2.1", "*.lan A 192.0.2.2")}} {
		up := unasked(t, zone)
		s.Upstream = up
		r := with(t, s)
		for range 60 {
			var name strings.Builder
			for range 1 + rand.IntN(4) {
				fmt.Fprintf(&name, "%c%d.", 'a'+rune(rand.IntN(26)), rand.IntN(1000))
			}
			q := query(name.String() + zone + " " + types[rand.IntN(len(types)-1)])
			if rand.IntN(8) == 0 {
				q.Question.Type = 65400
			}
			q.DO, q.CD, q.NoWait = rand.IntN(2) == 0, rand.IntN(2) == 0, true
			a, err := r.Resolve(t.Context(), q)
			if err != nil {
				t.Fatalf("%v: %v", q.Question, err)
			}
			m := unpack(t, appendReply(nil, q, a, dnswire.MaxMessage))
			codes, text := ede(m)
			if summary(m) != want || a.Outcome != Local || !m.Authoritative || m.AuthenticatedData || len(m.Ns) != 1 ||
				m.Ns[0].Header().Rrtype != dns.TypeSOA || m.Ns[0].Header().Name != dns.Fqdn(zone) ||
				!slices.Equal(codes, []uint16{0}) || text != zone+" ("+source+") stays here|" {
				t.Fatalf("%s %q\n%v", a.Outcome, text, m)
			}
		}
		if up.asked.Load() != 0 {
			t.Errorf("%s: %d upstream queries", zone, up.asked.Load())
		}
	}
}

// apex asks for the zone itself: its SOA and NS records are here, its DS record is
// asked for above, other types are NODATA.
func apex(t *testing.T, zone string) {
	t.Helper()
	up := unasked(t, zone)
	r := with(t, State{Upstream: up})
	for _, typ := range []string{"SOA", "NS", "A", "DS"} {
		m, a := resolve(t, r, zone+" "+typ+" +do")
		if want := map[string]int{"SOA": 1, "NS": 1}[typ]; typ != "DS" && (m.Rcode != dns.RcodeSuccess || len(m.Answer) != want || a.Outcome != Local) {
			t.Errorf("%s %s: %s %s", zone, typ, a.Outcome, summary(m))
		}
	}
	if up.asked.Load() != 1 {
		t.Errorf("%s: %d upstream queries, want that for DS", zone, up.asked.Load())
	}
}

// Section 6.3 (localhost), 6.2 (test) and 6.4 (invalid).
func TestRFC6761(t *testing.T) {
	staysHere(t, "test", "RFC 6761", "NXDOMAIN")
	staysHere(t, "invalid", "RFC 6761", "NXDOMAIN")
	r := with(t, State{Upstream: unasked(t, "localhost"), Policy: rules(t, "nxdomain", "||localhost^$important")})
	for question, want := range map[string]string{
		"localhost A":         "NOERROR; localhost. 10800 IN A 127.0.0.1",
		"localhost AAAA":      "NOERROR; localhost. 10800 IN AAAA ::1",
		"app.x.localhost A":   "NOERROR; app.x.localhost. 10800 IN A 127.0.0.1",
		"localhost MX":        "NOERROR",
		"app.localhost HTTPS": "NOERROR",
		"test A":              "NXDOMAIN",
		"invalid DS":          "NXDOMAIN",
	} {
		m, a := resolve(t, r, question+" +do")
		if summary(m) != want || a.Outcome != Local || !m.Authoritative || len(m.Ns) != 1-len(m.Answer) {
			t.Errorf("%s: %s %s", question, a.Outcome, summary(m))
		}
		if _, text := ede(m); (text == "") != (len(m.Answer) > 0) {
			t.Errorf("%s: EDE %q", question, text)
		}
	}
}

// Section 22.1 of RFC 6762 has it that .local is not asked of DNS servers.
func TestRFC6762(t *testing.T) { staysHere(t, "local", "RFC 6762", "NXDOMAIN") }

func TestInternalStaysHere(t *testing.T) {
	staysHere(t, "internal", "reserved by ICANN for private use", "NXDOMAIN")
}

func TestRFC6303(t *testing.T) {
	zones := []string{"10.in-addr.arpa", "168.192.in-addr.arpa", "0.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa",
		"2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		strings.Repeat("0.", 32) + "ip6.arpa", "1." + strings.Repeat("0.", 31) + "ip6.arpa",
		"d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"}
	for i := 16; i < 32; i++ {
		zones = append(zones, fmt.Sprintf("%d.172.in-addr.arpa", i))
	}
	for _, zone := range zones {
		staysHere(t, zone, "RFC 6303", "NXDOMAIN")
		apex(t, zone)
	}
	r := with(t, State{Upstream: unasked(t, "127.in-addr.arpa")})
	if m, _ := resolve(t, r, "1.0.0.127.in-addr.arpa PTR"); summary(m) != "NOERROR; 1.0.0.127.in-addr.arpa. 10800 IN PTR localhost." {
		t.Error(summary(m))
	}
	// The neighbours are everybody's.
	for _, name := range []string{"1.0.0.11.in-addr.arpa", "1.0.32.172.in-addr.arpa", "1.0.15.172.in-addr.arpa", "1.1.169.192.in-addr.arpa", "c.e.f.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa", "192.in-addr.arpa"} {
		if m, a := resolve(t, r, name+" PTR"); a.Outcome != Forwarded {
			t.Errorf("%s: %s %s", name, a.Outcome, summary(m))
		}
	}
}

// The reverse zones of 100.64.0.0/10.
func TestRFC7793(t *testing.T) {
	for i := 64; i < 128; i += 9 {
		zone := fmt.Sprintf("%d.100.in-addr.arpa", i)
		staysHere(t, zone, "RFC 7793", "NXDOMAIN")
		apex(t, zone)
	}
	r := with(t, State{Upstream: &script{answer: zone()}})
	for _, name := range []string{"1.0.63.100.in-addr.arpa", "1.0.128.100.in-addr.arpa"} {
		if m, a := resolve(t, r, name+" PTR"); a.Outcome != Forwarded {
			t.Errorf("%s: %s %s", name, a.Outcome, summary(m))
		}
	}
}

// Section 2, item 4.
func TestRFC7686(t *testing.T) { staysHere(t, "onion", "RFC 7686", "NXDOMAIN") }

// Section 4, items 3 and 4: DS is the exception.
func TestRFC8375(t *testing.T) {
	staysHere(t, "home.arpa", "RFC 8375", "NXDOMAIN")
	apex(t, "home.arpa")
	r := with(t, State{Upstream: unasked(t, "home.arpa"), Names: records(t, "deep.sub.home.arpa A 192.168.1.5")})
	for question, want := range map[string]string{
		"deep.sub.home.arpa A": "NOERROR; deep.sub.home.arpa. 300 IN A 192.168.1.5",
		"sub.home.arpa A":      "NOERROR", // NXDOMAIN would deny the name below
		"other.home.arpa A":    "NXDOMAIN",
	} {
		if m, a := resolve(t, r, question); summary(m) != want || a.Outcome != Local {
			t.Errorf("%s: %s %s", question, a.Outcome, summary(m))
		}
	}
}

// Sections 4 and 8.2: NODATA, as the zone is there, for who filters and who does
// not.
func TestRFC9462(t *testing.T) {
	staysHere(t, "resolver.arpa", "RFC 9462", "NOERROR")
	r := with(t, State{Upstream: unasked(t, "resolver.arpa"), Policy: filtered(t, blocklists.Adblock, "||x.example^", func(o *policy.Options, _ *policy.ClientGroup) { o.Canaries = true })})
	for _, question := range []string{"_dns.resolver.arpa SVCB", "resolver.arpa SOA"} {
		if m, a := resolve(t, r, question); summary(m) != "NOERROR" || a.Outcome != Local || len(m.Ns) != 1 {
			t.Errorf("%s: %s %s", question, a.Outcome, summary(m))
		}
	}
}

// Who routes a name to an upstream group means it, but for a route that is only
// another default; the user's own records come before.
func TestRoutedSpecialNames(t *testing.T) {
	office := &script{answer: zone("printer.local. 60 IN A 10.0.0.7", "x.test. 60 IN A 10.0.0.8", "1.0.0.10.in-addr.arpa. 60 IN PTR host.local.", "nas.local. 60 IN A 10.0.0.9", "mask.icloud.com. 60 IN A 192.0.2.1", "mask-h2.icloud.com. 60 IN A 192.0.2.1")}
	other := &script{answer: zone()}
	list := []Route{{Domain: dnswire.MustName("local"), Group: "office", Upstream: office}, {Domain: dnswire.MustName("x.test"), Exact: true, Group: "office", Upstream: office},
		{Domain: dnswire.MustName("in-addr.arpa"), Group: "office", Upstream: office}, {Domain: dnswire.MustName("com"), Group: "office", Upstream: office},
		{Domain: dnswire.MustName("mask.icloud.com"), Group: "office", Upstream: office}, {Domain: dnswire.Root, Group: "root", Upstream: other}}
	routes, err := NewRoutes(list)
	if err != nil {
		t.Fatal(err)
	}
	p := filtered(t, blocklists.Adblock, "||x.example^", func(o *policy.Options, _ *policy.ClientGroup) { o.Canaries = true })
	r := with(t, State{Upstream: other, Routes: routes, Policy: p, Names: records(t, "nas.local A 192.168.1.5")})
	for question, want := range map[string]string{
		"printer.local A":           "NOERROR; printer.local. 60 IN A 10.0.0.7",
		"nas.local A":               "NOERROR; nas.local. 300 IN A 192.168.1.5",
		"x.test A":                  "NOERROR; x.test. 60 IN A 10.0.0.8",
		"y.test A":                  "NXDOMAIN",
		"1.0.0.10.in-addr.arpa PTR": "NOERROR; 1.0.0.10.in-addr.arpa. 60 IN PTR host.local.",
		"db.internal A":             "NXDOMAIN",
		"mask.icloud.com A":         "NOERROR; mask.icloud.com. 60 IN A 192.0.2.1",
		"mask-h2.icloud.com A":      "NXDOMAIN",
	} {
		if m, _ := resolve(t, r, question); summary(m) != want {
			t.Errorf("%s: %s", question, summary(m))
		}
	}
	if other.asked.Load() != 0 {
		t.Errorf("the default upstream was asked %d times", other.asked.Load())
	}
}

// Canaries are for the groups that filter, while they do.
func TestCanaries(t *testing.T) {
	pauses := new(policy.Pauses)
	canaries := func(on bool) *policy.Policy {
		return filtered(t, blocklists.Adblock, "||ads.example^\n@@||mask.icloud.com^", func(o *policy.Options, g *policy.ClientGroup) {
			o.Canaries, o.Pauses = on, pauses
			*g = policy.ClientGroup{Name: "free", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Lists: []string{}}
		})
	}
	up := &script{answer: zone("use-application-dns.net. 60 IN A 192.0.2.1", "mask.icloud.com. 60 IN A 192.0.2.1", "mask-h2.icloud.com. 60 IN A 192.0.2.1", "x.mask.icloud.com. 60 IN A 192.0.2.1")}
	filtering := netip.MustParseAddrPort("192.0.2.7:53") // of the default group, with all lists
	ask := func(s State, client netip.AddrPort, name string) (string, *Answer) {
		t.Helper()
		r := with(t, s)
		q := NewQuery(dnswire.MustName(name), dns.TypeA, client)
		a, err := r.Resolve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return summary(unpack(t, appendReply(nil, q, a, dnswire.MaxMessage))), a
	}
	sources := map[string]string{"use-application-dns.net": "Firefox canary domain", "mask.icloud.com": "iCloud Private Relay", "mask-h2.icloud.com": "iCloud Private Relay"}
	for name, source := range sources {
		through := "NOERROR; " + name + ". 60 IN A 192.0.2.1"
		s := State{Upstream: up, Policy: canaries(true)}
		if got, a := ask(s, filtering, name); got != "NXDOMAIN" || a.Outcome != Local || len(a.Errors) != 1 || a.Errors[0].Text != name+" ("+source+") stays here" {
			t.Errorf("%s: %s %s %v", name, a.Outcome, got, a.Errors)
		}
		if got, _ := ask(s, client, name); got != through {
			t.Errorf("%s, in a group without lists: %s", name, got)
		}
		if got, _ := ask(State{Upstream: up, Policy: canaries(false)}, filtering, name); got != through {
			t.Errorf("%s, switched off: %s", name, got)
		}
		if got, _ := ask(State{Upstream: up}, filtering, name); got != through {
			t.Errorf("%s, without policy: %s", name, got)
		}
		s.Names = records(t, name+" A 192.0.2.99")
		if got, _ := ask(s, filtering, name); got != "NOERROR; "+name+". 300 IN A 192.0.2.99" {
			t.Errorf("%s, with a record of the user's: %s", name, got)
		}
		s.Names = nil
		pauses.Pause("", time.Now().Add(time.Hour))
		if got, _ := ask(s, filtering, name); got != through {
			t.Errorf("%s, paused: %s", name, got)
		}
		pauses.Resume("")
	}
	if got, _ := ask(State{Upstream: up, Policy: canaries(true)}, filtering, "x.mask.icloud.com"); got != "NOERROR; x.mask.icloud.com. 60 IN A 192.0.2.1" {
		t.Errorf("below a canary: %s", got)
	}
}

// passing are the stages of our own names around one that has the answer ready.
func passing() Handler {
	a := &Answer{Message: dnswire.AppendQuestion(nil, 0, 0, query("www.example.com A").Question)}
	return chain(HandlerFunc(func(context.Context, *Query) (*Answer, error) { return a, nil }), why, follow, names)
}

// A name that is not ours passes without an allocation.
func TestNamesOfOthersCostNothing(t *testing.T) {
	p := rules(t, "null", "||ads.example^")
	for name, s := range passingStates(t, p) {
		h, q := passing(), query("www.shop.example.com A")
		q.state = &s
		if n := testing.AllocsPerRun(100, func() { h.Resolve(t.Context(), q) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func passingStates(t testing.TB, p *policy.Policy) map[string]State {
	return map[string]State{"nothing": {}, "policy": {Policy: p},
		"policy and names": {Policy: p, Names: records(t, "nas.home.arpa A 192.168.1.5", "a.b.example.com A 192.0.2.1", "*.dev.example CNAME www.example.com")}}
}

func BenchmarkNamesOfOthers(b *testing.B) {
	p := rules(b, "null", "||ads.example^")
	for name, s := range passingStates(b, p) {
		b.Run(name, func(b *testing.B) {
			h, q := passing(), query("www.shop.example.com A")
			q.state = &s
			b.ReportAllocs()
			for b.Loop() {
				h.Resolve(b.Context(), q)
			}
		})
	}
}

func BenchmarkLocalAnswer(b *testing.B) {
	h, q := passing(), query("nas.home.arpa A")
	q.state = &State{Names: records(b, "nas.home.arpa A 192.168.1.5")}
	b.ReportAllocs()
	for b.Loop() {
		h.Resolve(b.Context(), q)
	}
}
