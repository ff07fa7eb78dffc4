package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// The tests of this file and of those beside it whose names begin with RFC hold
// the server to that document; their subtests name the sections. README lists
// them.

// server is a Server over r.
func server(r *Resolver) *Server {
	s := &Server{Handler: r}
	s.init()
	return s
}

// answer gives msg to s as a client's and returns the reply, nil for none.
func answer(t testing.TB, s *Server, msg []byte, transport Transport) []byte {
	t.Helper()
	var waiting pending
	late := make(chan []byte, 1)
	reply, waits := s.serve(t.Context(), nil, msg, client, transport, &waiting, func(b []byte) { late <- b })
	if waits {
		waiting.Wait()
		reply = <-late
	}
	return reply
}

// flags sets bits of the second header word.
func flags(msg []byte, bits uint16) []byte {
	msg = slices.Clone(msg)
	dnswire.SetFlags(msg, dnswire.Flags(msg)|bits)
	return msg
}

// put sets the 16 bit number at off.
func put(msg []byte, off int, v uint16) []byte {
	msg = slices.Clone(msg)
	binary.BigEndian.PutUint16(msg[off:], v)
	return msg
}

func edns(f func(*dns.OPT)) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(4096, false)
		if f != nil {
			f(m.IsEdns0())
		}
	}
}

func TestRFC1035(t *testing.T) {
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	s := server(start(t, up, nil, 0))
	plain := ask(t, "eXample.com.", dns.TypeA, nil)
	for _, c := range []struct {
		name  string
		msg   []byte
		rcode int // -1: no answer at all
		size  int // of the reply, 0: any
	}{
		{"4.1.1 a query", plain, dns.RcodeSuccess, 0},
		{"4.1.1 QR=1 is dropped", flags(plain, dnswire.FlagQR), -1, 0},
		{"4.1.1 no whole header is dropped", plain[:11], -1, 0},
		{"4.1.1 header alone", plain[:12], dns.RcodeFormatError, 12},
		{"4.1.1 QDCOUNT 0", put(plain[:12], 4, 0), dns.RcodeFormatError, 12},
		{"4.1.1 QDCOUNT 2", put(append(slices.Clone(plain), plain[12:]...), 4, 2), dns.RcodeFormatError, 12},
		{"4.1.1 opcode IQUERY", flags(plain, 1<<11), dns.RcodeNotImplemented, 12},
		{"4.1.1 opcode STATUS", flags(plain, 2<<11), dns.RcodeNotImplemented, 12},
		{"RFC 1996 opcode NOTIFY", flags(plain, 4<<11), dns.RcodeNotImplemented, 12},
		{"RFC 2136 opcode UPDATE", flags(plain, 5<<11), dns.RcodeNotImplemented, 12},
		{"4.1.1 Z is ignored", flags(plain, dnswire.FlagZ), dns.RcodeSuccess, 0},
		{"4.1.1 AA, RA and TC are ignored", flags(plain, dnswire.FlagAA|dnswire.FlagRA|dnswire.FlagTC), dns.RcodeSuccess, 0},
		{"4.1.2 cut in the class", plain[:len(plain)-1], dns.RcodeFormatError, 12},
		{"4.1.2 cut in the type", plain[:len(plain)-3], dns.RcodeFormatError, 12},
		{"4.1.2 cut in the name", plain[:len(plain)-6], dns.RcodeFormatError, 12},
		{"4.1.3 counts that lie: an answer", put(plain, 6, 1), dns.RcodeFormatError, len(plain)},
		{"4.1.3 counts that lie: many records", put(plain, 10, 0xFFFF), dns.RcodeFormatError, len(plain)},
		{"4.1.4 a pointer to itself", slices.Concat(plain[:12], []byte{0xC0, 12, 0, 1, 0, 1}), dns.RcodeFormatError, 12},
		{"4.1.4 a pointer forwards", slices.Concat(plain[:12], []byte{0xC0, 18, 0, 1, 0, 1, 0}), dns.RcodeFormatError, 12},
		{"4.1.4 a pointer into the header", slices.Concat(plain[:12], []byte{0xC0, 0, 0, 1, 0, 1}), dns.RcodeFormatError, 12},
		{"4.1.4 two pointers in a loop", slices.Concat(plain[:12], []byte{1, 'a', 0xC0, 16, 0xC0, 12, 0, 1, 0, 1}), dns.RcodeFormatError, 12},
		{"4.1.4 a reserved label type", slices.Concat(plain[:12], []byte{0x80, 0, 0, 1, 0, 1}), dns.RcodeFormatError, 12},
		{"2.3.4 a name of 256 bytes", slices.Concat(plain[:12], bytes.Repeat([]byte("\x03abc"), 64), []byte{0, 0, 1, 0, 1}), dns.RcodeFormatError, 12},
		{"trailing bytes", append(slices.Clone(plain), 0), dns.RcodeFormatError, len(plain)},
		{"4.1.1 IXFR's authority record is no lie", ask(t, "eXample.com.", dns.TypeIXFR, func(m *dns.Msg) {
			m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "example.com.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "a.", Mbox: "b."}}
		}), dns.RcodeRefused, 0},
	} {
		b := answer(t, s, c.msg, UDP)
		if c.rcode < 0 {
			if b != nil {
				t.Errorf("%s: answered", c.name)
			}
			continue
		}
		if b == nil {
			t.Errorf("%s: not answered", c.name)
			continue
		}
		m := unpack(t, b)
		if m.Rcode != c.rcode || !m.Response || m.Id != dnswire.ID(c.msg) || m.Zero || m.Authoritative || m.Opcode != dnswire.Opcode(c.msg) || m.IsEdns0() != nil {
			t.Errorf("%s: %s", c.name, m)
		}
		if c.size != 0 && len(b) != c.size {
			t.Errorf("%s: %d bytes, want %d", c.name, len(b), c.size)
		}
		if len(m.Question) == 1 && (m.Question[0].Name != "eXample.com." || !m.RecursionAvailable) {
			t.Errorf("%s: letter case or RA: %s", c.name, m)
		}
	}
	if n := up.asked.Load(); n != 1 {
		t.Errorf("%d upstream queries, want one for all that are no defect", n)
	}
	t.Run("3.2.4 classes", func(t *testing.T) {
		for class, want := range map[uint16]int{dns.ClassCHAOS: dns.RcodeRefused, dns.ClassHESIOD: dns.RcodeRefused, dns.ClassNONE: dns.RcodeRefused, dns.ClassANY: dns.RcodeRefused, 0: dns.RcodeRefused, 65280: dns.RcodeRefused} {
			m := unpack(t, answer(t, s, ask(t, "example.com.", dns.TypeTXT, func(m *dns.Msg) { m.Question[0].Qclass = class }), UDP))
			if m.Rcode != want || m.Question[0].Qclass != class || m.Authoritative {
				t.Errorf("class %d: %s", class, m)
			}
		}
		m := unpack(t, answer(t, s, ask(t, "version.tundns.", dns.TypeTXT, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), UDP))
		if m.Rcode != 0 || len(m.Answer) != 1 || !m.Authoritative {
			t.Errorf("our own name: %s", m)
		}
	})
	t.Run("4.1.1 an upstream's AA is not ours, its TC is", func(t *testing.T) {
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			m, err := zone("cut.example.com. 60 IN A 192.0.2.1")(ctx, q)
			m.Authoritative, m.Truncated = true, true
			return m, err
		}}
		s := server(start(t, up, nil, 0))
		for asked := range 2 {
			m := unpack(t, answer(t, s, ask(t, "cut.example.com.", dns.TypeA, nil), UDP))
			if m.Authoritative || !m.Truncated || len(m.Answer) != 1 || up.asked.Load() != int64(asked+1) {
				t.Errorf("%s", m)
			}
		}
	})
	t.Run("RFC 8767 4 TTLs of a day at most, for the first as for the next", func(t *testing.T) {
		s := server(start(t, &script{answer: zone("long.example.com. 4294967295 IN A 192.0.2.1")}, nil, 0))
		for range 2 {
			if m := unpack(t, answer(t, s, ask(t, "long.example.com.", dns.TypeA, nil), UDP)); summary(m) != "NOERROR; long.example.com. 86400 IN A 192.0.2.1" {
				t.Error(summary(m))
			}
		}
	})
	t.Run("5.1 RD is copied", func(t *testing.T) {
		for _, rd := range []bool{false, true} {
			if m := unpack(t, answer(t, s, ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { m.RecursionDesired = rd }), UDP)); m.RecursionDesired != rd {
				t.Errorf("RD %v", m.RecursionDesired)
			}
		}
	})
}

