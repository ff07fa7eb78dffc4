package nametable

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

const (
	// maxBucketBits bounds the buckets: 16 million of them hold 100 million names.
	maxBucketBits = 24

	// maxPerBucket names on average share a bucket, and more than half as many. An
	// entry of the index takes 5 bytes, so it costs a byte a name; twice as many
	// names in a bucket would save half of that, but fill the filter.
	maxPerBucket = 6

	// maxBucketBytes bounds the size of a bucket on average, for names that are
	// very long or have very many rules: 1/16 of what a superblock has room for.
	maxBucketBytes = 128

	// superBits: so many low bits of a bucket's number are its place in a
	// superblock, whose buckets lie within 64 KiB.
	superBits = 5

	// maxRules of one name, so that its bucket fits in a page.
	maxRules = 1024

	// pauseEvery so many buckets, of some 300 names, Build may pause.
	pauseEvery = 64

	// maxArena is what 32 bits address.
	maxArena = 1<<32 - 1 - pageSize
)

// Build returns a table of all rules. It fails when a name has more than 1024
// rules of different kinds, or the table would be larger than 4 GiB. The builder
// is empty afterwards, whether it fails or not.
func (b *Builder) Build() (*Table, error) {
	taken := *b
	*b = Builder{Pause: b.Pause}
	if taken.rules == 0 {
		return new(Table), nil
	}
	b.kinds = taken.kinds // for Duplicates
	l := layout{b: &taken, t: &Table{model: taken.model, keys: taken.keys, depths: taken.depths}}
	if err := l.plan(); err != nil {
		return nil, err
	}
	if err := l.write(); err != nil {
		return nil, err
	}
	return l.t, nil
}

// layout writes a table.
type layout struct {
	b      *Builder
	t      *Table
	g      grouper
	direct []uint16 // by kind, its place in the code of heads
	bits   bitWriter
	at     uint32 // where the next bucket goes in the arena
}

// plan decides on the number of buckets and the code of the heads, by what the
// records of the first part are like. Its places are random, so it is a fair
// sample.
func (l *layout) plan() error {
	b := l.b
	bytes := 0
	for i := range b.parts {
		for _, page := range b.parts[i].pages {
			bytes += len(page)
		}
	}
	bucketBits := l.bucketBits(b.rules, bytes)
	share := uint(1) << bucketBits / uint(len(b.parts))
	l.g.read(&b.parts[0], 0, share, bucketBits)
	var (
		names  int
		counts = make([]kindCount, len(b.kinds))
	)
	for bucket := range share {
		l.g.group(bucket, func(uint32) {})
		names += len(l.g.names)
		for _, n := range l.g.names {
			rules := n.rules
			for _, r := range rules[:len(rules)-1] {
				counts[r.Kind].another++
			}
			counts[rules[len(rules)-1].Kind].last++
		}
	}
	l.t.bucketBits = l.bucketBits(names*len(b.parts), bytes)

	// Kinds that the sample lacks count by their rules, as the last ones.
	for kind := range counts {
		c, stat := &counts[kind], &b.kinds[kind]
		c.kind, c.line = uint32(kind), stat.line
		seen := c.last + c.another + 1
		c.another = c.another * uint64(stat.rules) / seen
		c.last = uint64(stat.rules) - c.another
	}
	used := slices.DeleteFunc(counts, func(c kindCount) bool { return c.last+c.another == 0 })
	var err error
	l.t.heads, err = newHeads(used, uint32(len(b.kinds)))
	if err != nil {
		return err
	}
	others := uint16(len(l.t.heads.direct) - 1)
	l.direct = slices.Repeat([]uint16{others}, len(b.kinds))
	for i, d := range l.t.heads.direct[:others] {
		l.direct[d.kind] = uint16(i)
	}
	return nil
}

func (l *layout) bucketBits(names, bytes int) uint {
	n := bits.Len(uint(max(names/maxPerBucket, bytes/maxBucketBytes)))
	return uint(min(max(n, bits.Len(uint(len(l.b.parts)-1))), maxBucketBits))
}

