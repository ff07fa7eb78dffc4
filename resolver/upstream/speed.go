package upstream

import (
	"slices"
	"sync"
	"time"
)

const (
	// recent is how many of a server's last answers tell its speed: enough for a
	// median that single slow names do not move, few enough that a change of
	// speed shows after eight answers.
	recent = 15

	// fades is the age at which an answer does not count any more when there are
	// younger ones.
	fades = time.Minute
)

// speed estimates how soon a server answers at present: the median of its recent
// answers. A mean, or a high percentile, would tell of the names that were asked
// for rather than of the server: those that take long do so with every server.
// The zero value is ready to use, and safe for concurrent use.
type speed struct {
	mu   sync.Mutex
	took [recent]time.Duration // a ring
	at   [recent]time.Time
	n    int // answers so far, at most recent
	next int
}

// add takes in an answer that came at now and took d.
func (s *speed) add(d time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took[s.next], s.at[s.next] = d, now
	s.next = (s.next + 1) % recent
	s.n = min(s.n+1, recent)
}

// estimate returns the lower median of the answers that have not faded by now,
// the last one's time when all have, and 0 when there was none: who is unknown is
// worth asking.
func (s *speed) estimate(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var buf [recent]time.Duration
	young := buf[:0]
	for i := range s.n { // from the youngest on
		k := (s.next - 1 - i + recent) % recent
		if i > 0 && now.Sub(s.at[k]) >= fades {
			break
		}
		young = append(young, s.took[k])
	}
	if len(young) == 0 {
		return 0
	}
	slices.Sort(young)
	return young[(len(young)-1)/2]
}
