package appliance

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"tundns/cache"
	"tundns/dnswire"
	"tundns/resolver"
	"tundns/resolver/upstream/upstreamtest"
)

// TestOwnNames: records and hosts files of the configuration are answered, before
// every list and without an upstream; a reload answers with the new ones.
func TestOwnNames(t *testing.T) {
	up := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("198.51.100.7")))
	dir := write(t, "ads.txt", "||home.arpa^$important\n", "hosts", "127.0.0.1 localhost\n192.168.1.7 tv.home.arpa tv\n0.0.0.0 ads.example\nfd00::7 tv.home.arpa\n")
	text := fmt.Sprintf(`
[[upstream]]
servers = ["udp://%s"]
[[list]]
name = "ads"
path = "ads.txt"
[local]
records = [
  "nas.home.arpa A 192.168.1.5", "*.dev.home.arpa 60 A 192.168.1.10",
  "cam.home.arpa CNAME tv.home.arpa", "www.home.arpa CNAME www.example.com",
]
hosts = ["hosts"]
`, up.Addr())
	first, err := compile(t.Context(), parse(t, dir, text), offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	if len(first.hosts) != 1 || first.hosts[0].File != filepath.Join(dir, "hosts") || first.hosts[0].Names != 3 || first.hosts[0].Ignored != 2 || first.hosts[0].Skipped != 0 {
		t.Errorf("%+v", first.hosts)
	}
	second, err := compile(t.Context(), parse(t, dir, strings.Replace(text, "192.168.1.5", "192.168.1.6", 1)), offline, first)
	if err != nil {
		t.Fatal(err)
	}
	defer second.closeBut(first)
	for _, tt := range []struct {
		of        *ruleset
		name, typ string
		want      string
		outcome   resolver.Outcome
	}{
		{first, "nas.home.arpa", "A", "NOERROR, 300 IN A 192.168.1.5", resolver.Local},
		{second, "nas.home.arpa", "A", "NOERROR, 300 IN A 192.168.1.6", resolver.Local},
		{first, "nas.home.arpa", "AAAA", "NODATA", resolver.Local},
		{first, "x.dev.home.arpa", "A", "NOERROR, 60 IN A 192.168.1.10", resolver.Local},
		{first, "tv.home.arpa", "AAAA", "NOERROR, 300 IN AAAA fd00::7", resolver.Local},
		{first, "tv", "A", "NOERROR, 300 IN A 192.168.1.7", resolver.Local},
		{first, "cam.home.arpa", "A", "NOERROR, 300 IN CNAME tv.home.arpa., 300 IN A 192.168.1.7", resolver.Local},
		{first, "www.home.arpa", "A", "NOERROR, 300 IN CNAME www.example.com., 300 IN A 198.51.100.7", resolver.Local},
		{first, "7.1.168.192.in-addr.arpa", "PTR", "NOERROR, 300 IN PTR tv.home.arpa., 300 IN PTR tv.", resolver.Local},
		{first, "5.1.168.192.in-addr.arpa", "PTR", "NOERROR, 300 IN PTR nas.home.arpa.", resolver.Local},
		{second, "5.1.168.192.in-addr.arpa", "PTR", "NXDOMAIN", resolver.Local},
		{first, "printer.home.arpa", "A", "NXDOMAIN", resolver.Local},
		{first, "ads.example", "A", "NOERROR, 300 IN A 198.51.100.7", resolver.Forwarded},
	} {
		typ := map[string]uint16{"A": dnswire.TypeA, "AAAA": dnswire.TypeAAAA, "PTR": dnswire.TypePTR}[tt.typ]
		a, err := resolve(t.Context(), tt.of.state(), cache.New(cache.Options{}), netip.MustParseAddr("10.0.0.1"), dnswire.MustName(tt.name), typ)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if err := writeAnswer(&got, a); err != nil {
			t.Fatal(err)
		}
		answer, _, _ := strings.Cut(strings.TrimSpace(got.String()), ", EDE")
		if answer != "answer: "+tt.want || a.Outcome != tt.outcome {
			t.Errorf("%s %s: %v, %s", tt.name, tt.typ, a.Outcome, answer)
		}
	}
	if n := up.Queries(); n != 2 {
		t.Errorf("%d upstream queries, want those for www.example.com and ads.example", n)
	}
}

// TestMistakesInOwnNames: all that is wrong is told, with its place, and nothing
// takes effect.
func TestMistakesInOwnNames(t *testing.T) {
	dir := write(t, "utf16", "\xff\xfe1\x002\x00", "hosts", "192.168.1.7 tv.home.arpa\nnonsense\n")
	for records, want := range map[string][]string{
		`"a.home.arpa A 192.0.2.300"`:                                                 {"tundns.toml:2:12: ", "192.0.2.300"},
		`"a.home.arpa A 192.0.2.1", "b.home.arpa"`:                                    {"tundns.toml:2:39: ", "b.home.arpa"},
		"\n  \"a.home.arpa CNAME b.home.arpa\",\n  \"b.home.arpa CNAME a.home.arpa\"": {"tundns.toml:3:3: ", "a.home.arpa"},
		"\"a.home.arpa A x\",\n\"b.home.arpa AAAA y\"":                                {"tundns.toml:2:12: ", "tundns.toml:3:1: "},
		`"a.home.arpa CNAME b.example", "a.home.arpa A 192.0.2.1"`:                    {"tundns.toml:2:43: ", "CNAME"},
		"]\nhosts = [\"missing\"":                                                     {filepath.Join(dir, "missing"), "no such file"},
		"]\nhosts = [\"utf16\"":                                                       {"utf16", "UTF-8"},
		"]\nhosts = [\".\"":                                                           {dir, "not a file"},
	} {
		names, _, err := ownNames(parse(t, dir, "[local]\nrecords = ["+records+"]\n"))
		if err == nil || names.Len() != 0 {
			t.Errorf("%s: %d names, no error", records, names.Len())
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %q in %v", records, w, err)
			}
		}
	}
	// A line of a hosts file that cannot be read does not take the others away.
	names, reports, err := ownNames(parse(t, dir, "[local]\nhosts = [\"hosts\"]\n"))
	if err != nil || names.Len() == 0 || len(reports) != 1 || reports[0].Skipped != 1 || len(reports[0].Problems) != 1 || reports[0].Problems[0].Line != 2 {
		t.Errorf("%d names, %+v, %v", names.Len(), reports, err)
	}
}
