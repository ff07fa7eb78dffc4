// Package spelling finds what somebody may have meant who wrote a name that does
// not exist.
package spelling

import "strings"

// maxText is in bytes: the cost grows with the square, and no name that somebody
// mistypes is longer.
const maxText = 100

// Nearest returns the name with the smallest edit distance to s, letter case aside, and ""
// when more than a third of s would have to change, or s is too long to be a name.
func Nearest(s string, names []string) string {
	if len(s) > maxText {
		return ""
	}
	best, limit := "", max(1, len(s)/3)
	for _, name := range names {
		if d := distance(strings.ToLower(s), strings.ToLower(name)); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// distance is the number of bytes to insert, remove, replace or exchange with their
// neighbour (once each) to make b out of a: optimal string alignment.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
