package localnames

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

func TestCircles(t *testing.T) {
	var chain []string
	for i := range maxChain {
		chain = append(chain, fmt.Sprintf("c%d.x CNAME c%d.x", i, i+1))
	}
	for name, c := range map[string]struct {
		lines []string
		index int    // of the line that the error is about
		want  string // "" for none
	}{
		"itself":           {[]string{"y A 192.0.2.1", "a.x CNAME a.x"}, 1, ": a.x → a.x"},
		"two":              {[]string{"a.x CNAME b.x", "b.x CNAME a.x"}, 0, "a.x → b.x → a.x"},
		"behind a tail":    {[]string{"t.x CNAME a.x", "a.x CNAME b.x", "b.x CNAME a.x"}, 0, "a.x → b.x → a.x"},
		"own wildcard":     {[]string{"*.x CNAME b.x"}, 0, "*.x → b.x → *.x"},
		"through wildcard": {[]string{"*.x CNAME z.y", "z.y CNAME q.r.x"}, 0, "*.x → z.y → q.r.x → *.x"},
		"two wildcards":    {[]string{"*.x CNAME a.y", "*.y CNAME b.x"}, 0, "*.x → a.y → b.x → *.x"},
		"wildcard to apex": {[]string{"*.x CNAME x"}, 0, ""},
		"shielded":         {[]string{"*.x CNAME b.x", "b.x A 192.0.2.1"}, 0, ""},
		"shielded by ENT":  {[]string{"*.x CNAME q.b.x", "a.b.x A 192.0.2.1"}, 0, ""},
		"outside":          {[]string{"a.x CNAME example.com"}, 0, ""},
		"diamond":          {[]string{"a.x CNAME c.x", "b.x CNAME c.x", "c.x CNAME d.x", "d.x A 192.0.2.1"}, 0, ""},
		"longest":          {append(chain[:maxChain-1:maxChain-1], "c15.x A 192.0.2.1"), 0, ""},
		"too long":         {chain, 0, "more than 16 names: c0.x → c1.x → c2.x → c3.x → …"},
		"said twice":       {[]string{"a.x CNAME a.x", "a.x 30 CNAME a.x"}, 0, "a.x → a.x"},
	} {
		var b Builder
		for _, l := range c.lines {
			if err := b.Add(l); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		n, err := b.Build()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var le *LineError
		if n != nil || !errors.As(err, &le) || le.Index != c.index || le.Line != c.lines[c.index] || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q for line %d", name, err, c.want, c.index)
		}
	}
}

