package e2e

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestOwnNames answers from the configuration's own records and hosts files.
func TestOwnNames(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	config := configuration(t, upstream(udp(l.far4))+`
[[list]]
name = "ads"
path = "ads.txt"
[local]
records = [
  "nas.home.arpa A 192.168.1.5",
  "nas.home.arpa 60 IN AAAA fd00::5",
  "*.dev.home.arpa A 192.168.1.10",
  "fixed.dev.home.arpa A 192.168.1.11",
  "box.home.arpa CNAME nas.home.arpa",
  "web.home.arpa CNAME www.example",
  "spy.home.arpa CNAME metrics.tracker.example",
  "home.arpa MX 10 nas.home.arpa.",
  "home.arpa TXT \"a text\" \"and another\"",
  "_smb._tcp.home.arpa SRV 0 5 445 nas.home.arpa.",
  "9.1.168.192.in-addr.arpa PTR printer.home.arpa.",
  "www.wild.example A 192.168.1.12",
]
hosts = ["hosts"]
`, map[string]string{
		"ads.txt": "tracker.example\n",
		"hosts":   "127.0.0.1 localhost\n192.168.1.20 tv.home.arpa tv # the big one\nfd00::20 tv.home.arpa\n0.0.0.0 metrics.wild.example\n",
	})
	h.up(config)
	h.expect(
		expected{"nas.home.arpa", "NOERROR", []string{"192.168.1.5"}, ""},
		expected{"NAS.Home.arpa AAAA +tcp", "NOERROR", []string{"fd00::5"}, ""},
		expected{"nas.home.arpa HTTPS", "NOERROR", nil, ""},
		expected{"x.y.dev.home.arpa", "NOERROR", []string{"192.168.1.10"}, ""},
		expected{"fixed.dev.home.arpa", "NOERROR", []string{"192.168.1.11"}, ""},
		expected{"box.home.arpa", "NOERROR", []string{"nas.home.arpa.", "192.168.1.5"}, ""},
		expected{"web.home.arpa", "NOERROR", []string{"www.example.", "198.51.100.80"}, ""},
		expected{"home.arpa MX", "NOERROR", []string{"10 nas.home.arpa."}, ""},
		expected{"home.arpa TXT", "NOERROR", []string{`"a text" "and another"`}, ""},
		expected{"_smb._tcp.home.arpa SRV", "NOERROR", []string{"0 5 445 nas.home.arpa."}, ""},
		expected{"-x 192.168.1.9", "NOERROR", []string{"printer.home.arpa."}, ""},
		expected{"-x 192.168.1.5", "NOERROR", []string{"nas.home.arpa."}, ""},
		expected{"-x fd00::5", "NOERROR", []string{"nas.home.arpa."}, ""},
		expected{"tv.home.arpa", "NOERROR", []string{"192.168.1.20"}, ""},
		expected{"tv", "NOERROR", []string{"192.168.1.20"}, ""},
		expected{"tv.home.arpa AAAA", "NOERROR", []string{"fd00::20"}, ""},
		expected{"-x fd00::20", "NOERROR", []string{"tv.home.arpa."}, ""},
		// Names of the world: ours at one of them, the others untouched.
		expected{"www.wild.example", "NOERROR", []string{"192.168.1.12"}, ""},
		expected{"other.wild.example", "NOERROR", []string{wild}, ""},
		expected{"metrics.wild.example", "NOERROR", []string{wild}, ""},
		// A name of ours that leads to a blocked one.
		expected{"spy.home.arpa", "NOERROR", []string{"metrics.tracker.example.", "0.0.0.0"}, "ads:1 ||tracker.example^"},
	)
	if r := h.ask("NOERROR", "@"+virtual4, "nas.home.arpa", "AAAA"); !r.has("aa") || r.ttl() != 60 {
		t.Errorf("want an authoritative answer with TTL 60:\n%s", r.raw)
	}
	if r := h.ask("NOERROR", "@"+virtual4, "nas.home.arpa"); r.ttl() != 300 {
		t.Errorf("want TTL 300:\n%s", r.raw)
	}

	rewrite(t, filepath.Join(filepath.Dir(config), "hosts"), "192.168.1.21 tv.home.arpa\n")
	eventually(t, "the changed hosts file in force", func() bool {
		return slices.Equal(h.dig("@"+virtual4, "tv.home.arpa").data(), []string{"192.168.1.21"})
	})
	h.expect(
		expected{"tv.home.arpa AAAA", "NOERROR", nil, ""},
		expected{"nas.home.arpa", "NOERROR", []string{"192.168.1.5"}, ""},
	)
}

