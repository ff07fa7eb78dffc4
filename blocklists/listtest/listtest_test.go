package listtest

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	const n = 50_000
	names := Names(n)
	for _, made := range [][]string{names, Mix(names[:1000], n)} {
		length, seen := 0, make(map[string]bool)
		for _, name := range made {
			if seen[name] || !isHost(name) {
				t.Fatalf("%q is not a name or not the only one", name)
			}
			seen[name] = true
			length += len(name)
		}
		if mean := float64(length) / n; len(made) != n || mean < 15 || mean > 25 {
			t.Errorf("%d names of %.1f characters on average", len(made), mean)
		}
	}
	if !slices.Equal(names, Names(n)) {
		t.Error("the names differ from call to call")
	}
}

func TestFromLine(t *testing.T) {
	for line, want := range map[string]string{
		"0.0.0.0 ads.example":                    "ads.example",
		"||Ads.example^$important":               "ads.example",
		"@@||ads.example^":                       "ads.example",
		"*.ads.example":                          "ads.example",
		"ads.example # why":                      "ads.example",
		"address=/ads.example/#":                 "ads.example",
		`local-zone: "ads.example." always_null`: "ads.example",
		"# ads.example":                          "",
		"! ads.example":                          "",
		"":                                       "",
		"||ads-*.example^":                       "",
		"a..example":                             "",
	} {
		if got, ok := FromLine(line); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestRealNames(t *testing.T) {
	names := Real(t)
	if mixed := Many(t, len(names)+1000); !slices.Equal(mixed[:len(names)], names) || len(mixed) != len(names)+1000 {
		t.Errorf("%d names, the %d real ones are not the first", len(mixed), len(names))
	}
}