func TestAutomaticPTR(t *testing.T) {
	lines := []string{
		"nas.x A 192.168.1.5",
		"www.nas.x 60 A 192.168.1.5",
		"nas.x AAAA fd00::5",
		"nas.x 900 A 192.168.1.5", // again
		"*.x A 192.168.1.6",
		"own.x A 192.168.1.7",
		"7.1.168.192.in-addr.arpa PTR mine.x",
		"classless.x A 192.168.1.8",
		"8.1.168.192.in-addr.arpa CNAME 8.0-15.1.168.192.in-addr.arpa",
		"text.x A 192.168.1.9",
		"9.1.168.192.in-addr.arpa TXT t",
		"null.x A 0.0.0.0", "null.x AAAA ::", "lo.x A 127.0.0.1", "lo.x AAAA ::1", "lo1.x A 127.0.1.1",
		"*.2.168.192.in-addr.arpa PTR some.x",
		"a.x A 192.168.2.1",
		"b.x A 10.1.2.3",
	}
	n := build(t, lines...)
	for question, want := range map[string]string{
		"5.1.168.192.in-addr.arpa PTR": "answer: 5.1.168.192.in-addr.arpa. 60 PTR nas.x.; 5.1.168.192.in-addr.arpa. 60 PTR www.nas.x.",
		"5.1.168.192.in-addr.arpa A":   "NODATA",
		reverse6("fd00::5") + " PTR":   "answer: " + reverse6("fd00::5") + ". 300 PTR nas.x.",
		"6.1.168.192.in-addr.arpa PTR": "absent",
		"7.1.168.192.in-addr.arpa PTR": "answer: 7.1.168.192.in-addr.arpa. 300 PTR mine.x.",
		"8.1.168.192.in-addr.arpa PTR": "answer: 8.1.168.192.in-addr.arpa. 300 CNAME 8.0-15.1.168.192.in-addr.arpa. -> 8.0-15.1.168.192.in-addr.arpa.",
		"9.1.168.192.in-addr.arpa ANY": `answer: 9.1.168.192.in-addr.arpa. 300 PTR text.x.; 9.1.168.192.in-addr.arpa. 300 TXT "t"`,
		"0.0.0.0.in-addr.arpa PTR":     "absent",
		reverse6("::") + " PTR":        "absent",
		reverse6("::1") + " PTR":       "absent",
		"1.0.0.127.in-addr.arpa PTR":   "absent",
		"1.1.0.127.in-addr.arpa PTR":   "answer: 1.1.0.127.in-addr.arpa. 300 PTR lo1.x.",
		"1.2.168.192.in-addr.arpa PTR": "answer: 1.2.168.192.in-addr.arpa. 300 PTR a.x.",
		"2.2.168.192.in-addr.arpa PTR": "answer: 2.2.168.192.in-addr.arpa. 300 PTR some.x.",
		"2.1.10.in-addr.arpa PTR":      "empty",
	} {
		if got := ask(t, n.Lookup, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

// Names that are there for automatic PTR records only leave the names beside and
// below them to the user's wildcard.
func TestAutomaticPTRLeavesWildcards(t *testing.T) {
	n := build(t, "*.168.192.in-addr.arpa PTR some.x", "nas.x A 192.168.1.5")
	for question, want := range map[string]string{
		"5.1.168.192.in-addr.arpa PTR":   "answer: 5.1.168.192.in-addr.arpa. 300 PTR nas.x.",
		"6.1.168.192.in-addr.arpa PTR":   "answer: 6.1.168.192.in-addr.arpa. 300 PTR some.x.",
		"1.168.192.in-addr.arpa PTR":     "answer: 1.168.192.in-addr.arpa. 300 PTR some.x.",
		"x.5.1.168.192.in-addr.arpa PTR": "answer: x.5.1.168.192.in-addr.arpa. 300 PTR some.x.",
		"1.2.168.192.in-addr.arpa PTR":   "answer: 1.2.168.192.in-addr.arpa. 300 PTR some.x.",
	} {
		if got := ask(t, n.Lookup, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

func TestPTRsAreBounded(t *testing.T) {
	var lines []string
	for i := range 3 * maxPTR {
		lines = append(lines, fmt.Sprintf("h%d.x A 192.0.2.1", i))
	}
	r := build(t, lines...).Lookup(reverse(mustAddr("192.0.2.1")), dnswire.TypePTR)
	if len(r.Records) != maxPTR || string(r.Records[0].Data) != string(dnswire.MustName("h0.x")) {
		t.Errorf("%d records", len(r.Records))
	}
}

// A Builder goes on after Build, and what it built stays as it was.
func TestBuildTwice(t *testing.T) {
	var b Builder
	for _, l := range []string{"a.x A 192.0.2.1", "a.x A 192.0.2.2"} {
		if err := b.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	first, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []string{"a.x 5 A 192.0.2.1", "*.x A 192.0.2.3"} {
		if err := b.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	second, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		n              *Names
		question, want string
	}{
		{first, "a.x A", "answer: a.x. 300 A 192.0.2.1; a.x. 300 A 192.0.2.2"},
		{second, "a.x A", "answer: a.x. 5 A 192.0.2.1; a.x. 5 A 192.0.2.2"},
		{first, "b.x A", "absent"},
		{second, "b.x A", "answer: b.x. 300 A 192.0.2.3"},
	} {
		if got := ask(t, c.n.Lookup, c.question); got != c.want {
			t.Errorf("%s: %s, want %s", c.question, got, c.want)
		}
	}
	if first.Len() != 3 || second.Len() != 4 { // names and the PTRs of two addresses
		t.Errorf("%d and %d names", first.Len(), second.Len())
	}
}

// oracle says by RFC 4592 section 3.3.1, step by step over all owners, which
// owner answers for name, and whether name is there for the names below it.
func oracle(owners []dnswire.Name, name dnswire.Name) (owner dnswire.Name, empty bool) {
	exists := func(n dnswire.Name) bool {
		return slices.ContainsFunc(owners, func(o dnswire.Name) bool { return o.In(n) })
	}
	if slices.Contains(owners, name) {
		return name, false
	}
	if exists(name) {
		return "", true
	}
	encloser := name
	for encloser != dnswire.Root && !exists(encloser) {
		encloser, _ = encloser.Parent()
	}
	if source := "\x01*" + encloser; slices.Contains(owners, source) {
		return source, false
	}
	return "", false
}

func TestWildcardOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(4592, 1))
	labels := []string{"a", "b", "ab", "*"}
	randomName := func(star bool) string {
		parts := []string{labels[r.IntN(len(labels)-1)]}
		for range r.IntN(4) {
			parts = append([]string{labels[r.IntN(len(labels)-1)]}, parts...)
		}
		if star {
			parts = append([]string{"*"}, parts...)
		}
		return strings.Join(parts, ".")
	}
	seen := make(map[string]int)
	for round := range 2000 {
		var lines []string
		data := make(map[dnswire.Name]string)
		for i := range 1 + r.IntN(6) {
			name := randomName(r.IntN(2) == 0)
			if _, dup := data[dnswire.MustName(name)]; dup {
				continue
			}
			// Text has no reverse name, so that the names are only these.
			data[dnswire.MustName(name)] = fmt.Sprintf("%q", fmt.Sprint("t", i))
			lines = append(lines, fmt.Sprintf("%s TXT t%d", name, i))
		}
		n := build(t, lines...)
		owners := slices.Collect(maps.Keys(data))
		for range 20 {
			name := dnswire.MustName(randomName(r.IntN(8) == 0))
			owner, empty := oracle(owners, name)
			want, kind := "absent", "absent"
			switch {
			case empty:
				want, kind = "empty", "empty"
			case owner != "":
				want = fmt.Sprintf("answer: %s 300 TXT %s", name, data[owner])
				kind = map[bool]string{true: "exact", false: "wildcard"}[owner == name]
			}
			seen[kind]++
			if got := show(t, n.Lookup(name, dnswire.TypeTXT)); got != want {
				t.Fatalf("round %d, %q: %s is %s, want %s", round, lines, name, got, want)
			}
		}
	}
	for _, kind := range []string{"absent", "empty", "exact", "wildcard"} {
		if seen[kind] < 1000 {
			t.Errorf("%d lookups were %s: the zones do not test much", seen[kind], kind)
		}
	}
}
