package cache

import (
	"time"

	"tundns/dnswire"
)

// Key is what an upstream's answer depends on.
type Key struct {
	Name   dnswire.Name
	Type   uint16
	Class  uint16
	DO, CD bool
	// Group is the upstream group that is asked, so that an answer of one, or
	// its word that a name and all below do not exist, never stands for
	// another's.
	Group string
}

// denial is the key of an NXDOMAIN for k's name, which holds for every type
// (RFC 2308 section 5). No answer has type 0.
func (k Key) denial() Key {
	k.Type = 0
	return k
}

func (k Key) question() dnswire.Question {
	return dnswire.Question{Name: k.Name, Type: k.Type, Class: k.Class}
}

// Kind says what an entry answers with. Each kind has an LRU of its own, so
// that a flood of one cannot evict another.
type Kind uint8

// The kinds of entries.
const (
	Positive Kind = iota // records of the type that was asked for
	Negative             // NXDOMAIN or NODATA (RFC 2308)
	Failure              // any other rcode (RFC 9520)
	kinds
)

// String returns the kind's name in metrics.
func (k Kind) String() string { return [...]string{"positive", "negative", "failure"}[k] }

// entry is immutable once stored, hits excepted, and expires and streak of a
// Failure, which are guarded by the shard's lock.
type entry struct {
	message []byte // no OPT record; TTLs as of born
	edes    []dnswire.EDE
	born    time.Time
	expires time.Time
	kind    Kind
	streak  int // of a Failure: how many came in a row before it
	hits    int // guarded by the shard's lock; refreshed once its refresh was asked for
}

const (
	// popular is how many hits in its life make an entry worth asking for again
	// before it expires: one may be chance.
	popular = 2
	// refreshed stands in hits for an entry whose refresh was asked for.
	refreshed = -1
)

// due counts a hit and reports, once in e's life, that e is popular and in the
// last tenth of that life.
func (e *entry) due(now time.Time) bool {
	if e.hits == refreshed {
		return false
	}
	e.hits++
	if e.hits < popular || 10*e.expires.Sub(now) > e.expires.Sub(e.born) {
		return false
	}
	e.hits = refreshed
	return true
}

func (e *entry) size(k Key) int64 {
	n := entryOverhead + len(e.message) + len(k.Name) + len(k.Group)
	for _, d := range e.edes {
		n += 24 + len(d.Text)
	}
	return int64(n)
}

// Hit is an entry found. Its methods copy; the zero value is no entry.
type Hit struct {
	e   *entry
	age time.Duration
	ask dnswire.Question // what was asked; the zero value: what e answers
}

// Found reports whether there is an entry.
func (h Hit) Found() bool { return h.e != nil }

// Kind returns the entry's kind.
func (h Hit) Kind() Kind { return h.e.kind }

// Errors returns the Extended DNS Errors that came with the answer. The slice
// is shared and must not be changed.
func (h Hit) Errors() []dnswire.EDE { return h.e.edes }

// to returns h as the answer to k: a denial may have been that of another type or
// of a name above.
func (h Hit) to(k Key) Hit {
	if h.e != nil && h.e.kind == Negative && !dnswire.Asks(h.e.message, k.question()) {
		h.ask = k.question()
	}
	return h
}

// append appends the message, with the question that was asked.
func (h Hit) append(dst []byte) []byte {
	if h.ask.Name != "" {
		out, err := dnswire.Reask(dst, h.e.message, h.ask)
		if err != nil { // malformed data in a record: the denial stands without it
			return dnswire.AppendQuestion(dst, 0, dnswire.Flags(h.e.message), h.ask)
		}
		return out
	}
	return append(dst, h.e.message...)
}

// AppendAged appends the message to dst with the TTL of every record lowered by
// the entry's age, to no less than 0, and returns the longer slice.
func (h Hit) AppendAged(dst []byte) []byte {
	n := len(dst)
	dst = h.append(dst)
	age := uint32(h.age / time.Second)
	dnswire.MapTTL(dst[n:], func(ttl uint32) uint32 { return ttl - min(age, ttl) })
	return dst
}

// StaleTTL is the TTL in seconds of every record of a stale answer (RFC 8767
// section 4: "30 seconds is RECOMMENDED").
const StaleTTL = 30

// AppendStale appends the message to dst with every TTL set to StaleTTL, and
// counts a stale answer.
func (c *Messages) AppendStale(dst []byte, h Hit) []byte {
	c.stale.Add(1)
	n := len(dst)
	dst = h.append(dst)
	dnswire.MapTTL(dst[n:], func(uint32) uint32 { return StaleTTL })
	return dst
}
