package nametable

import "slices"

// grouper brings the records of one part into the order of their buckets and
// puts the rules of equal names together.
type grouper struct {
	pages   [][]byte
	ends    []uint32 // by bucket of the part, where its records end in ordered
	found   []located
	ordered []located
	// The names of the bucket that group was last called for, those of fewer bits
	// first.
	names []*named
	pool  []*named // all that was ever in names, with the memory of their rules
}

// located is a record: its bucket in the part, where its key is, and its rule.
type located struct {
	bucket uint32
	key    uint32 // page << pageBits | offset
	rule   Rule
}

// named is a name with its rules, no two of one kind.
type named struct {
	place place
	rest  []byte // see key
	key   []byte
	rules []Rule
}

// read takes the records of a part, whose buckets are numbered from first on.
func (g *grouper) read(p *part, first, buckets, bucketBits uint) {
	g.pages = p.pages
	g.found = g.found[:0]
	g.ends = append(g.ends[:0], make([]uint32, buckets)...)
	var last Rule
	for i, page := range p.pages {
		for at := 0; at < len(page); {
			k := parseKey(page[at:])
			rule, size := parseRule(page[at+k.size:], last)
			bucket := uint32(k.place.bucket(bucketBits) - first)
			g.found = append(g.found, located{bucket, uint32(i<<pageBits | at), rule})
			g.ends[bucket]++
			at += k.size + size
			last = rule
		}
	}
	// Counting sort: ends first says where buckets begin, and moves on as they
	// fill.
	sum := uint32(0)
	for i, n := range g.ends {
		g.ends[i] = sum
		sum += n
	}
	g.ordered = append(g.ordered[:0], make([]located, len(g.found))...)
	for _, l := range g.found {
		g.ordered[g.ends[l.bucket]] = l
		g.ends[l.bucket]++
	}
}

// group sets names to those of a bucket of the part, valid until the next call,
// and calls duplicate for every rule that is left out.
func (g *grouper) group(bucket uint, duplicate func(kind uint32)) {
	begin := uint32(0)
	if bucket > 0 {
		begin = g.ends[bucket-1]
	}
	g.names = g.names[:0]
	for _, l := range g.ordered[begin:g.ends[bucket]] {
		page := g.pages[l.key>>pageBits][l.key&(pageSize-1):]
		k := parseKey(page)
		if !g.find(page[:k.size], &k).add(l.rule) {
			duplicate(l.rule.Kind)
		}
	}
}

// find returns the name with a key among those of the bucket, and makes it one
// of them if need be.
func (g *grouper) find(bytes []byte, k *key) *named {
	for _, n := range g.names {
		if n.place == k.place && string(n.key) == string(bytes) {
			return n
		}
	}
	count := len(g.names)
	if count == len(g.pool) {
		g.pool = append(g.pool, new(named))
	}
	n := g.pool[count]
	n.place, n.rest, n.key, n.rules = k.place, k.rest, bytes, n.rules[:0]
	i := count
	for i > 0 && g.names[i-1].place.n > n.place.n {
		i--
	}
	g.names = slices.Insert(g.names, i, n)
	return n
}

// add reports whether the rule is the first one of its kind. Rules come list by
// list, so that its like is most likely the last one.
func (n *named) add(r Rule) bool {
	for i := len(n.rules) - 1; i >= 0; i-- {
		if n.rules[i].Kind == r.Kind {
			return false
		}
	}
	n.rules = append(n.rules, r)
	return true
}
