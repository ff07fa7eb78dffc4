package localnames

import (
	"testing"

	"tundns/dnswire"
)

func TestLookup(t *testing.T) {
	n := build(t,
		"nas.home.arpa A 192.168.1.5",
		"NAS.home.arpa. 60 IN AAAA fd00::5",
		"nas.home.arpa TXT \"a b\" c",
		"nas.home.arpa A 192.168.1.6",
		"*.dev.home.arpa 300 IN A 192.168.1.10",
		"deep.er.dev.home.arpa A 192.168.1.11",
		"box.home.arpa CNAME nas.home.arpa",
		"box2.home.arpa 30 CNAME box.home.arpa",
		"www.home.arpa CNAME www.example.com",
		"*.cdn.home.arpa CNAME www.home.arpa",
		"text.home.arpa CNAME mail.home.arpa",
		"mail.home.arpa MX 10 NAS.home.arpa",
		"_sip._tcp.home.arpa SRV 1 2 5060 nas.home.arpa",
		"nas A 192.168.1.5",
	)
	for question, want := range map[string]string{
		"nas.home.arpa A":         "answer: nas.home.arpa. 300 A 192.168.1.5; nas.home.arpa. 300 A 192.168.1.6",
		"nas.home.arpa AAAA":      "answer: nas.home.arpa. 60 AAAA fd00::5",
		"nas.home.arpa TXT":       `answer: nas.home.arpa. 300 TXT "a b" "c"`,
		"nas.home.arpa MX":        "NODATA",
		"nas.home.arpa HTTPS":     "NODATA",
		"nas.home.arpa CNAME":     "NODATA",
		"mail.home.arpa ANY":      "answer: mail.home.arpa. 300 MX 10 nas.home.arpa.",
		"_sip._tcp.home.arpa SRV": "answer: _sip._tcp.home.arpa. 300 SRV 1 2 5060 nas.home.arpa.",
		"nas A":                   "answer: nas. 300 A 192.168.1.5",

		// Neither above nor below a local name is anything ours.
		"home.arpa A":       "empty",
		"arpa NS":           "empty",
		"_tcp.home.arpa A":  "empty",
		"x.nas.home.arpa A": "absent",
		"nas2.home.arpa A":  "absent",
		"example.com A":     "absent",
		". NS":              "absent",

		"a.dev.home.arpa A":          "answer: a.dev.home.arpa. 300 A 192.168.1.10",
		"c.b.a.dev.home.arpa A":      "answer: c.b.a.dev.home.arpa. 300 A 192.168.1.10",
		"*.dev.home.arpa A":          "answer: *.dev.home.arpa. 300 A 192.168.1.10",
		"a.dev.home.arpa AAAA":       "NODATA",
		"dev.home.arpa A":            "empty",
		"deep.er.dev.home.arpa A":    "answer: deep.er.dev.home.arpa. 300 A 192.168.1.11",
		"deep.er.dev.home.arpa AAAA": "NODATA",
		"er.dev.home.arpa A":         "empty",  // is there, hence not covered
		"x.er.dev.home.arpa A":       "absent", // its closest name has no wildcard

		"box.home.arpa CNAME":  "answer: box.home.arpa. 300 CNAME nas.home.arpa.",
		"box.home.arpa ANY":    "answer: box.home.arpa. 300 CNAME nas.home.arpa.",
		"box.home.arpa AAAA":   "answer: box.home.arpa. 300 CNAME nas.home.arpa.; nas.home.arpa. 60 AAAA fd00::5",
		"box2.home.arpa AAAA":  "answer: box2.home.arpa. 30 CNAME box.home.arpa.; box.home.arpa. 300 CNAME nas.home.arpa.; nas.home.arpa. 60 AAAA fd00::5",
		"box.home.arpa MX":     "NODATA: box.home.arpa. 300 CNAME nas.home.arpa.",
		"text.home.arpa MX":    "answer: text.home.arpa. 300 CNAME mail.home.arpa.; mail.home.arpa. 300 MX 10 nas.home.arpa.",
		"www.home.arpa A":      "answer: www.home.arpa. 300 CNAME www.example.com. -> www.example.com.",
		"x.y.cdn.home.arpa A":  "answer: x.y.cdn.home.arpa. 300 CNAME www.home.arpa.; www.home.arpa. 300 CNAME www.example.com. -> www.example.com.",
		"x.cdn.home.arpa TXT":  "answer: x.cdn.home.arpa. 300 CNAME www.home.arpa.; www.home.arpa. 300 CNAME www.example.com. -> www.example.com.",
		"x.cdn.home.arpa NULL": "answer: x.cdn.home.arpa. 300 CNAME www.home.arpa.; www.home.arpa. 300 CNAME www.example.com. -> www.example.com.",
	} {
		if got := ask(t, n.Lookup, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

// The SOA of a NODATA answer is that of the name that lacks the type.
func TestLookupSOA(t *testing.T) {
	n := build(t, "box.x CNAME nas.x", "nas.x A 192.0.2.1")
	r := n.Lookup(dnswire.MustName("box.x"), dnswire.TypeMX)
	if r.SOA.Owner != dnswire.MustName("nas.x") || r.SOA.TTL != negativeTTL {
		t.Errorf("%s", text(t, r.SOA))
	}
}

func TestNoNames(t *testing.T) {
	var none *Names
	for _, n := range []*Names{none, new(Names), build(t)} {
		for _, name := range []dnswire.Name{"", dnswire.Root, dnswire.MustName("a.b")} {
			if r := n.Lookup(name, dnswire.TypeA); r.Status != Absent || r.Records != nil {
				t.Errorf("%q: %+v", name, r)
			}
		}
		if n.Len() != 0 {
			t.Errorf("%d names", n.Len())
		}
	}
}

// A caller that appends to a result must not write over the records behind it.
func TestResultIsCut(t *testing.T) {
	n := build(t, "x.y A 192.0.2.1", "x.y TXT t")
	r := n.Lookup(dnswire.MustName("x.y"), dnswire.TypeA)
	_ = append(r.Records, Record{Owner: "\x01z\x00"})
	if got, want := ask(t, n.Lookup, "x.y TXT"), `answer: x.y. 300 TXT "t"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestLookupAllocations(t *testing.T) {
	n := build(t, "nas.home.arpa A 192.168.1.5", "*.dev.home.arpa A 192.168.1.6")
	for _, name := range []string{"www.mail.example.com", "tv.home.arpa", "nas.home.arpa", "x.nas.home.arpa", "home.arpa"} {
		name := dnswire.MustName(name)
		if a := testing.AllocsPerRun(100, func() { n.Lookup(name, dnswire.TypeA) }); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	n := build(b, "nas.home.arpa A 192.168.1.5", "*.dev.home.arpa A 192.168.1.6", "box.home.arpa CNAME nas.home.arpa", "x.example.com A 192.0.2.1")
	for _, c := range []struct{ what, name string }{
		{"Miss", "www.mail.example.net"}, {"MissBeside", "www.mail.example.com"}, {"Hit", "nas.home.arpa"},
		{"Wildcard", "www.dev.home.arpa"}, {"CNAME", "box.home.arpa"},
	} {
		name := dnswire.MustName(c.name)
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n.Lookup(name, dnswire.TypeA)
			}
		})
	}
}
