package blocklists

import (
	"net/netip"
	"testing"

	"tundns/dnswire"
)

func TestRuleString(t *testing.T) {
	name := dnswire.MustName("a_b.xn--e1afmkfd.example")
	for want, rule := range map[string]Rule{
		"=a_b.xn--e1afmkfd.example":                    {Name: name},
		"||a_b.xn--e1afmkfd.example^":                  {Name: name, Scope: Subtree},
		"|*.a_b.xn--e1afmkfd.example^":                 {Name: name, Scope: Under},
		"@@||a_b.xn--e1afmkfd.example^$important":      {Name: name, Scope: Subtree, Action: Allow, Important: true},
		"=a_b.xn--e1afmkfd.example$badfilter":          {Name: name, Badfilter: true},
		"@@||192.0.2.0/24^":                            {Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: Allow},
		"||2001:db8::1^":                               {Prefix: netip.MustParsePrefix("2001:db8::1/128")},
		"||ads*.example^$important":                    {Pattern: "||ads*.example^", Important: true},
		"/^ads[0-9]$/$dnstype=A|~AAAA":                 {Pattern: "/^ads[0-9]$/", Condition: &Condition{Types: []uint16{1}, NotTypes: []uint16{28}}},
		"*ads*$client=10.0.0.0/8|~\"it's, \\\"x\\\"\"": {Pattern: "*ads*", Condition: &Condition{Clients: []ClientMatch{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}, NotClients: []ClientMatch{{Name: `it's, "x"`}}}},
		"*$denyallow=com|net":                          {Pattern: "*", Condition: &Condition{DenyAllow: []dnswire.Name{dnswire.MustName("com"), dnswire.MustName("net")}}},
		"@@||example^$dnsrewrite":                      {Name: dnswire.MustName("example"), Scope: Subtree, Action: Allow, Condition: &Condition{RewritesOnly: true}},
		"=a.example$dnsrewrite=DROP":                   {Name: dnswire.MustName("a.example"), Reply: &Reply{Drop: true}},
		"=a.example$dnsrewrite=NOERROR":                {Name: dnswire.MustName("a.example"), Reply: &Reply{}},
		"=a.example$dnsrewrite=SERVFAIL":               {Name: dnswire.MustName("a.example"), Reply: &Reply{Rcode: 2}},
		"=a.example$dnsrewrite=NOERROR;CNAME;b.c":      {Name: dnswire.MustName("a.example"), Reply: &Reply{CNAME: dnswire.MustName("b.c")}},
		"=a.example$dnsrewrite=192.0.2.1,dnsrewrite=NOERROR;TXT;\"x\\, y\"": {
			Name:  dnswire.MustName("a.example"),
			Reply: &Reply{Records: []Record{{Type: 1, Data: []byte{192, 0, 2, 1}}, {Type: 16, Data: []byte("\x04x, y")}}},
		},
	} {
		if got := rule.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		checkRule(t, Source{AllowWide: true}, rule)
	}
}

// What several rules of one load say alike is one thing in memory.
func TestInterned(t *testing.T) {
	got := read(Source{}, Adblock, "||a.example^$dnstype=A|AAAA\n||b.example^$dnstype=AAAA|A,important\na.example CNAME .\n||c.example^$dnsrewrite=NXDOMAIN").rules
	if len(got) != 4 || got[0].Condition != got[1].Condition || got[2].Reply != got[3].Reply {
		t.Errorf("%+v", got)
	}
}

func TestOver(t *testing.T) {
	name := Rule{Name: dnswire.MustName("a.example")}
	for _, test := range []struct {
		winner, loser Rule
		want          string
	}{
		{Rule{Action: Allow, Important: true}, Rule{Important: true}, "an allow rule with $important beats every other rule"},
		{Rule{Important: true}, Rule{Action: Allow}, "a rule with $important beats rules without"},
		{Rule{Action: Allow}, Rule{}, "an allow rule beats a block rule"},
		{name, Rule{Pattern: "*a*"}, "a rule for a name beats a pattern"},
		{name, Rule{Name: dnswire.MustName("example")}, "the rule for the longer name wins"},
		{Rule{Prefix: netip.MustParsePrefix("10.0.0.0/8")}, Rule{Prefix: netip.MustParsePrefix("0.0.0.0/0")}, "the rule for the longer prefix wins"},
		{name, Rule{Name: name.Name, list: 1}, "the list that comes first wins"},
		{name, Rule{Name: name.Name, Line: 1}, "the line that comes first wins"},
	} {
		if got := test.winner.Over(test.loser); got != test.want {
			t.Errorf("%v over %v: %q, want %q", test.winner, test.loser, got, test.want)
		}
	}
}
