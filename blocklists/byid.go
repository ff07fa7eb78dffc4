package blocklists

import (
	"slices"

	"tundns/blocklists/nametable"
)

// byID holds the rules for things that have an id, patterns or prefixes; ids
// count up from 0. The zero value is for no things.
type byID struct {
	first []uint32 // rules[first[id]:first[id+1]] are those of id
	rules []nametable.Rule
}

// of returns the rules of id in the order in which they were added.
func (t *byID) of(id uint32) []nametable.Rule { return t.rules[t.first[id]:t.first[id+1]] }

// byIDBuilder collects rules for things of type T and gives out their ids.
type byIDBuilder[T comparable] struct {
	things []T // by id
	ids    map[T]uint32
	rules  []idRule // in the order in which they were added
	seen   map[idKind]struct{}
}

type idRule struct {
	id   uint32
	rule nametable.Rule
}

type idKind struct{ id, kind uint32 }

// id returns the id of thing, a new one when it is new.
func (b *byIDBuilder[T]) id(thing T) (id uint32, isNew bool) {
	if b.ids == nil {
		b.ids = make(map[T]uint32)
		b.seen = make(map[idKind]struct{})
	}
	id, known := b.ids[thing]
	if !known {
		id = uint32(len(b.things))
		b.ids[thing] = id
		b.things = append(b.things, thing)
	}
	return id, !known
}

// forget takes the last new id back.
func (b *byIDBuilder[T]) forget(id uint32) {
	delete(b.ids, b.things[id])
	b.things = b.things[:id]
}

// add adds a rule and reports whether id has none of that kind yet.
func (b *byIDBuilder[T]) add(id uint32, r nametable.Rule) bool {
	key := idKind{id, r.Kind}
	if _, known := b.seen[key]; known {
		return false
	}
	b.seen[key] = struct{}{}
	b.rules = append(b.rules, idRule{id, r})
	return true
}

// build returns the rules. Of the builder only the things stay.
func (b *byIDBuilder[T]) build() byID {
	if len(b.rules) == 0 {
		return byID{}
	}
	t := byID{
		first: make([]uint32, len(b.things)+1),
		rules: make([]nametable.Rule, len(b.rules)),
	}
	for _, r := range b.rules {
		t.first[r.id+1]++
	}
	for i := range b.things {
		t.first[i+1] += t.first[i]
	}
	next := slices.Clone(t.first)
	for _, r := range b.rules {
		t.rules[next[r.id]] = r.rule
		next[r.id]++
	}
	b.rules, b.ids, b.seen = nil, nil, nil
	return t
}
