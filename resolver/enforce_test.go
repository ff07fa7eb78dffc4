package resolver

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
	"tundns/policy"
)

// filtered makes a policy with one list for everybody, whose other options change
// sets. RPZ lines may be among the rules.
func filtered(t testing.TB, format blocklists.Format, text string, change func(*policy.Options, *policy.ClientGroup)) *policy.Policy {
	t.Helper()
	set, _, err := blocklists.Load(context.Background(), []blocklists.Source{{Name: "list", Format: format,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}})
	if err != nil {
		t.Fatal(err)
	}
	group := policy.ClientGroup{Name: policy.DefaultGroup}
	o := policy.Options{Set: set}
	if change != nil {
		change(&o, &group)
	}
	o.Groups = []policy.ClientGroup{group}
	p, err := policy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRewrites(t *testing.T) {
	const list = `||a.example^$dnsrewrite=192.0.2.9
||b.example^$dnsrewrite=target.example
||self.example^$dnsrewrite=www.self.example
||c.example^$dnsrewrite=NXDOMAIN
||refused.example^$dnsrewrite=REFUSED
||d.example^$dnsrewrite=NOERROR;TXT;hello
||chain.example^$dnsrewrite=b.example
||blocked.example^$dnsrewrite=ads.example
||ads.example^
||up.example^$dnsrewrite=cloaked.example
||x.example^$dnsrewrite=y.example
||y.example^$dnsrewrite=z.example
||z.example^$dnsrewrite=y.example
||missing.example^$dnsrewrite=nowhere.example
`
	up := &script{answer: zone("target.example. 60 IN A 192.0.2.1", "target.example. 60 IN TXT there", "www.self.example. 60 IN A 192.0.2.2",
		"cloaked.example. 60 IN CNAME ads.example.", "ads.example. 60 IN A 192.0.2.66", "shop.example. 60 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.77")}
	r := start(t, up, filtered(t, blocklists.Adblock, list, nil), 0)
	const b = "b.example. 10 IN CNAME target.example.; target.example. "
	for _, test := range []struct {
		question, want string
		outcome        Outcome
		code           uint16
		text           string
	}{
		{"a.example A", "NOERROR; a.example. 10 IN A 192.0.2.9", Rewritten, 4, "list:1 ||a.example^$dnsrewrite=192.0.2.9|"},
		{"a.example AAAA", "NOERROR", Rewritten, 4, "list:1 "},
		{"x.a.example A", "NOERROR; x.a.example. 10 IN A 192.0.2.9", Rewritten, 4, "list:1 "},
		{"b.example A", "NOERROR; " + b + "60 IN A 192.0.2.1", Rewritten, 4, "list:2 "},
		{"b.example TXT", "NOERROR; " + b + `60 IN TXT "there"`, Rewritten, 4, "list:2 "},
		{"b.example CNAME", "NOERROR; b.example. 10 IN CNAME target.example.", Rewritten, 4, "list:2 "},
		{"b.example AAAA", "NOERROR; b.example. 10 IN CNAME target.example.", Rewritten, 4, "list:2 "},
		{"missing.example A", "NXDOMAIN; missing.example. 10 IN CNAME nowhere.example.", Rewritten, 4, "list:14 "},
		{"self.example A", "NOERROR; self.example. 10 IN CNAME www.self.example.; www.self.example. 60 IN A 192.0.2.2", Rewritten, 4, "list:3 "},
		{"www.self.example A", "NOERROR; www.self.example. 60 IN A 192.0.2.2", Cached, 0, ""},
		{"c.example A", "NXDOMAIN", Blocked, 15, "list:4 "},
		{"refused.example A", "REFUSED", Blocked, 15, "list:5 "},
		{"d.example TXT", `NOERROR; d.example. 10 IN TXT "hello"`, Rewritten, 4, "list:6 "},
		{"chain.example A", "NOERROR; chain.example. 10 IN CNAME b.example.; " + b + "60 IN A 192.0.2.1", Rewritten, 4, "list:7 ||chain.example^$dnsrewrite=NOERROR;CNAME;b.example|list:2 "},
		{"blocked.example A", "NOERROR; blocked.example. 10 IN CNAME ads.example.; ads.example. 10 IN A 0.0.0.0", Blocked, 4, "list:8 "},
		{"up.example A", "NOERROR; up.example. 10 IN CNAME cloaked.example.; cloaked.example. 10 IN A 0.0.0.0", Blocked, 4, "list:10 "},
		{"x.example A", "SERVFAIL", Failed, 0, "names are sent round in a circle: y.example to z.example to y.example|"},
		{"shop.example A", "NOERROR; shop.example. 10 IN A 192.0.2.9", Rewritten, 4, "list:1 ||a.example^$dnsrewrite=192.0.2.9 for a.example|"},
	} {
		for pass := range 2 {
			m, a := resolve(t, r, test.question+" +do")
			codes, text := ede(m)
			code := slices.Concat(codes, []uint16{0})[0]
			if summary(m) != test.want || a.Outcome != test.outcome && (pass == 0 || a.Outcome != Cached) || code != test.code || !strings.HasPrefix(text, test.text) {
				t.Errorf("%s: %s %s, EDE %v %q", test.question, a.Outcome, summary(m), codes, text)
			}
			negative := len(m.Answer) == 0 && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError)
			if negative && (len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA) || m.AuthenticatedData || m.Authoritative {
				t.Errorf("%s: %v", test.question, m)
			}
		}
	}
}

