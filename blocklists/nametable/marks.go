package nametable

// A name of three labels and more leaves a mark for its last two: in the filter
// of their bucket it sets the bits that they would set as a name. So a look-up can
// stop after two labels when no name at or under them is in the table, which is
// true for most names that people ask for.

// marks are the marks to set, markBytes each, in pages.
type marks struct {
	pages [][]byte
	// recent marks, each in the slot that its lowest bits tell: they need not be
	// set again. Most marks are of a few domains with very many names.
	recent []uint64
}

const (
	// markBytes has the place's bucket, of the most buckets there can be, and its
	// filter.
	markBytes = (maxBucketBits + filterBits) / 8

	recentMarks = 1 << 12
)

func (b *Builder) mark(p place) {
	mark := uint64(p.filter())<<maxBucketBits | uint64(p.bucket(maxBucketBits))
	m := &b.marks
	if m.recent == nil {
		m.recent = make([]uint64, recentMarks)
	}
	recent := &m.recent[mark%recentMarks]
	if *recent == mark {
		return
	}
	*recent = mark
	last := len(m.pages) - 1
	if last < 0 || len(m.pages[last])+8 > pageSize {
		m.pages = append(m.pages, b.page())
		last++
	}
	m.pages[last] = appendLow(m.pages[last], mark, 8*markBytes)
}

// setMarks sets the marks in the index and gives their pages back.
func (b *Builder) setMarks(t *Table) {
	for _, page := range b.marks.pages {
		for ; len(page) > 0; page = page[markBytes:] {
			bucket := uint(page[0]) | uint(page[1])<<8 | uint(page[2])<<16
			filter := t.index[indexBytes*(bucket>>(maxBucketBits-t.bucketBits))+2:]
			filter[0] |= page[3]
			filter[1] |= page[4]
			filter[2] |= page[5]
		}
	}
	b.free = append(b.free, b.marks.pages...)
	b.marks = marks{}
}
