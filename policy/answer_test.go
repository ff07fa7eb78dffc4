package policy

import (
	"net/netip"
	"testing"

	"tundns/dnswire"
)

// rr is an answer record. data is the name that CNAME, DNAME, SVCB and HTTPS
// records lead to, in presentation form, and raw bytes for other types and where
// it begins with 0.
type rr struct {
	owner string
	typ   uint16
	data  string
}

// answer builds an answer to a question for the A record of name.
func answer(name string, records ...rr) []byte {
	question := dnswire.MustName(name)
	msg := dnswire.AppendQuestion(nil, 1, dnswire.FlagQR, dnswire.Question{Name: question, Type: dnswire.TypeA, Class: dnswire.ClassIN})
	for _, r := range records {
		data := []byte(r.data)
		switch r.typ {
		case dnswire.TypeCNAME, dnswire.TypeDNAME:
			data = []byte(dnswire.MustName(r.data))
		case dnswire.TypeSVCB, dnswire.TypeHTTPS:
			if data[0] != 0 {
				data = append([]byte{0, 1}, dnswire.MustName(r.data)...)
			}
		}
		msg = dnswire.AppendRR(msg, dnswire.MustName(r.owner), r.typ, dnswire.ClassIN, 60, data)
	}
	dnswire.SetCount(msg, dnswire.Answer, len(records))
	return msg
}

func cname(owner, target string) rr { return rr{owner, dnswire.TypeCNAME, target} }

func address(owner string) rr { return rr{owner, dnswire.TypeA, "\xC0\x00\x02\x01"} }

func answerGroup(t testing.TB) *Group {
	set := lists(t, "ads", "tracker.example\n=cdn.example\n@@||good.example^\n@@||ok.tracker.example^\nworst.example$important\n||worst.good.example^$important\n"+
		"203.0.113.0/24\n@@203.0.113.7\n2001:db8:bad::/48\n")
	return mustNew(t, set).Group(DefaultGroup)
}

