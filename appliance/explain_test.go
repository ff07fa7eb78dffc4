package appliance

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestExplain: the whole way of a name, from its client group to the answer.
func TestExplain(t *testing.T) {
	office := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("203.0.113.9")))
	rest := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("198.51.100.7")))
	dir := write(t, "ads.txt", "||ads.example^\n@@||ok.ads.example^\n", "places.txt", "203.0.113.0/24\n")
	c := parse(t, dir, fmt.Sprintf(`
[[upstream]]
name = "office"
domains = ["corp.example"]
servers = ["udp://%s"]
[[upstream]]
name = "rest"
servers = ["udp://%s"]
[[list]]
name = "ads"
path = "ads.txt"
[[list]]
name = "places"
path = "places.txt"
[[list]]
name = "late"
url = "https://lists.example/late.txt"
[local]
records = ["nas.home.arpa A 192.168.1.5", "own.ads.example A 192.168.1.6", "way.ok.ads.example CNAME x.ads.example"]
`, office.Addr(), rest.Addr()))
	for _, tt := range []struct {
		name string
		typ  uint16
		want []string
		not  string
	}{
		{"x.ads.example", dnswire.TypeA, []string{"client group default", "ads:1 ||ads.example^", "blocked (null)", "answer: NOERROR, 10 IN A 0.0.0.0", "EDE 15"}, "answered by"},
		{"x.ads.example", dnswire.TypeHTTPS, []string{"answer: NODATA"}, "answered by"},
		{"x.ok.ads.example", dnswire.TypeA, []string{"allow ads:2 @@||ok.ads.example^", "block ads:1", "an allow rule beats a block rule", "198.51.100.7"}, "EDE"},
		{"www.example.com", dnswire.TypeA, []string{"no rule", "hop A 198.51.100.7", "answered by: upstream group rest\n", "answer: NOERROR, 300 IN A 198.51.100.7"}, "EDE"},
		{"www.corp.example", dnswire.TypeA, []string{"upstream group office, by its domain corp.example", "hop A 203.0.113.9: block places:1 ||203.0.113.0/24^", "answer: NOERROR, 10 IN A 0.0.0.0"}, "not blocked"},
		{"nas.home.arpa", dnswire.TypeA, []string{"tundns itself", "192.168.1.5"}, "upstream"},
		{"own.ads.example", dnswire.TypeA, []string{"own.ads.example: not blocked", "tundns itself", "192.168.1.6"}, "ads:1"},
		{"way.ok.ads.example", dnswire.TypeA, []string{"way.ok.ads.example: records of your own lead to x.ads.example\n", "x.ads.example: blocked (null)", "answer: NOERROR, 300 IN CNAME x.ads.example., 10 IN A 0.0.0.0"}, "ads:2"},
		{"printer.home.arpa", dnswire.TypeA, []string{"tundns itself", "NXDOMAIN"}, "upstream"},
	} {
		var out strings.Builder
		if err := Explain(t.Context(), c, netip.MustParseAddr("10.0.0.1"), tt.name, tt.typ, &out); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, w := range append(tt.want, "warning: list late has not been fetched yet") {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s", tt.name, w, &out)
			}
		}
		if strings.Contains(out.String(), tt.not) {
			t.Errorf("%s: %q in\n%s", tt.name, tt.not, &out)
		}
	}
	if n := office.Queries() + rest.Queries(); n != 3 {
		t.Errorf("%d upstream queries", n)
	}
}
