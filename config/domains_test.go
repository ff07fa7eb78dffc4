package config

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

func TestParseDomain(t *testing.T) {
	for text, want := range map[string]string{
		"corp.example":             "corp.example",
		"Corp.EXAMPLE.":            "corp.example",
		"=Host.corp.example":       "=host.corp.example",
		"lan":                      "lan",
		"_tcp.corp.example":        "_tcp.corp.example",
		"10.in-addr.arpa":          "10.in-addr.arpa",
		"10.0.0.0/8":               "10.in-addr.arpa",
		"0.0.0.0/0":                "in-addr.arpa",
		"192.168.7.0/24":           "7.168.192.in-addr.arpa",
		"192.168.7.1/32":           "1.7.168.192.in-addr.arpa",
		"172.16.0.0/14":            "16.172.in-addr.arpa 17.172.in-addr.arpa 18.172.in-addr.arpa 19.172.in-addr.arpa",
		"2001:db8::/32":            "8.b.d.0.1.0.0.2.ip6.arpa",
		"fd00::/8":                 "d.f.ip6.arpa",
		"fc00::/7":                 "c.f.ip6.arpa d.f.ip6.arpa",
		"":                         "is no domain; leave domains out",
		".":                        "is no domain; leave domains out",
		"=":                        "is no domain; leave domains out",
		"*.corp.example":           `must be written "corp.example"`,
		".corp.example":            `must be written "corp.example"`,
		"10.0.0.1":                 `is an address; for the names of addresses write a network, like "10.0.0.1/32"`,
		"::1":                      `like "::1/128"`,
		"10.0.0.1/8":               `has host bits set; write "10.0.0.0/8"`,
		"10.0.0.0/33":              "is neither a domain",
		"a/b":                      "is neither a domain",
		"::ffff:10.0.0.0/104":      "clothes",
		"a..example":               "is not a domain",
		"a example":                "is not a domain",
		"a\\046.example":           "is not a domain",
		"udp://10.0.0.1":           "is neither a domain",
		strings.Repeat("a", 64):    "is not a domain",
		strings.Repeat("a.b.", 99): "is not a domain",
	} {
		domains, why := parseDomain(text)
		var names []string
		for _, d := range domains {
			names = append(names, d.String())
		}
		if got := strings.Join(names, " "); why == "" && got != want || why != "" && !strings.Contains(why, want) {
			t.Errorf("%q: %q, %q", text, got, why)
		}
	}
}

// TestReverseAgainstAddresses: a network's zones hold the names of its addresses
// and of no other.
func TestReverseAgainstAddresses(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	random := func(size int) netip.Addr {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		a, _ := netip.AddrFromSlice(b)
		return a
	}
	for range 2000 {
		size := 4 << (2 * rng.IntN(2))
		p, err := random(size).Prefix(rng.IntN(8*size + 1))
		if err != nil {
			t.Fatal(err)
		}
		zones := reverse(p)
		other := random(size).As16()
		near := p.Addr().As16() // the network's bits with random ones behind
		from := 16 - size + p.Bits()/8
		copy(near[from:], other[from:])
		for _, a := range []netip.Addr{p.Addr(), netip.AddrFrom16(near), netip.AddrFrom16(other), p.Addr().Prev()} {
			if size == 4 {
				a = a.Unmap()
			}
			if !a.IsValid() || a.BitLen() != 8*size {
				continue
			}
			name, err := dns.ReverseAddr(a.String())
			if err != nil {
				t.Fatal(err)
			}
			in := 0
			for _, z := range zones {
				if dnswire.MustName(name).In(dnswire.MustName(z.Name)) {
					in++
				}
			}
			if want := p.Contains(a); (in == 1) != want || in > 1 {
				t.Fatalf("%v is in %d zones of %v", a, in, p)
			}
		}
	}
}

func FuzzDomain(f *testing.F) {
	for _, text := range []string{"corp.example", "=a", "10.0.0.0/9", "fc00::/7", "*.x", "ü.example", "a\\000b", "/", "//", "||", "||^", "@@", "@@||^",
		"*.", ".", "=", "xn--", strings.Repeat("a", 64), strings.Repeat("a.", 128), "a\x00b", "\ufeffa", "a\r\n", "a\x00.\x00b\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domains, why := parseDomain(text)
		if (why == "") != (len(domains) > 0) || len(domains) > 128 {
			t.Fatalf("%d domains, %q", len(domains), why)
		}
		for _, d := range domains {
			again, why := parseDomain(d.String())
			if why != "" || fmt.Sprint(again) != fmt.Sprint([]Domain{d}) {
				t.Fatalf("%v is read again as %v, %q", d, again, why)
			}
		}
	})
}