// The answers that RPZ triggers prescribe.
func TestResponsePolicyZone(t *testing.T) {
	const zoneFile = `$TTL 60
@ SOA localhost. root.localhost. 1 3600 600 86400 60
  NS localhost.
nx.example CNAME .
nodata.example CNAME *.
pass.example CNAME rpz-passthru.
drop.example CNAME rpz-drop.
*.pass.example CNAME .
data.example A 192.0.2.9
data.example A 192.0.2.10
data.example MX 10 mail.example.
24.0.113.0.203.rpz-ip CNAME .
32.1.100.51.198.rpz-ip CNAME rpz-drop.
`
	up := &script{answer: zone("pass.example. 60 IN A 203.0.113.7", "bad.example. 60 IN A 203.0.113.7", "bad.example. 60 IN A 192.0.2.1",
		"worse.example. 60 IN A 198.51.100.1", "svc.example. 60 IN HTTPS 1 . ipv4hint=203.0.113.9")}
	r := start(t, up, filtered(t, blocklists.RPZ, zoneFile, nil), 0)
	for _, test := range []struct {
		question, want string
		outcome        Outcome
		text           string
	}{
		{"nx.example A", "NXDOMAIN", Blocked, "list:4 "},
		{"x.nx.example A", "NXDOMAIN", Forwarded, ""},
		{"nodata.example A", "NOERROR", Blocked, "list:5 "},
		{"pass.example A", "NOERROR; pass.example. 60 IN A 203.0.113.7", Forwarded, ""},
		{"x.pass.example A", "NXDOMAIN", Blocked, "list:8 "},
		{"drop.example A", "REFUSED", Dropped, "list:7 "},
		{"data.example A", "NOERROR; data.example. 10 IN A 192.0.2.9; data.example. 10 IN A 192.0.2.10", Rewritten, "list:9 "},
		{"data.example MX", "NOERROR; data.example. 10 IN MX 10 mail.example.", Rewritten, "list:9 "},
		{"data.example AAAA", "NOERROR", Rewritten, "list:9 "},
		{"bad.example A", "NXDOMAIN", Blocked, "list:12 "},
		{"svc.example HTTPS", "NXDOMAIN", Blocked, "list:12 "},
		{"worse.example A", "REFUSED", Dropped, "list:13 "},
	} {
		m, a := resolve(t, r, test.question)
		if _, text := ede(m); summary(m) != test.want || a.Outcome != test.outcome || !strings.HasPrefix(text, test.text) {
			t.Errorf("%s: %s %s %q", test.question, a.Outcome, summary(m), text)
		}
	}
	m, _ := resolve(t, r, "bad.example A")
	if _, text := ede(m); !strings.HasSuffix(text, " for 203.0.113.7|") {
		t.Errorf("the address that decided is not told: %q", text)
	}
}

// The hop that decided is told also where the rule is long.
func TestHopOfALongRule(t *testing.T) {
	rule := "/^track(" + strings.Repeat("abcdefgh|", 40) + "er)\\.example$/"
	long := strings.Repeat(strings.Repeat("x", 49)+".", 4) + "ads.example"
	up := &script{answer: zone("shop.example. 60 IN CNAME tracker.example.", "tracker.example. 60 IN A 192.0.2.1",
		"far.example. 60 IN CNAME "+long+".", long+". 60 IN A 192.0.2.1")}
	r := start(t, up, filtered(t, blocklists.Adblock, rule+"\n||ads.example^\n", nil), 0)
	for question, want := range map[string][2]string{
		"shop.example A": {"list:1 /^track(abcdefgh|", "… for tracker.example|"},
		"far.example A":  {"list:2 ||ads.example^ for xxx", "xxx|"}, // cut at its end
	} {
		m, _ := resolve(t, r, question)
		if _, text := ede(m); !strings.HasPrefix(text, want[0]) || !strings.HasSuffix(text, want[1]) || len(text) > dnswire.MaxEDEText+len("|") {
			t.Errorf("%s: %d bytes, %q", question, len(text), text)
		}
	}
}

