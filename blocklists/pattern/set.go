package pattern

import (
	"unsafe"
)

// Set finds which of many patterns match a name. It is immutable and safe for
// concurrent use. The zero value and nil are empty sets.
type Set struct {
	entries []entry // and one more for the ends of text and prog
	text    string  // the patterns as Pattern.String returns them, one behind the other
	prog    []instr // the programs of regular expressions, the same
	classes []class

	texts   automaton
	usersAt []uint32 // where the patterns for each text of the automaton begin in users, and the end
	users   []uint32 // indexes in entries
	loose   []uint32 // the patterns that are tried on every name
}

// entry is a pattern.
type entry struct {
	id, text, prog uint32
	min            uint16
	kind           kind
}

// Len returns the number of patterns.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return max(0, len(s.entries)-1)
}

// Loose returns how many of the patterns have no text that it would be worth
// looking for. They are tried on every name.
func (s *Set) Loose() int {
	if s == nil {
		return 0
	}
	return len(s.loose)
}

// Bytes returns the memory that the set occupies.
func (s *Set) Bytes() int64 {
	if s == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*s)) + s.texts.bytes() - 4*int64(len(s.texts.root))
	n += int64(cap(s.entries)) * int64(unsafe.Sizeof(entry{}))
	n += int64(cap(s.classes)) * int64(unsafe.Sizeof(class{}))
	n += 2*int64(cap(s.prog)) + int64(len(s.text))
	return n + 4*int64(cap(s.usersAt)+cap(s.users)+cap(s.loose))
}

// Find returns the patterns that match a name as Pattern.Match says. name is
// not kept. It allocates only for a name that matches more than
// four patterns or contains the texts of more than 48.
func (s *Set) Find(name []byte) Matches {
	m := Matches{set: s}
	if s.Len() == 0 || isRoot(name) {
		return m
	}
	for _, i := range s.loose {
		if s.match(i, name) {
			m.add(i)
		}
	}
	if len(s.users) == 0 {
		return m
	}
	var seen tried
	a := &s.texts
	state := a.step(0, beginMark[0])
	for i := 0; ; i++ {
		for t := a.found[state]; t != 0; t = a.shorter[t-1] {
			for _, u := range s.users[s.usersAt[t-1]:s.usersAt[t]] {
				if seen.add(u, len(s.entries)) && s.match(u, name) {
					m.add(u)
				}
			}
		}
		switch {
		case i < len(name):
			state = a.step(state, name[i])
		case i == len(name):
			state = a.step(state, endMark[0])
		default:
			return m
		}
	}
}

// match reports whether pattern i matches name.
func (s *Set) match(i uint32, name []byte) bool {
	e := &s.entries[i]
	if len(name) < int(e.min) {
		return false
	}
	if e.kind&isRegexp == 0 {
		return matchWildcard(wildcardBody(s.pattern(i), e.kind), e.kind, name)
	}
	return run(s.prog[e.prog:s.entries[i+1].prog], s.classes, e.kind&beginning != 0, name)
}

// pattern returns the text of pattern i.
func (s *Set) pattern(i uint32) string {
	return s.text[s.entries[i].text:s.entries[i+1].text]
}

// Matches is what Find found. It is a value for one goroutine to go through
// once; a copy starts where the original stands.
type Matches struct {
	set   *Set
	few   [4]uint32
	more  []uint32 // all but the first four
	count int
	next  int
}

func (m *Matches) add(i uint32) {
	if m.count < len(m.few) {
		m.few[m.count] = i
	} else {
		m.more = append(m.more, i)
	}
	m.count++
}

// Next returns the id of the next pattern and its text as Pattern.String returns
// it, which shares memory with the set. The order is none in particular. ok is
// false when there is none left.
func (m *Matches) Next() (id uint32, text string, ok bool) {
	if m.next >= m.count {
		return 0, "", false
	}
	i := m.next
	m.next++
	var at uint32
	if i < len(m.few) {
		at = m.few[i]
	} else {
		at = m.more[i-len(m.few)]
	}
	return m.set.entries[at].id, m.set.pattern(at), true
}

// tried is the set of patterns that were tried on a name. The zero value is
// empty.
type tried struct {
	table [64]uint32 // 1 + pattern by its low bits or behind, 0 is free
	count int
	more  []uint64 // a bit for every pattern, once the table is three quarters full
}

// add adds pattern i of n and reports whether it is new.
func (t *tried) add(i uint32, n int) bool {
	at := i % uint32(len(t.table))
	for t.table[at] != 0 {
		if t.table[at] == i+1 {
			return false
		}
		at = (at + 1) % uint32(len(t.table))
	}
	if t.count < len(t.table)/4*3 {
		t.count++
		t.table[at] = i + 1
		return true
	}
	if t.more == nil {
		t.more = make([]uint64, (n+63)/64)
	}
	word, bit := &t.more[i/64], uint64(1)<<(i%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}
