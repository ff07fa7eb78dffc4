package policy

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"tundns/blocklists"
	"tundns/dnswire"
)

// noon is a Monday in UTC.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// always is a schedule that is open at any time.
func always(s Schedule) Schedule {
	s.Days, s.Location = EveryDay, time.UTC
	return s
}

// What decides on a question when several things could.
func TestQuestionPrecedence(t *testing.T) {
	set := lists(t, "ads", "www.google.de\n@@||www.google.fr^\nads.example\n@@||good.example^\n", "more", "more.example\n")
	const a, https, mx = dnswire.TypeA, dnswire.TypeHTTPS, dnswire.TypeMX
	everything := Schedule{Everything: true}
	off := Schedule{Off: true}
	base := ClientGroup{Lists: []string{"ads"}, SafeSearch: SafeGoogle, BlockedTypes: []uint16{https}}
	with := func(s ...Schedule) ClientGroup {
		g := base
		for _, s := range s {
			g.Schedules = append(g.Schedules, always(s))
		}
		return g
	}
	for _, test := range []struct {
		why    string
		group  ClientGroup
		name   string
		typ    uint16
		want   Action
		cause  Cause
		reason string
	}{
		{"nothing", base, "other.example", a, None, NoCause, ""},
		{"a rule", base, "ads.example", a, Block, ByRule, "ads:3 ||ads.example^"},
		{"a rule before safe search", base, "www.google.de", a, Block, ByRule, "ads:1 ||www.google.de^"},
		{"a rule before a type", base, "ads.example", https, Block, ByRule, "ads:3 ||ads.example^"},
		{"an allow rule", base, "good.example", a, Allow, ByRule, "ads:4 @@||good.example^"},
		{"an allow rule does not lift a type", base, "good.example", https, Block, ByType, "type HTTPS is blocked for group kids"},
		{"an allow rule lifts safe search", base, "www.google.fr", a, Allow, ByRule, "ads:2 @@||www.google.fr^"},
		{"a type", base, "other.example", https, Block, ByType, "type HTTPS is blocked for group kids"},
		{"a type before safe search", base, "www.google.com", https, Block, ByType, "type HTTPS is blocked for group kids"},
		{"safe search", base, "www.google.com", a, Rewrite, BySafeSearch, "safe search: google"},
		{"safe search is no mail's business", base, "www.google.com", mx, None, NoCause, ""},
		{"a list that is not the group's", base, "more.example", a, None, NoCause, ""},
		{"a scheduled list", with(Schedule{Lists: []string{"more"}}), "more.example", a, Block, ByRule, "more:1 ||more.example^"},
		{"beside the group's own", with(Schedule{Lists: []string{"more"}}), "ads.example", a, Block, ByRule, "ads:3 ||ads.example^"},
		{"everything", with(everything), "other.example", a, Block, BySchedule, "kids: schedule daily 00:00-24:00 UTC"},
		{"everything before safe search", with(everything), "www.google.com", a, Block, BySchedule, "kids: schedule daily 00:00-24:00 UTC"},
		{"everything but what is allowed", with(everything), "good.example", a, Allow, ByRule, "ads:4 @@||good.example^"},
		{"a rule before everything", with(everything), "ads.example", a, Block, ByRule, "ads:3 ||ads.example^"},
		{"off before a rule", with(off), "ads.example", a, None, NoCause, ""},
		{"off before a type", with(off), "other.example", https, None, NoCause, ""},
		{"off before safe search", with(off), "www.google.com", a, None, NoCause, ""},
		{"off before everything", with(everything, off), "other.example", a, None, NoCause, ""},
	} {
		test.group.Name, test.group.Clients = "kids", prefixes("10.0.0.0/8")
		for i := range test.group.Schedules {
			test.group.Schedules[i].To = day
		}
		g := mustNew(t, set, test.group).Group("kids")
		q := ask(test.name)
		q.Type, q.Time = test.typ, noon
		v := g.Question(q)
		if v.Action != test.want || v.Cause != test.cause || v.Reason() != test.reason {
			t.Errorf("%s: %v, cause %d, %q", test.why, v.Action, v.Cause, v.Reason())
		}
		if (v.Action == Rewrite) != (v.Reply != nil && v.Reply.CNAME != "") {
			t.Errorf("%s: reply %+v", test.why, v.Reply)
		}
		if v.Cause == ByType && (v.Reply == nil || v.Reply.Rcode != dnswire.RcodeSuccess || v.Reply.Records != nil) {
			t.Errorf("%s: a blocked type is answered %+v, want NODATA", test.why, v.Reply)
		}
		off := slices.ContainsFunc(test.group.Schedules, func(s Schedule) bool { return s.Off })
		if g.BlocksType(q, https) == off || g.BlocksType(q, mx) {
			t.Errorf("%s: HTTPS is blocked: %v", test.why, off)
		}
	}
}

