package upstream

import (
	"sort"
	"sync"
	"time"
)

// window is how many answer times an estimate remembers: at 10 queries a
// second, six seconds, so that it follows a change of route within a page load.
const window = 64

// minSamples is how many answer times make an estimate: with fewer, the next
// one exceeds the highest too often for a hedge.
const minSamples = 16

// latency estimates how long a server takes in 95 of 100 cases, from the last
// window answers. The zero value is ready to use, and safe for concurrent use.
type latency struct {
	mu     sync.Mutex
	byTime [window]time.Duration // a ring
	sorted [window]time.Duration // the same, ascending
	n      int
	next   int
}

// add takes in an answer's time.
func (l *latency) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sorted[:l.n]
	if l.n == window {
		i := search(s, l.byTime[l.next])
		copy(s[i:], s[i+1:])
		s = s[:window-1]
	} else {
		l.n++
	}
	l.byTime[l.next] = d
	l.next = (l.next + 1) % window
	i := search(s, d)
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	s[i] = d
}

func search(s []time.Duration, d time.Duration) int {
	return sort.Search(len(s), func(i int) bool { return s[i] >= d })
}

// p95 returns the estimate. ok is false before minSamples answers. An answer is
// later than it with a probability of (n/32+1)/(n+1): about 0.06 at 16 samples,
// 0.05 at 64.
func (l *latency) p95() (d time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n < minSamples {
		return 0, false
	}
	return l.sorted[l.n-1-l.n/32], true
}

// Bounds of the patience with a silent connection or datagram.
const (
	minPatience = 300 * time.Millisecond
	maxPatience = 1500 * time.Millisecond // beyond a geostationary satellite's round trips
)

// patience is how long silence is no reason to doubt that a query has arrived:
// twice what the server takes in 95 of 100 cases.
func (l *latency) patience() time.Duration {
	d, _ := l.p95()
	return min(max(2*d, minPatience), maxPatience)
}
