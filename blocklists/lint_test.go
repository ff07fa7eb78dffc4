package blocklists

import (
	"slices"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lists []string
		want  []string
	}{
		{"nothing", []string{"! comment\n||ads.example^\n||other.example^\n##.banner\n"}, nil},
		{"duplicate", []string{"||ads.example^\n||x.example^\n||ADS.example^\n"}, []string{"a.txt:3: duplicate: ||ads.example^ is at a.txt:1"}},
		{"duplicate in another list", []string{"||ads.example^\n", "0.0.0.0 ads.example\n*.ads.example\n"}, []string{
			"b.txt:1: subsumed: =ads.example: ||ads.example^ at a.txt:1 does the same",
			"b.txt:2: duplicate: ||ads.example^ is at a.txt:1"}},
		{"below a later one", []string{"|x.ads.example^\n||ads.example^\n"}, []string{"a.txt:1: subsumed: =x.ads.example: ||ads.example^ at a.txt:2 does the same"}},
		{"other kinds", []string{"||ads.example^\n@@||x.ads.example^\n||y.ads.example^$important\n||z.ads.example^$dnsrewrite=192.0.2.1\n"}, nil},
		{"a condition is covered, and covers nothing", []string{"||ads.example^\n||x.ads.example^$dnstype=A\n||y.example^$dnstype=A\n||z.y.example^\n"}, []string{
			"a.txt:2: subsumed: ||x.ads.example^$dnstype=A: ||ads.example^ at a.txt:1 does the same"}},
		{"important", []string{"||ads.example^$important\n||x.ads.example^$important\n"}, []string{
			"a.txt:2: subsumed: ||x.ads.example^$important: ||ads.example^$important at a.txt:1 does the same"}},
		{"cancelled", []string{"||ads.example^\n||ads.example^$badfilter\n||x.ads.example^$badfilter\n"}, nil},
		{"broken lines", []string{"||ads.example^$nonsense\n||com^\n/(/\n"}, []string{
			"a.txt:1: skipped: modifier is not supported: ||ads.example^$nonsense",
			"a.txt:2: skipped: too wide: blocks a top-level domain or everything: ||com^",
			"a.txt:3: skipped: not a regular expression: /(/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sources []Source
			for i, lines := range tt.lists {
				sources = append(sources, text(string(rune('a'+i)), lines))
			}
			var got []string
			if err := Lint(t.Context(), sources, func(f Finding) { got = append(got, f.String()) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
	if err := Lint(t.Context(), []Source{text("page", "<html>")}, func(Finding) {}); err == nil || !strings.Contains(err.Error(), "page") {
		t.Errorf("a web page: %v", err)
	}
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct{ name, old, new, blocked, unblocked string }{
		{"nothing", "||ads.example^\n", "*.ads.example\n", "", ""},
		{"more and less", "||ads.example^\n||gone.example^\n", "||new.example^\n||ads.example^\n", "1 ||new.example^", "2 ||gone.example^"},
		{"covered", "||ads.example^\n", "||ads.example^\n||x.ads.example^\n", "", ""},
		{"wider", "|ads.example^\n", "||ads.example^\n", "1 ||ads.example^", ""},
		{"narrower", "||ads.example^\n", "|ads.example^\n", "", "1 ||ads.example^"},
		{"an exception goes", "||ads.example^\n@@||ok.ads.example^\n", "||ads.example^\n", "1 ||ads.example^", ""},
		{"an exception comes", "||ads.example^\n", "||ads.example^\n@@||ok.ads.example^\n", "", "1 ||ads.example^"},
		{"several on a line", "", "0.0.0.0 b.example a.example\naddress=/d.example/c.example/\n", "1 =a.example, 1 =b.example, 2 ||c.example^, 2 ||d.example^", ""},
		{"by their text", "/^ads[0-9]+x\\./\n192.0.2.0/24\n||a.example^$dnstype=A\n", "/^ads[0-9]+y\\./\n192.0.2.0/24\n||a.example^$dnstype=AAAA\n",
			"1 /^ads[0-9]+y\\./, 3 ||a.example^$dnstype=AAAA", "1 /^ads[0-9]+x\\./, 3 ||a.example^$dnstype=A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Diff(t.Context(), as(Adblock, text("old", tt.old)), as(Adblock, text("new", tt.new)))
			if err != nil {
				t.Fatal(err)
			}
			if got := listed(d.Blocked); got != tt.blocked {
				t.Errorf("blocked %q, want %q", got, tt.blocked)
			}
			if got := listed(d.Unblocked); got != tt.unblocked {
				t.Errorf("unblocked %q, want %q", got, tt.unblocked)
			}
		})
	}
}

// listed is the lines and rules of a difference.
func listed(rules []Rule) string {
	var texts []string
	for _, r := range rules {
		texts = append(texts, string(rune('0'+r.Line))+" "+r.String())
	}
	return strings.Join(texts, ", ")
}