// How the verdicts of rules with replies of their own look.
func TestRulesWithReplies(t *testing.T) {
	set := lists(t, "ads", `plain.example
||nx.example^$dnsrewrite=NXDOMAIN
||nodata.example^$dnsrewrite=NOERROR
||two.example^$dnsrewrite=192.0.2.1
||cname.example^$dnsrewrite=other.example
||self.example^$dnsrewrite=www.self.example
||lifted.example^$dnsrewrite=192.0.2.1
@@||lifted.example^$dnsrewrite
||plain.example^$dnstype=AAAA,dnsrewrite=2001:db8::1,important
`, "more", "||two.example^$dnsrewrite=192.0.2.2\n||two.example^$dnsrewrite=NOERROR;TXT;hello\n")
	g := mustNew(t, set).Group(DefaultGroup)
	for _, test := range []struct {
		name    string
		typ     uint16
		want    Action
		rcode   int // of the reply; -1 without one
		cname   string
		records int
	}{
		{"plain.example", dnswire.TypeA, Block, -1, "", 0},
		{"plain.example", dnswire.TypeAAAA, Rewrite, 0, "", 1},
		{"nx.example", dnswire.TypeA, Block, dnswire.RcodeNameError, "", 0},
		{"nodata.example", dnswire.TypeA, Block, 0, "", 0},
		{"two.example", dnswire.TypeA, Rewrite, 0, "", 3},
		{"cname.example", dnswire.TypeA, Rewrite, 0, "other.example", 0},
		{"self.example", dnswire.TypeA, Rewrite, 0, "www.self.example", 0},
		{"www.self.example", dnswire.TypeA, Allow, -1, "", 0},
		{"lifted.example", dnswire.TypeA, None, -1, "", 0},
	} {
		q := ask(test.name)
		q.Type = test.typ
		// The same for a name that is asked for and for one that an answer leads to.
		asked, met := g.Question(q), g.Answer(&Question{Name: dnswire.MustName("q.test"), Type: test.typ}, answer("q.test", cname("q.test", test.name)))
		for _, v := range []Verdict{asked, met} {
			rcode, target, records := -1, "", 0
			if v.Reply != nil {
				rcode, records = v.Reply.Rcode, len(v.Reply.Records)
				if v.Reply.CNAME != "" {
					target = v.Reply.CNAME.Text()
				}
			}
			if v.Action != test.want || rcode != test.rcode || target != test.cname || records != test.records || (v.Cause == NoCause) != (v.Action == None) {
				t.Errorf("%s type %d: %+v, reply %+v", test.name, test.typ, v, v.Reply)
			}
		}
	}
}

