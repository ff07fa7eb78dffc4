package blocklists

import (
	"strings"
	"testing"
)

func TestGuess(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Format
	}{
		"dnsmasq":           {"# head\naddress=/a.example/#\nserver=/b.example/\nno-resolv\n", Dnsmasq},
		"unbound":           {"server:\n  local-zone: \"a.example\" static\n  local-data: \"a.example A 0.0.0.0\"\n", Unbound},
		"zone":              {"a.example CNAME .\n*.a.example CNAME .\n", RPZ},
		"zone with a TTL":   {"$TTL 60\na.example CNAME .\n", RPZ},
		"short zone":        {"; head\n@ 3600 IN SOA localhost. root.localhost. (\n  1 ; serial\n  2\n  3\n  4\n  5 )\n  NS localhost.\n", RPZ},
		"addresses":         {"1.2.3.4\n5.6.7.0/24 ; SBL1\n2001:db8::/32\n", Domains},
		"regexps":           {"/^ads/\n/banner[0-9]/\n", Adblock},
		"strays in adblock": {"||a.example^\n||b.example^\naddress=/c.example/\nlocal-zone: d.example static\n", Adblock},
		"dots":              {".a.example\n.b.example\n", Domains},
		"globs":             {"ads.*\n*banner*\n", Domains},
	} {
		in, err := newLines(strings.NewReader(test.text))
		if err != nil {
			t.Fatal(err)
		}
		first, err := hold(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := guess(first); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// In files of every format all lines are read by what they look like; a bare
// name means what it means in most of the lines.
func TestMixedLines(t *testing.T) {
	text := strings.Join([]string{
		"0.0.0.0 a.example", "||b.example^", "*.c.example", "address=/d.example/#", "local-zone: e.example static",
		"f.example CNAME .", "1.2.3.4", "/^ads[0-9]/", "@@||good.example^", ".g.example^",
	}, "\n")
	want := []string{
		"=a.example", "||b.example^", "||c.example^", "||d.example^", "||e.example^",
		"=f.example$dnsrewrite=NXDOMAIN", "||1.2.3.4^", "/^ads[0-9]/", "@@||good.example^", "|*.g.example^",
	}
	testLines(t, Source{}, []lineTest{{"hdamu", text, want}})
}
