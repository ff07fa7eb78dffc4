package blocklists

import (
	"fmt"
	"slices"
	"strings"
)

// Lists is a choice among the lists of one Set. It is immutable. The zero value
// chooses none.
type Lists struct {
	words []uint64 // bit i%64 of words[i/64] stands for list i
}

// All returns the choice of every list.
func (s *Set) All() Lists {
	var l Lists
	for i := range s.lists {
		l.add(i)
	}
	return l
}

// Select returns the choice of the lists with the given names. A name that is
// no list of s is an error.
func (s *Set) Select(names []string) (Lists, error) {
	var l Lists
	for _, name := range names {
		i := slices.Index(s.lists, name)
		if i < 0 {
			if len(s.lists) == 0 {
				return Lists{}, fmt.Errorf("no list is called %q: there are no lists", name)
			}
			return Lists{}, fmt.Errorf("no list is called %q: the lists are %s", name, strings.Join(s.lists, ", "))
		}
		l.add(i)
	}
	return l, nil
}

func (l *Lists) add(i int) {
	for len(l.words) <= i/64 {
		l.words = append(l.words, 0)
	}
	l.words[i/64] |= 1 << (i % 64)
}

// Has reports whether the list with the given index is chosen.
func (l Lists) Has(list int) bool {
	return list/64 < len(l.words) && l.words[list/64]&(1<<(list%64)) != 0
}

// overlap reports whether a list is in both choices.
func (l Lists) overlap(other Lists) bool {
	for i := range min(len(l.words), len(other.words)) {
		if l.words[i]&other.words[i] != 0 {
			return true
		}
	}
	return false
}
