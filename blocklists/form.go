package blocklists

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"tundns/blocklists/nametable"
	"tundns/blocklists/pattern"
)

// The compiled form of what a set has beside its names: numbers as uvarints,
// texts and lists of things with their length or number in front.

// appendForm appends the form of s, of which parts are the parts, without the
// names of domains and lists.
func (s *Set) appendForm(b []byte, parts parts) []byte {
	b = s.kinds.appendForm(b)
	b = appendCount(b, parts.patterns)
	for _, text := range parts.patterns {
		b = appendString(b, text)
	}
	b = s.patternRules.appendForm(b)
	b = appendCount(b, parts.prefixes)
	for _, p := range parts.prefixes {
		b = appendPrefix(b, p)
	}
	return s.addrRules.appendForm(b)
}

// set reads what appendForm wrote for a set with the given lists. It is without
// names, and of no use when d is bad.
func (d *decoder) set(lists []string) (s *Set) {
	s = &Set{lists: lists, kinds: d.kinds(len(lists))}
	n := d.count()
	var patterns pattern.Builder
	for id := range n {
		p, err := parsePattern(d.string())
		if err == nil {
			err = patterns.Add(uint32(id), p)
		}
		if err != nil {
			d.fail()
			break
		}
	}
	s.patterns = patterns.Build()
	s.patternRules = d.byID(n, len(s.kinds.all))
	prefixes := make([]netip.Prefix, d.count())
	for i := range prefixes {
		prefixes[i] = d.prefix()
	}
	s.addrRules = d.byID(len(prefixes), len(s.kinds.all))
	var err error
	if s.addrs, err = compileAddrs(prefixes); err != nil || len(d.rest) > 0 {
		d.fail()
	}
	if !d.bad {
		s.complete()
	}
	return s
}

// parsePattern reads what Pattern.String returns.
func parsePattern(text string) (*pattern.Pattern, error) {
	if expr, ok := strings.CutPrefix(text, "/"); ok {
		return pattern.Regexp(strings.TrimSuffix(expr, "/"))
	}
	var w pattern.Wildcard
	var anchored bool
	if w.Text, anchored = strings.CutPrefix(text, "||"); anchored {
		w.Start = pattern.Label
	} else if w.Text, anchored = strings.CutPrefix(text, "|"); anchored {
		w.Start = pattern.Beginning
	}
	w.Text, w.End = strings.CutSuffix(w.Text, "^")
	return w.Compile()
}

func (k *kinds) appendForm(b []byte) []byte {
	conditions := numbered(k.effects, func(e effect) *Condition { return e.cond })
	replies := numbered(k.effects, func(e effect) *Reply { return e.reply })
	b = appendCount(b, conditions.all)
	for _, c := range conditions.all {
		b = c.appendForm(b)
	}
	b = appendCount(b, replies.all)
	for _, r := range replies.all {
		b = r.appendForm(b)
	}
	b = appendCount(b, k.effects)
	for _, e := range k.effects {
		b = append(b, byte(e.f), byte(e.scope))
		b = binary.AppendUvarint(b, conditions.number[e.cond])
		b = binary.AppendUvarint(b, replies.number[e.reply])
	}
	b = appendCount(b, k.all)
	for _, kind := range k.all {
		b = binary.AppendUvarint(b, uint64(kind.effect))
		b = binary.AppendUvarint(b, uint64(kind.list))
		b = appendBool(b, kind.badfilter)
	}
	return b
}

func (d *decoder) kinds(lists int) (k kinds) {
	conditions := make([]*Condition, 1+d.count())
	for i := range conditions[1:] {
		conditions[1+i] = d.condition()
	}
	replies := make([]*Reply, 1+d.count())
	for i := range replies[1:] {
		replies[1+i] = d.reply()
	}
	k.effects = make([]effect, d.count())
	for i := range k.effects {
		k.effects[i] = effect{
			f:     flags(d.below(1 << flagBits)),
			scope: Scope(d.below(int(Under) + 1)),
			cond:  conditions[d.below(len(conditions))],
			reply: replies[d.below(len(replies))],
		}
	}
	k.all = make([]kind, d.count())
	for i := range k.all {
		k.all[i] = kind{
			effect:    uint32(d.below(len(k.effects))),
			list:      uint16(d.below(lists)),
			badfilter: d.below(2) == 1,
		}
	}
	return k
}

