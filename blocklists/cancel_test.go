package blocklists

import (
	"net/netip"
	"slices"
	"testing"

	"tundns/dnswire"
)

// A $badfilter cancels the rule that is equal but for it, in every chosen list,
// and only when its own list is chosen.
func TestMatchBadfilter(t *testing.T) {
	set, _ := mustLoad(t,
		adblock("one", "||ads.example^", "@@||ads.example^$important", "/^ad[0-9]+\\.x/", "||ads.example^$dnstype=A", "=only.example", "||1.2.3.4^"),
		adblock("two", "||ads.example^", "||only.example^$badfilter", "||sub.ads.example^$badfilter", "||sub.ads.example^"),
		adblock("three", "||ads.example^$badfilter", "/^ad[0-9]+\\.x/$badfilter", "||1.2.3.4^$badfilter"),
		adblock("four", "@@||ads.example^$important,badfilter"),
		adblock("five", "||ads.example^$dnstype=A,badfilter"),
	)
	for _, test := range []struct {
		name  string
		lists []string
		want  string
	}{
		{"ads.example", []string{"one", "two"}, "one:2"},
		{"ads.example", []string{"one", "two", "four"}, "one:1"},
		{"ads.example", []string{"one", "two", "three", "four"}, "one:4"},
		{"ads.example", []string{"one", "two", "three", "four", "five"}, ""},
		{"ads.example", []string{"two"}, "two:1"},
		{"ads.example", []string{"two", "three"}, ""},
		{"ads.example", []string{"three"}, ""},
		{"sub.ads.example", []string{"two"}, "two:1"},
		{"ad7.x", []string{"one"}, "one:3"},
		{"ad7.x", []string{"one", "three"}, ""},
		{"only.example", []string{"one", "two"}, "one:5"}, // another scope is another rule
	} {
		q := named(dnswire.MustName(test.name))
		lists := choose(t, set, test.lists...)
		if got := where(set.Match(q, lists)); got != test.want {
			t.Errorf("%s in %v: %s, want %s", test.name, test.lists, got, test.want)
		}
		all := set.MatchAll(q, lists)
		if got := where(append(all, Rule{})[0], len(all) > 0); got != test.want {
			t.Errorf("%s in %v: MatchAll %s, want %s", test.name, test.lists, got, test.want)
		}
	}
	addr, q := netip.MustParseAddr("1.2.3.4"), named(dnswire.MustName("x.example"))
	if got := where(set.MatchAddr(addr, q, choose(t, set, "one"))); got != "one:6" {
		t.Errorf("address: %s", got)
	}
	if got := where(set.MatchAddr(addr, q, choose(t, set, "one", "three"))); got != "" {
		t.Errorf("cancelled address: %s", got)
	}
}

// @@…$dnsrewrite lifts rewrites, not blocks, and of $important ones only those
// that it is as strong as.
func TestMatchLiftedRewrites(t *testing.T) {
	set, _ := mustLoad(t,
		adblock("rules", "||a.example^$dnsrewrite=1.2.3.4", "||b.example^$dnsrewrite=1.2.3.4", "||b.example^", "||c.example^$dnsrewrite=1.2.3.4,important"),
		adblock("weak", "@@||a.example^$dnsrewrite", "@@||b.example^$dnsrewrite", "@@||c.example^$dnsrewrite"),
		adblock("strong", "@@||c.example^$dnsrewrite,important"),
	)
	for _, test := range []struct {
		name  string
		lists []string
		want  string
	}{
		{"a.example", []string{"rules"}, "rules:1"},
		{"a.example", []string{"rules", "weak"}, ""},
		{"a.example", []string{"weak"}, ""},
		{"b.example", []string{"rules"}, "rules:2"},
		{"b.example", []string{"rules", "weak"}, "rules:3"},
		{"c.example", []string{"rules", "weak"}, "rules:4"},
		{"c.example", []string{"rules", "strong"}, ""},
	} {
		if got := where(set.Match(named(dnswire.MustName(test.name)), choose(t, set, test.lists...))); got != test.want {
			t.Errorf("%s in %v: %s, want %s", test.name, test.lists, got, test.want)
		}
	}
}

func TestReply(t *testing.T) {
	set, _ := mustLoad(t,
		adblock("a",
			"||two.example^$dnsrewrite=192.0.2.1", "||two.example^$dnsrewrite=2001:db8::1", "||two.example^$dnsrewrite=192.0.2.1",
			"||x.two.example^$dnsrewrite=192.0.2.9",
			"||two.example^$dnsrewrite=192.0.2.7,important",
			"||name.example^$dnsrewrite=safe.example", "||name.example^$dnsrewrite=192.0.2.1",
			"||block.example^",
			"/^ad[0-9]+\\./$dnsrewrite=192.0.2.1", "/^ad[0-9][0-9]\\./$dnsrewrite=192.0.2.2",
			"||192.0.2.0/24^$dnsrewrite=192.0.2.1",
		),
		adblock("b", "||two.example^$dnsrewrite=192.0.2.2"),
		adblock("plain", "||two.example^$dnsrewrite=192.0.2.1", "||two.example^$dnsrewrite=2001:db8::1", "||two.example^$dnsrewrite=NXDOMAIN"),
	)
	for _, test := range []struct {
		name  string
		lists []string
		want  []string
	}{
		{"two.example", []string{"a"}, []string{"192.0.2.7"}},
		{"two.example", []string{"plain"}, []string{"192.0.2.1", "2001:db8::1"}},
		{"two.example", []string{"b", "plain"}, []string{"192.0.2.2", "192.0.2.1", "2001:db8::1"}},
		{"ad11.test", []string{"a"}, []string{"192.0.2.1", "192.0.2.2"}},
		{"ad1.test", []string{"a"}, []string{"192.0.2.1"}},
	} {
		q, lists := named(dnswire.MustName(test.name)), choose(t, set, test.lists...)
		rule, ok := set.Match(q, lists)
		if !ok {
			t.Fatalf("%s in %v: no rule", test.name, test.lists)
		}
		var got []string
		for _, record := range set.Reply(q, lists, rule).Records {
			addr, _ := netip.AddrFromSlice(record.Data)
			got = append(got, addr.String())
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s in %v: %q, want %q", test.name, test.lists, got, test.want)
		}
	}
	for _, name := range []string{"name.example", "block.example"} { // a CNAME stands alone
		q := named(dnswire.MustName(name))
		rule, _ := set.Match(q, set.All())
		if got := set.Reply(q, set.All(), rule); got != rule.Reply {
			t.Errorf("%s: %+v, want %+v", name, got, rule.Reply)
		}
	}
	q := named(dnswire.MustName("other.example"))
	rule, ok := set.MatchAddr(netip.MustParseAddr("192.0.2.1"), q, set.All())
	if got := set.Reply(q, set.All(), rule); !ok || got == nil || got != rule.Reply {
		t.Errorf("address: %+v, want %+v", got, rule.Reply)
	}
}
