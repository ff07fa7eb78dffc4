package blocklists

import (
	"reflect"
	"strings"
	"testing"

	"tundns/dnswire"
)

// ruleFormats are those in which a rule's canonical text is that rule.
var ruleFormats = []Format{Hosts, Domains, Adblock, Dnsmasq, Unbound}

// same reports whether two rules say the same, wherever they are from.
func same(a, b Rule) bool {
	a.List, a.Line, a.list, b.List, b.Line, b.list = "", 0, 0, "", 0, 0
	return reflect.DeepEqual(a, b)
}

// checkRule checks what holds for all rules that come out of a reader.
func checkRule(t *testing.T, s Source, rule Rule) {
	t.Helper()
	kinds := 0
	if rule.Name != "" {
		kinds++
		if name, err := dnswire.ParseName(rule.Name.Text()); err != nil || name != rule.Name || !isHost(name) {
			t.Fatalf("bad name %q: %v", rule.Name, err)
		}
		if rule.Action == Block && rule.Condition == nil && !s.AllowWide && rule.Name.Labels() < 2 {
			t.Fatalf("%v is too wide", rule)
		}
	}
	if rule.Pattern != "" {
		kinds++
	}
	if rule.Prefix.IsValid() {
		kinds++
		if rule.Prefix != rule.Prefix.Masked() || rule.Prefix.Addr().Is4In6() {
			t.Fatalf("prefix %v is not in its one form", rule.Prefix)
		}
	}
	if kinds != 1 {
		t.Fatalf("%+v is for %d kinds", rule, kinds)
	}
	if s.Action == Allow && (rule.Action != Allow || rule.Reply != nil) {
		t.Fatalf("%v in an allow list", rule)
	}
	for _, format := range ruleFormats {
		got := read(Source{AllowWide: true}, format, rule.String())
		if len(got.rules) != 1 || !same(got.rules[0], rule) {
			t.Fatalf("%v reads as %q in %v", rule, got.got, format)
		}
	}
}

var fuzzLines = []string{
	"/", "//", "||", "||^", "@@", "@@||^", "*.", ".", "=", "xn--", "*", "^", "$", "$$", "#", "##", "#@#", "[", "[]", "@@/", "|", "||.^", "%", ";", "!", "@", "~", "\\",
	"0.0.0.0 ads.example b.example # c", "fe80::1%lo0 localhost", "::1 ip6-localhost", "1.2.3.4/24", "::ffff:1.2.3.4/97", "0.0.0.0/0", "ads.example", "*.ads.example", "ads*.example",
	"||ads.example^$important", "@@|ads.example|", "a\x00b.example", "\uFEFFads.example\r", "bücher.example", "xn--bcher-kva.example",
	strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 128) + "b", strings.Repeat("a", 256), "\xff\xfea\x00.\x00b\x00", "a。b.example", "\u00ad.example", "=ℝ.example",
	"/^ad[0-9]+\\./$important", "/a$$b##c/", "||a*b^$badfilter", "*$denyallow=com|net", "||a.example^$dnstype=A|~TYPE65535", `||a.example^$client='a\'s\, b'|~10.0.0.0/8`,
	"||a.example^$dnsrewrite=NOERROR;HTTPS;32 b.example alpn=h3", `||a.example^$dnsrewrite=NOERROR;TXT;"a\\\,b",dnsrewrite=::1`, "@@||a.example^$dnsrewrite", "||a.example^$dnsrewrite=NOERROR;TYPE65280;\\# 1 00",
	"address=/a.example/b.example/1.2.3.4", "address=/*a.example/", "server=/a.example/#", "local=/.a.example/", "address=/#/", "address=//", "address=/./", "no-resolv",
	`local-zone: "a.example." redirect`, `local-data: "a.example. 60 IN A 1.2.3.4"`, "local-zone: . static", "view:", `local-zone: "`,
	strings.Repeat(".a", 126) + ".b", "a.example$dnsrewrite=NOERROR;TYPE10;\\# 1 00", "/ads/ # b/$c",
	"a.example CNAME .", "a.example CNAME @", "*.a.example 60 IN CNAME rpz-drop.", "32.4.3.2.1.rpz-ip CNAME .", "128.zz.1.rpz-ip A 1.2.3.4", "a.example TXT ( \"x\" ; y", "$ORIGIN rpz.test.", "@ SOA a. b. ( 1 2 3 4 5 )",
}

func FuzzLine(f *testing.F) {
	for i, line := range fuzzLines {
		f.Add(line, uint8(i))
		f.Add(line, uint8(i)|0xE0)
	}
	f.Fuzz(func(t *testing.T, line string, options uint8) {
		if strings.Contains(line, "\n") {
			return // several lines
		}
		s := Source{Action: Action(options >> 7), ExactDomains: options>>6&1 != 0, AllowWide: options>>5&1 != 0}
		for format := Hosts; format <= RPZ; format++ {
			for _, rule := range read(s, format, line).rules {
				checkRule(t, s, rule)
			}
		}
	})
}

// A whole list of any bytes is read to its end, every line that is no comment
// gives rules or a reason, and lines of rules are in order.
func FuzzList(f *testing.F) {
	f.Add(strings.Join(fuzzLines, "\n"), uint8(0))
	f.Add(strings.Join(fuzzLines, "\r\n"), uint8(RPZ))
	f.Add("$ORIGIN rpz.test.\n@ SOA a. b. (\n1 2 3 4 5 )\na A 1.2.3.4\n A 1.2.3.5\nb TXT (\"x\"\n\"y\")\n", uint8(RPZ))
	f.Add("server:\nlocal-zone: a.example static\nlocal-data: 'a.example A 1.2.3.4'\nlocal-zone: b.example redirect\nlocal-data: 'b.example CNAME c.example'\n", uint8(Unbound))
	f.Add("a.example\x00\n\xff\xfeb.example\n", uint8(0x80))
	f.Fuzz(func(t *testing.T, text string, options uint8) {
		s := Source{Action: Action(options >> 7)}
		in, err := newLines(strings.NewReader(text))
		if err != nil {
			return
		}
		first, err := hold(in)
		if err != nil {
			t.Fatal(err)
		}
		format := Format(options & 7)
		if format == Auto || format > RPZ {
			format = guess(first)
		}
		out := new(record)
		r := newReader(&s, format, new(interned), out)
		for _, line := range first {
			r.line(line.n, line.text)
		}
		for {
			line, _, err := in.next()
			if err != nil {
				break
			}
			r.line(in.n, line)
		}
		r.end()
		last := 0
		for i, rule := range out.rules {
			if i < 200 {
				checkRule(t, s, rule)
			}
			if rule.Line < last || rule.Line > in.n {
				t.Fatalf("%v of line %d follows line %d of %d", rule, rule.Line, last, in.n)
			}
			last = rule.Line
		}
	})
}
