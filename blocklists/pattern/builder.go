package pattern

import (
	"math"
	"slices"
	"strings"
)

const (
	// maxLoose bounds the programs of all patterns without usable text, in
	// instructions, which are also the most steps that they take for every character
	// of every name: 50 µs of them. Some 500 patterns of the usual kind fit.
	maxLoose = 10_000

	// maxLen bounds patterns, and maxSize the bytes of all texts and the states of
	// the automaton: they are counted in 32 bits, and int has no more on small
	// machines.
	maxLen  = 1 << 24
	maxSize = math.MaxInt32
)

// Builder collects patterns for a Set. The zero value is ready to use. It is not
// safe for concurrent use.
type Builder struct {
	patterns []*Pattern
	ids      []uint32
	classes  []class
	classAt  map[class]int
	loose    int   // of maxLoose
	size     int64 // bounds the texts, and the states they can come to
}

// Add adds a pattern with an id of the caller's; several may have the same. The
// pattern is kept until Build. Whether it is too wide is the caller's business,
// see Pattern.TooWide. The error, ErrLoose or ErrFull, leaves the builder as it
// was.
func (b *Builder) Add(id uint32, p *Pattern) error {
	size := int64(len(p.text))
	for _, set := range p.needs {
		for _, s := range set {
			size += int64(len(s))
		}
	}
	loose := 0
	if p.loose() {
		// A wildcard pattern is tried in about as many steps as it has characters.
		loose = max(len(p.prog), len(p.text))
	}
	switch {
	case b.loose+loose > maxLoose:
		return ErrLoose
	case len(b.patterns) >= maxLen || b.size+size > maxSize || !b.intern(p.classes):
		return ErrFull
	}
	b.loose += loose
	b.patterns = append(b.patterns, p)
	b.ids = append(b.ids, id)
	b.size += size
	return nil
}

// loose reports whether there is no text that is worth looking for.
func (p *Pattern) loose() bool { return len(p.needs) == 0 }

// intern makes room for the classes of a pattern among those of the others. It
// reports whether there is.
func (b *Builder) intern(classes []class) bool {
	if len(b.classes)+len(classes) > maxClasses {
		classes = slices.DeleteFunc(slices.Clone(classes), func(c class) bool {
			_, ok := b.classAt[c]
			return ok
		})
		if len(b.classes)+len(classes) > maxClasses {
			return false
		}
	}
	for _, c := range classes {
		if _, ok := b.classAt[c]; ok {
			continue
		}
		if b.classAt == nil {
			b.classAt = make(map[class]int)
		}
		b.classAt[c] = len(b.classes)
		b.classes = append(b.classes, c)
	}
	return true
}

// Build returns the set of what was added. The builder is empty afterwards.
func (b *Builder) Build() *Set {
	s := &Set{classes: slices.Clip(b.classes), entries: make([]entry, 0, len(b.patterns)+1)}
	var text strings.Builder
	for i, p := range b.patterns {
		s.entries = append(s.entries, entry{
			id:   b.ids[i],
			text: uint32(text.Len()),
			prog: uint32(len(s.prog)),
			min:  uint16(p.min),
			kind: p.kind,
		})
		text.WriteString(p.text)
		s.prog = b.appendProg(s.prog, p)
	}
	s.entries = append(s.entries, entry{text: uint32(text.Len()), prog: uint32(len(s.prog))})
	s.text = strings.Clone(text.String())
	s.prog = slices.Clip(s.prog)
	b.index(s)
	*b = Builder{}
	return s
}

// appendProg appends the program of p with its classes numbered as the builder
// does it.
func (b *Builder) appendProg(dst []instr, p *Pattern) []instr {
	for _, in := range p.prog {
		if in.op() == opClass {
			in = newInstr(opClass, b.classAt[p.classes[in.arg()]])
		}
		dst = append(dst, in)
	}
	return dst
}

// index chooses what to look for and makes the automaton for it.
func (b *Builder) index(s *Set) {
	count := make(map[string]int) // the patterns that each text could stand for
	for _, p := range b.patterns {
		for _, set := range p.needs {
			for _, text := range set {
				count[text]++
			}
		}
	}
	type use struct {
		text    string
		pattern uint32
	}
	var uses []use
	for i, p := range b.patterns {
		if p.loose() {
			s.loose = append(s.loose, uint32(i))
			continue
		}
		for _, text := range best(p.needs, count) {
			uses = append(uses, use{text, uint32(i)})
		}
	}
	s.loose = slices.Clip(s.loose)
	slices.SortStableFunc(uses, func(a, b use) int { return strings.Compare(a.text, b.text) })
	var texts []string
	s.users = make([]uint32, len(uses))
	for i, u := range uses {
		if i == 0 || u.text != uses[i-1].text {
			texts = append(texts, u.text)
			s.usersAt = append(s.usersAt, uint32(i))
		}
		s.users[i] = u.pattern
	}
	s.usersAt = slices.Clip(append(s.usersAt, uint32(len(uses))))
	s.texts = newAutomaton(texts)
}

// best returns the set of texts that it is best to look for.
func best(sets [][]string, count map[string]int) []string {
	return slices.MaxFunc(sets, func(a, b []string) int {
		switch x, y := worth(a, count), worth(b, count); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
