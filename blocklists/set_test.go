package blocklists

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

func TestSetPrecedence(t *testing.T) {
	set, _ := mustLoad(t,
		as(Adblock, text("first", "||ads.example^\n||www.ads.example^\n@@||good.ads.example^\n||must.good.ads.example^$important\n@@||may.must.good.ads.example^$important\n")),
		as(Adblock, text("second", "||ads.example^\n@@||ads.example^\n||other.example^$important\n||ads.example^$important\n")),
		as(Adblock, text("third", "=only.example\n||only.example^\n||only.example^\n")),
	)
	pick := func(names ...string) Lists {
		l, err := set.Select(names)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, test := range []struct {
		name  string
		lists Lists
		want  string // list:line of the winner
	}{
		{"ads.example", pick("first"), "first:1"},
		{"x.ads.example", pick("first"), "first:1"},
		{"www.ads.example", pick("first"), "first:2"},       // the longer name
		{"x.good.ads.example", pick("first"), "first:3"},    // allow over block
		{"must.good.ads.example", pick("first"), "first:4"}, // important over allow
		{"x.may.must.good.ads.example", pick("first"), "first:5"},
		{"ads.example", pick("second"), "second:4"}, // important over allow of the same name
		{"x.www.ads.example", pick("first", "second"), "second:4"},
		{"good.ads.example", pick("first", "second"), "second:4"},
		{"only.example", pick("third"), "third:1"}, // the earlier line
		{"x.only.example", pick("third"), "third:2"},
		{"ads.example", pick("third"), ""},
		{"ads.example", Lists{}, ""},
		{"example", set.All(), ""},
		{".", set.All(), ""},
		{"notads.example", set.All(), ""},
		{"ads.example.com", set.All(), ""},
	} {
		rule, ok := set.Match(&Query{Name: dnswire.MustName(test.name)}, test.lists)
		got := ""
		if ok {
			got = fmt.Sprintf("%s:%d", rule.List, rule.Line)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestRuleOver(t *testing.T) {
	set, _ := mustLoad(t,
		as(Adblock, text("a", "||x.example^\n||y.x.example^\n=y.x.example\n@@||x.example^\n||x.example^$important\n@@||x.example^$important\n")),
		as(Adblock, text("b", "||y.x.example^\n")))
	rules := set.MatchAll(&Query{Name: dnswire.MustName("y.x.example")}, set.All())
	var got []string
	for i := range rules[1:] {
		if c := rules[i].Compare(rules[i+1]); c >= 0 {
			t.Errorf("%v does not beat %v: %d", rules[i], rules[i+1], c)
		}
		got = append(got, rules[i].Over(rules[i+1]))
	}
	want := []string{
		"an allow rule with $important beats every other rule",
		"a rule with $important beats rules without",
		"an allow rule beats a block rule",
		"the line that comes first wins",
		"the list that comes first wins",
		"the rule for the longer name wins",
	}
	if !slices.Equal(got, want) {
		t.Errorf("reasons %q\nwant    %q", got, want)
	}
}

func TestSetZero(t *testing.T) {
	var s Set
	if rule, ok := s.Match(&Query{Name: dnswire.MustName("ads.example")}, s.All()); ok {
		t.Errorf("the empty set has %v", rule)
	}
	if s.MatchAll(&Query{Name: dnswire.MustName("ads.example")}, Lists{}) != nil || s.Names() != 0 || s.Bytes() != 0 || len(s.Lists()) != 0 {
		t.Error("the empty set is not empty")
	}
	if _, err := s.Select([]string{"ads"}); err == nil {
		t.Error("the empty set has a list called ads")
	}
}

func TestListsBeyondOneWord(t *testing.T) {
	var sources []Source
	for i := range 130 {
		sources = append(sources, text(fmt.Sprint("l", i), "ads.example\n"))
	}
	set, _ := mustLoad(t, sources...)
	for _, i := range []int{0, 7, 8, 63, 64, 127, 128, 129} {
		lists, err := set.Select([]string{fmt.Sprint("l", i)})
		if err != nil {
			t.Fatal(err)
		}
		rules := set.MatchAll(&Query{Name: dnswire.MustName("ads.example")}, lists)
		if len(rules) != 1 || rules[0].List != fmt.Sprint("l", i) {
			t.Errorf("list %d alone: %v", i, rules)
		}
	}
	if n := len(set.MatchAll(&Query{Name: dnswire.MustName("ads.example")}, set.All())); n != 130 {
		t.Errorf("all lists: %d rules", n)
	}
	if _, err := set.Select([]string{"l1", "nope"}); err == nil || !strings.Contains(err.Error(), `"nope"`) || !strings.Contains(err.Error(), "l129") {
		t.Errorf("Select of an unknown list: %v", err)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	set, _ := mustLoad(t, text("a", "ads.example\n@@||good.ads.example^\n"), text("b", "||ads.example^\n"))
	all := set.All()
	for _, text := range []string{"ads.example", "x.y.z.ads.example", "x.good.ads.example", "www.nothing.of.ours.test"} {
		name := dnswire.MustName(text)
		if n := testing.AllocsPerRun(100, func() { set.Match(&Query{Name: name}, all) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// The longest names that fit, with the most labels: the walk's bounds.
func TestMatchLongNames(t *testing.T) {
	deep := strings.Repeat("a.", 126) + "b"
	set, _ := mustLoad(t, text("a", deep+"\n*.a.b\n"))
	for _, test := range []struct {
		name string
		want int
	}{{deep, 2}, {deep[2:], 1}, {"b", 0}} {
		if got := set.MatchAll(&Query{Name: dnswire.MustName(test.name)}, set.All()); len(got) != test.want {
			t.Errorf("%d labels: %d rules, want %d", strings.Count(test.name, ".")+1, len(got), test.want)
		}
	}
}
