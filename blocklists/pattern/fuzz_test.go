package pattern

import (
	"slices"
	"strings"
	"testing"
)

var seeds = []string{
	"", "/", "//", "///", "||", "||^", "|", "^", "@@", "@@||^", "*", "*.", ".", "=", "xn--", "xn--p1ai", "**", "|*|", "||*^", "a|^", "^|",
	strings.Repeat("a", 64), strings.Repeat("a.", 128), "a\x00b", "\ufeff||ads^", "||ads^\r\n", "a\x00d\x00s\x00", "\xff\xfe", "||ad*.net^", "|ads|",
	`/^ad[sx]?[0-9]*\./`, `/(^|\.)track(er|ing)?[0-9]+\.com$/`, `/banner.*\.(net|org)$/`, `/(?=a)/`, `/\1/`, `/(a{30}){30}/`, `/a{1000}/`, `/\Qa.b/`,
	`/[[:^alpha:]]/`, `/\pL+/`, `/(?-i)A(?i)b/`, `/^*$+?/`, `/(^|$)*a/`, `/\b\B/`, `/(?m)^a$/`, `/[^\n]/`, "/\u212a\u017f/", `/x*{2}/`, `/(|a)+/`, `/((a*)*)*b/`,
}

// FuzzPattern: whatever is taken as a pattern matches what the oracle says,
// alone and in a set, and never panics.
func FuzzPattern(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, "ads."+seeds[i/2])
		f.Add(s, "track1.x.com")
		f.Add("||"+s, "k.ab")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := parse(text)
		if err != nil {
			if p != nil {
				t.Fatalf("%q gives a pattern and %v", text, err)
			}
			return
		}
		p.TooWide()
		var b Builder
		if err := b.Add(1, mustParse(t, "||ads*a^")); err != nil {
			t.Fatal(err)
		}
		if err := b.Add(2, p); err != nil {
			t.Fatal(err)
		}
		s := b.Build()
		if name = hostName(name); isRoot([]byte(name)) {
			return
		}
		want := oracle(p.String(), name)
		if got := p.Match([]byte(name)); got != want {
			t.Fatalf("%q matches %q: %v, want %v", text, name, got, want)
		}
		found := false
		for _, id := range find(s, name) {
			found = found || id == 2
		}
		if found != want {
			t.Fatalf("the set finds %q in %q: %v, want %v", text, name, found, want)
		}
	})
}

// hostName makes a name of any text: printable ASCII in lower case, at most as
// long as names are.
func hostName(s string) string {
	b := []byte(strings.ToLower(s))
	for i, c := range b {
		if c <= ' ' || c > '~' || 'A' <= c && c <= 'Z' {
			b[i] = "ab.1-"[c%5]
		}
	}
	return string(b[:min(len(b), 253)])
}

// FuzzAutomaton builds automata of the words of any text.
func FuzzAutomaton(f *testing.F) {
	f.Add("a ab b ba", "aabab")
	f.Add("\xfeads ads.\xff .", "\xfeads.ads.\xff")
	f.Fuzz(func(t *testing.T, words, in string) {
		texts := strings.Fields(words)
		slices.Sort(texts)
		texts = slices.Compact(texts)
		a := newAutomaton(texts)
		state := uint32(0)
		for i := range len(in) {
			state = a.step(state, in[i])
			for n := a.found[state]; n != 0; n = a.shorter[n-1] {
				if !strings.HasSuffix(in[:i+1], texts[n-1]) {
					t.Fatalf("%q is found at the end of %q", texts[n-1], in[:i+1])
				}
			}
		}
	})
}