func TestSafeSearch(t *testing.T) {
	up := &script{answer: zone("forcesafesearch.google.com. 60 IN A 192.0.2.120", "www.google.de. 60 IN A 192.0.2.1", "www.google.de. 60 IN TXT x", "www.google.fr. 60 IN A 192.0.2.2")}
	// Where safe search leads is no business of the lists.
	p := filtered(t, blocklists.Adblock, "||forcesafesearch.google.com^\n@@||www.google.fr^", func(_ *policy.Options, g *policy.ClientGroup) { g.SafeSearch = policy.SafeGoogle })
	r := start(t, up, p, 0)
	const safe = "NOERROR; www.google.de. 10 IN CNAME forcesafesearch.google.com."
	for _, test := range []struct {
		question, want string
		outcome        Outcome
	}{
		{"www.google.de A", safe + "; forcesafesearch.google.com. 60 IN A 192.0.2.120", Rewritten},
		{"www.google.de AAAA", safe, Rewritten},
		{"www.google.de CNAME", safe, Rewritten},
		{"www.google.de TXT", `NOERROR; www.google.de. 60 IN TXT "x"`, Forwarded},
		{"www.google.fr A", "NOERROR; www.google.fr. 60 IN A 192.0.2.2", Forwarded},
		{"forcesafesearch.google.com A", "NOERROR; forcesafesearch.google.com. 10 IN A 0.0.0.0", Blocked},
	} {
		if m, a := resolve(t, r, test.question); summary(m) != test.want || a.Outcome != test.outcome {
			t.Errorf("%s: %s %s", test.question, a.Outcome, summary(m))
		}
	}
}

func TestRebindingProtection(t *testing.T) {
	records := zone("evil.example. 60 IN A 192.168.1.1", "svc.example. 60 IN HTTPS 1 . ipv6hint=fd00::1", "x.plex.direct. 60 IN A 10.0.0.1", "nas.corp.example. 60 IN A 10.0.0.2", "good.example. 60 IN A 9.9.9.9")
	up, corp := &script{answer: records}, &script{answer: records}
	routes, err := NewRoutes([]Route{{Domain: dnswire.MustName("corp.example"), Group: "corp", Upstream: corp}})
	if err != nil {
		t.Fatal(err)
	}
	p := filtered(t, blocklists.Adblock, "@@||evil.example^", func(o *policy.Options, g *policy.ClientGroup) {
		o.Rebinding = policy.Rebinding{On: true, Allow: []dnswire.Name{dnswire.MustName("plex.direct")}}
	})
	r := New(Options{State: State{Policy: p, Upstream: up, Routes: routes}})
	defer r.Close()
	for question, want := range map[string]string{
		"evil.example A":     "NOERROR", // no list allows what is done to the network
		"svc.example HTTPS":  "NOERROR",
		"x.plex.direct A":    "NOERROR; x.plex.direct. 60 IN A 10.0.0.1",
		"nas.corp.example A": "NOERROR; nas.corp.example. 60 IN A 10.0.0.2",
		"good.example A":     "NOERROR; good.example. 60 IN A 9.9.9.9",
	} {
		for range 2 {
			m, a := resolve(t, r, question)
			if summary(m) != want || (a.Outcome == Blocked) != (len(m.Answer) == 0) {
				t.Errorf("%s: %s %s", question, a.Outcome, summary(m))
			}
			if codes, text := ede(m); a.Outcome == Blocked && (!slices.Equal(codes, []uint16{15}) || !strings.HasPrefix(text, "rebinding: ")) {
				t.Errorf("%s: EDE %v %q", question, codes, text)
			}
		}
	}
}

func TestBlockedTypes(t *testing.T) {
	for _, mode := range []string{"null", "nxdomain", "refused", "192.0.2.80"} {
		block, err := policy.ParseBlockMode(mode)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, &script{answer: zone("example.com. 60 IN AAAA 2001:db8::1", "example.com. 60 IN A 192.0.2.1")},
			filtered(t, blocklists.Adblock, "", func(_ *policy.Options, g *policy.ClientGroup) {
				g.Block, g.BlockedTypes = block, []uint16{dns.TypeAAAA}
			}), 0)
		m, a := resolve(t, r, "example.com AAAA")
		if codes, text := ede(m); summary(m) != "NOERROR" || len(m.Ns) != 1 || a.Outcome != Blocked || !slices.Equal(codes, []uint16{15}) || text != "type AAAA is blocked for group default|" {
			t.Errorf("%s: %s %s %v %q", mode, a.Outcome, summary(m), codes, text)
		}
		if m, _ := resolve(t, r, "example.com A"); len(m.Answer) != 1 {
			t.Errorf("%s: %s", mode, summary(m))
		}
	}
}

