package upstream

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// latencies is a source of answer times as servers have them: some are cached
// (8 to 12 ms), some need a recursion (20 to 200 ms).
type latencies struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newLatencies(seed uint64) *latencies {
	return &latencies{rng: rand.New(rand.NewPCG(seed, 0))}
}

func (l *latencies) next() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng.IntN(5) == 0 {
		return 20*time.Millisecond + time.Duration(l.rng.IntN(180_000))*time.Microsecond
	}
	return 8*time.Millisecond + time.Duration(l.rng.IntN(4_000))*time.Microsecond
}

func TestLatencyAgainstSort(t *testing.T) {
	var l latency
	var all []time.Duration
	rng := rand.New(rand.NewPCG(7, 0))
	for range 1000 {
		d := time.Duration(rng.IntN(40)) // many equal ones
		l.add(d)
		all = append(all, d)
		last := slices.Clone(all[max(0, len(all)-window):])
		slices.Sort(last)
		got, ok := l.p95()
		if ok != (len(last) >= minSamples) {
			t.Fatalf("%d samples: ok %t", len(last), ok)
		}
		if ok && got != last[len(last)-1-len(last)/32] {
			t.Fatalf("%d samples %v: %v", len(last), last, got)
		}
	}
}

// TestLatencyTail: an answer is later than the estimate in at most 7 of 100
// cases from the first estimate on.
func TestLatencyTail(t *testing.T) {
	source := newLatencies(3)
	late, total := 0, 0
	for range 200 {
		var l latency
		for range 200 {
			d := source.next()
			if p, ok := l.p95(); ok {
				total++
				if d > p {
					late++
				}
			}
			l.add(d)
		}
	}
	if ratio := float64(late) / float64(total); ratio < 0.03 || ratio > 0.07 {
		t.Errorf("%.3f of the answers are later than the estimate", ratio)
	}
}

func TestPatience(t *testing.T) {
	for _, tt := range []struct{ usual, want time.Duration }{
		{0, minPatience},
		{10 * time.Millisecond, minPatience},
		{300 * time.Millisecond, 600 * time.Millisecond},
		{3 * time.Second, maxPatience},
	} {
		var l latency
		for range minSamples {
			l.add(tt.usual)
		}
		if got := l.patience(); got != tt.want {
			t.Errorf("usual %v: %v, want %v", tt.usual, got, tt.want)
		}
	}
	if got := new(latency).patience(); got != minPatience {
		t.Errorf("no samples: %v", got)
	}
}

func TestLatencyAllocs(t *testing.T) {
	var l latency
	if n := testing.AllocsPerRun(1000, func() { l.add(time.Millisecond); l.p95() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLatency(b *testing.B) {
	var l latency
	source := newLatencies(1)
	samples := make([]time.Duration, 1024)
	for i := range samples {
		samples[i] = source.next()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.add(samples[i%len(samples)])
		l.p95()
	}
}
