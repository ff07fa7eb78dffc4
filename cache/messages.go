package cache

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tundns/dnswire"
)

// Options are the settings of a message cache. The zero value is usable.
type Options struct {
	// MaxBytes bounds the memory of all entries, their bookkeeping estimated.
	// 0 means 64 MiB.
	MaxBytes int64
	// StaleFor is how long after its expiry an answer may still be used when
	// upstreams fail (RFC 8767 section 4). 0 means never.
	StaleFor time.Duration
	// Now returns the current time with a monotonic reading; nil means
	// time.Now.
	Now func() time.Time
}

const (
	defaultMaxBytes = 64 << 20
	// shardBytes is what one lock looks after: small enough for little
	// contention, large enough for the largest message.
	shardBytes = 1 << 20
	maxShards  = 64
	// entryOverhead estimates the bytes that an entry costs beside its message
	// and name: map slot, list element, key and entry structs.
	entryOverhead = 320
	// negativeShare is the part of the budget that negative answers may take:
	// one in eight; failures live for seconds and get one in 64.
	negativeShare = 8
	failureShare  = 64
)

// Messages is the message cache. Its methods may be called by several
// goroutines at once.
type Messages struct {
	shards   []shard
	mask     uint64
	seed     maphash.Seed
	maxBytes int64
	staleFor time.Duration
	now      func() time.Time

	hits   [kinds]atomic.Uint64
	stale  atomic.Uint64
	misses atomic.Uint64

	refreshes atomic.Uint64
}

type shard struct {
	mu  sync.Mutex
	lru [kinds]store // guarded by mu
}

// store is one LRU bounded by bytes. Its fields are guarded by the shard's lock,
// the counters excepted, which Stats reads.
type store struct {
	lru     *simplelru.LRU[Key, *entry]
	max     int64
	bytes   atomic.Int64
	entries atomic.Int64
	evicted atomic.Uint64
}

// New returns an empty message cache.
func New(o Options) *Messages {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := 1
	for n < maxShards && int64(n)*shardBytes < o.MaxBytes {
		n *= 2
	}
	c := &Messages{shards: make([]shard, n), mask: uint64(n - 1), seed: maphash.MakeSeed(), maxBytes: o.MaxBytes, staleFor: o.StaleFor, now: o.Now}
	per := o.MaxBytes / int64(n)
	limits := [kinds]int64{Positive: per - per/negativeShare - per/failureShare, Negative: per / negativeShare, Failure: per / failureShare}
	for i := range c.shards {
		for k := range c.shards[i].lru {
			s := &c.shards[i].lru[k]
			s.max = limits[k]
			// The library refuses only sizes below 1; ours is the byte bound.
			s.lru, _ = simplelru.NewLRU(math.MaxInt32, func(key Key, e *entry) {
				s.bytes.Add(-e.size(key))
				s.entries.Add(-1)
			})
		}
	}
	return c
}

// shard returns the shard of all keys with that name.
func (c *Messages) shard(name dnswire.Name) *shard {
	return &c.shards[maphash.String(c.seed, string(name))&c.mask]
}

// Lookup is what the cache knows about a key.
type Lookup struct {
	Fresh   Hit // may be used as it is
	Stale   Hit // expired, but usable when upstreams fail
	Failure Hit // a failure that happened moments ago: do not ask again yet (RFC 9520 section 3.2)
	// Refresh says that Fresh is popular and about to expire, and ought to be
	// asked for again. One Get in an entry's life says so.
	Refresh bool
}

// Get looks k up. It counts a hit for a fresh answer, or for a failure that
// stands alone; all else is a miss. A name without a fresh answer of its own
// does not exist if a name above it does not (RFC 8020 section 2).
func (c *Messages) Get(k Key) Lookup {
	now := c.now()
	s := c.shard(k.Name)
	var l Lookup
	s.mu.Lock()
	for kind := range kinds {
		c.look(&l, &s.lru[kind], k, kind, now)
	}
	c.look(&l, &s.lru[Negative], k.denial(), Negative, now)
	if l.Fresh.Found() {
		l.Refresh = l.Fresh.e.due(now)
	}
	s.mu.Unlock()
	if l.Refresh {
		c.refreshes.Add(1)
	}
	if !l.Fresh.Found() {
		l.Fresh = c.above(k, now)
	}
	l.Fresh, l.Stale = l.Fresh.to(k), l.Stale.to(k)
	switch {
	case l.Fresh.Found():
		c.hits[l.Fresh.e.kind].Add(1)
	case l.Failure.Found() && !l.Stale.Found():
		c.hits[Failure].Add(1)
	default:
		c.misses.Add(1)
	}
	return l
}

