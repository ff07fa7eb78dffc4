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

// entry is immutable once stored.
type entry struct {
	message []byte // no OPT record; TTLs as of born
	edes    []dnswire.EDE
	born    time.Time
	expires time.Time
	kind    Kind
	streak  int // of a Failure: how many came in a row before it
}

func (e *entry) size(k Key) int64 {
	n := entryOverhead + len(e.message) + len(k.Name)
	for _, d := range e.edes {
		n += 24 + len(d.Text)
	}
	return int64(n)
}

// Hit is an entry found. Its methods copy; the zero value is no entry.
type Hit struct {
	e   *entry
	age time.Duration
}

// Found reports whether there is an entry.
func (h Hit) Found() bool { return h.e != nil }

// Kind returns the entry's kind.
func (h Hit) Kind() Kind { return h.e.kind }

// Errors returns the Extended DNS Errors that came with the answer. The slice
// is shared and must not be changed.
func (h Hit) Errors() []dnswire.EDE { return h.e.edes }

// AppendAged appends the message to dst with the TTL of every record lowered by
// the entry's age, to no less than 0, and returns the longer slice.
func (h Hit) AppendAged(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, h.e.message...)
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
	dst = append(dst, h.e.message...)
	dnswire.MapTTL(dst[n:], func(uint32) uint32 { return StaleTTL })
	return dst
}