func TestRFC5936ZoneTransfersAreRefused(t *testing.T) {
	up := &script{answer: zone()}
	s := server(start(t, up, nil, 0))
	for _, typ := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
		for _, transport := range []Transport{UDP, TCP} {
			m := unpack(t, answer(t, s, ask(t, "example.com.", typ, edns(nil)), transport))
			if codes, _ := ede(m); m.Rcode != dns.RcodeRefused || len(m.Answer) != 0 || !slices.Equal(codes, []uint16{18}) {
				t.Errorf("%s", m)
			}
		}
	}
	if up.asked.Load() != 0 {
		t.Error("a zone transfer was forwarded")
	}
}

func TestRFC8482AnyIsMinimal(t *testing.T) {
	up := &script{answer: zone()}
	s := server(start(t, up, nil, 0))
	m := unpack(t, answer(t, s, ask(t, "example.com.", dns.TypeANY, nil), UDP))
	if len(m.Answer) != 1 || m.Answer[0].Header().Rrtype != dns.TypeHINFO || m.Answer[0].(*dns.HINFO).Cpu != "RFC8482" || m.Answer[0].Header().Ttl == 0 || up.asked.Load() != 0 {
		t.Errorf("section 4.2: %s", m)
	}
}

func TestRFC6891(t *testing.T) {
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	s := server(start(t, up, nil, 0))
	with := func(f func(*dns.OPT)) []byte { return ask(t, "example.com.", dns.TypeA, edns(f)) }
	twice := ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { edns(nil)(m); m.Extra = append(m.Extra, m.Extra[0]) })
	named := with(nil)
	opt := len(named) - 11
	named = slices.Concat(named[:opt], []byte{1, 'x', 0}, named[opt+1:])
	for _, c := range []struct {
		name  string
		msg   []byte
		rcode int
		opt   bool
	}{
		{"6.1.1 never an OPT record to who sent none", ask(t, "example.com.", dns.TypeA, nil), 0, false},
		{"6.1.1 an OPT record to who sent one", with(nil), 0, true},
		{"6.1.1 NOTIMP with EDNS", flags(with(nil), 5<<11), dns.RcodeNotImplemented, true},
		{"6.1.1 FORMERR with EDNS", slices.Concat(put(with(nil)[:12], 4, 0), with(nil)[opt:]), dns.RcodeFormatError, true},
		{"6.1.1 two OPT records", twice, dns.RcodeFormatError, true},
		{"6.1.1 an OPT record with a name", named, dns.RcodeFormatError, true},
		{"6.1.2 an option we do not know", with(func(o *dns.OPT) {
			o.Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		}), 0, true},
		{"6.1.3 version 1", with(func(o *dns.OPT) { o.SetVersion(1) }), dns.RcodeBadVers, true},
		{"6.1.3 version 255", with(func(o *dns.OPT) { o.SetVersion(255) }), dns.RcodeBadVers, true},
		{"6.1.4 Z flags we do not know", with(func(o *dns.OPT) { o.Hdr.Ttl |= 0x3FFF }), 0, true},
		{"6.2.3 a size below 512", with(func(o *dns.OPT) { o.SetUDPSize(1) }), 0, true},
	} {
		m := unpack(t, answer(t, s, c.msg, UDP))
		o := m.IsEdns0()
		if m.Rcode != c.rcode || (o != nil) != c.opt || (c.rcode == 0) != (len(m.Answer) == 1) {
			t.Errorf("%s: %s", c.name, m)
		}
		if o != nil && (o.UDPSize() != 1232 || o.Version() != 0 || len(o.Option) != 0 || o.Hdr.Ttl&0x7FFF != 0) {
			t.Errorf("%s: OPT %s", c.name, o)
		}
	}
}

