package resolver

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// ask packs a query built by edit.
func ask(t testing.TB, name string, typ uint16, edit func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.Id = 4711
	if edit != nil {
		edit(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	edns := func(f func(*dns.OPT)) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.SetEdns0(4096, true)
			if f != nil {
				f(m.IsEdns0())
			}
		}
	}
	plain := ask(t, "Example.com.", dns.TypeA, nil)
	bits := func(b []byte, i int, mask byte) []byte {
		b = slices.Clone(b)
		b[i] |= mask
		return b
	}
	for _, c := range []struct {
		name string
		msg  []byte
		want refusal
	}{
		{"plain", plain, accepted},
		{"EDNS", ask(t, "example.com.", dns.TypeA, edns(nil)), accepted},
		{"RFC 6891 6.1.2 unknown option", ask(t, "example.com.", dns.TypeA, edns(func(o *dns.OPT) {
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})
		})), accepted},
		{"RFC 6891 6.1.3 version 1", ask(t, "example.com.", dns.TypeA, edns(func(o *dns.OPT) { o.SetVersion(1) })), badVersion},
		{"RFC 6891 6.1.1 two OPT records", ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { edns(nil)(m); m.Extra = append(m.Extra, m.Extra[0]) }), formErr},
		{"a response", bits(plain, 2, 0x80), ignored},
		{"shorter than a header", plain[:11], ignored},
		{"header alone", plain[:12], formErr},
		{"RFC 1035 4.1.2 question cut in its class", plain[:len(plain)-1], formErr},
		{"question cut in its type", plain[:len(plain)-3], formErr},
		{"no question", func() []byte { b := slices.Clone(plain[:12]); b[5] = 0; return b }(), formErr},
		{"two questions", bits(plain, 5, 2), formErr},
		{"counts that lie", bits(plain, 7, 1), formErr},
		{"trailing bytes", append(slices.Clone(plain), 0), formErr},
		{"compressed question", append(append(slices.Clone(plain[:12]), 0xC0, 12), 0, 1, 0, 1), formErr},
		{"opcode STATUS", bits(plain, 2, 2<<3), notImp},
		{"option cut short", func() []byte {
			b := ask(t, "example.com.", dns.TypeA, edns(func(o *dns.OPT) { o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("xyz")}) }))
			b[len(b)-4] = 9 // the option's length, beyond the record
			return b
		}(), formErr},
	} {
		var q Query
		if got := parse(c.msg, &q); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := &Server{Handler: HandlerFunc(func(context.Context, *Query) (*Answer, error) { t.Error("resolved"); return nil, ErrWait })}
	s.init()
	for _, c := range []struct {
		name  string
		msg   []byte
		rcode int
		quest int
		edns  bool
	}{
		{"FORMERR without a question", []byte{0x12, 0x67, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, dns.RcodeFormatError, 0, false},
		{"FORMERR with its question", append(ask(t, "x.", dns.TypeA, nil), 0), dns.RcodeFormatError, 1, false},
		{"NOTIMP", func() []byte { b := ask(t, "x.", dns.TypeA, nil); b[2] |= 5 << 3; return b }(), dns.RcodeNotImplemented, 0, false},
		{"BADVERS", ask(t, "x.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false); m.IsEdns0().SetVersion(3) }), dns.RcodeBadVers, 1, true},
	} {
		reply, pending := s.serve(t.Context(), nil, c.msg, client, UDP, nil, nil)
		if pending || reply == nil {
			t.Fatalf("%s: pending %v, reply %x", c.name, pending, reply)
		}
		m := unpack(t, reply)
		if m.Rcode != c.rcode || !m.Response || len(m.Question) != c.quest || (m.IsEdns0() != nil) != c.edns || m.Id != dnswire.ID(c.msg) || m.Zero {
			t.Errorf("%s: %s", c.name, m)
		}
		if m.Opcode != dnswire.Opcode(c.msg) {
			t.Errorf("%s: opcode %d", c.name, m.Opcode)
		}
	}
	for _, msg := range [][]byte{nil, make([]byte, 11), func() []byte { b := ask(t, "x.", dns.TypeA, nil); b[2] |= 0x80; return b }()} {
		if reply, pending := s.serve(t.Context(), nil, msg, client, UDP, nil, nil); reply != nil || pending {
			t.Errorf("%x is answered", msg)
		}
	}
}

func TestReplyEchoes(t *testing.T) {
	r := start(t, &script{answer: zone("example.com. 60 IN A 192.0.2.1")}, nil, 0)
	s := &Server{Handler: r}
	s.init()
	for _, c := range []struct {
		name string
		edit func(*dns.Msg)
		ok   func(*dns.Msg) bool
	}{
		{"ID, RD, RA, no AA, no Z", nil, func(m *dns.Msg) bool {
			return m.Id == 4711 && m.RecursionDesired && m.RecursionAvailable && !m.Authoritative && !m.Zero && m.IsEdns0() == nil
		}},
		{"letter case", nil, func(m *dns.Msg) bool { return m.Question[0].Name == "eXample.COM." }},
		{"RD clear", func(m *dns.Msg) { m.RecursionDesired = false }, func(m *dns.Msg) bool { return !m.RecursionDesired }},
		{"CD", func(m *dns.Msg) { m.CheckingDisabled = true }, func(m *dns.Msg) bool { return m.CheckingDisabled }},
		{"OPT mirrored, our size, DO", func(m *dns.Msg) { m.SetEdns0(4096, true) }, func(m *dns.Msg) bool {
			o := m.IsEdns0()
			return o != nil && o.UDPSize() == OurUDPSize && o.Do() && o.Version() == 0
		}},
		{"AD not given to who did not ask (RFC 6840 5.8)", nil, func(m *dns.Msg) bool { return !m.AuthenticatedData }},
	} {
		b := ask(t, "eXample.COM.", dns.TypeA, c.edit)
		q := &Query{Client: client}
		if parse(b, q) != accepted {
			t.Fatal(c.name)
		}
		a, err := r.Resolve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if m := unpack(t, appendReply(nil, q, a, 1232)); !c.ok(m) || len(m.Answer) != 1 {
			t.Errorf("%s:\n%s", c.name, m)
		}
	}
}

func TestADBit(t *testing.T) { // RFC 6840 sections 5.7 and 5.8
	up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
		if !q.AuthenticatedData {
			t.Error("AD was not asked for")
		}
		m, err := zone("example.com. 60 IN A 192.0.2.1")(ctx, q)
		m.AuthenticatedData = true
		return m, err
	}}
	r := start(t, up, nil, 0)
	for text, want := range map[string]bool{"example.com A": false, "example.com A +ad": true, "example.com A +do": true} {
		for range 2 { // from the upstream, from the cache
			if m, _ := resolve(t, r, text); m.AuthenticatedData != want {
				t.Errorf("%s: AD %v", text, m.AuthenticatedData)
			}
		}
	}
}

func TestReplySizes(t *testing.T) {
	var txt []string
	for i := range 40 {
		txt = append(txt, fmt.Sprintf("big.example.com. 60 IN TXT %q", strings.Repeat(string(rune('a'+i%26)), 200)))
	}
	r := start(t, &script{answer: zone(txt...)}, nil, 0)
	for _, c := range []struct {
		size uint16
		edns bool
		max  int
	}{{512, false, 512}, {512, true, 512}, {4096, true, 1232}, {700, true, 700}} {
		q := query("big.example.com TXT")
		q.EDNS, q.UDPSize = c.edns, c.size
		a, err := r.Resolve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{}
		s.init()
		b := appendReply(nil, q, a, s.limit(q))
		if m := unpack(t, b); len(b) > c.max || !m.Truncated || (m.IsEdns0() != nil) != c.edns {
			t.Errorf("size %d: %d bytes, TC %v", c.size, len(b), m.Truncated)
		}
		q.Transport = TCP
		if m := unpack(t, appendReply(nil, q, a, s.limit(q))); m.Truncated || len(m.Answer) != 40 {
			t.Errorf("over TCP: TC %v, %d answers", m.Truncated, len(m.Answer))
		}
	}
}

// FuzzServe gives arbitrary bytes to the server: nothing panics, responses get no
// answer, and every answer is a response to what was asked.
func FuzzServe(f *testing.F) {
	f.Add(ask(f, "example.com.", dns.TypeA, nil))
	f.Add(ask(f, "version.tundns.", dns.TypeTXT, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS; m.SetEdns0(4096, true) }))
	f.Add(ask(f, ".", dns.TypeANY, func(m *dns.Msg) { m.SetEdns0(4096, true) }))
	f.Add([]byte("\x000\x000\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x000000"))
	for _, s := range []string{"", "00", "000001000001000000000000c00c00010001", "0000000000020000000000000161000001000101610000010001"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	for _, name := range []string{"a.home.arpa.", "x.w.home.arpa.", "b.home.arpa.", "1.0.0.127.in-addr.arpa.", "why.ads.example.tundns.internal.", "why.tundns.internal.", "*.w.home.arpa."} {
		f.Add(ask(f, name, dns.TypeA, nil))
		f.Add(ask(f, name, dns.TypeTXT, edns(nil)))
	}
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN A 192.0.2.2")}
	r := with(f, State{Upstream: up, Policy: rules(f, "null", "||ads.example^"), Names: records(f, outside...)})
	s := &Server{Handler: r}
	s.init()
	f.Fuzz(func(t *testing.T, msg []byte) {
		q := &Query{Client: client}
		reply, pending := []byte(nil), false
		if parse(msg, q) == accepted {
			q.Client = client
			a, err := r.Resolve(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			reply = appendReply(nil, q, a, s.limit(q))
		} else {
			reply, pending = s.serve(context.Background(), nil, msg, client, UDP, nil, nil)
		}
		if pending {
			t.Fatal("a refusal is pending")
		}
		if reply == nil {
			if len(msg) >= dnswire.HeaderLen && dnswire.Flags(msg)&dnswire.FlagQR == 0 {
				t.Fatalf("no answer to %x", msg)
			}
			return
		}
		if dnswire.Flags(msg)&dnswire.FlagQR != 0 || dnswire.Flags(reply)&dnswire.FlagQR == 0 || dnswire.ID(reply) != dnswire.ID(msg) {
			t.Fatalf("%x\n%x", msg, reply)
		}
		if err := dnswire.Check(reply); err != nil || len(reply) > OurUDPSize {
			t.Fatalf("%v, %d bytes: %x", err, len(reply), reply)
		}
		// What the library takes for a query is never a format error for us, but
		// for what it is lax about: trailing bytes, cut questions, counts, and a
		// first name that is compressed.
		m := new(dns.Msg)
		_, _, err := dnswire.ReadQuestion(msg)
		if m.Unpack(msg) == nil && err == nil && dnswire.Check(msg) == nil && len(m.Question) == 1 && dnswire.Rcode(reply) == dnswire.RcodeFormatError && q.opcode == 0 && m.IsEdns0() == nil {
			t.Fatalf("FORMERR for %x", msg)
		}
	})
}