// TestNamesThatStay asks for special-use names and the canaries of browsers and
// phones: no server may ever hear of the former.
func TestNamesThatStay(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	const answer = "198.51.100.7"
	world := newScripted(t, answerA(answer, 300))
	world.serveUDP(server, l.far4)
	h.ip("address add " + adult + "/32 dev lo")
	config := upstream(udp(l.far4)) + "[[group]]\nname = \"free\"\nclients = [\"" + adult + "\"]\nlists = []\n" +
		"[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n"
	files := map[string]string{"ads.txt": "ads.example\n"}
	a := h.up(configuration(t, config, files))

	for _, test := range []struct {
		name, status string
		data         []string
	}{
		{"localhost", "NOERROR", []string{"127.0.0.1"}},
		{"x.localhost", "NOERROR", []string{"127.0.0.1"}},
		{"www.test", "NXDOMAIN", nil},
		{"www.invalid", "NXDOMAIN", nil},
		{"printer.local", "NXDOMAIN", nil},
		{"db.internal", "NXDOMAIN", nil},
		{"router.home.arpa", "NXDOMAIN", nil},
		{"duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion", "NXDOMAIN", nil},
		{"_dns.resolver.arpa", "NOERROR", nil},
		{"1.1.168.192.in-addr.arpa", "NXDOMAIN", nil},
		{"1.0.0.10.in-addr.arpa", "NXDOMAIN", nil},
		{"1.0.20.172.in-addr.arpa", "NXDOMAIN", nil},
		{"1.0.100.100.in-addr.arpa", "NXDOMAIN", nil},
		{"8.e.f.ip6.arpa", "NOERROR", nil}, // the zone itself
	} {
		for _, way := range []string{"+notcp", "+tcp"} {
			if r := h.ask(test.status, "@"+virtual4, test.name, way); !slices.Equal(r.data(), test.data) || !r.has("aa") {
				t.Errorf("want %q:\n%s", test.data, r.raw)
			}
		}
	}
	if r := h.ask("NOERROR", "@"+virtual4, "-x", "127.0.0.1"); !slices.Equal(r.data(), []string{"localhost."}) {
		t.Error(r.raw)
	}
	canaries := []string{"use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"}
	for _, name := range canaries {
		h.ask("NXDOMAIN", "@"+virtual4, name)
	}
	if names := world.names(); len(names) > 0 {
		t.Errorf("the server was asked for %q", names)
	}

	// What is near them is the world's; so are the canaries of who filters nothing.
	for _, name := range []string{"nottest", "www.example", "x.use-application-dns.net", "ipv4only.arpa", "internal.example"} {
		if r := h.ask("NOERROR", "@"+virtual4, name); !slices.Equal(r.data(), []string{answer}) {
			t.Error(r.raw)
		}
	}
	for _, name := range canaries {
		if r := h.ask("NOERROR", "@"+virtual4, "-b", adult, name); !slices.Equal(r.data(), []string{answer}) {
			t.Error(r.raw)
		}
	}
	a.stop()

	// A domain with an upstream group goes there, and the canaries can be let go.
	office := newHost(t)
	l2 := h.cable(office, 2)
	newScripted(t, answerA("198.51.100.8", 300)).serveUDP(office, l2.far4)
	h.up(configuration(t, config+"[dns]\ncanaries = false\n"+group("office", `domains = ["corp.internal", "10.0.0.0/8"]`, udp(l2.far4)), files))
	h.expect(
		expected{"db.corp.internal", "NOERROR", []string{"198.51.100.8"}, ""},
		expected{"1.0.0.10.in-addr.arpa A", "NOERROR", []string{"198.51.100.8"}, ""},
		expected{canaries[0], "NOERROR", []string{answer}, ""},
		expected{canaries[1], "NOERROR", []string{answer}, ""},
	)
	h.ask("NXDOMAIN", "@"+virtual4, "db.internal")
	h.ask("NXDOMAIN", "@"+virtual4, "db.internal", "AAAA")
	if n := world.count("db.internal.") + world.count("db.corp.internal."); n != 0 {
		t.Errorf("the world's server was asked for internal names: %q", world.names())
	}
}
