package nametable

import (
	"errors"
	"fmt"
)

// Rule says what a name is for. What the numbers mean is the caller's business:
// Kind is meant to be small and to have few values, Line the place in a list.
type Rule struct {
	Kind, Line uint32
}

// Builder collects rules and makes a Table of them. The zero value is ready for
// use. It is not safe for concurrent use.
//
// While it collects it holds some 12 bytes for a rule with a name of usual
// length, in pages that Build uses again for the table, part by part: with a
// million rules the two never take much more than the rules alone.
type Builder struct {
	// Pause is called by Build after each 100 microseconds of work or so, for who has
	// more urgent things to do meanwhile. Nil is no pause.
	Pause func()

	model *model
	keys  keys
	// parts holds records in the order of Add, by the top bits of the place: one
	// part for all up to splitAt rules, then partCount of them.
	parts  []part
	marks  marks
	free   [][]byte // pages for use
	rules  int
	depths uint64     // see Table
	kinds  []kindStat // stays for Duplicates when the builder is empty
	name   longRoom   // for the name being added
	key    []byte     // its key
}

// kindStat is what the builder knows of a kind.
type kindStat struct {
	rules, duplicates int
	line              uint32 // the last one
}

const (
	partBits  = 6 // this many top bits of the place tell the part
	partCount = 1 << partBits

	// splitAt keeps small tables small: so many records fill 100 pages, and the last
	// page of every part is half empty on average.
	splitAt = 1 << 17
)

// ErrName says that a table cannot hold a name: it is not in wire form, or the
// root, or not of lower-case letters, digits, hyphens and underscores.
var ErrName = errors.New("name has bytes other than a-z, 0-9, hyphen and underscore, or is no name")

// Add adds a rule for name, which is in wire form with the root's byte at its
// end, and not kept. The error is ErrName, or says that the kind is too large.
// The rules of one name are found in the order in which they were added; of those
// with the same kind the first one stays.
func (b *Builder) Add(name []byte, r Rule) error {
	if r.Kind >= maxKinds {
		return fmt.Errorf("rule of kind %d: there is room for %d kinds", r.Kind, maxKinds)
	}
	if b.model == nil {
		*b = Builder{Pause: b.Pause, model: loadModel(), keys: newKeys(), parts: make([]part, 1)}
	}
	e := b.name.encoding()
	begin(&e, name)
	encode(b.model, &e, name, maxLabels)
	if e.labels == 0 || e.starts[e.labels-1] != 0 {
		return ErrName
	}
	b.depths |= depth(e.labels)
	placer := newPlacer(&b.keys, e.words)
	if e.labels > 2 {
		b.mark(placer.place(uint(e.ends[1])))
	}
	b.record(e.words, placer.place(uint(e.ends[e.labels-1])), r)
	return nil
}

// record appends a rule for the name with the given bits to its part.
func (b *Builder) record(words []uint64, p place, r Rule) {
	for len(b.kinds) <= int(r.Kind) {
		b.kinds = append(b.kinds, kindStat{})
	}
	stat := &b.kinds[r.Kind]
	stat.rules++
	stat.line = max(stat.line, r.Line)
	if b.rules == splitAt {
		b.split()
	}
	b.rules++
	at := &b.parts[0]
	if len(b.parts) > 1 {
		at = &b.parts[p.bucket(partBits)]
	}
	b.key = appendKey(b.key[:0], words, p)
	at.add(b, b.key, r)
}

// split deals the records of the one part out to partCount.
func (b *Builder) split() {
	all := b.parts[0]
	b.parts = make([]part, partCount)
	var last Rule
	for _, page := range all.pages {
		for len(page) > 0 {
			k := parseKey(page)
			rule, size := parseRule(page[k.size:], last)
			b.parts[k.place.bucket(partBits)].add(b, page[:k.size], rule)
			last = rule
			page = page[k.size+size:]
		}
	}
	b.drop(&all)
}

// page returns an empty page.
func (b *Builder) page() []byte {
	if last := len(b.free) - 1; last >= 0 {
		page := b.free[last]
		b.free[last] = nil
		b.free = b.free[:last]
		return page[:0]
	}
	return make([]byte, 0, pageSize)
}

// drop gives the pages of a part back.
func (b *Builder) drop(p *part) {
	b.free = append(b.free, p.pages...)
	p.pages = nil
}

// Duplicates returns, by kind, how many rules the last Build left out because
// their name had one of that kind already.
func (b *Builder) Duplicates() []int {
	counts := make([]int, len(b.kinds))
	for i := range b.kinds {
		counts[i] = b.kinds[i].duplicates
	}
	return counts
}