// Fresh returns the fresh answer to k itself, without counting anything: for who
// has called Get and was busy since.
func (c *Messages) Fresh(k Key) Hit {
	now := c.now()
	s := c.shard(k.Name)
	var l Lookup
	s.mu.Lock()
	c.look(&l, &s.lru[Positive], k, Positive, now)
	c.look(&l, &s.lru[Negative], k, Negative, now)
	c.look(&l, &s.lru[Negative], k.denial(), Negative, now)
	s.mu.Unlock()
	return l.Fresh.to(k)
}

// look adds to l what st, whose shard is locked, has for k.
func (c *Messages) look(l *Lookup, st *store, k Key, kind Kind, now time.Time) {
	e, ok := st.lru.Get(k)
	if !ok {
		return
	}
	hit := Hit{e: e, age: now.Sub(e.born)}
	switch {
	case now.Before(e.expires):
		if kind == Failure {
			l.Failure = hit
		} else if !l.Fresh.Found() || e.born.After(l.Fresh.e.born) {
			l.Fresh = hit
		}
	case kind != Failure && now.Before(e.expires.Add(c.staleFor)):
		if !l.Stale.Found() || e.born.After(l.Stale.e.born) {
			l.Stale = hit
		}
	case kind == Failure && now.Before(e.expires.Add(MaxFailureTTL)):
		// It may be asked again now; should that fail, the streak goes on.
	default:
		st.lru.Remove(k)
	}
}

// above returns the fresh NXDOMAIN of the closest name above k's that has one.
// The root exists, whatever an upstream says.
func (c *Messages) above(k Key, now time.Time) Hit {
	k = k.denial()
	for {
		name, ok := k.Name.Parent()
		if !ok || name == dnswire.Root {
			return Hit{}
		}
		k.Name = name
		s := c.shard(name)
		s.mu.Lock()
		e, ok := s.lru[Negative].lru.Get(k)
		s.mu.Unlock()
		if ok && now.Before(e.expires) {
			return Hit{e: e, age: now.Sub(e.born)}
		}
	}
}

// Put stores message, the reply to k with its OPT record taken out, when its
// rcode, records and TTLs allow that, and reports whether it did. The message is
// copied; edes is kept and must not be changed afterwards. An NXDOMAIN that is
// not at the end of a CNAME is stored for every type. A failure is stored
// beside an answer, never in place of it, and for longer the more came in a row.
func (c *Messages) Put(k Key, message []byte, edes []dnswire.EDE) bool {
	kind, ttl := classify(k, message)
	if ttl == 0 {
		return false
	}
	copied := append([]byte(nil), message...)
	limit := uint32(MaxTTL / time.Second)
	if kind == Negative {
		limit = uint32(ttl / time.Second)
	}
	dnswire.MapTTL(copied, func(ttl uint32) uint32 { return min(ttl, limit) })
	now := c.now()
	return c.add(k, &entry{message: copied, edes: edes, born: now, expires: now.Add(ttl), kind: kind})
}

func (c *Messages) add(k Key, e *entry) bool {
	at := k
	if denies(e.message) {
		at = k.denial()
	}
	size := e.size(at)
	s := c.shard(k.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.lru[e.kind]
	if size > st.max {
		return false
	}
	if last, ok := st.lru.Peek(k); ok && e.kind == Failure && e.born.Before(last.expires.Add(MaxFailureTTL)) {
		e.streak = last.streak + 1
		e.expires = e.born.Add(min(MinFailureTTL<<min(e.streak, 8), MaxFailureTTL))
	}
	for kind := range kinds {
		// An answer ends what was known before it; a failure only the failure.
		if e.kind != Failure || kind == Failure {
			s.lru[kind].lru.Remove(k)
		}
	}
	if e.kind != Failure {
		s.lru[Negative].lru.Remove(k.denial())
	}
	for st.bytes.Load()+size > st.max {
		st.lru.RemoveOldest()
		st.evicted.Add(1)
	}
	st.lru.Add(at, e)
	st.bytes.Add(size)
	st.entries.Add(1)
	return true
}

// Flush removes every entry.
func (c *Messages) Flush() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for k := range s.lru {
			s.lru[k].lru.Purge()
		}
		s.mu.Unlock()
	}
}
