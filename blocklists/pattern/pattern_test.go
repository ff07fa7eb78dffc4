package pattern

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func mustRegexp(t testing.TB, expr string) *Pattern {
	t.Helper()
	p, err := Regexp(expr)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	return p
}

// parse reads a pattern as block lists write it.
func parse(s string) (*Pattern, error) {
	if len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
		return Regexp(s[1 : len(s)-1])
	}
	var w Wildcard
	switch {
	case strings.HasPrefix(s, "||"):
		w.Start, s = Label, s[2:]
	case strings.HasPrefix(s, "|"):
		w.Start, s = Beginning, s[1:]
	}
	if cut := strings.TrimRight(s, "^|"); len(s)-len(cut) == 1 {
		w.End, s = true, cut
	}
	w.Text = s
	return w.Compile()
}

func mustParse(t testing.TB, s string) *Pattern {
	t.Helper()
	p, err := parse(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return p
}

// build makes a set of patterns, with ids from 0 on.
func build(t testing.TB, patterns ...string) *Set {
	t.Helper()
	var b Builder
	for i, s := range patterns {
		if err := b.Add(uint32(i), mustParse(t, s)); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	}
	return b.Build()
}

// find returns the ids that match, in ascending order.
func find(s *Set, name string) []uint32 {
	var ids []uint32
	m := s.Find([]byte(name))
	for id, _, ok := m.Next(); ok; id, _, ok = m.Next() {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ pattern, yes, no string }{
		// Wildcards: no anchor, each of them, and both ends.
		{"ads", "ads myads.example adserver", "ad.s"},
		{"ads^", "ads x.myads", "ads.example"},
		{"|ads", "ads adserver ads.example", "my.ads myads"},
		{"|ads^", "ads", "adsx x.ads"},
		{"||ads", "ads adserver x.ads y.x.adserver.example", "myads x.myads"},
		{"||ads.example^", "ads.example x.ads.example ads.example.ads.example", "myads.example ads.example.org"},
		{"||ads|", "ads x.ads", "xads ads.x"},
		{"||ad*.example^", "ads.example ad.example x.ad1.y.example ad.x.example", "bad.example ad.example.com adexample"},
		{"||ad*server*.net^", "adserver.net x.ad-server1.net adserver.adserver.net", "adserve.net server.ad.net x.server.net"},
		{"|*x", "x ax", "a"},
		{"||*x^", "x ax a.x", "xa"},
		{"*x*^", "x xa ax", "a"},
		{"a**b^", "ab a.b xaxb", "ba abx"},
		{"||a*a^", "aa aba x.a.a", "a x.a"},
		{"|a*ab*b^", "aabb axabxb", "aab aabbx"},
		{"||ADS.example^", "ads.example", "example"},
		{".ads.", "x.ads.y", "ads.y x.ads"},
		{"a_b-c", "xa_b-cx", "ab-c"},
		// Regular expressions.
		{`/^ad[sx]?[0-9]*\./`, "ad.x ads.x adx01.x ad7.example", "bad.x ads x.ad.x"},
		{`/(^|\.)track(er|ing)?[0-9]+\.example[0-9]+\.com$/`, "track1.example2.com x.tracker1.example23.com", "track.example2.com xtrack1.example2.com track1.example2.com.x"},
		{`/banner.*\.(net|org)$/`, "banner.net xbanners.example.org", "banner.com net.banner"},
		{`/BANNER/`, "banner", "bnner"},
		{`/(?-i)BANNER/`, "", "banner"},
		{`/^x$/`, "x", "xx ax"},
		{`/^^x$$/`, "x", "xx ax"},
		{`/^|x/`, "x y", ""},
		{`/\bads\b/`, "ads ads.x my-ads.x", "adsx.x x.myads ads_.x"},
		{`/\Bads/`, "myads x.myads", "ads my-ads"},
		{`/(?m)^ads$/`, "ads", "ads.x"},
		{`/[^a-z.]/`, "a1 a-b a.b_", "a.b"},
		{`/^[a-f0-9]{8}\./`, "deadbeef.x 01234567.x", "deadbee.x deadbeefs.x"},
		{`/^(.+\.)?ads\.example$/`, "ads.example x.ads.example", "xads.example .ads.example"},
		{`/(?:)/`, "a", ""},
		{`/[^\x00-\x{10FFFF}]/`, "", "a"},
		{`/x*y?/`, "a", ""},
		{`/(a|b|)c/`, "c ac bc xc", "a"},
		{`/(ab|cd)+e$/`, "abe abcde xcde", "e ace"},
		{"/\u212a1/", "k1", "x1"}, // KELVIN SIGN is a k
		{"/\u017f1/", "s1", "x1"}, // LONG S is an s
		{"/ü/", "", "u x"},
		{"/[ü]/", "", "u x"},
		{`/\//`, "", "a"},
		// Names of other bytes than host names have.
		{"||ad*.x^", "ad\xe4.x ad\xff.x ad\x00.x", "\xfead.x \xfe.ads.x\xff"},
		{`/^ads.x$/`, "ads\xe4x ads\xffx ads\x00x", "\xfeads.x ads.x\xff ads\xc3\xa4x"},
		{`/ad[^a]$/`, "ad\xe4 ad\xff", "ad\xe4a"},
		{`/ads[|-\xff]$/`, "ads\xe4 ads~ ads\x7f", "adsa"},
		{`/ad[s\xe4]/`, "ads", "ad\xe4"},
	} {
		p := mustParse(t, c.pattern)
		s := build(t, c.pattern)
		check := func(name string, want bool) {
			if got := p.Match([]byte(name)); got != want {
				t.Errorf("%s matches %q: %v", c.pattern, name, got)
			}
			if got := len(find(s, name)) > 0; got != want {
				t.Errorf("the set of %s finds it in %q: %v", c.pattern, name, got)
			}
		}
		for _, name := range strings.Fields(c.yes) {
			check(name, true)
		}
		for _, name := range append(strings.Fields(c.no), "", ".") {
			check(name, false)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    error
	}{
		{`/(/`, ErrSyntax},
		{`/a**/`, ErrSyntax},
		{`/[a/`, ErrSyntax},
		{`/[b-a]/`, ErrSyntax},
		{`/a{1001}/`, ErrSyntax},
		{`/(a{1000}){1000}/`, ErrSyntax},
		{"/\xff/", ErrSyntax},
		{`/` + strings.Repeat("(", 900) + strings.Repeat(")", 99) + `/`, ErrSyntax},
		{`/(?=a)b/`, ErrLookaround},
		{`/^(?!www\.)ads/`, ErrLookaround},
		{`/(?<=a)b/`, ErrLookaround},
		{`/(?<!a)b/`, ErrLookaround},
		{`/(?>a)b/`, ErrLookaround},
		{`/(a)\1/`, ErrLookaround},
		{`/(a{30}){30}x{1000}y{1000}/`, ErrLarge},
		{`/` + strings.Repeat("[a-z0-9]{1000}", 71) + `/`, ErrLarge},
		{`/((x{10}){10}y{1,300}){3}z{900}/`, ErrLarge},
		{`/` + strings.Repeat("a", maxText+1) + `/`, ErrLong},
		{strings.Repeat("a", maxText+1), ErrLong},
		{"ads^x", ErrSeparator},
		{"^ads", ErrSeparator},
		{"ads^^", ErrSeparator},
		{"ads.example/path", ErrCharacter},
		{"a b", ErrCharacter},
		{"a%b", ErrCharacter},
		{"a|b", ErrCharacter},
		{"a\x00", ErrCharacter},
		{"ü", ErrCharacter},
		{"|||a", ErrCharacter},
	} {
		if p, err := parse(c.pattern); !errors.Is(err, c.want) || p != nil {
			t.Errorf("%.40q: %v, want %v", c.pattern, err, c.want)
		}
	}
}

// Whatever an expression of the longest kind holds, it fits without counted
// repetitions.
func TestLongestExpressions(t *testing.T) {
	for _, expr := range []string{
		strings.Repeat("a", maxText),
		strings.Repeat("[ab]", maxText/4),
		strings.Repeat("a|", maxText/2),
		strings.Repeat("ab|ba|", maxText/6),
		strings.Repeat("a?", maxText/2),
		strings.Repeat("(a)", maxText/3),
		strings.Repeat("(a|b)*", maxText/6),
		strings.Repeat("^", maxText),
		strings.Repeat("(", maxText/2-1) + "ab" + strings.Repeat(")", maxText/2-1),
	} {
		p := mustRegexp(t, expr)
		if len(p.prog) > maxProg || len(p.prog) == 0 {
			t.Errorf("%.20q: %d instructions", expr, len(p.prog))
		}
		p.Match([]byte(strings.Repeat("ab", 126)))
	}
}

func TestString(t *testing.T) {
	for in, want := range map[string]string{
		`/a\/b/`: `/a\/b/`, "||Ads*|": "||ads*^", "|a": "|a", "a^": "a^", "*": "*",
	} {
		if got := mustParse(t, in).String(); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
		m := build(t, "|zz^", in, "x").Find([]byte("x"))
		for id, text, ok := m.Next(); ok; id, text, ok = m.Next() {
			if id == 1 && text != want {
				t.Errorf("%q is found as %q", in, text)
			}
		}
	}
}

func TestTooWide(t *testing.T) {
	for pattern, want := range map[string]bool{
		`/.*/`: true, `/./`: true, `/(?:)/`: true, `/^/`: true, `/[a-z]/`: true, `/com$/`: true, `/\.com$/`: true,
		`/(^|\.)zip$/`: true, `/\.(xyz|top)$/`: true, `/^[a-z]+\.[a-z]+$/`: true, `/^www\./`: true, `/\.xn--p1ai$/`: true,
		`/^ad/`: true, `/..\../`: true, `/[a-z0-9-]+\.[a-z]+/`: true, `/a|track/`: true,
		`/^ad[sx]?[0-9]*\./`: false, `/ads/`: false, `/\.ads\./`: false, `/ads?$/`: true, `/banner.*\.(net|org)$/`: false, `/^[0-9a-f]{32}\./`: false,
		`/(^|\.)track(er|ing)?[0-9]+\.example[0-9]+\.com$/`: false, `/^(.+\.)?kx\.com$/`: false, `/[0-9]{5,}/`: false,
		`/^[^.]{25,}\./`: false, `/\.example\.com$/`: false,
		"*": true, "||*": true, "||*^": true, "*.*": true, "||a*^": true, "||t.c*": true, "||*.zip^": true, "||www.*^": true,
		"*.co*": true, "-": true,
		"||ads*^": false, "||ads.*^": false, "ads": false, "||*-ads.example^": false, "|x.co": false, "||ad*.tk^": false,
	} {
		if got := mustParse(t, pattern).TooWide(); got != want {
			t.Errorf("%s is too wide: %v", pattern, got)
		}
	}
}
