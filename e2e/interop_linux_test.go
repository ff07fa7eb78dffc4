package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestUpstreamServers has tundns ask every server over every transport that it
// offers.
func TestUpstreamServers(t *testing.T) {
	t.Parallel()
	for _, server := range servers() {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			need(t, server.needs, server.origin)
			zone, ca := newSignedZone(t), newAuthority(t)
			h, far := newHost(t), newHost(t)
			l := h.cable(far, 1)
			server.start(far, ca.encryption(dohName), l.far4, zone.file)
			for _, way := range server.ways {
				t.Run(way, func(t *testing.T) {
					h := h.in(t)
					config := upstream(over(way, l.far4))
					if way != "udp" && way != "tcp" {
						config += fmt.Sprintf("ca_file = %q\n", ca.file)
					}
					h.up(configuration(t, config, nil))
					h.interview(t)
					m := h.metrics()
					good, all := m.sum("tundns_upstream_queries_total", `result="ok"`), m.sum("tundns_upstream_queries_total")
					if good == 0 || good != all {
						t.Errorf("of %v upstream queries %v went well over %s", all, good, way)
					}
				})
			}
		})
	}
}

// over is a server for dohName that is asked over a transport, in TOML.
func over(way string, addr netip.Addr) string {
	scheme, get := strings.CutSuffix(way, " with GET")
	switch {
	case scheme == "udp" || scheme == "tcp":
		return fmt.Sprintf("%q", scheme+"://"+addr.String())
	case scheme == "tls" || scheme == "quic":
		return fmt.Sprintf("{ url = %q, addresses = [%q] }", scheme+"://"+dohName, addr)
	case get:
		return fmt.Sprintf("{ url = %q, addresses = [%q], method = \"get\" }", scheme+"://"+dohName+"/dns-query", addr)
	default:
		return fmt.Sprintf("{ url = %q, addresses = [%q] }", scheme+"://"+dohName+"/dns-query", addr)
	}
}

// interview asks what tells whether a server and tundns understand each other:
// the zone, which is signed, is behind the one and asked of the other.
func (h *host) interview(t *testing.T) {
	t.Helper()
	for _, test := range []struct {
		name   string
		qtype  uint16
		dnssec bool
		rcode  int
		data   []string // of the records in the answer, signatures apart; in order
	}{
		{"www.example.", dns.TypeA, false, dns.RcodeSuccess, []string{"198.51.100.80"}},
		{"www.example.", dns.TypeAAAA, false, dns.RcodeSuccess, []string{"2001:db8:80::80"}},
		{"two.example.", dns.TypeA, false, dns.RcodeSuccess, []string{"198.51.100.1", "198.51.100.2"}},
		{"chain.example.", dns.TypeA, false, dns.RcodeSuccess, []string{"198.51.100.80", "alias.example.", "www.example."}},
		{"any.wild.example.", dns.TypeA, false, dns.RcodeSuccess, []string{"198.51.100.93"}},
		{"www.example.", dns.TypeHTTPS, false, dns.RcodeSuccess, []string{`1 . alpn="h2,h3" ipv4hint="198.51.100.80"`}},
		{"odd.example.", 65400, false, dns.RcodeSuccess, []string{"01020304"}},
		{"www.example.", dns.TypeMX, false, dns.RcodeSuccess, nil},
		{"nothing.example.", dns.TypeA, false, dns.RcodeNameError, nil},
		{"two.example.", dns.TypeA, true, dns.RcodeSuccess, []string{"198.51.100.1", "198.51.100.2"}},
		{"more.wild.example.", dns.TypeA, true, dns.RcodeSuccess, []string{"198.51.100.93"}},
		{"two.example.", dns.TypeMX, true, dns.RcodeSuccess, nil},
		{"nowhere.example.", dns.TypeA, true, dns.RcodeNameError, nil},
	} {
		query := new(dns.Msg).SetQuestion(test.name, test.qtype).SetEdns0(1232, test.dnssec)
		m, err := h.exchange("udp", query)
		if err != nil {
			t.Errorf("%s %s: %v", test.name, dns.Type(test.qtype), err)
			continue
		}
		data, signed := dataOf(m.Answer)
		want := slices.Clone(test.data)
		slices.Sort(want)
		if m.Rcode != test.rcode || m.Truncated || !slices.Equal(data, want) {
			t.Errorf("%s %s: want %q: %v", test.name, dns.Type(test.qtype), want, m)
		}
		_, denied := dataOf(m.Ns)
		if test.data == nil && !slices.ContainsFunc(m.Ns, isType(dns.TypeSOA)) {
			t.Errorf("%s %s: a negative answer without its SOA: %v", test.name, dns.Type(test.qtype), m)
		}
		if has := signed || denied; has != test.dnssec {
			t.Errorf("%s %s: DO is %t, and so should be whether there are signatures: %v", test.name, dns.Type(test.qtype), test.dnssec, m)
		}
		if has := slices.ContainsFunc(m.Ns, isType(dns.TypeNSEC)); test.data == nil && has != test.dnssec {
			t.Errorf("%s %s: DO is %t, and so should be whether the denial has a proof: %v", test.name, dns.Type(test.qtype), test.dnssec, m)
		}
	}

	big := new(dns.Msg).SetQuestion("big.example.", dns.TypeTXT).SetEdns0(4096, false)
	if m, err := h.exchange("udp", big); err != nil || !m.Truncated || m.Len() > 1232 {
		t.Errorf("big.example. over UDP: want a truncated answer: %v (%v)", m, err)
	}
	m, err := h.exchange("tcp", big)
	if err != nil || len(m.Answer) != 14 || m.Truncated {
		t.Errorf("big.example. over TCP: want all 14 records: %v (%v)", m, err)
	}
}

// dataOf returns the sorted data of records, those of signatures left out, and
// whether there were signatures.
func dataOf(records []dns.RR) (data []string, signed bool) {
	for _, rr := range records {
		switch rr := rr.(type) {
		case *dns.RRSIG:
			signed = true
		case *dns.RFC3597:
			data = append(data, rr.Rdata)
		default:
			data = append(data, rr.String()[len(rr.Header().String()):])
		}
	}
	slices.Sort(data)
	return data, signed
}

func isType(qtype uint16) func(dns.RR) bool {
	return func(rr dns.RR) bool { return rr.Header().Rrtype == qtype }
}
