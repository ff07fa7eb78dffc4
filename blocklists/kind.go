package blocklists

import (
	"slices"

	"tundns/blocklists/nametable"
)

// effect is what a rule does, whatever it is for and wherever it stands. Two
// rules for the same name, pattern or prefix are the same rule when their effects
// are equal.
type effect struct {
	f     flags // without flagBadfilter
	scope Scope
	cond  *Condition // equal conditions of a set are the same pointer
	reply *Reply     // likewise
}

// lifts returns the class below which rules with a reply have no effect beside a
// rule of this effect: above 0 for @@…$dnsrewrite, which does nothing else.
func (e *effect) lifts() int {
	if e.cond != nil && e.cond.RewritesOnly {
		return e.f.class()
	}
	return 0
}

// kind is what rules of one list have in common that have the same effect.
type kind struct {
	effect    uint32 // index in kinds.effects
	list      uint16
	badfilter bool // cancels the rules of that effect
}

// kinds is the table of the kinds of a set. Rules refer to kinds by index.
type kinds struct {
	all     []kind
	effects []effect
}

// effect returns the effect of the kind with index i.
func (k *kinds) effect(i uint32) *effect { return &k.effects[k.all[i].effect] }

// lists returns the lists that the given rules are in.
func (k *kinds) lists(rules []nametable.Rule) (l Lists) {
	for _, r := range rules {
		l.add(int(k.all[r.Kind].list))
	}
	return l
}

// clip returns the table in no more memory than it takes.
func (k kinds) clip() kinds { return kinds{slices.Clone(k.all), slices.Clone(k.effects)} }

// interner gives out the indexes of kinds, the same one for equal kinds.
type interner struct {
	kinds
	byKind   map[kind]uint32
	byEffect map[effect]uint32

	// recent holds 1 + the index of the kinds of list without condition and reply
	// by flags and scope: most rules have one of those.
	list   uint16
	recent [1 << flagBits][Under + 1]uint32
}

// kind returns the index of the kind of a rule of the given list.
func (t *interner) kind(list uint16, r *parsed) uint32 {
	if r.cond != nil || r.reply != nil {
		return t.intern(list, r)
	}
	if list != t.list {
		t.list = list
		clear(t.recent[:])
	}
	at := &t.recent[r.f][r.scope]
	if *at == 0 {
		*at = 1 + t.intern(list, r)
	}
	return *at - 1
}

func (t *interner) intern(list uint16, r *parsed) uint32 {
	if t.byKind == nil {
		t.byKind = make(map[kind]uint32)
		t.byEffect = make(map[effect]uint32)
	}
	e := effect{f: r.f &^ flagBadfilter, scope: r.scope, cond: r.cond, reply: r.reply}
	index, known := t.byEffect[e]
	if !known {
		index = uint32(len(t.effects))
		t.effects = append(t.effects, e)
		t.byEffect[e] = index
	}
	k := kind{effect: index, list: list, badfilter: r.f&flagBadfilter != 0}
	at, known := t.byKind[k]
	if !known {
		at = uint32(len(t.all))
		t.all = append(t.all, k)
		t.byKind[k] = at
	}
	return at
}
