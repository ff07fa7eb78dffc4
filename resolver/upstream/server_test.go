package upstream

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNewTransport(t *testing.T) {
	quad9 := []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::fe")}
	tests := []struct {
		url   string
		addrs []netip.Addr
		label string // "" when refused
		first string // address, or a part of the error
	}{
		{"udp://9.9.9.9", nil, "udp://9.9.9.9", "9.9.9.9:53"},
		{"udp://9.9.9.9:5353", nil, "udp://9.9.9.9:5353", "9.9.9.9:5353"},
		{"UDP://9.9.9.9/", nil, "udp://9.9.9.9", "9.9.9.9:53"},
		{"tcp://[2620:fe::fe]", nil, "tcp://[2620:fe::fe]", "[2620:fe::fe]:53"},
		{"tcp://[fe80::1%25eth0]:53", nil, "tcp://[fe80::1%eth0]:53", "[fe80::1%eth0]:53"},
		{"udp://dns.quad9.net", quad9, "udp://dns.quad9.net", "9.9.9.9:53"},
		{"udp://[::ffff:9.9.9.9]", nil, "udp://[::ffff:9.9.9.9]", "9.9.9.9:53"},
		{"https://dns.quad9.net/dns-query", quad9, "https://dns.quad9.net/dns-query", "9.9.9.9:443"},
		{"https://dns.quad9.net:5053/dns-query?key=secret", quad9, "https://dns.quad9.net:5053/dns-query", "9.9.9.9:5053"},
		{"h3://dns.quad9.net/dns-query", quad9, "h3://dns.quad9.net/dns-query", "9.9.9.9:443"},
		{"h3://9.9.9.9", nil, "", "h3://9.9.9.9/dns-query"},
		{"https://9.9.9.9/", nil, "https://9.9.9.9/", "9.9.9.9:443"},

		{"9.9.9.9", nil, "", "write udp://9.9.9.9"},
		{"9.9.9.9:53", nil, "", "write udp://9.9.9.9:53"},
		{"dns.quad9.net", quad9, "", "no scheme"},
		{"tls://dns.quad9.net", quad9, "tls://dns.quad9.net", "9.9.9.9:853"},
		{"tls://9.9.9.9:443", nil, "tls://9.9.9.9:443", "9.9.9.9:443"},
		{"ftp://9.9.9.9", nil, "", `scheme "ftp" is not supported; use udp://, tcp://, tls://, quic://, https://, h3:// or sdns://`},
		{"sdns://AgcAAAAAAAAABzkuOS45LjkADWRucy5xdWFkOS5uZXQKL2Rucy1xdWVyeQ", nil, "https://dns.quad9.net/dns-query", "9.9.9.9:443"},
		{"sdns://AgcAAAAAAAAABzkuOS45LjkADWRucy5xdWFkOS5uZXQKL2Rucy1xdWVyeQ", quad9, "", "leave addresses out"},
		{"sdns://AQ", nil, "", "DNSCrypt"},
		{"quic://dns.quad9.net", quad9, "quic://dns.quad9.net", "9.9.9.9:853"},
		{"tls://9.9.9.9/dns-query", nil, "", "write tls://9.9.9.9"},
		{"udp://dns.quad9.net", nil, "", "addresses = ["},
		{"udp://9.9.9.9", quad9, "", "leave addresses out"},
		{"udp://9.9.9.9/dns-query", nil, "", "write udp://9.9.9.9"},
		{"udp://9.9.9.9?x=y", nil, "", "https:// only"},
		{"udp://9.9.9.9:0", nil, "", "1 to 65535"},
		{"udp://9.9.9.9:65536", nil, "", "1 to 65535"},
		{"udp://9.9.9.9:", nil, "", "after the colon"},
		{"udp://9.9.9.9:dns", nil, "", "not a URL"},
		{"udp://", nil, "", "no host"},
		{"udp://user@9.9.9.9", nil, "", "user names"},
		{"https://9.9.9.9/x#y", nil, "", "fragments"},
		{"https://9.9.9.9", nil, "", "https://9.9.9.9/dns-query"},
		{"https://9.9.9.9/dns-query{?dns}", nil, "", "template"},
		{"udp://0.0.0.0", nil, "", "not the address of a server"},
		{"udp://224.0.0.251", nil, "", "not the address of a server"},
		{"udp://255.255.255.255", nil, "", "not the address of a server"},
		{"udp://[::]", nil, "", "not the address of a server"},
		{"udp://a.example", []netip.Addr{{}}, "", "not the address of a server"},
	}
	for _, tt := range tests {
		tr, err := NewTransport(Server{URL: tt.url, Addresses: tt.addrs}, nil)
		if tt.label == "" {
			if err == nil || !strings.Contains(err.Error(), tt.first) || !strings.Contains(err.Error(), tt.url) {
				t.Errorf("%s: error %v, want one with %q", tt.url, err, tt.first)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if tr.String() != tt.label {
			t.Errorf("%s: label %q", tt.url, tr)
		}
		var at *place
		switch tr := inner(tr).(type) {
		case *udp:
			at = tr.place
		case *https:
			at = tr.dialer.place
		case *h3:
			at = tr.dialer.place
		case *doq:
			at = tr.dialer.place
		case *tcp:
			p, _ := parseServer(Server{URL: tt.url, Addresses: tt.addrs})
			at = p.place
		}
		if at.pinned[0].String() != tt.first || tt.addrs != nil && len(at.pinned) != len(tt.addrs) {
			t.Errorf("%s: addresses %v", tt.url, at.pinned)
		}
		tr.Close()
	}
}

func FuzzServer(f *testing.F) {
	for _, s := range []string{"udp://9.9.9.9", "tcp://[::1%25lo]:53", "https://h/dns-query", "https://[/", "://", "%", "udp://[fe80::1%25]"} {
		f.Add(s)
	}
	addr := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	f.Fuzz(func(t *testing.T, s string) {
		for _, addrs := range [][]netip.Addr{nil, addr} {
			p, err := parseServer(Server{URL: s, Addresses: addrs})
			if err != nil {
				continue
			}
			if len(p.place.pinned) == 0 || !p.place.pinned[0].IsValid() || p.place.pinned[0].Port() == 0 || p.host == "" {
				t.Errorf("%q: %+v", s, p)
			}
			if strings.ContainsAny(p.label, "?#") { // the query string may hold a secret
				t.Errorf("%q: label %q", s, p.label)
			}
		}
	})
}
