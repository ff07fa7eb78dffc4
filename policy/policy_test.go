package policy

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"tundns/blocklists"
	"tundns/dnswire"
)

// lists compiles lists given as name, text, name, text…
func lists(t testing.TB, nameAndText ...string) *blocklists.Set {
	t.Helper()
	var sources []blocklists.Source
	for i := 0; i < len(nameAndText); i += 2 {
		text := nameAndText[i+1]
		sources = append(sources, blocklists.Source{
			Name:   nameAndText[i],
			Format: blocklists.Domains,
			Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		})
	}
	set, _, err := blocklists.Load(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func mustNew(t testing.TB, set *blocklists.Set, groups ...ClientGroup) *Policy {
	t.Helper()
	p, err := New(Options{Set: set, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask is a question for the A record of name of a client that nobody knows.
func ask(name string) *Question {
	return &Question{Name: dnswire.MustName(name), Type: dnswire.TypeA}
}

func prefixes(s ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, s := range s {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func TestGroupsAndLists(t *testing.T) {
	set := lists(t, "ads", "ads.example\n", "adult", "adult.example\n@@||ads.example^\n")
	p := mustNew(t, set,
		ClientGroup{Name: "kids", Clients: prefixes("10.0.0.7/32", "10.0.2.0/24", "fd00::/64"), Block: BlockMode{Kind: NXDOMAIN}},
		ClientGroup{Name: "free", Clients: prefixes("10.0.0.0/16"), Lists: []string{}},
		ClientGroup{Name: "default", Lists: []string{"ads"}},
		ClientGroup{Name: "late", Clients: prefixes("10.0.2.9/32", "192.0.2.0/24"), Lists: []string{"adult"}},
	)
	for _, test := range []struct {
		client, group string
		ads, adult    Action
	}{
		{"10.0.0.7", "kids", Allow, Block},
		{"10.0.2.9", "kids", Allow, Block}, // the first match wins over the longer one
		{"::ffff:10.0.2.1", "kids", Allow, Block},
		{"fd00::9", "kids", Allow, Block},
		{"fd00::9%eth0", "kids", Allow, Block},
		{"10.0.0.8", "free", None, None},
		{"10.1.0.1", "default", Block, None},
		{"2001:db8::1", "default", Block, None},
		{"192.0.2.255", "late", Allow, Block},
	} {
		g := p.Client(netip.MustParseAddr(test.client)).Group
		if g.Name() != test.group {
			t.Errorf("%s is in %s, want %s", test.client, g.Name(), test.group)
		}
		if p.Groups()[g.Index()] != g {
			t.Errorf("%s has index %d", g.Name(), g.Index())
		}
		for name, want := range map[string]Action{"x.ads.example": test.ads, "adult.example": test.adult, "other.example": None} {
			v := g.Question(ask(name))
			if v.Action != want || v.Hop != "" || (v.Rule.List == "") != (want == None) {
				t.Errorf("%s asks for %s: %+v, want %v", test.client, name, v, want)
			}
		}
	}
	if g := p.Client(netip.Addr{}).Group; g.Name() != "default" {
		t.Errorf("no address is in %s", g.Name())
	}
	if m := p.Group("kids").BlockMode(); m.Kind != NXDOMAIN {
		t.Errorf("block mode %v", m)
	}
}

func TestDefaultIsAdded(t *testing.T) {
	set := lists(t, "ads", "ads.example\n")
	p := mustNew(t, set, ClientGroup{Name: "free", Clients: prefixes("10.0.0.0/8"), Lists: []string{}})
	g := p.Client(netip.MustParseAddr("192.0.2.1")).Group
	if g.Name() != DefaultGroup || g.Index() != 1 || g.BlockMode() != (BlockMode{}) || g.Question(ask("ads.example")).Action != Block {
		t.Errorf("%+v", g)
	}
	if p := mustNew(t, nil); p.Group(DefaultGroup).Question(ask("ads.example")).Action != None {
		t.Error("a policy without lists blocks")
	}
}

func TestNewRefuses(t *testing.T) {
	set := lists(t, "ads", "ads.example\n", "adult", "")
	one := prefixes("10.0.0.0/8")
	for _, test := range []struct {
		groups []ClientGroup
		want   string
	}{
		{[]ClientGroup{{Clients: one}}, "client group 1 has no name"},
		{[]ClientGroup{{Name: "a", Clients: one}, {Name: "a", Clients: one}}, `two client groups are called "a"`},
		{[]ClientGroup{{Name: "a"}}, `"a" has no clients`},
		{[]ClientGroup{{Name: "default", Clients: one}}, `"default" takes every client`},
		{[]ClientGroup{{Name: "a", Clients: one, Lists: []string{"spam"}}}, `"a": no list is called "spam": the lists are ads, adult`},
		{[]ClientGroup{{Name: "a", Clients: []netip.Prefix{{}}}}, `"a": client prefix`},
		{[]ClientGroup{{Name: "a", Clients: prefixes("::ffff:0.0.0.0/80")}}, "wider than IPv4"},
		{[]ClientGroup{{Name: "a", Clients: one, Block: BlockMode{Kind: Address}}}, "cannot block with the address"},
		{[]ClientGroup{{Name: "a", Clients: one, Block: BlockMode{Kind: 9}}}, "unknown way to block"},
		{[]ClientGroup{{Name: "a", Clients: one, Block: BlockMode{Kind: Null, Addr: netip.IPv6Unspecified()}}}, "takes no address"},
	} {
		if p, err := New(Options{Set: set, Groups: test.groups}); err == nil || p != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", test.groups, err, test.want)
		}
	}
}

func TestBlockMode(t *testing.T) {
	for in, want := range map[string]BlockMode{
		"null":              {},
		"nxdomain":          {Kind: NXDOMAIN},
		"nodata":            {Kind: NODATA},
		"refused":           {Kind: Refused},
		"192.0.2.1":         {Kind: Address, Addr: netip.MustParseAddr("192.0.2.1")},
		"2001:db8::1":       {Kind: Address, Addr: netip.MustParseAddr("2001:db8::1")},
		"::ffff:192.0.2.53": {Kind: Address, Addr: netip.MustParseAddr("192.0.2.53")},
	} {
		got, err := ParseBlockMode(in)
		if err != nil || got != want || got.check() != nil {
			t.Errorf("%s: %v, %v", in, got, err)
		}
		if again, err := ParseBlockMode(got.String()); err != nil || again != got {
			t.Errorf("%v reads as %v, %v", got, again, err)
		}
	}
	for _, in := range []string{"", "NULL", "nx", "fe80::1%eth0", "192.0.2.0/24", "10.1"} {
		if got, err := ParseBlockMode(in); err == nil || !strings.Contains(err.Error(), "nxdomain") {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

func TestReason(t *testing.T) {
	set := lists(t, "ads", "# head\nads.example\n@@=good.ads.example$important\n")
	g := mustNew(t, set).Group(DefaultGroup)
	for name, want := range map[string]string{
		"x.ads.example":    "ads:2 ||ads.example^",
		"good.ads.example": "ads:3 @@=good.ads.example$important",
		"other.example":    "",
	} {
		if got := g.Question(ask(name)).Reason(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	long := strings.Repeat("a.", 120) + "example"
	for _, list := range []string{"ads", "ads-", "ads--", strings.Repeat("é", 150), strings.Repeat("é", 150) + "x", "\xff"} {
		set := lists(t, list, long+"\n")
		got := mustNew(t, set).Group(DefaultGroup).Question(ask(long)).Reason()
		if len(got) > maxReason || len(got) < maxReason-4 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}

func TestActionString(t *testing.T) {
	for a, want := range map[Action]string{None: "none", Allow: "allow", Block: "block", Rewrite: "rewrite", 7: "Action(7)"} {
		if a.String() != want {
			t.Errorf("%d: %v, want %s", uint8(a), a, want)
		}
	}
}
