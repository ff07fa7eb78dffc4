package dnswire

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{".", "."},
		{"example.com", "example.com."},
		{"EXAMPLE.Com.", "example.com."},
		{`a\.b.c`, `a\.b.c.`},
		{`a\065.c`, "aa.c."},
		{`sp\032ace.c`, `sp\032ace.c.`},
		{"_dmarc.example.com", "_dmarc.example.com."},
		{strings.Repeat("a", 63) + ".x", strings.Repeat("a", 63) + ".x."},
	} {
		n, err := ParseName(c.in)
		if err != nil || n.String() != c.want {
			t.Errorf("ParseName(%q) = %q, %v; want %q", c.in, n.String(), err, c.want)
		}
	}
	for _, in := range []string{"", "..", ".a", "a..b", strings.Repeat("a", 64), `a\`, `a\25`, `a\256`, `a\2x5`,
		strings.Repeat("abcdefg.", 32), strings.Repeat("abcdefg.", 31) + "abcdefgh"} {
		if n, err := ParseName(in); err == nil {
			t.Errorf("ParseName(%q) = %q, want an error", in, n.String())
		}
	}
	longest := strings.Repeat("abcdefg.", 31) + "abcde" // 31*8+6+1 = 255 bytes of wire form
	if n, err := ParseName(longest); err != nil || len(n) != MaxName {
		t.Errorf("longest name: %d bytes, %v", len(n), err)
	}
}

func TestNameTree(t *testing.T) {
	n := MustName("a.b.example.com")
	for _, c := range []struct {
		zone string
		in   bool
	}{{"a.b.example.com", true}, {"example.com", true}, {"com", true}, {".", true},
		{"le.com", false}, {"x.a.b.example.com", false}, {"b.example.org", false}} {
		if got := n.In(MustName(c.zone)); got != c.in {
			t.Errorf("%s in %s = %v", n, c.zone, got)
		}
	}
	if n.Labels() != 4 || Root.Labels() != 0 {
		t.Errorf("labels: %d, root %d", n.Labels(), Root.Labels())
	}
	var chain []string
	for p, ok := n, true; ok; p, ok = p.Parent() {
		chain = append(chain, p.Text())
	}
	if got := strings.Join(chain, " "); got != "a.b.example.com b.example.com example.com com ." {
		t.Errorf("parents: %s", got)
	}
}

func TestReadNameCompression(t *testing.T) {
	msg := make([]byte, HeaderLen)
	msg = append(msg, MustName("example.com")...)
	www := len(msg)
	msg = append(msg, 3, 'W', 'w', 'W', 0xC0, HeaderLen)
	n, next, err := ReadName(msg, www)
	if err != nil || n != MustName("www.example.com") || next != len(msg) {
		t.Fatalf("%q %d %v", n.String(), next, err)
	}
	self := append(msg[:HeaderLen:HeaderLen], 0xC0, HeaderLen)
	forward := append(msg[:HeaderLen:HeaderLen], 0xC0, HeaderLen+2, 0)
	header := append(msg[:HeaderLen:HeaderLen], 0xC0, 0)
	reserved := append(msg[:HeaderLen:HeaderLen], 0x41, 'a', 0)
	long := append([]byte{}, msg[:HeaderLen]...)
	for range 64 {
		long = append(long, 3, 'a', 'b', 'c')
	}
	long = append(long, 0)
	for name, m := range map[string][]byte{"self": self, "forward": forward, "into header": header,
		"reserved label type": reserved, "257 bytes": long, "cut": msg[:HeaderLen+5]} {
		if n, _, err := ReadName(m, HeaderLen); err == nil {
			t.Errorf("%s: read %q", name, n.String())
		}
	}
}

// FuzzName holds the presentation form against the library's and the round trip.
func FuzzName(f *testing.F) {
	for _, s := range []string{".", "a.b", `a\.b`, "A.B.", `\000.x`, "xn--p1ai", "..", `a"b.c`, "a b.c", "\xff.x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		again, err := ParseName(n.String())
		if err != nil || again != n {
			t.Fatalf("%q -> %q -> %q, %v", s, n.String(), again.String(), err)
		}
		b := make([]byte, 300)
		off, err := dns.PackDomainName(n.String(), b, 0, nil, false)
		if err != nil || string(b[:off]) != string(n) {
			t.Fatalf("%q: library packs %x (%v), we have %x", s, b[:off], err, n)
		}
	})
}

func TestRandomNamesAgainstLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var b []byte
		for range 1 + r.IntN(5) {
			l := 1 + r.IntN(12)
			b = append(b, byte(l))
			for range l {
				b = append(b, byte(r.IntN(256)))
			}
		}
		msg := append(make([]byte, HeaderLen), append(b, 0)...)
		n, next, err := ReadName(msg, HeaderLen)
		if err != nil || next != len(msg) {
			t.Fatalf("%x: %v", msg, err)
		}
		s, _, err := dns.UnpackDomainName(msg, HeaderLen)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseName(s); err != nil || again != n {
			t.Fatalf("library reads %q, we %q (%v)", s, n.String(), err)
		}
	}
}
