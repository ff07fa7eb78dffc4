package pattern

import (
	"slices"
	"strings"
)

const (
	// minChars is the least text that tells one name from others: ad blockers refuse
	// shorter patterns, too.
	minChars = 3

	// maxProbes is how many of the probes below one top-level domain a pattern may
	// match. One or two can be the very name that it is for.
	maxProbes = 2

	// maxDomain is the length of the longest top-level domain,
	// xn--vermgensberatung-pwb.
	maxDomain = 24
)

// probes are names, but for the top-level domain, that no list has a reason to
// block.
var probes = []string{
	"kx.", "river.", "orchard.", "lemon-garden.", "www.kx.", "www.river.", "www.orchard.",
	"www.lemon-garden.", "mail.orchard.", "v2.static.lemongarden7.",
}

// TooWide reports whether the pattern matches so much that it must be a mistake:
//
//   - a match can have fewer than three characters, where a wildcard's dots do not
//     count, or
//   - it matches three or more of ten names that stand for all others: kx, river,
//     orchard, lemon-garden, the same with www in front, mail.orchard and
//     v2.static.lemongarden7. That is below com, net, org or de, or below a word
//     that the pattern wants to be at the end of the name.
//
// So /com$/, /./, /^www\./, ||*.zip^ and ||a*^ are too wide.
func (p *Pattern) TooWide() bool {
	chars := p.min
	if p.kind&isRegexp == 0 {
		chars -= strings.Count(p.text, ".")
	}
	if chars < minChars {
		return true
	}
	for _, domain := range []string{"com", "net", "org", "de"} {
		if p.probe(domain, "") > maxProbes {
			return true
		}
	}
	for _, domain := range words(p.text) {
		// /ads/ matches all names below ads, but not because they are.
		if p.probe(domain, "") > maxProbes && p.probe(domain, ".test") == 0 {
			return true
		}
	}
	return false
}

// probe returns how many probes match below a domain, with more text behind it.
func (p *Pattern) probe(domain, more string) (count int) {
	var buf [maxText + 64]byte
	for _, probe := range probes {
		marked := append(append(buf[:0], beginMark...), probe...)
		marked = append(append(append(marked, domain...), more...), endMark...)
		if p.mayMatch(marked) && p.Match(marked[1:len(marked)-1]) {
			count++
		}
	}
	return count
}

// mayMatch reports whether a name between its marks has what the pattern needs.
func (p *Pattern) mayMatch(marked []byte) bool {
	return len(p.needs) == 0 || slices.ContainsFunc(p.needs[0], func(s string) bool {
		return index(marked, s) >= 0
	})
}

// words returns the different runs of letters, digits and hyphens in a pattern
// that may be top-level domains.
func words(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return len(s) < 2 || len(s) > maxDomain })
}
