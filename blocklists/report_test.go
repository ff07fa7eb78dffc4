package blocklists

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tundns/dnswire"
)

func TestReport(t *testing.T) {
	body := strings.Join([]string{
		"! Title: a list",
		"||ads.example^",
		"",
		"||ADS.example^",
		"||ads.example^$important",
		"ads.example##.banner",
		"||ads.example^$third-party",
		"||com^",
		"\x1b[31m||red.example^",
		"last.example",
	}, "\r\n")
	set, reports := mustLoad(t, text("ads", body))
	r := reports[0]
	if r.List != "ads" || r.Path != "ads.txt" || r.Format != Adblock || r.Lines != 10 || r.Rules != 3 || r.Duplicates != 1 || r.Skipped != 4 {
		t.Errorf("report %+v", r)
	}
	if r.Bytes != int64(len(body)) {
		t.Errorf("%d bytes, want %d", r.Bytes, len(body))
	}
	want := map[string]int{string(whyCosmetic): 1, string(whyModifier): 1, string(whyWide): 1, string(whyControl): 1}
	if !maps.Equal(r.Reasons, want) {
		t.Errorf("reasons %v, want %v", r.Reasons, want)
	}
	problems := []Problem{
		{7, "||ads.example^$third-party", string(whyModifier)},
		{8, "||com^", string(whyWide)},
		{9, "\uFFFD[31m||red.example^", string(whyControl)},
	}
	if !slices.Equal(r.Problems, problems) {
		t.Errorf("problems %+v, want %+v", r.Problems, problems)
	}
	rule, _ := set.Match(&Query{Name: dnswire.MustName("last.example")}, set.All())
	if rule.Line != 10 || rule.List != "ads" {
		t.Errorf("last line: %+v", rule)
	}
}

func TestReportIsBounded(t *testing.T) {
	_, reports := mustLoad(t, text("bad", strings.Repeat("||no^$"+strings.Repeat("é", 100)+"\n", 500)))
	r := reports[0]
	if r.Skipped != 500 || len(r.Problems) != maxProblems {
		t.Errorf("%d skipped, %d problems", r.Skipped, len(r.Problems))
	}
	if s := r.Problems[0].Text; len(s) > printLimit || !utf8.ValidString(s) || !strings.HasSuffix(s, "…") {
		t.Errorf("problem text %q of %d bytes", s, len(s))
	}
}

func TestPrintable(t *testing.T) {
	long := strings.Repeat("a", printLimit)
	for in, want := range map[string]string{
		"plain":          "plain",
		"a\tb":           "a b",
		"a\x00b\xffc":    "a\uFFFDb\uFFFDc",
		long:             long,
		long + "b":       long[:printLimit-3] + "…",
		long[1:] + "é":   long[:printLimit-3] + "…",
		long[2:] + "é":   long[2:] + "é",
		"\u202egnp.exe ": "\uFFFDgnp.exe ",
	} {
		if got := printable([]byte(in)); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	s := adblock("a", "||ads.example^", "||ads.example^", "/ads[0-9]+\\./", "1.2.3.4", "||no.example^$third-party", "! comment")
	report, err := Count(t.Context(), s)
	_, loaded := mustLoad(t, s)
	want := loaded[0]
	want.Rules, want.Duplicates, want.Took = 4, 0, report.Took
	if err != nil || !reflect.DeepEqual(report, want) {
		t.Errorf("%+v %v, want %+v", report, err, want)
	}
	if _, err := Count(t.Context(), text("page", "<html>")); !errors.Is(err, ErrHTML) {
		t.Errorf("a page: %v", err)
	}
}
