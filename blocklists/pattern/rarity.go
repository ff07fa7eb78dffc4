package pattern

import (
	"math"
	"strings"
)

// maxNeed is how long a text may be that the automaton looks for. Sixteen
// characters are rarer than anything else in a name already.
const maxNeed = 16

const (
	// usable is the rarity below which looking for a set of texts is of no use: most
	// names have one of them.
	usable = 3

	// enough is a rarity beyond which texts are as good as each other: a name in a
	// thousand million.
	enough = 30
)

// common are texts that most names, or many of those that are asked for, have.
var common = []string{
	beginMark + "www.", ".com" + endMark, ".net" + endMark, ".org" + endMark, ".de" + endMark,
	".co.uk" + endMark, ".io" + endMark, "google", "cloud", "apple", "amazonaws", "microsoft",
}

// information is what a character tells, in bits: the negative logarithm to base
// 2 of its share in host names. The marks stand for one place of some twenty.
var information = func() (t [256]float64) {
	for i := range t {
		t[i] = 9
	}
	for _, group := range []struct {
		chars string
		bits  float64
	}{
		{".", 3.2},
		{"aeo", 3.8},
		{"cinrst", 4.2},
		{"dlmpu", 4.8},
		{"bfghkvwy", 5.6},
		{"-0123456789jqxz", 6.5},
		{beginMark + endMark, 4.3},
	} {
		for i := range len(group.chars) {
			t[group.chars[i]] = group.bits
		}
	}
	return t
}()

// worth says what it is good for to look for a set of texts, when count says how
// many patterns could be looked for by each text. What patterns share is likely
// to be in the names that are asked for, and it takes memory to look for long
// texts.
func worth(set []string, count map[string]int) float64 {
	shared, bytes := 1, 0
	for _, s := range set {
		shared = max(shared, count[s])
		bytes += len(s)
	}
	return min(rarity(set), enough) - math.Log2(float64(shared)) - float64(bytes)/64
}

// rarity says how seldom a name has a text of the set, in bits: one more is half
// as often.
func rarity(set []string) float64 {
	least := math.Inf(1)
	for _, s := range set {
		least = min(least, rarityOf(s))
	}
	return least - math.Log2(float64(len(set)))
}

func rarityOf(s string) (sum float64) {
	for _, c := range common {
		if strings.Contains(c, s) {
			return 1
		}
	}
	for i := range len(s) {
		sum += information[s[i]]
	}
	return sum
}
