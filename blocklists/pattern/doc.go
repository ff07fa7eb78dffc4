// Package pattern matches a host name against many regular expressions and
// wildcard patterns at once, at a price that hardly depends on their number.
//
// From every pattern it takes some fixed text that each of its matches must
// contain. One automaton looks for all these texts in a single pass over the
// name; only patterns whose text is there are tried on the name.
package pattern