func TestAnswer(t *testing.T) {
	const https, svcb, dname = dnswire.TypeHTTPS, dnswire.TypeSVCB, dnswire.TypeDNAME
	g := answerGroup(t)
	for _, test := range []struct {
		why     string
		records []rr
		want    Action
		hop     string
	}{
		{"no records", nil, None, ""},
		{"no targets", []rr{address("q.test")}, None, ""},
		{"unknown targets", []rr{cname("q.test", "a.test"), address("a.test")}, None, ""},
		{"a blocked target", []rr{cname("q.test", "x.tracker.example"), address("x.tracker.example")}, Block, "x.tracker.example"},
		{"a blocked target in the second hop", []rr{cname("q.test", "a.test"), cname("a.test", "cdn.example")}, Block, "cdn.example"},
		{"letter case", []rr{cname("Q.test", "X.Tracker.Example")}, Block, "x.tracker.example"},
		{"a name under an exact rule", []rr{cname("q.test", "x.cdn.example")}, None, ""},
		{"an allowed target", []rr{cname("q.test", "ok.tracker.example")}, Allow, "ok.tracker.example"},
		{"allowed, then blocked", []rr{cname("q.test", "good.example"), cname("good.example", "tracker.example")}, Allow, "good.example"},
		{"blocked, then allowed", []rr{cname("q.test", "tracker.example"), cname("tracker.example", "good.example")}, Block, "tracker.example"},
		{"allowed, then blocked, records turned around", []rr{cname("good.example", "tracker.example"), cname("q.test", "good.example")}, Allow, "good.example"},
		{"blocked, then allowed, records turned around", []rr{cname("tracker.example", "good.example"), cname("q.test", "tracker.example")}, Block, "tracker.example"},
		{"three hops in disorder", []rr{cname("b.test", "tracker.example"), cname("a.test", "good.example"), cname("good.example", "b.test"), cname("q.test", "a.test")}, Allow, "good.example"},
		{"important over allow of the same name", []rr{cname("q.test", "worst.good.example")}, Block, "worst.good.example"},
		{"blocked off the chain", []rr{address("q.test"), cname("z.test", "tracker.example")}, Block, "tracker.example"},
		{"allowed off the chain", []rr{cname("z.test", "good.example"), cname("q.test", "tracker.example")}, Block, "tracker.example"},
		{"both off the chain", []rr{cname("z.test", "good.example"), cname("y.test", "tracker.example")}, Block, "tracker.example"},
		{"a loop", []rr{cname("q.test", "a.test"), cname("a.test", "q.test"), cname("z.test", "good.example"), cname("z.test", "tracker.example")}, Block, "tracker.example"},
		{"DNAME", []rr{{"test", dname, "tracker.example"}, cname("q.test", "q.tracker.example")}, Block, "tracker.example"},
		{"DNAME, allowed first", []rr{cname("x.test", "tracker.example"), {"test", dname, "good.example"}, cname("q.test", "q.good.example")}, Allow, "good.example"},
		{"DNAME of the name itself leads elsewhere", []rr{{"q.test", dname, "good.example"}, cname("q.test", "tracker.example")}, Block, "tracker.example"},
		{"HTTPS", []rr{{"q.test", https, "tracker.example"}}, Block, "tracker.example"},
		{"SVCB", []rr{{"q.test", svcb, "tracker.example"}}, Block, "tracker.example"},
		{"HTTPS to its owner", []rr{{"q.test", https, "."}}, None, ""},
		{"a blocked address", []rr{{"q.test", dnswire.TypeA, packed("203.0.113.1")}}, Block, "203.0.113.1"},
		{"a blocked IPv6 address", []rr{{"q.test", dnswire.TypeAAAA, packed("2001:db8:bad::1")}}, Block, "2001:db8:bad::1"},
		{"a blocked address, mapped", []rr{{"q.test", dnswire.TypeAAAA, packed("::ffff:203.0.113.1")}}, Block, "::ffff:203.0.113.1"},
		{"an allowed address", []rr{{"q.test", dnswire.TypeA, packed("203.0.113.7")}}, None, ""},
		{"the address behind an allowed one", []rr{{"q.test", dnswire.TypeA, packed("203.0.113.7")}, {"q.test", dnswire.TypeA, packed("203.0.113.8")}}, Block, "203.0.113.8"},
		{"another address", []rr{address("q.test")}, None, ""},
		{"a blocked address behind a blocked name", []rr{cname("q.test", "tracker.example"), {"tracker.example", dnswire.TypeA, packed("203.0.113.1")}}, Block, "tracker.example"},
		{"a blocked address behind an allowed name", []rr{cname("q.test", "good.example"), {"good.example", dnswire.TypeA, packed("203.0.113.1")}}, Allow, "good.example"},
		{"a blocked address, an allowed name off the chain", []rr{{"q.test", dnswire.TypeA, packed("203.0.113.1")}, cname("z.test", "good.example")}, Block, "203.0.113.1"},
		{"a blocked hint", []rr{{"q.test", https, "."}, {"q.test", https, svc(param(1, "\x02h2"), param(4, packed("192.0.2.1", "203.0.113.1")))}}, Block, "203.0.113.1"},
		{"a blocked IPv6 hint", []rr{{"q.test", https, svc(param(6, packed("2001:db8:bad::1")))}}, Block, "2001:db8:bad::1"},
		{"HTTPS behind an allowed name", []rr{{"good.example", https, "tracker.example"}, cname("q.test", "good.example")}, Allow, "good.example"},
	} {
		v := g.Answer(ask("q.test"), answer("q.test", test.records...))
		hop := ""
		if v.Hop != "" {
			hop = v.Hop.Text()
		} else if v.Addr.IsValid() {
			hop = v.Addr.String()
		}
		if v.Action != test.want || hop != test.hop {
			t.Errorf("%s: %v at %q, want %v at %q", test.why, v.Action, hop, test.want, test.hop)
		}
	}
}

// A target may end in a pointer to a name that stands before it.
func TestAnswerCompressed(t *testing.T) {
	second := len(answer("q.test"))
	msg := answer("q.test", address("tracker.example"))
	msg = dnswire.AppendRR(msg, dnswire.MustName("q.test"), dnswire.TypeCNAME, dnswire.ClassIN, 60, []byte{1, 'x', 0xC0, byte(second)})
	dnswire.SetCount(msg, dnswire.Answer, 2)
	if v := answerGroup(t).Answer(ask("q.test"), msg); v.Action != Block || v.Hop != dnswire.MustName("x.tracker.example") {
		t.Errorf("%+v", v)
	}
}

