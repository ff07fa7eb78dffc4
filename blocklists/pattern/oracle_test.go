package pattern

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oracle says the plain way whether a pattern as block lists write it matches:
// an expression by package regexp, a wildcard by trying all that '*' can be.
func oracle(pattern, name string) bool {
	if expr, ok := strings.CutPrefix(pattern, "/"); ok {
		return regexp.MustCompile("(?i)" + strings.TrimSuffix(expr, "/")).MatchString(name)
	}
	text, end := strings.CutSuffix(pattern, "^")
	text, labels := strings.CutPrefix(text, "||")
	text, begin := strings.CutPrefix(text, "|")
	for i := range len(name) + 1 {
		if begin && i > 0 || labels && i > 0 && name[i-1] != '.' {
			continue
		}
		if oracleGlob(text, name[i:], end) {
			return true
		}
	}
	return false
}

func oracleGlob(text, name string, end bool) bool {
	switch {
	case text == "":
		return !end || name == ""
	case text[0] == '*':
		for i := range len(name) + 1 {
			if oracleGlob(text[1:], name[i:], end) {
				return true
			}
		}
		return false
	}
	return name != "" && name[0] == text[0] && oracleGlob(text[1:], name[1:], end)
}

// Few characters, so that random patterns match random names.
const letters = "ab1-."

func randomName(r *rand.Rand) string {
	b := make([]byte, 1+r.IntN(12))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	if string(b) == "." {
		return "a" // the root is no name to match
	}
	return string(b)
}

func randomWildcard(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString([]string{"", "|", "||"}[r.IntN(3)])
	for range r.IntN(7) {
		b.WriteByte((letters + "*")[r.IntN(len(letters)+1)])
	}
	b.WriteString([]string{"", "^"}[r.IntN(2)])
	return b.String()
}

// randomRegexp writes an expression of all that the syntax has.
func randomRegexp(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(4) == 0 {
		atoms := []string{
			"a", "b", "1", "-", `\.`, "ab", "b.a", `a\.b`, "aab1", ".", "[ab]", "[^a]", "[a-z]", "[0-9]", `\d`, `\w`, `[[:alpha:]]`,
			"^", "$", `\b`, `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)", "", "(?-i:A)", "B", "\u212a", "[^ü]", "(?s:.)", "[^\\x00-\\x{10FFFF}]",
		}
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return randomRegexp(r, depth-1) }
	switch r.IntN(6) {
	case 0:
		return "(" + sub() + "|" + sub() + ")"
	case 1:
		return "(?:" + sub() + "|" + sub() + "|" + sub() + ")"
	case 2:
		return "(" + sub() + ")" + []string{"*", "+", "?", "{2}", "{0,3}", "{2,}", "*?", "{0}"}[r.IntN(8)]
	}
	return sub() + sub()
}

// check compares a set of patterns, and each of them, with the oracle. Patterns
// are slow to compile for the oracle, so there are several names.
func check(t *testing.T, s *Set, patterns []string, names []string) (matches int) {
	t.Helper()
	for _, name := range names {
		var want []uint32
		for i, p := range patterns {
			if oracle(p, name) {
				want = append(want, uint32(i))
			}
		}
		if got := find(s, name); !slices.Equal(got, want) {
			t.Fatalf("%q matches %v of %q, want %v", name, got, patterns, want)
		}
		matches += len(want)
	}
	return matches
}

func TestSetAgreesWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	matches, all := 0, 0
	for range 2000 {
		patterns := make([]string, r.IntN(12))
		for i := range patterns {
			patterns[i] = randomWildcard(r)
			if r.IntN(2) == 0 {
				patterns[i] = "/" + randomRegexp(r, 3) + "/"
			}
		}
		names := make([]string, 10)
		for i := range names {
			names[i] = randomName(r)
		}
		matches += check(t, build(t, patterns...), patterns, names)
		all += len(patterns) * len(names)
	}
	if matches < all/10 || matches > all*9/10 {
		t.Errorf("%d of %d match: too many or few to tell right from wrong", matches, all)
	}
}

// Large sets, where texts share their beginnings and many patterns each text.
func TestLargeSetAgreesWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 5))
	shapes := []string{
		"||ab%d*.a1^", "|b%d-*", "%da*b^", "ab-%d", "||%d.a1.b", `/^ab%d[ab]?\./`, `/(^|\.)(ab|b1)%d+-?a\.(a1|bb)$/`, `/b%d.*a{2}/`, `/%d{2}|ab%d/`,
	}
	patterns := make([]string, 400)
	for i := range patterns {
		patterns[i] = strings.ReplaceAll(shapes[r.IntN(len(shapes))], "%d", fmt.Sprint(r.IntN(40)))
	}
	names := make([]string, 100)
	for i := range names {
		names[i] = randomName(r)
		if r.IntN(2) == 0 {
			names[i] = fmt.Sprintf("ab%d%s.a1", r.IntN(40), randomName(r))
		}
	}
	s := build(t, patterns...)
	if s.Loose() > 0 {
		t.Errorf("%d patterns have no text", s.Loose())
	}
	if check(t, s, patterns, names) == 0 {
		t.Error("nothing matches")
	}
}

// Names that match more patterns, or have the texts of more, than a lookup has
// places for.
func TestManyMatches(t *testing.T) {
	var patterns []string
	for i := range 300 {
		patterns = append(patterns, []string{"||ads%d", "ads%d*.example^", `/ads%d\./`}[i%3])
		patterns[i] = strings.ReplaceAll(patterns[i], "%d", strings.Repeat("1", i/3%5))
	}
	s := build(t, patterns...)
	for _, name := range []string{"ads.example", "ads1111.example", "x.ads1111.example.net", "ads1x111.example.ads1111.ads1111"} {
		if check(t, s, patterns, []string{name}) < 60 {
			t.Errorf("%s matches few patterns", name)
		}
	}
}

func TestAutomatonAgreesWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 6))
	for range 3000 {
		var texts []string
		for range r.IntN(20) {
			texts = append(texts, randomName(r)[:1])
			if r.IntN(3) > 0 {
				texts[len(texts)-1] += randomName(r)
			}
		}
		slices.Sort(texts)
		texts = slices.Compact(texts)
		a := newAutomaton(texts)
		in := randomName(r) + randomName(r)
		state := uint32(0)
		for i := range len(in) {
			state = a.step(state, in[i])
			var got, want []string
			for n := a.found[state]; n != 0; n = a.shorter[n-1] {
				got = append(got, texts[n-1])
			}
			for j := range i + 1 { // the longest first
				if _, ok := slices.BinarySearch(texts, in[j:i+1]); ok {
					want = append(want, in[j:i+1])
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%q of %q end at %d of %q, want %q", got, texts, i, in, want)
			}
		}
	}
}
