package cache

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// oracle is the cache without bounds: plain maps and the rules in words.
type oracle struct {
	answers, failures map[Key]oracleEntry
}
type oracleEntry struct {
	born, expires time.Time
	ttl           uint32 // of a failure: its streak
}

func TestRandomAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	ck := newClock()
	const staleFor = 100 * time.Second
	m := ck.cache(Options{StaleFor: staleFor})
	o := oracle{map[Key]oracleEntry{}, map[Key]oracleEntry{}}
	for i := range 20000 {
		name := fmt.Sprintf("n%d.example.com", r.IntN(30))
		q := name + " " + []string{"A", "AAAA"}[r.IntN(2)]
		k := key(q)
		k.DO = r.IntN(2) == 0
		switch r.IntN(6) {
		case 0:
			ttl := uint32(1 + r.IntN(60))
			rr := fmt.Sprintf("%s. %d IN %s 192.0.2.1", name, ttl, "A")
			if k.Type == dns.TypeAAAA {
				rr = fmt.Sprintf("%s. %d IN AAAA 2001:db8::1", name, ttl)
			}
			m.Put(k, message(t, q, 0, rr), nil)
			o.answers[k] = oracleEntry{ck.t, ck.t.Add(time.Duration(ttl) * time.Second), ttl}
			delete(o.failures, k)
		case 1:
			streak := uint32(0)
			if last, ok := o.failures[k]; ok && ck.t.Before(last.expires.Add(MaxFailureTTL)) {
				streak = last.ttl + 1
			}
			ttl := []time.Duration{1, 2, 4, 5}[min(streak, 3)] * time.Second
			m.Put(k, message(t, q, 2), nil)
			o.failures[k] = oracleEntry{ck.t, ck.t.Add(ttl), streak}
		case 2:
			ck.advance(time.Duration(r.IntN(9000)) * time.Millisecond)
		default:
			l := m.Get(k)
			e, known := o.answers[k]
			fresh := known && ck.t.Before(e.expires)
			stale := known && !fresh && ck.t.Before(e.expires.Add(staleFor))
			f, failed := o.failures[k]
			failed = failed && ck.t.Before(f.expires)
			if l.Fresh.Found() != fresh || l.Stale.Found() != stale || l.Failure.Found() != failed {
				t.Fatalf("step %d %v: %+v, want fresh %v stale %v failed %v", i, k, l, fresh, stale, failed)
			}
			if fresh {
				want := e.ttl - uint32(ck.t.Sub(e.born)/time.Second)
				if got := ttls(t, l.Fresh.AppendAged(nil)); got != fmt.Sprint(want) {
					t.Fatalf("step %d: TTL %s, want %d", i, got, want)
				}
			}
		}
	}
}