// write fills the table part by part. The pages of a part that is written serve
// for those that follow.
func (l *layout) write() error {
	t, parts := l.t, l.b.parts
	buckets := uint(1) << t.bucketBits
	t.index = make([]byte, indexBytes*buckets+indexTail)
	t.bases = make([]byte, 4*(buckets>>superBits+1))
	l.b.setMarks(t)
	share := buckets / uint(len(parts))
	for i := range parts {
		first := uint(i) * share
		l.g.read(&parts[i], first, share, t.bucketBits)
		for bucket := range share {
			if bucket%pauseEvery == 0 && l.b.Pause != nil {
				l.b.Pause()
			}
			if err := l.bucket(first+bucket, bucket); err != nil {
				return err
			}
		}
		l.b.drop(&parts[i])
	}
	if err := l.entry(buckets, l.at, 0); err != nil {
		return err
	}
	l.g = grouper{}
	if used := l.at & (pageSize - 1); used > 0 {
		clear(t.pages[len(t.pages)-1][used:])
	}
	t.pages = slices.Clone(t.pages) // without what append keeps for more
	return nil
}

// bucket writes the bucket with the given number, which is the own-th one of its
// part.
func (l *layout) bucket(number, own uint) error {
	l.g.group(own, func(kind uint32) { l.b.kinds[kind].duplicates++ })
	l.bits.bytes = l.bits.bytes[:0]
	filter := uint32(0)
	for _, n := range l.g.names {
		if len(n.rules) > maxRules {
			r := n.rules[maxRules]
			return fmt.Errorf("a name has more than %d rules, the first one too many is of kind %d in line %d: leave some out", maxRules, r.Kind, r.Line)
		}
		filter |= n.place.filter()
		l.put(n)
		l.t.names++
		l.t.rules += len(n.rules)
	}
	l.bits.align()
	at := l.at
	if len(l.bits.bytes) > 0 {
		var err error
		if at, err = l.room(len(l.bits.bytes)); err != nil {
			return err
		}
		copy(l.t.pages[at>>pageBits][at&(pageSize-1):], l.bits.bytes)
		l.at = at + uint32(len(l.bits.bytes))
	}
	return l.entry(number, at, filter)
}

// put writes a name with its rules. See Table.pages.
func (l *layout) put(n *named) {
	w := &l.bits
	w.put(uint64(min(n.place.n, longName)), lengthBits)
	if n.place.n >= longName {
		w.put(uint64(n.place.n), longBits)
	}
	low := width(n.place.n) - l.t.bucketBits
	w.put(n.place.y&(1<<low-1), low)
	for i, c := range n.rest {
		w.put(uint64(c), min(8, n.place.n-64-8*uint(i)))
	}
	for i, r := range n.rules {
		l.t.heads.put(w, int(l.direct[r.Kind]), r, i < len(n.rules)-1)
	}
}

// room returns where n bytes of a bucket go: the next ones, or the first ones of
// a new page.
func (l *layout) room(n int) (uint32, error) {
	if n > pageRoom {
		return 0, fmt.Errorf("names that share a bucket have too many rules: %d bytes, there is room for %d", n, pageRoom)
	}
	used := int(l.at & (pageSize - 1))
	if len(l.t.pages) > 0 && used > 0 && used+n <= pageRoom {
		return l.at, nil
	}
	if l.at > maxArena {
		return 0, fmt.Errorf("the names take more than 4 GiB: use fewer lists")
	}
	if last := len(l.t.pages) - 1; last >= 0 {
		clear(l.t.pages[last][used:])
	}
	l.t.pages = append(l.t.pages, (*page)(l.b.page()[:pageSize]))
	return uint32(len(l.t.pages)-1) << pageBits, nil
}

// entry writes the entry of a bucket into the index.
func (l *layout) entry(bucket uint, at, filter uint32) error {
	super := 4 * (bucket >> superBits)
	if bucket%(1<<superBits) == 0 {
		binary.LittleEndian.PutUint32(l.t.bases[super:], at)
	}
	offset := at - binary.LittleEndian.Uint32(l.t.bases[super:])
	if offset > 0xFFFF {
		return fmt.Errorf("names in %d neighbouring buckets have too many rules: more than 64 KiB", 1<<superBits)
	}
	entry := l.t.index[indexBytes*bucket:]
	entry[0], entry[1] = byte(offset), byte(offset>>8)
	if filter != 0 { // the last entry has none
		entry[2] |= byte(filter)
		entry[3] |= byte(filter >> 8)
		entry[4] |= byte(filter >> 16)
	}
	return nil
}
