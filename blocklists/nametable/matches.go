package nametable

// Matches are the rules that Find found, those of the shortest name first, and
// the rules of one name in the order of Builder.Add. The zero value has none. A
// copy goes on by itself from where it was made.
type Matches struct {
	t    *Table
	name string
	hits [batch]hit
	// next of the found hits is the one whose rules come next.
	next, found int
	// searched labels of the name, from its end on, are done; all of them once done
	// is set.
	searched int
	done     bool
}

// batch is how many names are looked up at once, so that the processor can load
// the entries of all of them from memory at the same time. Few names have more
// labels.
const batch = 5

// hit is a name that is in the table.
type hit struct {
	start uint32 // where it starts in the name sought
	page  uint32
	bit   uint32 // where its next rule begins in the page
}

// Next returns the next rule, and where in the name sought the name of the rule
// starts: 0 for that name itself. It does not allocate.
func (m *Matches) Next() (start int, r Rule, ok bool) {
	for {
		for m.next < m.found {
			h := &m.hits[m.next]
			rule, good, last := m.t.heads.take(m.t.pages[h.page], h)
			if last {
				m.next++
			}
			if good {
				return int(h.start), rule, true
			}
		}
		if m.t == nil || m.t.names == 0 || m.done {
			return 0, Rule{}, false
		}
		m.search()
	}
}

// search looks up the next names until it finds some or there are no more.
func (m *Matches) search() {
	if len(m.name) <= shortName {
		var room shortRoom
		e := room.encoding()
		m.searchIn(&e)
		return
	}
	var room longRoom
	e := room.encoding()
	m.searchIn(&e)
}

// searchIn is search with the memory for the encoding.
func (m *Matches) searchIn(e *encoding) {
	t := m.t
	begin(e, m.name)
	encode(t.model, e, m.name, 2)
	var (
		two      place // of the last two labels
		twoEntry entry
	)
	if e.written == 2 {
		placer := newPlacer(&t.keys, e.words)
		two = placer.place(uint(e.ends[1]))
		if twoEntry = t.entry(two.bucket(t.bucketBits)); !twoEntry.passes(two) {
			e.labels = 1 // see marks
		}
	}
	m.next, m.found = 0, 0
	if e.labels == 1 && t.depths&depth(1) == 0 {
		m.done = true
		return
	}
	encode(t.model, e, m.name, maxLabels)

	var (
		places  [batch]place
		entries [batch]entry
		starts  [batch]uint8
		buckets [batch]bucket
	)
	placer := newPlacer(&t.keys, e.words)
	for m.found == 0 && m.searched < e.labels {
		n := 0
		for ; n < batch && m.searched < e.labels; m.searched++ {
			if t.depths&depth(m.searched+1) == 0 {
				continue
			}
			if m.searched == 1 {
				places[n], entries[n] = two, twoEntry
			} else {
				places[n] = placer.place(uint(e.ends[m.searched]))
				entries[n] = t.entry(places[n].bucket(t.bucketBits))
			}
			starts[n] = e.starts[m.searched]
			n++
		}
		candidates := 0
		for i := range n {
			if entries[i].passes(places[i]) {
				places[candidates], starts[candidates] = places[i], starts[i]
				buckets[candidates] = t.open(entries[i])
				candidates++
			}
		}
		for i := range candidates {
			if bit, ok := t.look(&buckets[i], places[i], e.words[1:]); ok {
				m.hits[m.found] = hit{start: uint32(starts[i]), page: buckets[i].page, bit: uint32(bit)}
				m.found++
			}
		}
	}
	m.done = m.searched >= e.labels
}
