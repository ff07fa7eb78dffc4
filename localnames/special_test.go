package localnames

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

func TestSpecialUse(t *testing.T) {
	for name, want := range map[string]string{
		"localhost":            "localhost (RFC 6761)",
		"x.y.localhost":        "localhost (RFC 6761)",
		"test":                 "test (RFC 6761)",
		"a.test":               "test (RFC 6761)",
		"a.invalid":            "invalid (RFC 6761)",
		"printer.local":        "local (RFC 6762)",
		"facebookx.onion":      "onion (RFC 7686)",
		"db.internal":          "internal (reserved by ICANN for private use)",
		"home.arpa":            "home.arpa (RFC 8375)",
		"nas.home.arpa":        "home.arpa (RFC 8375)",
		"default.service.arpa": "service.arpa (RFC 9665)",
		"resolver.arpa":        "resolver.arpa (RFC 9462)",
		"_dns.resolver.arpa":   "resolver.arpa (RFC 9462)",

		"5.1.168.192.in-addr.arpa":           "168.192.in-addr.arpa (RFC 6303)",
		"168.192.in-addr.arpa":               "168.192.in-addr.arpa (RFC 6303)",
		"1.2.3.10.in-addr.arpa":              "10.in-addr.arpa (RFC 6303)",
		"b._dns-sd._udp.0.0.10.in-addr.arpa": "10.in-addr.arpa (RFC 6303)",
		"1.0.0.127.in-addr.arpa":             "127.in-addr.arpa (RFC 6303)",
		"1.0.31.172.in-addr.arpa":            "31.172.in-addr.arpa (RFC 6303)",
		"1.1.254.169.in-addr.arpa":           "254.169.in-addr.arpa (RFC 6303)",
		"255.255.255.255.in-addr.arpa":       "255.255.255.255.in-addr.arpa (RFC 6303)",
		"7.2.0.192.in-addr.arpa":             "2.0.192.in-addr.arpa (RFC 6303)",
		"1.0.64.100.in-addr.arpa":            "64.100.in-addr.arpa (RFC 7793)",
		"1.0.127.100.in-addr.arpa":           "127.100.in-addr.arpa (RFC 7793)",
		reverse6("::1"):                      reverse6("::1") + " (RFC 6303)",
		reverse6("::"):                       reverse6("::") + " (RFC 6303)",
		reverse6("fd00::5"):                  "d.f.ip6.arpa (RFC 6303)",
		reverse6("fe80::1"):                  "8.e.f.ip6.arpa (RFC 6303)",
		reverse6("febf::1"):                  "b.e.f.ip6.arpa (RFC 6303)",
		reverse6("2001:db8::1"):              "8.b.d.0.1.0.0.2.ip6.arpa (RFC 6303)",

		".": "", "arpa": "", "in-addr.arpa": "", "ip6.arpa": "", "192.in-addr.arpa": "", "172.in-addr.arpa": "",
		"1.0.15.172.in-addr.arpa": "", "1.0.32.172.in-addr.arpa": "", "1.0.63.100.in-addr.arpa": "", "1.0.128.100.in-addr.arpa": "",
		"8.8.8.8.in-addr.arpa": "", "1.255.255.255.in-addr.arpa": "", "010.in-addr.arpa": "",
		reverse6("2001:4860::8888"): "", reverse6("fc00::1"): "", reverse6("::2"): "", reverse6("fec0::1"): "",
		"example": "", "example.com": "", "www.example.com": "", "router": "", "wpad": "", "nas.lan": "", "mytest": "",
		"localhost.example.com": "", "test.example": "", "onion.example": "", "mylocalhost": "", "alt": "", "xlocal": "",
		"ipv4only.arpa": "", "170.0.0.192.in-addr.arpa": "", "resolverx.arpa": "", `x\005local`: "", `x\004home.arpa`: "",
	} {
		got := ""
		z, ok := SpecialUse(dnswire.MustName(name))
		if ok {
			got = z.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, ok := SpecialUse(""); ok {
		t.Error("no name is special")
	}
}

func reverse6(addr string) string { return reverse(mustAddr(addr)).Text() }

func TestZoneLookup(t *testing.T) {
	local := build(t, "nas.home.arpa A 192.168.1.5", "a.b.internal A 192.168.1.6", "*.dev.test A 192.168.1.7",
		"localhost.localhost TXT x")
	for question, want := range map[string]string{
		"localhost A":           "answer: localhost. 10800 A 127.0.0.1",
		"localhost AAAA":        "answer: localhost. 10800 AAAA ::1",
		"localhost ANY":         "answer: localhost. 10800 A 127.0.0.1; localhost. 10800 AAAA ::1",
		"localhost MX":          "NODATA",
		"localhost HTTPS":       "NODATA",
		"app.localhost A":       "answer: app.localhost. 10800 A 127.0.0.1",
		"localhost.localhost A": "NODATA",

		"test A": "NODATA", "invalid A": "NXDOMAIN", "x.test A": "NXDOMAIN", "x.invalid MX": "NXDOMAIN", "x.onion A": "NXDOMAIN", "onion SOA": "NXDOMAIN",
		"p.local AAAA": "NXDOMAIN", "x.internal DS": "NXDOMAIN",

		"home.arpa A":    "NODATA",
		"home.arpa DS":   "empty", // for somebody else to answer
		"x.home.arpa DS": "NXDOMAIN",
		"home.arpa SOA":  "answer: home.arpa. 300 SOA home.arpa. nobody.invalid. 1 3600 1200 604800 300",
		"home.arpa NS":   "answer: home.arpa. 300 NS home.arpa.",
		"tv.home.arpa A": "NXDOMAIN",

		// Local names win, and are not denied by what is said of names above.
		"nas.home.arpa A":              "answer: nas.home.arpa. 300 A 192.168.1.5",
		"nas.home.arpa AAAA":           "NODATA",
		"x.nas.home.arpa A":            "NXDOMAIN",
		"a.b.internal A":               "answer: a.b.internal. 300 A 192.168.1.6",
		"b.internal A":                 "NODATA",
		"internal A":                   "NODATA",
		"c.b.internal A":               "NXDOMAIN",
		"w.dev.test A":                 "answer: w.dev.test. 300 A 192.168.1.7",
		"5.1.168.192.in-addr.arpa PTR": "answer: 5.1.168.192.in-addr.arpa. 300 PTR nas.home.arpa.",
		"1.168.192.in-addr.arpa PTR":   "NODATA",
		"2.168.192.in-addr.arpa PTR":   "NXDOMAIN",

		"168.192.in-addr.arpa SOA":   "answer: 168.192.in-addr.arpa. 10800 SOA 168.192.in-addr.arpa. nobody.invalid. 1 3600 1200 604800 10800",
		"10.in-addr.arpa NS":         "answer: 10.in-addr.arpa. 10800 NS 10.in-addr.arpa.",
		"10.in-addr.arpa PTR":        "NODATA",
		"10.in-addr.arpa DS":         "absent",
		"1.0.0.10.in-addr.arpa PTR":  "NXDOMAIN",
		"1.0.0.127.in-addr.arpa PTR": "answer: 1.0.0.127.in-addr.arpa. 10800 PTR localhost.",
		"1.0.0.127.in-addr.arpa A":   "NODATA",
		"0.0.127.in-addr.arpa PTR":   "NODATA",
		"2.0.0.127.in-addr.arpa PTR": "NXDOMAIN",
		reverse6("::1") + " PTR":     "answer: " + reverse6("::1") + ". 10800 PTR localhost.",
		reverse6("::1") + " NS":      "answer: " + reverse6("::1") + ". 10800 NS " + reverse6("::1") + ".",
		reverse6("::") + " PTR":      "NODATA",

		"_dns.resolver.arpa SVCB": "NODATA",
		"resolver.arpa A":         "NODATA",
	} {
		name, _, _ := strings.Cut(question, " ")
		z, ok := SpecialUse(dnswire.MustName(name))
		if !ok {
			t.Errorf("%s is not special", name)
			continue
		}
		got := ask(t, func(n dnswire.Name, typ uint16) Result { return z.Lookup(local, n, typ) }, question)
		if got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

func TestCanary(t *testing.T) {
	for name, want := range map[string]string{
		"use-application-dns.net":   "NXDOMAIN",
		"mask.icloud.com":           "NXDOMAIN",
		"mask-h2.icloud.com":        "NXDOMAIN",
		"resolver.arpa":             "NODATA",
		"_dns.resolver.arpa":        "NODATA",
		"x.use-application-dns.net": "",
		"net":                       "",
		"www.icloud.com":            "",
		"x.mask.icloud.com":         "",
		"icloud.com":                "",
		"resolver.arpa.example.com": "",
	} {
		name := dnswire.MustName(name)
		z, ok := Canary(name)
		got := ""
		if ok {
			got = show(t, z.Lookup(nil, name, dnswire.TypeA))
		} else if z != (Zone{}) {
			t.Errorf("%s: %v, yet no canary", name, z)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A slow oracle: the zones one by one.
func TestSpecialUseOracle(t *testing.T) {
	zones := make([]Zone, 0, len(arpaZones)+8)
	for _, z := range arpaZones {
		if !slices.Contains(arpaDepths[:], z.Name.Labels()) {
			t.Errorf("%v is never looked at", z)
		}
		zones = append(zones, z)
	}
	for _, s := range []string{"localhost", "test", "invalid", "local", "onion", "internal"} {
		zones = append(zones, topZone(dnswire.MustName(s)))
	}
	r := rand.New(rand.NewPCG(4, 1))
	labels := []string{"0", "1", "d", "f", "8", "e", "b", "2", "10", "127", "192", "168", "100", "255", "home", "test", "arpa", "local", "in-addr", "ip6"}
	special := 0
	for range 20000 {
		zone := zones[r.IntN(len(zones))].Name
		for range r.IntN(3) { // some of the zone's last labels
			if up, ok := zone.Parent(); ok {
				zone = up
			}
		}
		name := zone
		for range r.IntN(5) {
			l := labels[r.IntN(len(labels))]
			name = dnswire.Name(string(rune(len(l)))+l) + name
		}
		if len(name) > dnswire.MaxName {
			continue
		}
		var want Zone
		for _, z := range zones {
			if name.In(z.Name) {
				want = z
			}
		}
		got, ok := SpecialUse(name)
		if got != want || ok != (want.Name != "") {
			t.Fatalf("%s: %v, want %v", name, got, want)
		}
		if ok {
			special++
		}
	}
	if special < 2000 || special > 18000 {
		t.Errorf("%d of 20000 names are special: the names do not test much", special)
	}
}

func TestSpecialUseAllocations(t *testing.T) {
	for _, name := range []string{"www.example.com", "nas.home.arpa", "5.1.168.192.in-addr.arpa", "localhost", "8.8.8.8.in-addr.arpa"} {
		name := dnswire.MustName(name)
		if a := testing.AllocsPerRun(100, func() { SpecialUse(name); Canary(name) }); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
}

func BenchmarkSpecialUse(b *testing.B) {
	for _, c := range []struct{ what, name string }{
		{"Ordinary", "www.mail.example.com"}, {"Local", "printer.local"}, {"HomeARPA", "nas.home.arpa"},
		{"Reverse", "5.1.168.192.in-addr.arpa"}, {"PublicReverse6", reverse6("2001:4860::8888")},
	} {
		name := dnswire.MustName(c.name)
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				SpecialUse(name)
			}
		})
	}
}

func BenchmarkCanary(b *testing.B) {
	name := dnswire.MustName("www.mail.example.com")
	for b.Loop() {
		Canary(name)
	}
}
