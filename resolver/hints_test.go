package resolver

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
	"tundns/policy"
)

// Who gets no A or AAAA records gets no hints of that family either.
func TestHintsOfBlockedTypes(t *testing.T) {
	const record = "svc.example. 60 IN HTTPS 1 . "
	for _, test := range []struct {
		types     []uint16
		record    string
		want      string
		signature bool
	}{
		{nil, record + `alpn="h2" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"`, `alpn="h2" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"`, true},
		{[]uint16{dns.TypeAAAA}, record + `alpn="h2" ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"`, `alpn="h2" ipv4hint="192.0.2.1"`, false},
		{[]uint16{dns.TypeA}, record + `alpn="h2" ipv4hint="192.0.2.1" ech="YQ==" ipv6hint="2001:db8::1"`, `alpn="h2" ech="YQ==" ipv6hint="2001:db8::1"`, false},
		{[]uint16{dns.TypeA, dns.TypeAAAA}, record + `ipv4hint="192.0.2.1" ipv6hint="2001:db8::1"`, "1 .", false},
		{[]uint16{dns.TypeAAAA}, record + `alpn="h2" ipv4hint="192.0.2.1"`, `alpn="h2" ipv4hint="192.0.2.1"`, true},
		{[]uint16{dns.TypeAAAA}, record + `mandatory="ipv6hint" ipv6hint="2001:db8::1"`, "", false},
		{[]uint16{dns.TypeAAAA}, record + `mandatory="alpn" alpn="h2" ipv6hint="2001:db8::1"`, `mandatory="alpn" alpn="h2"`, false},
	} {
		up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m := new(dns.Msg).SetReply(q)
			m.AuthenticatedData = true
			for _, s := range []string{test.record, "svc.example. 60 IN RRSIG HTTPS 13 2 60 20300101000000 20200101000000 1 example. AAAA"} {
				rr, err := dns.NewRR(s)
				if err != nil {
					t.Error(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			ns, _ := dns.NewRR("example. 60 IN NS ns.example.")
			m.Ns = append(m.Ns, ns)
			return m, nil
		}}
		r := start(t, up, filtered(t, blocklists.Adblock, "", func(_ *policy.Options, g *policy.ClientGroup) { g.BlockedTypes = test.types }), 0)
		for range 2 {
			m, _ := resolve(t, r, "svc.example HTTPS +do")
			got := ""
			signature := false
			for _, rr := range m.Answer {
				switch rr.Header().Rrtype {
				case dns.TypeHTTPS:
					got = rr.String()
				case dns.TypeRRSIG:
					signature = true
				}
			}
			if !strings.HasSuffix(got, test.want) || (test.want == "") != (got == "") || signature != test.signature || m.AuthenticatedData != test.signature || len(m.Ns) != 1 {
				t.Errorf("%v without %v: %s", test.record, test.types, m)
			}
		}
	}
}

func FuzzStripHints(f *testing.F) {
	head := dnswire.AppendQuestion(nil, 1, dnswire.FlagQR, dnswire.Question{Name: dnswire.MustName("svc.example"), Type: dnswire.TypeHTTPS, Class: dnswire.ClassIN})
	for _, data := range []string{"", "\x00\x01", "\x00\x01\x00", "\x00\x01\x00\x00\x06\x00\x10", "\x00\x01\x00\x00\x06\x00\x01x",
		"\x00\x01\x00\x00\x00\x00\x02\x00\x06", "\x00\x01\x00\x00\x00\x00\x03\x00\x04\x00", "\x00\x01\x00\x00\x01\x00\x03\x02h2\x00\x06\x00\x10" + strings.Repeat("x", 16), "\x00\x01\xC0\x0C"} {
		msg := dnswire.AppendRR(slices.Clone(head), dnswire.MustName("svc.example"), dnswire.TypeHTTPS, dnswire.ClassIN, 60, []byte(data))
		msg = dnswire.AppendRR(msg, dnswire.MustName("svc.example"), dnswire.TypeRRSIG, dnswire.ClassIN, 60, []byte{0, 65, 1})
		dnswire.SetCount(msg, dnswire.Answer, 2)
		f.Add(msg)
	}
	f.Add([]byte{})
	unwanted := []uint16{svcIPv6Hint}
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := slices.Clone(msg)
		out, changed, err := stripHints(msg, dnswire.TypeHTTPS, unwanted)
		if !bytes.Equal(before, msg) {
			t.Fatal("the message was written to")
		}
		if err != nil || !changed {
			return
		}
		if _, again, err := stripHints(out, dnswire.TypeHTTPS, unwanted); again || err != nil {
			t.Fatalf("something was left: %x, %v", out, err)
		}
	})
}
