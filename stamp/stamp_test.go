package stamp

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// build makes a stamp of a kind with parts, each of which has its length byte.
func build(kind byte, parts ...string) string {
	return Prefix + base64.RawURLEncoding.EncodeToString([]byte(string([]byte{kind})+"\x07\x00\x00\x00\x00\x00\x00\x00"+strings.Join(parts, "")))
}

// lp is a string behind its length.
func lp(s string) string { return string([]byte{byte(len(s))}) + s }

// vlp are strings behind their lengths, the upper bit of which says that more
// follow.
func vlp(items ...string) string {
	out := ""
	for i, s := range items {
		n := byte(len(s))
		if i < len(items)-1 {
			n |= 0x80
		}
		out += string([]byte{n}) + s
	}
	return out
}

var (
	hash    = strings.Repeat("h", 32)
	hashPin = HashPrefix + base64.StdEncoding.EncodeToString([]byte(hash))
)

func TestParse(t *testing.T) {
	addrs := func(a ...string) (list []netip.Addr) {
		for _, a := range a {
			list = append(list, netip.MustParseAddr(a))
		}
		return list
	}
	none := vlp("")
	for _, tt := range []struct {
		name, text string
		want       Stamp
	}{
		{"plain", build(0, lp("9.9.9.9")), Stamp{URL: "udp://9.9.9.9"}},
		{"plain with the usual port", build(0, lp("9.9.9.9:53")), Stamp{URL: "udp://9.9.9.9"}},
		{"plain IPv6", build(0, lp("[2620:fe::fe]")), Stamp{URL: "udp://[2620:fe::fe]"}},
		{"plain IPv6 with a port", build(0, lp("[2620:fe::fe]:5353")), Stamp{URL: "udp://[2620:fe::fe]:5353"}},
		{"plain IPv6 without brackets", build(0, lp("2620:fe::fe")), Stamp{URL: "udp://[2620:fe::fe]"}},
		{"DoH", build(2, lp("9.9.9.9"), none, lp("dns.quad9.net"), lp("/dns-query")),
			Stamp{URL: "https://dns.quad9.net/dns-query", Addresses: addrs("9.9.9.9")}},
		{"DoH with hashes", build(2, lp("9.9.9.9"), vlp(hash, hash), lp("dns.quad9.net:443"), lp("/dns-query")),
			Stamp{URL: "https://dns.quad9.net/dns-query", Addresses: addrs("9.9.9.9"), Pins: []string{hashPin, hashPin}}},
		{"DoH with bootstrap resolvers", build(2, lp(""), none, lp("dns.quad9.net"), lp("/q"), vlp("1.1.1.1", "8.8.8.8")),
			Stamp{URL: "https://dns.quad9.net/q"}},
		{"DoH, a port alone", build(2, lp(":8443"), none, lp("dns.quad9.net"), lp("/q")), Stamp{URL: "https://dns.quad9.net:8443/q"}},
		{"DoH by address", build(2, lp("192.0.2.1:8443"), vlp(hash), lp(""), lp("/q")), Stamp{URL: "https://192.0.2.1:8443/q", Pins: []string{hashPin}}},
		{"DoH, an address for a host", build(2, lp(""), none, lp("192.0.2.1"), lp("/q")), Stamp{URL: "https://192.0.2.1/q"}},
		{"DoT", build(3, lp("[2620:fe::9]:8853"), none, lp("dns.quad9.net")), Stamp{URL: "tls://dns.quad9.net:8853", Addresses: addrs("2620:fe::9")}},
		{"DoQ", build(4, lp("94.140.14.14"), vlp(hash), lp("dns.adguard.com:784"), vlp("1.1.1.1")),
			Stamp{URL: "quic://dns.adguard.com:784", Addresses: addrs("94.140.14.14"), Pins: []string{hashPin}}},
	} {
		got, err := Parse(tt.text)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	none := vlp("")
	for _, tt := range []struct{ name, text, want string }{
		{"not a stamp", "https://x", "begins with sdns://"},
		{"empty", "sdns://", "ends too early"},
		{"padding", build(0, lp("9.9.9.9")) + "=", "base64url"},
		{"line end", build(0, lp("9.9.9.9")) + "\n", "base64url"},
		{"DNSCrypt", build(1), "DNSCrypt, which is not supported"},
		{"ODoH", build(5), "Oblivious DNS over HTTPS, which is not supported"},
		{"DNSCrypt relay", build(0x81), "a DNSCrypt relay, which is not supported"},
		{"ODoH relay", build(0x85), "an Oblivious DNS over HTTPS relay, which is not supported"},
		{"unknown", build(6), "unknown kind 0x06"},
		{"no properties", "sdns://AA", "ends too early"},
		{"no address", build(0), "ends too early"},
		{"cut address", build(0, "\x09abc"), "ends too early"},
		{"cut list", build(2, lp("9.9.9.9"), "\xa0"), "ends too early"},
		{"list without its end", build(2, lp("9.9.9.9"), "\x81a"), "ends too early"},
		{"no path", build(2, lp("9.9.9.9"), none, lp("a.example")), "ends too early"},
		{"path", build(2, lp("9.9.9.9"), none, lp("a.example"), lp("q")), "slash"},
		{"more", build(0, lp("9.9.9.9"), "x"), "goes on"},
		{"more after the resolvers", build(3, lp("9.9.9.9"), none, lp("a.example"), none, "x"), "goes on"},
		{"hash", build(3, lp("9.9.9.9"), vlp("short"), lp("a.example")), "hash of 5 bytes"},
		{"an empty hash among others", build(3, lp("9.9.9.9"), vlp(hash, ""), lp("a.example")), "hash of 0 bytes"},
		{"nothing", build(0, lp("")), "neither an address nor a host name"},
		{"name for an address", build(0, lp("a.example")), "for an address"},
		{"zone", build(0, lp("fe80::1%eth0")), "for an address"},
		{"host with a zone", build(3, lp(""), none, lp("[fe80::1%eth0]")), "with a zone"},
		{"port 0", build(0, lp("9.9.9.9:0")), "no port"},
		{"bracket", build(0, lp("[9.9.9.9]")), "for a host"},
		{"open bracket", build(0, lp("[::1")), "for a host"},
		{"two ports", build(3, lp("9.9.9.9:1"), none, lp("a.example:2")), "two ports, 1 and 2"},
		{"two addresses", build(3, lp("9.9.9.9"), none, lp("1.1.1.1")), "two addresses"},
		{"host", build(3, lp("9.9.9.9"), none, lp("user@a.example")), "which is no name"},
		{"host with a path", build(3, lp("9.9.9.9"), none, lp("a.example/x")), "which is no name"},
	} {
		if got, err := Parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v; want an error with %q", tt.name, got, err, tt.want)
		}
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(build(0, lp("9.9.9.9")))
	f.Add(build(2, lp("[::1]:1"), vlp(hash, hash), lp("a.example"), lp("/q?k=v"), vlp("1.1.1.1")))
	f.Add(build(4, lp(""), vlp(""), lp("1.1.1.1:853")))
	f.Add(build(3, lp(":1"), vlp(""), lp("[::1]")))
	f.Add("sdns://AAcAAAAAAAAABzkuOS45Ljk\n")
	f.Add("sdns://A00000000000Ajo0AAVBOjol0A")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		scheme, rest, _ := strings.Cut(s.URL, "://")
		host, path, hasPath := strings.Cut(rest, "/")
		if (scheme == "https") != hasPath || strings.Contains(host, "@") || host == "" {
			t.Errorf("%q gives %+v", text, s)
		}
		if u, err := url.Parse(scheme + "://" + host); err != nil || u.Host != host || u.Hostname() == "" {
			t.Errorf("%q gives the host %q of %q: %v", text, host, path, err)
		}
	})
}
