package localnames

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

func TestParseRecord(t *testing.T) {
	for line, want := range map[string]string{
		"nas.home.arpa A 192.168.1.5":              "nas.home.arpa. 300 A 192.168.1.5",
		"  nas.home.arpa.\t20\tIN\tA\t192.168.1.5": "nas.home.arpa. 20 A 192.168.1.5",
		"nas IN 20 A 192.168.1.5 ; the big one":    "nas. 20 A 192.168.1.5",
		"nas 1h A 192.168.1.5":                     "nas. 3600 A 192.168.1.5",
		"nas 0 A 192.168.1.5":                      "nas. 0 A 192.168.1.5",
		"NAS.Home.ARPA AAAA FD00::5":               "nas.home.arpa. 300 AAAA fd00::5",
		"nas aaaa ::ffff:192.0.2.1":                "nas. 300 AAAA ::ffff:192.0.2.1",
		"*.X a 192.0.2.1":                          "*.x. 300 A 192.0.2.1",
		"a.x CNAME B.Example.COM":                  "a.x. 300 CNAME b.example.com.",
		"5.1.168.192.in-addr.arpa PTR NAS":         "5.1.168.192.in-addr.arpa. 300 PTR nas.",
		"x MX 0 .":                                 "x. 300 MX 0 .",
		"x MX 10 Mail.X":                           "x. 300 MX 10 mail.x.",
		"_ldap._tcp.x SRV 0 5 389 DC.x":            "_ldap._tcp.x. 300 SRV 0 5 389 dc.x.",
		`x TXT "v=spf1 -all" Two`:                  `x. 300 TXT "v=spf1 -all" "Two"`,
		`x TXT "a;b \"c\" \065 ü"`:                 `x. 300 TXT "a;b \"c\" A \195\188"`,
		`x TXT ""`:                                 `x. 300 TXT ""`,
		"x TXT " + strings.Repeat("k", 300):        `x. 300 TXT "` + strings.Repeat("k", 255) + `" "` + strings.Repeat("k", 45) + `"`,
		"bücher.example A 192.0.2.1":               "xn--bcher-kva.example. 300 A 192.0.2.1",
		"*.BÜCHER.example A 192.0.2.1":             "*.xn--bcher-kva.example. 300 A 192.0.2.1",
		"x CNAME straße.example":                   "x. 300 CNAME xn--strae-oqa.example.",
		"x MX 1 пример.example":                    "x. 300 MX 1 xn--e1afmkfd.example.",
		"xn--bcher-kva.example A 192.0.2.1":        "xn--bcher-kva.example. 300 A 192.0.2.1",
		`a\.b.x A 192.0.2.1`:                       `a\.b.x. 300 A 192.0.2.1`,
		"x A ( 192.0.2.1 )":                        "x. 300 A 192.0.2.1",
		strings.Repeat("a", 63) + ".x A 192.0.2.1": strings.Repeat("a", 63) + ".x. 300 A 192.0.2.1",
	} {
		p, err := parseRecord(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := text(t, p.Record); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestParseRecordErrors(t *testing.T) {
	for line, want := range map[string]string{
		"":                             "is empty",
		"; only a comment":             "no record",
		"nas":                          usage,
		"nas A":                        usage,
		"nas 192.168.1.5":              usage,
		"nas A 192.168.1.256":          "192.168.1.256",
		"nas A fd00::1":                "bad A",
		"nas AAAA 192.0.2.1":           "bad AAAA",
		"nas AAAA fe80::1%eth0":        "bad AAAA",
		"nas A 192.0.2.1 192.0.2.2":    usage,
		"nas FOO x":                    usage,
		"nas NS ns.x":                  "type NS: " + usage,
		"nas CAA 0 issue x":            "type CAA",
		"nas DNAME x":                  "type DNAME",
		`nas TYPE65 \# 1 00`:           usage,
		"nas SOA a b 1 2 3 4 5":        "type SOA",
		"nas CH TXT x":                 "class CH",
		"nas ANY A 192.0.2.1":          usage,
		"nas 2147483648 A 192.0.2.1":   "2147483647",
		"$INCLUDE /etc/passwd":         "directive",
		"$GENERATE 1-9 h$ A 192.0.2.$": "directive",
		"$ORIGIN x.":                   "directive",
		"a A 192.0.2.1\nb A 192.0.2.2": "line break",
		"a A 192.0.2.1\r\n$INCLUDE x":  "line break",
		"a\x00b A 192.0.2.1":           "NUL",
		"b\xfccher A 192.0.2.1":        "UTF-8",
		"@ A 192.0.2.1":                "root",
		". A 192.0.2.1":                "root",
		"* A 192.0.2.1":                "every name",
		"*. A 192.0.2.1":               "every name",
		"a.*.x A 192.0.2.1":            "first label",
		"*.*.x A 192.0.2.1":            "first label",
		"x CNAME .":                    "root",
		"x CNAME 192.0.2.1":            "address",
		"192.168.1.5 PTR nas":          "5.1.168.192.in-addr.arpa",
		"fd00::5 PTR nas":              "d.f.ip6.arpa",
		"a..b A 192.0.2.1":             usage,
		strings.Repeat("a", 64) + ".x A 192.0.2.1":     usage,
		strings.Repeat("a.", 128) + "x A 192.0.2.1":    usage,
		strings.Repeat("ü", 30) + "a.ü..x A 192.0.2.1": usage,
		"x TXT " + strings.Repeat("k ", maxLine):       "4096",
		"x A (192.0.2.1":                               usage,
		`x TXT "open`:                                  usage,
		"/ A 192.0.2.":                                 usage,
	} {
		p, err := parseRecord(line)
		switch {
		case err == nil:
			t.Errorf("%.60s: read %s, want an error with %q", line, text(t, p.Record), want)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%.60s: %v, want %q", line, err, want)
		case strings.Contains(err.Error(), "at line"):
			t.Errorf("%.60s: %v tells a position within the line", line, err)
		}
	}
}

func TestAddErrors(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string // all but the last are good
		want  string
	}{
		"CNAME after others": {[]string{"x TXT t", "x CNAME y"}, `record "x CNAME y" is a CNAME, which excludes the other records of x`},
		"others after CNAME": {[]string{"x CNAME y", "X TXT t"}, `record "X TXT t" stands beside a CNAME of x`},
		"two CNAMEs":         {[]string{"x CNAME y", "x CNAME z"}, `second CNAME of x, which leads to y`},
		"wildcard CNAME":     {[]string{"*.x CNAME y", "*.x A 192.0.2.1"}, "CNAME of *.x"},
		"not a record":       {[]string{"x"}, `record "x" `},
		"control characters": {[]string{"x\x1b[31m"}, "record \"x\uFFFD[31m\" "},
	} {
		var b Builder
		for i, l := range c.lines {
			err := b.Add(l)
			if i < len(c.lines)-1 {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			var le *LineError
			if !errors.As(err, &le) || le.Index != i || le.Line != l || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q for line %d", name, err, c.want, i)
			}
		}
		if n, err := b.Build(); err != nil || n.Len() != len(c.lines)-1 {
			t.Errorf("%s: %d names, %v: the bad line is half in", name, n.Len(), err)
		}
	}
}

// The records of a name must fit into a message.
func TestTooManyRecords(t *testing.T) {
	var b Builder
	var err error
	count := 0
	for err == nil && count < 10000 {
		err = b.Add(fmt.Sprintf("x TXT %s%d", strings.Repeat("t", 200), count))
		count++
	}
	if err == nil || !strings.Contains(err.Error(), "48 KiB") {
		t.Fatalf("after %d: %v", count, err)
	}
	n, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	var msg []byte
	for _, r := range n.Lookup(dnswire.MustName("x"), dnswire.TypeTXT).Records {
		msg = dnswire.AppendRR(msg, r.Owner, r.Type, dnswire.ClassIN, r.TTL, r.Data)
	}
	if len(msg) > maxSize || len(msg) < maxSize-1000 {
		t.Errorf("%d bytes", len(msg))
	}
}

// FuzzRecord: whatever is taken is a record that the library reads back.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{
		"", "/", "//", "||", "||^", "@@", "@@||^", "*.", ".", "=", "xn--", "$INCLUDE x", "\xef\xbb\xbfx A 192.0.2.1",
		strings.Repeat("a", 64) + " A 192.0.2.1", strings.Repeat("abc.", 64) + " A 192.0.2.1", "a\x00 A 192.0.2.1", "a A 192.0.2.1\r\n",
		"x A 192.0.2.1", "*.x 5 IN AAAA ::1", "x CNAME *.y", `x TXT "a\"b" \# 1`, "x MX 1 .", "_a._b SRV 1 2 3 c", "ü PTR ö", `\065\.b CNAME c\000d`,
		"x\u3002y A 192.0.2.1", "x CNAME y\u200d", "\xff\xfex\x00", "x TXT \\300", "x A ( 192.0.2.1", "x IN", "x 1w2d TXT a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var b Builder
		err := b.Add(line)
		n, bad := b.Build()
		if err != nil {
			if n.Len() != 0 || bad != nil || !utf8.ValidString(err.Error()) && utf8.ValidString(line) {
				t.Fatalf("%v: %d names, %v", err, n.Len(), bad)
			}
			return
		}
		if bad != nil { // a circle
			return
		}
		p, err := parseRecord(line)
		if err != nil {
			t.Fatal(err)
		}
		rr, end, err := dns.UnpackRR(dnswire.AppendRR(nil, p.Owner, p.Type, dnswire.ClassIN, p.TTL, p.Data), 0)
		if err != nil || end != len(p.Owner)+10+len(p.Data) || rr.Header().Rrtype != p.Type {
			t.Fatalf("%v, %d, %v", rr, end, err)
		}
		if r := n.Lookup(p.Owner, p.Type); r.Status != Answer || len(r.Records) != 1 || text(t, r.Records[0]) != text(t, p.Record) {
			t.Fatalf("%+v", r)
		}
		// Names are those that ParseName gives for what the library reads.
		if got, err := dnswire.ParseName(rr.Header().Name); err != nil || got != p.Owner {
			t.Fatalf("%q, %v, want %q", got, err, p.Owner)
		}
	})
}
