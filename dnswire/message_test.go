package dnswire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// msg packs a reply to question ("name. TYPE") with records given by section.
func msg(t testing.TB, question string, answer, authority, additional []string) []byte {
	t.Helper()
	f := strings.Fields(question)
	m := new(dns.Msg)
	m.SetQuestion(f[0], dns.StringToType[f[1]])
	m.Response, m.Compress = true, true
	for i, sec := range [][]string{answer, authority, additional} {
		for _, s := range sec {
			rr, err := dns.NewRR(s)
			if err != nil {
				t.Fatal(err)
			}
			switch i {
			case 0:
				m.Answer = append(m.Answer, rr)
			case 1:
				m.Ns = append(m.Ns, rr)
			default:
				m.Extra = append(m.Extra, rr)
			}
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unpack(t testing.TB, b []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("%v in %x", err, b)
	}
	return m
}

var sample = []string{
	"www.example.com. 300 IN CNAME cdn.example.net.",
	"cdn.example.net. 60 IN A 192.0.2.1",
	"cdn.example.net. 60 IN A 192.0.2.2",
}

func TestRecordsAgainstLibrary(t *testing.T) {
	b := msg(t, "www.example.com. A", sample,
		[]string{"example.net. 3600 IN NS ns1.example.net."},
		[]string{"ns1.example.net. 3600 IN A 192.0.2.53", "ns1.example.net. 3600 IN AAAA 2001:db8::53"})
	var got []string
	it := NewRecords(b)
	for it.Next() {
		n, _, _ := ReadName(b, it.RR.Owner)
		got = append(got, fmt.Sprintf("%d %s %d %s", it.RR.Section, n, it.RR.TTL, dns.Type(it.RR.Type)))
	}
	want := []string{"0 www.example.com. 300 CNAME", "0 cdn.example.net. 60 A", "0 cdn.example.net. 60 A",
		"1 example.net. 3600 NS", "2 ns1.example.net. 3600 A", "2 ns1.example.net. 3600 AAAA"}
	if it.Err() != nil || !slices.Equal(got, want) {
		t.Fatalf("%v\n%v", it.Err(), got)
	}
	if err := Check(b); err != nil {
		t.Fatal(err)
	}
	if err := Check(append(slices.Clone(b), 0)); err != ErrCount {
		t.Errorf("trailing byte: %v", err)
	}
	for n := range len(b) {
		if Check(b[:n]) == nil {
			t.Fatalf("cut to %d bytes passes", n)
		}
	}
}

func TestReadQuestionCut(t *testing.T) { // RFC 1035 section 4.1.2
	b := AppendQuestion(nil, 7, FlagRD, Question{MustName("example.com"), TypeA, ClassIN})
	if q, end, err := ReadQuestion(b); err != nil || end != len(b) || q.Name.Text() != "example.com" || q.Type != TypeA {
		t.Fatal(q, end, err)
	}
	for n := range len(b) {
		if _, _, err := ReadQuestion(b[:n]); err == nil {
			t.Errorf("question cut to %d of %d bytes is read", n, len(b))
		}
	}
}

func TestAsks(t *testing.T) {
	q := Question{MustName("Example.com"), TypeA, ClassIN}
	b := msg(t, "eXample.COM. A", nil, nil, nil)
	if !Asks(b, q) {
		t.Error("letter case matters")
	}
	for _, other := range []Question{{MustName("example.org"), TypeA, ClassIN}, {q.Name, TypeAAAA, ClassIN},
		{q.Name, 257, ClassIN}, {q.Name, TypeA, ClassCH}} {
		if Asks(b, other) {
			t.Errorf("asks %v", other)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Asks(b, q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTTLs(t *testing.T) {
	m := unpack(t, msg(t, "www.example.com. A", sample, nil, nil))
	m.SetEdns0(1232, true)
	b, _ := m.Pack()
	if ttl, ok := MinTTL(b); !ok || ttl != 60 {
		t.Fatal(ttl, ok)
	}
	MapTTL(b, func(ttl uint32) uint32 { return ttl - 10 })
	m = unpack(t, b)
	if m.Answer[0].Header().Ttl != 290 || m.Answer[2].Header().Ttl != 50 {
		t.Error(m)
	}
	if o := m.IsEdns0(); o == nil || !o.Do() || o.Hdr.Ttl != uint32(FlagDO) {
		t.Error("OPT was aged")
	}
}

func TestOPTAndEDE(t *testing.T) {
	long := strings.Repeat("é", 150)
	o := OPT{UDPSize: 1232, Rcode: 1, DO: true}
	o.Options = AppendEDE(nil, EDE{EDEBlocked, "ads:3 x"})
	o.Options = AppendEDE(o.Options, EDE{EDEStaleAnswer, long})
	b := AppendOPT(AppendQuestion(nil, 1, 0, Question{Root, TypeNS, ClassIN}), o)
	SetCount(b, Additional, 1)
	rr, found, more := FindOPT(b)
	if !found || more {
		t.Fatal("no OPT")
	}
	got := ReadOPT(b, &rr)
	if got.UDPSize != 1232 || got.Rcode != 1 || !got.DO || got.Version != 0 {
		t.Errorf("%+v", got)
	}
	edes := ReadEDEs(got.Options)
	if len(edes) != 2 || edes[0] != (EDE{EDEBlocked, "ads:3 x"}) || edes[1].Text != long[:MaxEDEText] {
		t.Errorf("%+v", edes)
	}
	lib := unpack(t, b).IsEdns0()
	if e, ok := lib.Option[0].(*dns.EDNS0_EDE); !ok || e.InfoCode != 15 || e.ExtraText != "ads:3 x" {
		t.Errorf("library reads %v", lib)
	}
	two := AppendOPT(slices.Clone(b), o)
	SetCount(two, Additional, 2)
	if _, _, more := FindOPT(two); !more {
		t.Error("second OPT not seen")
	}
}

func TestRebuild(t *testing.T) {
	full := msg(t, "www.example.com. MX",
		[]string{"www.example.com. 300 IN MX 10 mail.example.com.", "www.example.com. 300 IN RRSIG MX 8 2 300 20300101000000 20200101000000 1 example.com. AAAA",
			"mail.example.com. 300 IN TYPE65400 \\# 4 c00c0102"},
		[]string{"example.com. 300 IN SOA ns.example.com. host.example.com. 1 2 3 4 5"},
		[]string{"mail.example.com. 300 IN A 192.0.2.1"})
	same, err := Rebuild(nil, full, func(*RR) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if a, b := unpack(t, full), unpack(t, same); a.String() != b.String() {
		t.Errorf("rebuilt differs:\n%s\n%s", a, b)
	}
	less, err := Rebuild([]byte("prefix"), full, func(rr *RR) bool { return rr.Type != TypeRRSIG && rr.Section != Authority })
	if err != nil || !bytes.HasPrefix(less, []byte("prefix")) {
		t.Fatal(err)
	}
	m := unpack(t, less[6:])
	if len(m.Answer) != 2 || len(m.Ns) != 0 || len(m.Extra) != 1 || m.Answer[0].(*dns.MX).Mx != "mail.example.com." {
		t.Errorf("%s", m)
	}
}

// TestRebuildCompresses holds against the size of the library's compression.
func TestRebuildCompresses(t *testing.T) {
	records := []string{"www.example.com. 60 IN CNAME a.long.name.of.a.cdn.example.net.", "a.long.name.of.a.cdn.example.net. 60 IN CNAME edge.example.org."}
	for i := range 100 {
		records = append(records, fmt.Sprintf("edge.example.org. 60 IN A 192.0.2.%d", i), "Edge.Example.org. 60 IN RRSIG A 8 2 60 20300101000000 20200101000000 1 example.org. AAAA")
	}
	in := msg(t, "www.example.com. A", records, nil, nil)
	out, err := Rebuild(nil, in, func(rr *RR) bool { return rr.Type != TypeRRSIG })
	if err != nil {
		t.Fatal(err)
	}
	m := unpack(t, out)
	if len(m.Answer) != 102 || m.Answer[101].Header().Name != "edge.example.org." {
		t.Fatal(m)
	}
	m.Compress = true
	small, err := m.Pack()
	if err != nil || len(out) > len(small)+40 {
		t.Errorf("%d bytes, the library needs %d, %v", len(out), len(small), err)
	}
	if all, err := Rebuild(nil, in, func(*RR) bool { return true }); err != nil || unpack(t, all).Answer[3].Header().Name != "Edge.Example.org." {
		t.Errorf("letter case is lost: %v", err)
	}
	moved, err := Reask([]byte("prefix"), out, Question{MustName("x.www.example.com"), TypeAAAA, ClassIN})
	if err != nil {
		t.Fatal(err)
	}
	n := unpack(t, moved[6:])
	if n.Question[0].Name != "x.www.example.com." || n.Question[0].Qtype != TypeAAAA || fmt.Sprint(n.Answer) != fmt.Sprint(m.Answer) {
		t.Errorf("asked for another name: %s", n)
	}
}

// TestRebuildDecompressesNAPTR: a sender may have compressed it (RFC 3597 section 4).
func TestRebuildDecompressesNAPTR(t *testing.T) {
	in := msg(t, "e164.example.com. NAPTR", []string{`e164.example.com. 60 IN NAPTR 1 2 "s" "SIP+D2U" "" example.com.`}, nil, nil)
	in = in[:bytes.LastIndex(in, []byte(MustName("example.com")))]
	in = append(in, 0xC0, HeaderLen+5)
	it := NewRecords(append(slices.Clone(in), make([]byte, 300)...))
	it.Next()
	binary.BigEndian.PutUint16(in[it.RR.Data-2:], uint16(len(in)-it.RR.Data))
	out, err := Rebuild(nil, in, func(*RR) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if got := unpack(t, out).Answer[0].(*dns.NAPTR); got.Replacement != "example.com." || got.Service != "SIP+D2U" {
		t.Error(got)
	}
	for i := range len(in) { // cut anywhere: an error or a message that checks
		cut := slices.Clone(in[:i])
		if out, err := Rebuild(nil, cut, func(*RR) bool { return true }); err == nil && Check(out) != nil {
			t.Fatalf("cut at %d", i)
		}
	}
}

func TestTruncateKeepsWholeRRsets(t *testing.T) { // RFC 2181 section 9
	var answer []string
	for set := range 4 {
		for i := range 5 {
			answer = append(answer, fmt.Sprintf("n%d.example.com. 60 IN A 192.0.2.%d", set, i))
		}
	}
	full := msg(t, "n0.example.com. A", answer, []string{"example.com. 60 IN NS ns.example.com."}, []string{"ns.example.com. 60 IN A 192.0.2.53"})
	for limit := len(full) + 5; limit >= HeaderLen; limit-- {
		b := Truncate(slices.Clone(full), limit)
		m := unpack(t, b)
		if len(m.Answer)%5 != 0 {
			t.Fatalf("limit %d: an RRset was cut: %d answers", limit, len(m.Answer))
		}
		if q, end, _ := ReadQuestion(b); len(b) > limit && len(b) != end {
			t.Fatalf("limit %d: %d bytes for %v", limit, len(b), q)
		}
		lost := len(m.Answer) < 20 || len(m.Ns) < 1
		if m.Truncated != lost {
			t.Fatalf("limit %d: TC %v with %d answers, %d authority", limit, m.Truncated, len(m.Answer), len(m.Ns))
		}
	}
}

// FuzzMessage walks, edits and rebuilds arbitrary bytes: nothing panics, and what
// Check accepts the library reads with the same number of records.
func FuzzMessage(f *testing.F) {
	f.Add(msg(f, "www.example.com. A", sample, nil, nil))
	f.Add(msg(f, ". NS", nil, []string{"example.com. 300 IN SOA ns.example.com. host.example.com. 1 2 3 4 5"}, nil))
	f.Add([]byte{0, 1, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xC0, 12})
	f.Fuzz(func(t *testing.T, b []byte) {
		good := Check(b) == nil
		MinTTL(b)
		FindOPT(b)
		all, err := Rebuild(nil, b, func(*RR) bool { return true })
		if good && QuestionCount(b) == 1 && err == nil {
			if err := Check(all); err != nil && len(all) <= MaxMessage {
				t.Fatalf("rebuilt message does not check: %v\n%x\n%x", err, b, all)
			}
			for s := Answer; s <= Additional; s++ {
				if Count(all, s) != Count(b, s) {
					t.Fatalf("section %d: %d records became %d", s, Count(b, s), Count(all, s))
				}
			}
		}
		if !good {
			return
		}
		MapTTL(b, func(ttl uint32) uint32 { return ttl / 2 })
		cut := Truncate(slices.Clone(b), len(b)/2)
		if err := Check(cut); err != nil {
			t.Fatalf("truncated message does not check: %v\n%x", err, cut)
		}
		m := new(dns.Msg)
		if m.Unpack(b) == nil && len(m.Answer) != Count(b, Answer) {
			t.Fatalf("library reads %d answers, header says %d", len(m.Answer), Count(b, Answer))
		}
	})
}

func TestRandomRebuildAgainstLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pool := []string{"%s 60 IN A 192.0.2.9", "%s 61 IN CNAME x.example.com.", "%s 62 IN NS ns.example.com.", "%s 63 IN SRV 1 2 3 srv.example.com.",
		"%s 64 IN TXT \"hello\" \"world\"", "%s 65 IN SOA ns.example.com. h.example.com. 1 2 3 4 5", "%s 66 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
		"%s 67 IN NAPTR 1 2 \"s\" \"x\" \"\" n.example.com.", "%s 68 IN NSEC a.example.com. A MX", "%s 69 IN DS 1 8 2 AABB", "%s 70 IN RP a.example.com. b.example.com."}
	names := []string{"example.com.", "www.example.com.", "a.b.www.example.com.", "example.net."}
	for range 500 {
		var secs [3][]string
		for i := range secs {
			for range r.IntN(4) {
				secs[i] = append(secs[i], fmt.Sprintf(pool[r.IntN(len(pool))], names[r.IntN(len(names))]))
			}
		}
		b := msg(t, names[r.IntN(len(names))]+" A", secs[0], secs[1], secs[2])
		drop := uint16(r.IntN(70))
		got, err := Rebuild(nil, b, func(rr *RR) bool { return rr.Type != drop })
		if err != nil {
			t.Fatal(err)
		}
		want := unpack(t, b)
		for _, sec := range []*[]dns.RR{&want.Answer, &want.Ns, &want.Extra} {
			*sec = slices.DeleteFunc(*sec, func(rr dns.RR) bool { return rr.Header().Rrtype == drop })
		}
		// The library records rdlength on unpacking, which differs with compression.
		if g, w := unpack(t, got).String(), want.String(); g != w {
			t.Fatalf("got\n%s\nwant\n%s", g, w)
		}
		if binary.BigEndian.Uint16(got[4:]) != 1 {
			t.Fatal("question count")
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	m := msg(b, "www.example.com. A", sample, nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		MinTTL(m)
	}
}