// numbers gives pointers numbers from 1 on; nil has 0.
type numbers[T any] struct {
	all    []*T
	number map[*T]uint64
}

func numbered[T any](effects []effect, of func(effect) *T) numbers[T] {
	n := numbers[T]{number: map[*T]uint64{nil: 0}}
	for _, e := range effects {
		if _, known := n.number[of(e)]; !known {
			n.all = append(n.all, of(e))
			n.number[of(e)] = uint64(len(n.all))
		}
	}
	return n
}

func (t *byID) appendForm(b []byte) []byte {
	for id := range max(1, len(t.first)) - 1 {
		rules := t.of(uint32(id))
		b = appendCount(b, rules)
		for _, r := range rules {
			b = binary.AppendUvarint(b, uint64(r.Kind))
			b = binary.AppendUvarint(b, uint64(r.Line))
		}
	}
	return b
}

// byID reads the rules of things of the given number, with kinds below kinds.
func (d *decoder) byID(things, kinds int) (t byID) {
	if things == 0 {
		return t
	}
	t.first = make([]uint32, 1, things+1)
	for range things {
		for range d.count() {
			t.rules = append(t.rules, nametable.Rule{Kind: uint32(d.below(kinds)), Line: d.uint32()})
		}
		t.first = append(t.first, uint32(len(t.rules)))
	}
	t.rules = slices.Clone(t.rules) // without the room to grow
	return t
}

func (c *Condition) appendForm(b []byte) []byte {
	for _, types := range [...][]uint16{c.Types, c.NotTypes} {
		b = appendCount(b, types)
		for _, t := range types {
			b = binary.AppendUvarint(b, uint64(t))
		}
	}
	for _, clients := range [...][]ClientMatch{c.Clients, c.NotClients} {
		b = appendCount(b, clients)
		for _, m := range clients {
			b = appendPrefix(b, m.Prefix)
			b = appendString(b, m.Name)
		}
	}
	b = appendCount(b, c.DenyAllow)
	for _, name := range c.DenyAllow {
		b = appendString(b, name)
	}
	return appendBool(b, c.RewritesOnly)
}

func (d *decoder) condition() *Condition {
	c := new(Condition)
	for _, types := range [...]*[]uint16{&c.Types, &c.NotTypes} {
		for range d.count() {
			*types = append(*types, uint16(d.below(1<<16)))
		}
	}
	for _, clients := range [...]*[]ClientMatch{&c.Clients, &c.NotClients} {
		for range d.count() {
			*clients = append(*clients, ClientMatch{Prefix: d.prefix(), Name: d.string()})
		}
	}
	for range d.count() {
		c.DenyAllow = append(c.DenyAllow, d.name())
	}
	c.RewritesOnly = d.below(2) == 1
	return c
}

func (r *Reply) appendForm(b []byte) []byte {
	b = appendBool(b, r.Drop)
	b = binary.AppendUvarint(b, uint64(r.Rcode))
	b = appendString(b, r.CNAME)
	b = appendCount(b, r.Records)
	for _, record := range r.Records {
		b = binary.AppendUvarint(b, uint64(record.Type))
		b = appendString(b, record.Data)
	}
	return b
}

func (d *decoder) reply() *Reply {
	r := &Reply{Drop: d.below(2) == 1, Rcode: d.below(1 << 12), CNAME: d.name()} // extended rcodes have 12 bits, RFC 6891 section 6.1.3
	for range d.count() {
		r.Records = append(r.Records, Record{Type: uint16(d.below(1 << 16)), Data: []byte(d.string())})
	}
	return r
}