// Only the answer section counts, and broken data leads nowhere.
func TestAnswerLooksAway(t *testing.T) {
	g := answerGroup(t)
	authority := answer("q.test", cname("q.test", "tracker.example"))
	dnswire.SetCount(authority, dnswire.Answer, 0)
	dnswire.SetCount(authority, dnswire.Authority, 1)
	beyond := answer("q.test", rr{"q.test", 99, "\x07tracker\x07example\x00"})
	for name, msg := range map[string][]byte{
		"authority":            authority,
		"other type":           beyond,
		"nothing":              nil,
		"header":               make([]byte, dnswire.HeaderLen),
		"empty HTTPS":          raw("q.test", dnswire.TypeHTTPS, ""),
		"HTTPS without target": raw("q.test", dnswire.TypeHTTPS, "\x00\x01"),
		"cut CNAME":            raw("q.test", dnswire.TypeCNAME, "\x07tracker\x07exa"),
		"name over the end":    append(raw("q.test", dnswire.TypeCNAME, "\x07tracker"), "\x07example\x00"...),
	} {
		if v := g.Answer(ask("q.test"), msg); v.Action != None {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// raw builds an answer of one record with the data as given.
func raw(name string, typ uint16, data string) []byte {
	msg := answer(name)
	msg = dnswire.AppendRR(msg, dnswire.MustName(name), typ, dnswire.ClassIN, 60, []byte(data))
	dnswire.SetCount(msg, dnswire.Answer, 1)
	return msg
}

// A chain of thousands of records that decide nothing until the end is followed
// for a few hops only.
func TestAnswerLongChain(t *testing.T) {
	g := answerGroup(t)
	names := []string{"q.test"}
	for i := range maxChain + 2 {
		names = append(names, string(rune('a'+i))+".chain.test")
	}
	var records []rr
	for i := range names[1:] {
		records = append(records, cname(names[i], names[i+1]))
	}
	last := names[len(names)-1]
	allowedLate := append(records, cname(last, "good.example"), cname("good.example", "tracker.example"))
	if v := g.Answer(ask("q.test"), answer("q.test", allowedLate...)); v.Action != Block {
		t.Errorf("an allowed name behind %d hops counts: %+v", len(records), v)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answer("q.test", cname("q.test", "good.example"), cname("good.example", "tracker.example"), rr{"test", dnswire.TypeDNAME, "tracker.example"}))
	f.Add(answer("q.test", rr{"q.test", dnswire.TypeHTTPS, "tracker.example"}, address("q.test")))
	f.Add(answer("q.test", rr{"q.test", dnswire.TypeHTTPS, svc(param(4, packed("203.0.113.1")), param(6, "\x20"))}))
	f.Add(answer("q.test", cname("q.test", "good.example"), rr{"good.example", dnswire.TypeA, packed("203.0.113.1")}))
	f.Add([]byte{})
	f.Add(make([]byte, dnswire.HeaderLen))
	g := answerGroup(f)
	p, err := New(Options{Rebinding: Rebinding{On: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		q := ask("q.test")
		v := g.Answer(q, msg)
		if (v.Action == None) != (v.Hop == "" && !v.Addr.IsValid()) || v.Hop != "" && v.Addr.IsValid() {
			t.Fatalf("%+v", v)
		}
		if v.Hop != "" {
			if as := g.Question(ask(v.Hop.Text())); as.Action != v.Action || as.Rule != v.Rule {
				t.Fatalf("hop %v: %+v, as a question %+v", v.Hop, v, as)
			}
		}
		if v.Addr.IsValid() && !v.Rule.Prefix.Contains(v.Addr.Unmap()) {
			t.Fatalf("%v by the rule for %v", v.Addr, v.Rule.Prefix)
		}
		if r := p.Rebinding(q, msg); r.Action != None && !private(r.Addr) {
			t.Fatalf("%+v", r)
		}
		e := g.policy.Explain(netip.Addr{}, dnswire.MustName("q.test"), dnswire.TypeA)
		e.Answer(msg, true)
		if e.Verdict != v || len(e.Short()) > maxShort {
			t.Fatalf("%+v, explained %+v", v, e.Verdict)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	g, q := answerGroup(b), ask("q.test")
	for name, msg := range map[string][]byte{
		"address": answer("q.test", address("q.test")),
		"chain":   answer("q.test", cname("q.test", "a.test"), cname("a.test", "b.test"), address("b.test")),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Answer(q, msg)
			}
		})
	}
}