// TestRFC2181 is section 9, with the sizes of RFC 6891 section 6.2.5.
func TestRFC2181Sizes(t *testing.T) {
	var records []string
	for i := range 245 { // 64 KiB nearly
		records = append(records, fmt.Sprintf("big.example.com. 60 IN TXT %q", strings.Repeat(string(rune('a'+i%26)), 250)))
	}
	r := start(t, &script{answer: zone(records...)}, nil, 0)
	for _, c := range []struct{ client, link, want int }{ // link: what MTU − 48 leaves
		{0, 1232, 512}, {512, 1232, 512}, {1, 1232, 512}, {1000, 1232, 1000}, {4096, 1232, 1232}, {65535, 1232, 1232},
		{4096, 1200, 1200}, {4096, 528, 528}, {4096, 9000, 1232},
	} {
		s := &Server{Handler: r, MaxUDPSize: c.link}
		s.init()
		msg := ask(t, "big.example.com.", dns.TypeTXT, func(m *dns.Msg) {
			if c.client > 0 {
				m.SetEdns0(uint16(c.client), false)
			}
		})
		b := answer(t, s, msg, UDP)
		if m := unpack(t, b); len(b) > c.want || !m.Truncated || len(m.Answer) != 0 || m.Rcode != 0 {
			t.Errorf("client %d, link %d: %d bytes: %s", c.client, c.link, len(b), m)
		}
		b = answer(t, s, msg, TCP)
		if m := unpack(t, b); m.Truncated || len(m.Answer) != 245 || len(b) < 64000 {
			t.Errorf("over TCP: TC %v, %d answers in %d bytes", m.Truncated, len(m.Answer), len(b))
		}
	}
}

// conformance are the rows of README's table: the test that each one names.
func conformance(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "## Conformance")
	if !found {
		t.Fatal("README has no conformance table")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	var tests []string
	for _, m := range regexp.MustCompile("`((?:[a-z]+/)+)((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(table, -1) {
		tests = append(tests, m[1]+" "+m[2])
	}
	return tests
}

// TestConformanceTable keeps README true: every test that it names exists, and
// every test with RFC in its name is named.
func TestConformanceTable(t *testing.T) {
	named := conformance(t)
	if len(named) < 20 {
		t.Errorf("README names %d tests", len(named))
	}
	exists := make(map[string]bool)
	for _, dir := range []string{"resolver/", "resolver/upstream/", "cache/", "dnswire/", "policy/", "blocklists/", "blocklists/download/", "appliance/", "e2e/"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`).FindAllStringSubmatch(string(src), -1) {
				exists[dir+" "+m[1]] = true
				if strings.HasPrefix(m[1], "TestRFC") && !slices.Contains(named, dir+" "+m[1]) {
					t.Errorf("README does not name %s%s", dir, m[1])
				}
			}
		}
	}
	for _, n := range named {
		if !exists[n] {
			t.Errorf("README names %s, which does not exist", n)
		}
	}
}
