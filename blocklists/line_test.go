package blocklists

import (
	"slices"
	"strings"
	"testing"
)

// record is a sink that writes down what it receives: rules in canonical form,
// reasons in brackets.
type record struct {
	got   []string
	rules []Rule
}

func (r *record) rule(p *parsed) {
	rule := p.rule("list", 0)
	r.rules = append(r.rules, rule)
	r.got = append(r.got, rule.String())
}

func (r *record) skip(why reason) { r.got = append(r.got, skipped(why)) }

func skipped(why reason) string { return "[" + string(why) + "]" }

// read reads a text of some lines.
func read(s Source, format Format, text string) *record {
	out := new(record)
	r := newReader(&s, format, new(interned), out)
	for i, line := range strings.Split(text, "\n") {
		r.line(i+1, []byte(line))
	}
	r.end()
	return out
}

// lineFormats are those that a line is read in: hosts, domains, adblock, dnsmasq,
// unbound, RPZ.
const lineFormats = "?hdamuz"

// lineTest says what a line gives in lists of some formats.
type lineTest struct {
	formats string // some of lineFormats
	line    string
	want    []string
}

func testLines(t *testing.T, s Source, tests []lineTest) {
	t.Helper()
	for _, test := range tests {
		for _, c := range test.formats {
			f := Format(strings.IndexRune(lineFormats, c))
			got := read(s, f, test.line)
			if !slices.Equal(got.got, test.want) {
				t.Errorf("%v %.80q: %q, want %q", f, test.line, got.got, test.want)
			}
			for _, rule := range got.rules {
				checkRule(t, s, rule)
			}
		}
	}
}

func TestLine(t *testing.T) {
	label63, label64 := strings.Repeat("a", 63), strings.Repeat("a", 64)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	testLines(t, Source{}, []lineTest{
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
		{"hda", "0.0.0.0 ads.example ; like b.example", []string{"=ads.example"}},
		{"hda", "0.0.0.0 ads.example\t!b.example", []string{"=ads.example"}},
		{"hda", "0.0.0.0 a.example com b.example", []string{"=a.example", skipped(whyWide), "=b.example"}},
		{"hda", "0.0.0.0 *.example.com", []string{skipped(whyPattern)}},
		{"hda", "192.0.2.1 www.example", []string{skipped(whyHosts)}},
		{"hda", "192.0.2.1 a.example b.example", []string{skipped(whyHosts), skipped(whyHosts)}},
		{"hda", "127.0.0.1 localhost localhost.localdomain LOCAL", nil},
		{"hda", "127.0.0.1 localhost localhost4 localhost4.localdomain4", nil},
		{"hda", "::1 localhost6 LOCALHOST6.localdomain6", nil},
		{"hda", "255.255.255.255 broadcasthost", nil},
		{"hda", "fe80::1%lo0 localhost", nil},
		{"hda", "fe80::1%lo0 ads.example", []string{skipped(whyHosts)}},
		{"hda", "ff02::1 ip6-allnodes", nil},
		{"hda", "::1 ip6-localhost ip6-loopback", nil},
		{"hda", "::1 IP6-anything ip6-ads.example", []string{"=ip6-ads.example"}},
		{"hda", "0.0.0.0 0.0.0.0", nil},
		{"hda", "0.0.0.0 1.2.3.4", []string{skipped(whyAddress)}},
		{"hda", "0.0.0.0", nil},
		{"hda", "0.0.0.0 # nothing", nil},
		{"hda", "0.0.0.0 #nothing", nil},
		{"hda", "0.0.0 ads.example", []string{skipped(whyWords)}},

		// Bare names.
		{"d", "ads.example", []string{"||ads.example^"}},
		{"ha", "ads.example", []string{"=ads.example"}},
		{"d", "Ads.Example.", []string{"||ads.example^"}},
		{"d", "\uFEFFads.example \r", []string{"||ads.example^"}},
		{"d", "ads.example # why", []string{"||ads.example^"}},
		{"d", "ads.example ! why", []string{"||ads.example^"}},
		{"d", "ads.example ; why", []string{"||ads.example^"}},
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
		{"hd", ".ads.example", []string{"||ads.example^"}},
		{"a", ".ads.example", []string{"*.ads.example*"}},
		{"hda", "ads..example", []string{skipped(whyName)}},
		{"hda", "ads.example..", []string{skipped(whyName)}},
		{"hda", "1.2.3.4", []string{"||1.2.3.4^"}},
		{"hda", "2001:db8::1", []string{"||2001:db8::1^"}},
		{"hda", "1.2.3.0/24", []string{"||1.2.3.0/24^"}},
		{"hda", "1.2.3.4 # one", []string{"||1.2.3.4^"}},
		{"hda", "1.2.3.0/24 ; SBL1", []string{"||1.2.3.0/24^"}},
		{"hda", "1.2.3.9/24", []string{"||1.2.3.0/24^"}},
		{"hda", "2001:DB8::/32", []string{"||2001:db8::/32^"}},
		{"hda", "::ffff:1.2.3.4", []string{"||1.2.3.4^"}},
		{"hda", "::ffff:1.2.3.4/120", []string{"||1.2.3.0/24^"}},
		{"hda", "::", nil},
		{"hda", "127.0.0.1", []string{"||127.0.0.1^"}},
		{"hda", "fe80::1%lo0", []string{skipped(whyAddress)}},
		{"hda", "1.2.3.4/33", []string{skipped(whyAddress)}},
		{"ha", "1.2.3.4-1.2.3.9", []string{"=1.2.3.4-1.2.3.9"}}, // as good a name as any
		{"hda", "0.0.0.0/0", []string{skipped(whyWideAddress)}},
		{"hda", "::/0", []string{skipped(whyWideAddress)}},
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
		{"hd", "*ads.example", []string{"*ads.example^"}},
		{"a", "*ads.example", []string{"*ads.example*"}},
		{"hd", "ads.*", []string{"|ads.*"}},
		{"a", "ads.*", []string{"*ads.*"}},
		{"hd", "ad*.Example.com", []string{"|ad*.example.com^"}},
		{"hd", "*.ad**.example.*", []string{"*.ad*.example.*"}},
		{"hd", "*.*.example", []string{skipped(whyWide)}},
		{"hd", "b*cher.é.example", []string{skipped(whyCharacter)}},
		{"hda", "=ads.example", []string{"=ads.example"}},
		{"hda", "=ads.example$important", []string{"=ads.example$important"}},
		{"hda", "@@=ads.example", []string{"@@=ads.example"}},
		{"hda", "=", []string{skipped(whyName)}},
		{"hda", "=com", []string{skipped(whyWide)}},

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
	})
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
		"@@":                          skipped(whyWide),
		"||ads.example^$dnsrewrite":   "@@||ads.example^$dnsrewrite",
		"||a.example^$dnsrewrite=b.c": skipped(whyLift),
		"address=/a.example/1.2.3.4":  skipped(whyAllowReply),
		"a.example A 1.2.3.4":         skipped(whyAllowReply),
		"a.example CNAME .":           "@@=a.example",
		"a.example CNAME b.example.":  skipped(whyAllowReply),
		"0.0.0.0/0":                   "@@||0.0.0.0/0^",
	} {
		if got := read(s, Domains, line).got; !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestIsBoilerplateIsShort(t *testing.T) {
	// Longer than the buffer that folds the letter case: no panic, no match.
	if isBoilerplate([]byte(strings.Repeat("localhost", 10))) {
		t.Error("a long name is boilerplate")
	}
}
