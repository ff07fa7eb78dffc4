package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tundns/dnswire"
)

func TestExplain(t *testing.T) {
	set := lists(t, "ads", "ads.example\n@@||good.ads.example^\n", "more", "||x.good.ads.example^\n", "social", "social.example\n")
	pauses := new(Pauses)
	pauses.Pause("paused", noon.Add(time.Minute))
	p, err := New(Options{Set: set, Pauses: pauses, now: func() time.Time { return noon }, Peers: tunnel{netip.MustParseAddr("10.9.0.1"): {"tablet", "key"}}, Groups: []ClientGroup{
		{Name: "kids", Clients: prefixes("10.0.0.0/8"), Lists: []string{"ads", "more"}, Block: BlockMode{Kind: Refused}, BlockedTypes: []uint16{dnswire.TypeHTTPS}, SafeSearch: SafeBing},
		{Name: "paused", Clients: prefixes("192.0.2.0/24")},
		{Name: "monday", Clients: prefixes("198.51.100.0/24"), Lists: []string{}, Schedules: []Schedule{
			{Days: workdays, From: 11 * 60, To: 13 * 60, Location: time.UTC, Lists: []string{"social"}},
			{Days: EveryDay, From: 0, To: 60, Location: time.UTC, Off: true}}},
		{Name: "night", Clients: prefixes("203.0.113.0/24"), Lists: []string{}, Schedules: []Schedule{{Days: EveryDay, Location: time.UTC, Everything: true}}},
		{Name: "free", Peers: []string{"tablet"}, Schedules: []Schedule{{Days: EveryDay, Location: time.UTC, Off: true}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const kids, rest = "\ngroup kids: it names 10.0.0.0/8", "\ngroup default: no other group names the client"
	for _, test := range []struct {
		client, name string
		typ          uint16
		want         string
	}{
		{"10.0.0.1", "www.ads.example", 1, "www.ads.example: blocked (refused) for client group kids (10.0.0.1)\n" +
			"why: it is the only rule that matches\nblock ads:1 ||ads.example^" + kids},
		{"2001:db8::1", "x.good.ads.example", 1, "x.good.ads.example: allowed for client group default (2001:db8::1)\n" +
			"why: an allow rule beats a block rule\nallow ads:2 @@||good.ads.example^\nblock more:1 ||x.good.ads.example^\nblock ads:1 ||ads.example^" + rest},
		{"", "other.example", 1, "other.example: not blocked for client group default\nwhy: no rule of the group's lists matches" + rest},
		{"10.0.0.1", "good.ads.example", 65, "good.ads.example: blocked (nodata) for client group kids (10.0.0.1)\n" +
			"why: type HTTPS is blocked for group kids\nallow ads:2 @@||good.ads.example^\nblock ads:1 ||ads.example^" + kids},
		{"10.0.0.1", "www.bing.com", 1, "www.bing.com: rewritten to strict.bing.com for client group kids (10.0.0.1)\nwhy: safe search: bing" + kids},
		{"192.0.2.1", "ads.example", 1, "ads.example: not blocked for client group paused (192.0.2.1)\nwhy: nothing is blocked in the group at present\n" +
			"group paused: it names 192.0.2.0/24\npaused until 2026-03-02 12:01:00 UTC"},
		{"198.51.100.1", "social.example", 1, "social.example: blocked (null) for client group monday (198.51.100.1)\nwhy: it is the only rule that matches\n" +
			"block social:1 ||social.example^\ngroup monday: it names 198.51.100.0/24\nschedule mon-fri 11:00-13:00 UTC: with the lists social"},
		{"203.0.113.1", "social.example", 1, "social.example: blocked (null) for client group night (203.0.113.1)\n" +
			"why: every name that no rule allows is blocked: night: schedule daily 00:00-00:00 UTC\n" +
			"group night: it names 203.0.113.0/24\nschedule daily 00:00-00:00 UTC: every name that no rule allows is blocked"},
		{"10.9.0.1", "ads.example", 1, "ads.example: blocked (refused) for client group kids (10.9.0.1)\nwhy: it is the only rule that matches\nblock ads:1 ||ads.example^" + kids},
	} {
		client, _ := netip.ParseAddr(test.client)
		e := p.Explain(client, dnswire.MustName(test.name), test.typ)
		if got := e.String(); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, test.want)
		}
		if got := e.Short(); got != strings.ReplaceAll(test.want, "\n", ". ")+"." {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}

func TestExplainAnswer(t *testing.T) {
	set := lists(t, "ads", "tracker.example\n@@||good.example^\nads.example\n")
	p, err := New(Options{Set: set, Rebinding: Rebinding{On: true}})
	if err != nil {
		t.Fatal(err)
	}
	chain := []rr{cname("q.test", "a.test"), cname("a.test", "x.tracker.example"), address("x.tracker.example")}
	home := []rr{{"q.test", dnswire.TypeHTTPS, "svc.test"}, {"q.test", dnswire.TypeA, "\x7F\x00\x00\x01"}}
	for _, test := range []struct {
		why, name string
		routed    bool
		records   []rr
		action    Action
		hops      string
	}{
		{"a blocked hop", "q.test", false, chain, Block, "hop CNAME a.test: no rule matches\nhop CNAME x.tracker.example: block ads:1 ||tracker.example^\nhop A 192.0.2.1: no rule matches"},
		{"rebinding", "q.test", false, home, Block, "hop HTTPS svc.test: no rule matches\nhop A 127.0.0.1: no rule matches"},
		{"rebinding for an allowed name", "good.example", false, home, Block, "hop HTTPS svc.test: no rule matches\nhop A 127.0.0.1: no rule matches"},
		{"of a group of its own", "q.test", true, home, None, "hop HTTPS svc.test: no rule matches\nhop A 127.0.0.1: no rule matches"},
		{"an allowed question", "good.example", false, chain, Allow, "hop CNAME a.test: no rule matches\nhop CNAME x.tracker.example: block ads:1 ||tracker.example^\nhop A 192.0.2.1: no rule matches"},
		{"an allowed hop", "q.test", false, []rr{cname("q.test", "good.example"), cname("good.example", "tracker.example")}, Allow, "hop CNAME good.example: allow ads:2 @@||good.example^\nhop CNAME tracker.example: block ads:1 ||tracker.example^"},
		{"a blocked question", "ads.example", false, home, Block, "hop HTTPS svc.test: no rule matches\nhop A 127.0.0.1: no rule matches"},
		{"no answer", "q.test", false, nil, None, ""},
	} {
		e := p.Explain(netip.Addr{}, dnswire.MustName(test.name), dnswire.TypeA)
		before := e.Verdict
		e.Answer(answer(test.name, test.records...), test.routed)
		text := e.String()
		if e.Verdict.Action != test.action || test.hops != "" && !strings.Contains(text, "\n"+test.hops+"\n") || len(e.Hops) != strings.Count(text, "\nhop ") {
			t.Errorf("%s: %v\n%s", test.why, e.Verdict.Action, text)
		}
		switch changed := e.Verdict != before; {
		case changed && e.Why != "for what the answer leads to: "+e.Verdict.Reason():
			t.Errorf("%s: why: %s", test.why, e.Why)
		case before.Action == Block && changed:
			t.Errorf("%s: another verdict on a question that is blocked anyway", test.why)
		}
	}
}

// While nothing is blocked no hop is either.
func TestExplainAnswerWhileOff(t *testing.T) {
	pauses := new(Pauses)
	pauses.Pause("default", noon.Add(time.Minute))
	for why, o := range map[string]Options{
		"schedule": {Groups: []ClientGroup{{Name: "default", Schedules: []Schedule{always(Schedule{Off: true})}}}},
		"pause":    {Pauses: pauses},
	} {
		o.Set, o.now = lists(t, "ads", "tracker.example\n"), func() time.Time { return noon }
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		e := p.Explain(netip.Addr{}, dnswire.MustName("q.test"), dnswire.TypeA)
		e.Answer(answer("q.test", cname("q.test", "tracker.example")), false)
		if e.Verdict.Action != None || len(e.Hops) != 1 || e.Hops[0].Verdict.Action != None {
			t.Errorf("%s: %v", why, e)
		}
	}
}

// However much matches, the short form stays short.
func TestExplainShort(t *testing.T) {
	p := mustNew(t, lists(t, strings.Repeat("é", 30), "ads.example\n"))
	e := p.Explain(netip.Addr{}, dnswire.MustName("ads.example"), dnswire.TypeA)
	e.Rules = slices.Repeat(e.Rules, 100)
	if s := e.Short(); len(s) > maxShort || len(s) < maxShort-4 || !utf8.ValidString(s) || strings.Contains(s, "\n") || !strings.HasSuffix(s, "…") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}
