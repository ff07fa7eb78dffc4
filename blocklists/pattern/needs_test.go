package pattern

import (
	"slices"
	"strings"
	"testing"
)

// needed returns the best set of a pattern, with < and > for the marks.
func needed(p *Pattern) string {
	if len(p.needs) == 0 {
		return ""
	}
	set := slices.Sorted(slices.Values(p.needs[0]))
	return strings.NewReplacer(beginMark, "<", endMark, ">").Replace(strings.Join(set, " "))
}

func TestNeeds(t *testing.T) {
	for pattern, want := range map[string]string{
		`/^ad[sx]?[0-9]*\./`: "<ad",
		`/(^|\.)track(er|ing)?[0-9]+\.example[0-9]+\.com$/`: ".example",
		`/banner.*\.(net|org)$/`:                            "banner",
		`/^[a-z0-9]+\.(xyz|top)$/`:                          ".top> .xyz>",
		`/x[0-9]{2}y/`:                                      "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9",
		`/(banner|popup)s?[0-9]/`:                           "banner popup",
		`/(ads|bads|adserver)/`:                             "ads",
		`/ad(s)+x/`:                                         "ad",
		`/(ads\.)+/`:                                        "ads.",
		`/(ads)*/`:                                          "",
		`/(ads|.*)x*/`:                                      "",
		`/ads|.*/`:                                          "",
		`/[^.]+/`:                                           "",
		`/^^ads$$/`:                                         "<ads>",
		`/ads\b/`:                                           "ads",
		"/ad\u017f/":                                        "ads",
		"||ads.example^":                                    ".ads.example> <ads.example>",
		"||ad*.tracker.example^":                            "tracker.example>",
		"|ads*":                                             "<ads",
		"*ads*banner*":                                      "banner",
		"*":                                                 "",
		"||*":                                               "",
		"ads^":                                              "ads>",
	} {
		if got := needed(mustParse(t, pattern)); got != want {
			t.Errorf("%s needs %q, want %q", pattern, got, want)
		}
	}
}

// Long texts are cut at either end, and what a text is cut to is still needed.
func TestNeedsAreShort(t *testing.T) {
	long := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 3)
	for _, pattern := range []string{long, "|" + long + "^", "||" + long, "/^" + long + "$/", "/(" + long + "|x" + long + ")y/"} {
		p := mustParse(t, pattern)
		if len(p.needs) < 2 {
			t.Errorf("%.10s: %d sets", pattern, len(p.needs))
		}
		for _, set := range p.needs {
			if n := longest(set); n > maxNeed || n < maxNeed/2 {
				t.Errorf("%.10s: a text of %d bytes", pattern, n)
			}
		}
	}
}

// What no pattern shares is better to look for than what all have.
func TestBestIsWhatFewShare(t *testing.T) {
	s := build(t, "||cdn-provider1.example*.tracker-one.test^", "||cdn-provider1.example*.tracker-two.test^",
		"||cdn-provider1.example*.tracker-three.test^", "||cdn-provider1.example*.tracker-four.test^")
	for i := range len(s.usersAt) - 1 {
		if n := s.usersAt[i+1] - s.usersAt[i]; n > 1 {
			t.Errorf("%d patterns share a text", n)
		}
	}
}

func TestLooseAreBounded(t *testing.T) {
	var b Builder
	loose, fixed := mustRegexp(t, "^[a-z]+[0-9]*[a-z]+$"), mustRegexp(t, "track")
	n := 0
	for b.Add(1, loose) == nil {
		if n++; n > maxLoose {
			t.Fatal("they are not")
		}
	}
	if n < maxLoose/50 {
		t.Errorf("only %d fit", n)
	}
	if err := b.Add(2, loose); err != ErrLoose {
		t.Errorf("%v, want %v", err, ErrLoose)
	}
	if err := b.Add(3, fixed); err != nil {
		t.Error(err)
	}
	s := b.Build()
	if s.Len() != n+1 || s.Loose() != n {
		t.Errorf("%d patterns, %d loose", s.Len(), s.Loose())
	}
	if got := len(find(s, "track")); got != n+1 {
		t.Errorf("%d match", got)
	}
}

// classText returns the inside of a class, a different one for every number.
func classText(i int) string {
	text := "a_"
	for bit := range 16 {
		if i>>bit&1 != 0 {
			text += string(rune('b' + bit))
		}
	}
	return text
}

// Classes are the same in all patterns, and there are only so many.
func TestClassesAreBounded(t *testing.T) {
	var b Builder
	full := 0
	for i := range maxClasses + 100 {
		expr := "track[" + classText(i) + "]"
		if err := b.Add(uint32(i), mustRegexp(t, expr)); err == ErrFull {
			full++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if full == 0 || len(b.classes) > maxClasses {
		t.Errorf("%d refused, %d classes", full, len(b.classes))
	}
	if err := b.Add(0, mustRegexp(t, "track[0-9]*x")); err != ErrFull {
		t.Errorf("another class: %v, want %v", err, ErrFull)
	}
	if err := b.Add(1<<30, mustRegexp(t, "trick["+classText(5)+"]")); err != nil {
		t.Errorf("a class that is there is refused: %v", err)
	}
	s := b.Build()
	if got := find(s, "tricka"); !slices.Equal(got, []uint32{1 << 30}) {
		t.Errorf("%v match", got)
	}
}
