package blocklists

import (
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

// record is a sink that writes down what it receives: rules in canonical form,
// reasons in brackets.
type record struct {
	got   []string
	rules []Rule
}

func (r *record) rule(name []byte, f flags) {
	rule := newRule("list", 0, 1, dnswire.Name(name), f)
	r.rules = append(r.rules, rule)
	r.got = append(r.got, rule.String())
}

func (r *record) skip(why reason) { r.got = append(r.got, "["+string(why)+"]") }

func read(s Source, format Format, line string) *record {
	out := new(record)
	newReader(&s, format, out).line([]byte(line))
	return out
}

func skipped(why reason) string { return "[" + string(why) + "]" }

func TestLine(t *testing.T) {
	label63, label64 := strings.Repeat("a", 63), strings.Repeat("a", 64)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	for _, test := range []struct {
		formats string // h, d, a: those in which the line reads so
		line    string
		want    []string
	}{
		// Hosts lines.
		{"hda", "0.0.0.0 ads.example", []string{"=ads.example"}},
		{"hda", "127.0.0.1\tads.example", []string{"=ads.example"}},
		{"hda", "127.0.0.2 ads.example", []string{"=ads.example"}},
		{"hda", ":: ads.example", []string{"=ads.example"}},
		{"hda", "::1 ads.example", []string{"=ads.example"}},
		{"hda", "::ffff:0.0.0.0 ads.example", []string{"=ads.example"}},
		{"hda", "  0.0.0.0  a.example \t b.example. C.EXAMPLE # ads", []string{"=a.example", "=b.example", "=c.example"}},
		{"hda", "0.0.0.0 ads.example#why", []string{"=ads.example"}},
		{"hda", "0.0.0.0 ads.example ## why", []string{"=ads.example"}},
		{"hda", "0.0.0.0 a.example com b.example", []string{"=a.example", skipped(whyWide), "=b.example"}},
		{"hda", "0.0.0.0 *.example.com", []string{skipped(whyPattern)}},
		{"hda", "192.0.2.1 www.example", []string{skipped(whyHosts)}},
		{"hda", "192.0.2.1 a.example b.example", []string{skipped(whyHosts), skipped(whyHosts)}},
		{"hda", "127.0.0.1 localhost localhost.localdomain LOCAL", nil},
		{"hda", "255.255.255.255 broadcasthost", nil},
		{"hda", "fe80::1%lo0 localhost", nil},
		{"hda", "fe80::1%lo0 ads.example", []string{skipped(whyHosts)}},
		{"hda", "ff02::1 ip6-allnodes", nil},
		{"hda", "::1 ip6-localhost ip6-loopback", nil},
		{"hda", "::1 IP6-anything ip6-ads.example", []string{"=ip6-ads.example"}},
		{"hda", "0.0.0.0 0.0.0.0", nil},
		{"hda", "0.0.0.0 1.2.3.4", []string{skipped(whyAddress)}},
		{"hda", "0.0.0.0", []string{skipped(whyAddress)}},
		{"hda", "0.0.0.0 # nothing", []string{skipped(whyAddress)}},
		{"hda", "0.0.0.0 #nothing", []string{skipped(whyAddress)}},
		{"hda", "0.0.0 ads.example", []string{skipped(whyWords)}},

		// Bare names.
		{"d", "ads.example", []string{"||ads.example^"}},
		{"ha", "ads.example", []string{"=ads.example"}},
		{"d", "Ads.Example.", []string{"||ads.example^"}},
		{"d", "\uFEFFads.example \r", []string{"||ads.example^"}},
		{"d", "ads.example # why", []string{"||ads.example^"}},
		{"d", "ads.example#why", []string{"||ads.example^"}},
		{"d", "ads.example # costs $5 or 2^3", []string{"||ads.example^"}},
		{"d", "_dmarc.my_ads.example", []string{"||_dmarc.my_ads.example^"}},
		{"d", "-ad-.example", []string{"||-ad-.example^"}},
		{"d", "пример.example", []string{"||xn--e1afmkfd.example^"}},
		{"d", "ПРИМЕР。example", []string{"||xn--e1afmkfd.example^"}},
		{"d", "straße.example", []string{"||xn--strae-oqa.example^"}},
		{"d", "xn--e1afmkfd.example", []string{"||xn--e1afmkfd.example^"}},
		{"hda", "two.example words.example", []string{skipped(whyWords)}},
		{"hda", "com", []string{skipped(whyWide)}},
		{"hda", "com.", []string{skipped(whyWide)}},
		{"hda", ".", []string{skipped(whyName)}},
		{"hda", ".ads.example", []string{skipped(whyName)}},
		{"hda", "ads..example", []string{skipped(whyName)}},
		{"hda", "ads.example..", []string{skipped(whyName)}},
		{"hda", "1.2.3.4", []string{skipped(whyAddress)}},
		{"hda", "2001:db8::1", []string{skipped(whyAddress)}},
		{"hda", "1.2.3.0/24", []string{skipped(whyAddress)}},
		{"hda", "1.2.3.4 # one", []string{skipped(whyAddress)}},
		{"hda", "http://ads.example/", []string{skipped(whyPath)}},
		{"hda", "ads.example/banner", []string{skipped(whyPath)}},
		{"hda", "ads.example:8080", []string{skipped(whyName)}},
		{"hda", "ads,example.com", []string{skipped(whyName)}},
		{"d", label63 + ".example", []string{"||" + label63 + ".example^"}},
		{"hda", label64 + ".example", []string{skipped(whyLabel)}},
		{"d", name253, []string{"||" + name253 + "^"}},
		{"d", name253 + ".", []string{"||" + name253 + "^"}},
		{"hda", name253 + "b", []string{skipped(whyLong)}},
		{"hda", "ads\x00.example", []string{skipped(whyControl)}},
		{"hda", "ads\x1b[0m.example", []string{skipped(whyControl)}},
		{"hda", "ads\xff.example", []string{skipped(whyName)}},
		{"hda", "ads\uFFFD.example", []string{skipped(whyName)}},
		{"hda", "ads\u200e.example", []string{skipped(whyName)}},
		{"hda", strings.Repeat("ж", 5000), []string{skipped(whyLong)}},

		// Wildcards and exact names.
		{"hda", "*.ads.example", []string{"||ads.example^"}},
		{"hda", "*.ads.example$important", []string{"||ads.example^$important"}},
		{"hda", "@@*.ads.example", []string{"@@||ads.example^"}},
		{"hda", "*.com", []string{skipped(whyWide)}},
		{"hda", "*.", []string{skipped(whyWide)}},
		{"hda", "*", []string{skipped(whyWide)}},
		{"hda", "*ads.example", []string{skipped(whyPattern)}},
		{"hda", "ads.*", []string{skipped(whyPattern)}},
		{"hda", "*.*.example", []string{skipped(whyPattern)}},
		{"hda", "=ads.example", []string{"=ads.example"}},
		{"hda", "=ads.example$important", []string{"=ads.example$important"}},
		{"hda", "@@=ads.example", []string{"@@=ads.example"}},
		{"hda", "=", []string{skipped(whyName)}},
		{"hda", "=com", []string{skipped(whyWide)}},

		// Adblock rules.
		{"hda", "||ads.example^", []string{"||ads.example^"}},
		{"hda", "||Ads.Example.^", []string{"||ads.example^"}},
		{"hda", "||ads.example|", []string{"||ads.example^"}},
		{"hda", "||ads.example^|", []string{"||ads.example^"}},
		{"hda", "|ads.example^", []string{"=ads.example"}},
		{"hda", "|ads.example|", []string{"=ads.example"}},
		{"hda", "@@||ads.example^", []string{"@@||ads.example^"}},
		{"hda", "@@|ads.example^|", []string{"@@=ads.example"}},
		{"hda", "||ads.example^$important", []string{"||ads.example^$important"}},
		{"hda", "@@||ads.example^$important", []string{"@@||ads.example^$important"}},
		{"hda", "||ads.example^$important,important", []string{"||ads.example^$important"}},
		{"hda", "||bücher.example^", []string{"||xn--bcher-kva.example^"}},
		{"hda", "@@||lan^", []string{"@@||lan^"}},
		{"hda", "||com^", []string{skipped(whyWide)}},
		{"hda", "||com^$important", []string{skipped(whyWide)}},
		{"hda", "||^", []string{skipped(whyWide)}},
		{"hda", "||", []string{skipped(whyWide)}},
		{"hda", "|", []string{skipped(whyWide)}},
		{"hda", "^", []string{skipped(whyWide)}},
		{"hda", "@@", []string{skipped(whyWide)}},
		{"hda", "@@||^", []string{skipped(whyWide)}},
		{"hda", "||*^", []string{skipped(whyWide)}},
		{"hda", "||*.^", []string{skipped(whyWide)}},
		{"hda", "||ads.example", []string{skipped(whyPattern)}},
		{"hda", "|ads.example", []string{skipped(whyPattern)}},
		{"hda", "ads.example^", []string{skipped(whyPattern)}},
		{"hda", "@@ads.example", []string{skipped(whyPattern)}},
		{"hda", "ads.example$important", []string{skipped(whyPattern)}},
		{"hda", "@@||aax-*.amazon.*^", []string{skipped(whyPattern)}},
		{"hda", "||*.ads.example^", []string{skipped(whyPattern)}},
		{"hda", "@@@@||ads.example^", []string{skipped(whyPattern)}},
		{"hda", "||ads.example^ # why", []string{skipped(whyPattern)}},
		{"hda", "||1.2.3.4^", []string{skipped(whyAddress)}},
		{"hda", "||1.2.3.0/24^", []string{skipped(whyAddress)}},
		{"hda", "||ads.example/banner^", []string{skipped(whyPath)}},
		{"hda", "/banner/ads.", []string{skipped(whyPath)}},
		{"hda", "/", []string{skipped(whyPath)}},
		{"hda", "-banner/ads^", []string{skipped(whyPath)}},
		{"hda", "//", []string{skipped(whyRegexp)}},
		{"hda", `/^ads[0-9]+\./`, []string{skipped(whyRegexp)}},
		{"hda", `@@/^ads[0-9]+\./$important`, []string{skipped(whyRegexp)}},
		{"hda", "||ads.example^$", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$third-party", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$important,third-party", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$~important", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$IMPORTANT", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$all", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$document", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$badfilter", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$dnsrewrite=1.2.3.4", []string{skipped(whyModifier)}},
		{"hda", "||ads.example^$domain=a.example|b.example", []string{skipped(whyModifier)}},

		// Cosmetic rules.
		{"a", "##.banner", []string{skipped(whyCosmetic)}},
		{"a", "###banner", nil}, // may be decoration; no rule for names either way
		{"hda", "ads.example##.banner", []string{skipped(whyCosmetic)}},
		{"hda", "a.example,b.example#@#.banner", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example#?#.banner", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example#@?#.banner", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example#$#body { padding: 0 }", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example#%#alert()", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example$$script[a]", []string{skipped(whyCosmetic)}},
		{"hda", "ads.example$@$script[a]", []string{skipped(whyCosmetic)}},

		// Comments.
		{"hda", "", nil},
		{"hda", " \t ", nil},
		{"hda", "# comment", nil},
		{"hda", "#", nil},
		{"hda", "## title ##", nil},
		{"hda", "####################", nil},
		{"hda", "! comment\x00", nil},
		{"hda", "!#if (adguard)", nil},
		{"hda", "[Adblock Plus 2.0]", nil},
		{"hd", "##.banner", nil},
	} {
		for _, f := range []Format{Hosts, Domains, Adblock} {
			if strings.IndexByte(test.formats, "?hda"[f]) < 0 {
				continue
			}
			if got := read(Source{}, f, test.line).got; !slices.Equal(got, test.want) {
				t.Errorf("%v line %.80q: %v, want %v", f, test.line, got, test.want)
			}
		}
	}
}

func TestLineExactDomains(t *testing.T) {
	s := Source{ExactDomains: true}
	for line, want := range map[string]string{
		"ads.example":    "=ads.example",
		"*.ads.example":  "||ads.example^",
		"||ads.example^": "||ads.example^",
	} {
		if got := read(s, Domains, line).got; !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestLineInAllowList(t *testing.T) {
	s := Source{Action: Allow}
	for line, want := range map[string]string{
		"good.example":                "@@||good.example^",
		"*.good.example":              "@@||good.example^",
		"=good.example":               "@@=good.example",
		"0.0.0.0 good.example":        "@@=good.example",
		"||good.example^":             "@@||good.example^",
		"@@||good.example^":           "@@||good.example^",
		"@@||good.example^$important": "@@||good.example^$important",
		"lan":                         "@@||lan^", // allowing much hides nothing
		"*":                           skipped(whyWide),
	} {
		if got := read(s, Domains, line).got; !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// A rule that is printed reads back as itself, in every format.
func TestRuleStringReads(t *testing.T) {
	for f := range flags(1 << flagBits) {
		want := newRule("list", 0, 1, dnswire.MustName("a_b.xn--e1afmkfd.example"), f)
		for _, format := range []Format{Hosts, Domains, Adblock} {
			got := read(Source{}, format, want.String())
			if len(got.rules) != 1 || got.rules[0] != want {
				t.Errorf("%v as %v: %v", want, format, got.got)
			}
		}
	}
}

func TestIsBoilerplateIsShort(t *testing.T) {
	// Longer than the buffer that folds the letter case: no panic, no match.
	if isBoilerplate([]byte(strings.Repeat("localhost", 10))) {
		t.Error("a long name is boilerplate")
	}
}

func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"/", "//", "||", "||^", "@@", "@@||^", "*.", ".", "=", "xn--", "*", "^", "$", "$$", "#", "##", "#@#", "[", "[]", "@@/", "|", "||.^", "%",
		"0.0.0.0 ads.example b.example # c", "fe80::1%lo0 localhost", "::1 ip6-localhost", "1.2.3.4/24", "ads.example", "*.ads.example",
		"||ads.example^$important", "@@|ads.example|", "a\x00b.example", "\uFEFFads.example\r", "bücher.example", "xn--bcher-kva.example",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 128) + "b", "\xff\xfea\x00.\x00b\x00", "a。b.example", "\u00ad.example", "=ℝ.example",
	} {
		for format := range uint8(4) {
			f.Add(line, format)
		}
	}
	f.Fuzz(func(t *testing.T, line string, format uint8) {
		s := Source{Action: Action(format >> 7), ExactDomains: format>>6&1 != 0}
		formats := []Format{Hosts, Domains, Adblock}
		if f := Format(format & 3); f != Auto {
			formats = []Format{f}
		}
		for _, f := range formats {
			for _, rule := range read(s, f, line).rules {
				if name, err := dnswire.ParseName(rule.Name.Text()); err != nil || name != rule.Name {
					t.Fatalf("%q gave the bad name %q: %v", line, rule.Name, err)
				}
				if rule.Action == Block && rule.Name.Labels() < 2 {
					t.Fatalf("%q blocks %v", line, rule)
				}
				if s.Action == Allow && rule.Action != Allow {
					t.Fatalf("%q in an allow list blocks: %v", line, rule)
				}
				for _, again := range []Format{Hosts, Domains, Adblock} {
					got := read(s, again, rule.String())
					if len(got.rules) != 1 || got.rules[0] != rule {
						t.Fatalf("%q gave %v, which %v reads as %v", line, rule, again, got.got)
					}
				}
			}
		}
	})
}
