package cache

// KindStats are the figures of one kind of entries.
type KindStats struct {
	Hits    uint64
	Entries int64
	Bytes   int64 // estimated, bookkeeping included
	Evicted uint64
}

// Stats are the cache's figures since it was made.
type Stats struct {
	Kinds  [kinds]KindStats // by Kind
	Stale  uint64           // stale answers served
	Misses uint64
	// Refreshes counts the popular answers that were to be asked for again
	// before they expired.
	Refreshes uint64
}

// Stats returns the current figures. It takes no lock.
func (c *Messages) Stats() Stats {
	st := Stats{Stale: c.stale.Load(), Misses: c.misses.Load(), Refreshes: c.refreshes.Load()}
	for k := range kinds {
		st.Kinds[k].Hits = c.hits[k].Load()
		for i := range c.shards {
			l := &c.shards[i].lru[k]
			st.Kinds[k].Entries += l.entries.Load()
			st.Kinds[k].Bytes += l.bytes.Load()
			st.Kinds[k].Evicted += l.evicted.Load()
		}
	}
	return st
}