// Who asks is known to rules by address and by the name of the peer, or its key
// where it has no name.
func TestRulesForClients(t *testing.T) {
	set := lists(t, "ads", "||a.example^$client=10.0.0.1\n||b.example^$client=tablet\n||c.example^$client='key2'\n")
	peers := tunnel{netip.MustParseAddr("10.0.0.1"): {"tablet", "key1"}, netip.MustParseAddr("10.0.0.2"): {"", "key2"}}
	p, err := New(Options{Set: set, Peers: peers})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"10.0.0.1": "ab", "10.0.0.2": "c", "10.0.0.3": "", "::ffff:10.0.0.1": "ab"} {
		got := ""
		for _, letter := range "abc" {
			q := ask(string(letter) + ".example")
			q.Client = p.Client(netip.MustParseAddr(addr))
			if q.Client.Group.Question(q).Action == Block {
				got += string(letter)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	set := lists(t, "ads", "ads.example\n")
	for _, test := range []struct {
		why   string
		set   *blocklists.Set
		group ClientGroup
		want  bool
	}{
		{"every list", set, ClientGroup{}, true},
		{"every list of none", nil, ClientGroup{}, false},
		{"no list", set, ClientGroup{Lists: []string{}}, false},
		{"a list", set, ClientGroup{Lists: []string{"ads"}}, true},
		{"a type", set, ClientGroup{Lists: []string{}, BlockedTypes: []uint16{65}}, true},
		{"safe search", set, ClientGroup{Lists: []string{}, SafeSearch: SafeBing}, true},
		{"a scheduled list", set, ClientGroup{Lists: []string{}, Schedules: []Schedule{always(Schedule{Lists: []string{"ads"}})}}, true},
		{"later", set, ClientGroup{Lists: []string{}, Schedules: []Schedule{{Days: 1 << time.Friday, Location: time.UTC, Lists: []string{"ads"}}}}, false},
		{"everything", set, ClientGroup{Lists: []string{}, Schedules: []Schedule{always(Schedule{Everything: true})}}, true},
		{"off", set, ClientGroup{Schedules: []Schedule{always(Schedule{Off: true})}}, false},
	} {
		test.group.Name, test.group.Clients = "kids", prefixes("10.0.0.0/8")
		for _, canaries := range []bool{true, false} {
			pauses := new(Pauses)
			p, err := New(Options{Set: test.set, Groups: []ClientGroup{test.group}, Canaries: canaries, Pauses: pauses, now: func() time.Time { return noon }})
			if err != nil {
				t.Fatal(err)
			}
			g := p.Group("kids")
			if g.Filters() != test.want || g.Canaries() != (test.want && canaries) {
				t.Errorf("%s: filters %v, canaries %v", test.why, g.Filters(), g.Canaries())
			}
			pauses.Pause("kids", noon.Add(time.Minute))
			if g.Filters() || g.Canaries() {
				t.Errorf("%s: filters while paused", test.why)
			}
		}
	}
}

// tunnel tells peers by address: name, key.
type tunnel map[netip.Addr][2]string

func (t tunnel) Peer(addr netip.Addr) (name, key string, ok bool) {
	p, ok := t[addr]
	return p[0], p[1], ok
}

func TestClient(t *testing.T) {
	addr := netip.MustParseAddr
	peers := tunnel{addr("10.0.0.1"): {"tablet", "key1"}, addr("10.0.0.2"): {"", "key2"}, addr("10.9.0.3"): {"phone", "key3"}, addr("10.0.0.4"): {"guest", "key4"}}
	p, err := New(Options{Peers: peers, Groups: []ClientGroup{
		{Name: "first", Peers: []string{"key4"}},
		{Name: "default"},
		{Name: "kids", Peers: []string{"tablet", "key2", "twice"}},
		{Name: "net", Clients: prefixes("10.0.0.0/24")},
		{Name: "late", Peers: []string{"phone", "guest", "twice"}, Clients: prefixes("192.0.2.0/24")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ addr, group, peer, key, why string }{
		{"10.0.0.1", "kids", "tablet", "key1", "it names peer tablet"},
		{"::ffff:10.0.0.1", "kids", "tablet", "key1", "it names peer tablet"},
		{"10.0.0.2", "kids", "", "key2", "it names the peer's key key2"},
		{"10.9.0.3", "late", "phone", "key3", "it names peer phone"},
		{"10.0.0.4", "first", "guest", "key4", "it names the peer's key key4"},
		{"10.0.0.5", "net", "", "", "it names 10.0.0.0/24"},
		{"192.0.2.1", "late", "", "", "it names 192.0.2.0/24"},
		{"198.51.100.1", "default", "", "", "no other group names the client"},
	} {
		c := p.Client(addr(test.addr))
		if c.Group.Name() != test.group || c.Peer != test.peer || c.Key != test.key || c.membership() != test.why || c.Addr.Is4In6() {
			t.Errorf("%s: %+v in %s, %s", test.addr, c, c.Group.Name(), c.membership())
		}
	}
	if p.Group("nobody") != nil || p.Group("kids").Name() != "kids" {
		t.Error("groups are not found by name")
	}
}