// A schedule and a pause hold from one question to the next, for answers in the
// cache as well.
func TestScheduleAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock begins on Saturday, 1 January 2000, 00:00 UTC
		pauses := new(policy.Pauses)
		p := filtered(t, blocklists.Adblock, "||ads.example^", func(o *policy.Options, g *policy.ClientGroup) {
			o.Pauses = pauses
			g.Schedules = []policy.Schedule{{Days: policy.EveryDay, From: 20 * 60, To: 7 * 60, Location: time.UTC, Everything: true}}
		})
		r := New(Options{State: State{Policy: p, Upstream: &script{answer: zone("example.com. 86400 IN A 192.0.2.1", "ads.example. 86400 IN A 192.0.2.2")}}})
		defer r.Close()
		expect := func(why string, other, ads bool) {
			t.Helper()
			for question, blocked := range map[string]bool{"example.com A": other, "ads.example A": ads} {
				if m, a := resolve(t, r, question); (a.Outcome == Blocked) != blocked {
					t.Errorf("%s: %s: %s %s", why, question, a.Outcome, summary(m))
				}
			}
		}
		expect("at midnight", true, true)
		time.Sleep(7 * time.Hour)
		expect("at seven", false, true)
		pauses.Pause("", time.Now().Add(time.Hour))
		expect("paused", false, false)
		time.Sleep(time.Hour)
		expect("at eight", false, true)
		time.Sleep(12*time.Hour - time.Nanosecond)
		expect("just before eight at night", false, true)
		time.Sleep(time.Nanosecond)
		expect("at eight at night", true, true)
	})
}

// matches is an Observer that keeps what rules decided.
type matches struct {
	nobody
	mu   sync.Mutex
	seen []string // guarded by mu
}

func (m *matches) Matched(list, action string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, list+" "+action)
}

// Each answer on which a rule decided counts once for its list, also when it has
// to be waited for first. Answers that several queries share stay as they are.
func TestMatchesAreCounted(t *testing.T) {
	const list = "||ads.example^\n@@||good.example^\n||b.example^$dnsrewrite=target.example\n||c.example^$dnsrewrite=ads.example\n@@||ok.example^"
	records := zone("good.example. 60 IN A 192.0.2.1", "target.example. 60 IN A 192.0.2.2", "other.example. 60 IN A 192.0.2.3",
		"shop.example. 60 IN CNAME ads.example.", "ads.example. 60 IN A 192.0.2.4", "fine.example. 60 IN CNAME ok.example.", "ok.example. 60 IN A 192.0.2.5")
	p := filtered(t, blocklists.Adblock, list, func(_ *policy.Options, g *policy.ClientGroup) { g.BlockedTypes = []uint16{dns.TypeHTTPS} })
	for question, want := range map[string]string{
		"ads.example A":       "list block",
		"good.example A":      "list allow",
		"b.example A":         "list rewrite",
		"c.example A":         "list block",
		"shop.example A":      "list block",
		"fine.example A":      "list allow",
		"other.example A":     "",
		"other.example HTTPS": "",
	} {
		seen := new(matches)
		r := New(Options{State: State{Policy: p, Upstream: &script{answer: records}}, Observer: seen})
		for pass := range 2 {
			q := query(question)
			q.NoWait = true
			a, err := r.Resolve(t.Context(), q)
			if err == ErrWait {
				q.NoWait = false
				a, err = r.Resolve(t.Context(), q)
			}
			if err != nil {
				t.Fatal(err)
			}
			var counts []string
			if want != "" {
				counts = slices.Repeat([]string{want}, pass+1)
			}
			if !slices.Equal(seen.seen, counts) {
				t.Errorf("%s, pass %d: counted %q, want %q", question, pass, seen.seen, counts)
			}
			if decided := want != "" || q.Question.Type == dns.TypeHTTPS; (a.Verdict != nil) != decided {
				t.Errorf("%s, pass %d: verdict %+v", question, pass, a.Verdict)
			}
		}
		r.Close()
	}
}

func BenchmarkEnforce(b *testing.B) {
	a := reply(query("other.example A"), Cached, dnswire.RcodeSuccess)
	h := enforce(HandlerFunc(func(context.Context, *Query) (*Answer, error) { return a, nil }))
	for name, p := range map[string]*policy.Policy{
		"plain": filtered(b, blocklists.Adblock, "||ads.example^", nil),
		"full": filtered(b, blocklists.Adblock, "||ads.example^", func(o *policy.Options, g *policy.ClientGroup) {
			o.Rebinding.On, g.SafeSearch, g.BlockedTypes = true, policy.SafeGoogle, []uint16{dns.TypeHTTPS}
			g.Schedules = []policy.Schedule{{Days: 1 << time.Monday, From: 60, To: 120, Everything: true}}
		}),
	} {
		q := query("other.example A")
		q.state, q.received = &State{Policy: p}, time.Now()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.Resolve(context.Background(), q)
			}
		})
	}
}
