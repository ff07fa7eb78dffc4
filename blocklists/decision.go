package blocklists

import (
	"cmp"

	"tundns/blocklists/nametable"
)

// decision finds the winner among hits. Rules with and without a reply are kept
// apart until all are seen, because the first ones may be lifted.
type decision struct {
	kinds      *kinds
	plain      hit
	reply      hit
	plains     bool // plain is one
	replies    bool // reply is one
	lifted     int  // replies of lower classes are
	badfilters bool // some were seen: the winner may be one that they cancel
}

func (d *decision) see(h *hit) {
	k := d.kinds.all[h.Kind]
	if k.badfilter {
		d.badfilters = true
		return
	}
	e := &d.kinds.effects[k.effect]
	switch {
	case e.lifts() > 0:
		d.lifted = max(d.lifted, e.lifts())
	case e.reply != nil:
		if !d.replies || d.kinds.compare(h, &d.reply) < 0 {
			d.reply, d.replies = *h, true
		}
	default:
		if !d.plains || d.kinds.compare(h, &d.plain) < 0 {
			d.plain, d.plains = *h, true
		}
	}
}

// winner returns the hit that wins, nil if there is none.
func (d *decision) winner() *hit {
	replies := d.replies && d.kinds.effect(d.reply.Kind).f.class() >= d.lifted
	switch {
	case replies && (!d.plains || d.kinds.compare(&d.reply, &d.plain) < 0):
		return &d.reply
	case d.plains:
		return &d.plain
	}
	return nil
}

// same returns h in a form that is equal for hits of rules that are equal but
// for list, line and $badfilter.
func (k *kinds) same(h hit) hit {
	h.Rule = nametable.Rule{Kind: k.all[h.Kind].effect}
	return h
}

// cancels reports whether h is a $badfilter for other.
func (k *kinds) cancels(h, other *hit) bool {
	return k.all[h.Kind].badfilter && k.same(*h) == k.same(*other)
}

// compare orders hits of one search by precedence, as Rule.Compare does rules.
func (k *kinds) compare(a, b *hit) int {
	return cmp.Or(
		cmp.Compare(k.effect(b.Kind).f.class(), k.effect(a.Kind).f.class()),
		cmp.Compare(b.len, a.len),
		cmp.Compare(k.all[a.Kind].list, k.all[b.Kind].list),
		cmp.Compare(a.Line, b.Line),
	)
}
