package spelling

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// slowDistance is optimal string alignment by its definition, for short texts.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	cost := 1
	if a[0] == b[0] {
		cost = 0
	}
	d := min(slowDistance(a[1:], b)+1, slowDistance(a, b[1:])+1, slowDistance(a[1:], b[1:])+cost)
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		d = min(d, slowDistance(a[2:], b[2:])+1)
	}
	return d
}

func TestDistance(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, rnd.IntN(6))
		for i := range b {
			b[i] = "abc"[rnd.IntN(3)]
		}
		return string(b)
	}
	for range 1000 {
		a, b := text(), text()
		if got, want := distance(a, b), slowDistance(a, b); got != want {
			t.Fatalf("distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	if got := Nearest(strings.Repeat("a", 1<<20), []string{"a"}); got != "" {
		t.Errorf("a megabyte is near to %q", got)
	}
	names := []string{"Address", "AllowedIPs", "MTU", "PreUp", "PostUp"}
	for s, want := range map[string]string{
		"adress": "Address", "ALLOWEDIP": "AllowedIPs", "PreUp": "PreUp", "PstUp": "PostUp", "MTUU": "MTU",
		"": "", "x": "", "Colour": "", "Up": "",
	} {
		if got := Nearest(s, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", s, got, want)
		}
	}
}
