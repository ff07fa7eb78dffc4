package upstream

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fastest runs a test of a group of servers with the given answer times.
func fastest(t *testing.T, test func(t *testing.T, g *Group, servers []*fake), times ...time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var ts []Transport
		var servers []*fake
		for i, d := range times {
			f := newFake(string(rune('a'+i)), after(d, answer))
			servers = append(servers, f)
			ts = append(ts, f)
		}
		g := NewGroup(Options{Name: "test", Transports: ts, Strategy: Fastest})
		test(t, g, servers)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// winner is the server that answered the most of the queries.
func winner(all []sample) string {
	count := map[string]int{}
	best := ""
	for _, s := range all {
		if count[s.upstream]++; count[s.upstream] > count[best] {
			best = s.upstream
		}
	}
	return best
}

const ms = time.Millisecond

// Answer times are below minHedge: only samples make more exchanges than queries.
func TestFastestIsAskedFirst(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times []time.Duration
		want  string
	}{
		{"the last one", []time.Duration{9 * ms, 7 * ms, 3 * ms}, "c"},
		{"the first one", []time.Duration{3 * ms, 7 * ms, 9 * ms}, "a"},
		{"equal ones: no change without need", []time.Duration{5 * ms, 5 * ms}, "a"},
		{"a little faster: not worth a change", []time.Duration{9 * ms, 8500 * time.Microsecond}, "a"},
		{"alone", []time.Duration{9 * ms}, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fastest(t, func(t *testing.T, g *Group, servers []*fake) {
				load(t, g, 2*time.Second) // each is asked once, then the fastest
				before := int64(0)
				for _, s := range servers {
					before += s.asked.Load()
				}
				all := load(t, g, 5*time.Minute)
				sent := -before
				for _, s := range servers {
					sent += s.asked.Load()
				}
				if got := winner(all); got != tt.want {
					t.Errorf("%s answers most queries, want %s", got, tt.want)
				}
				others := 0 // samples whose copy was as fast
				for _, s := range all {
					if s.upstream != tt.want {
						others++
					}
				}
				if float64(others) > 0.02*float64(len(all)) {
					t.Errorf("%d of %d answers are others'", others, len(all))
				}
				if extra := sent - int64(len(all)); float64(extra) > 0.02*float64(len(all)) || len(servers) > 1 && extra == 0 {
					t.Errorf("%d exchanges for %d queries: samples are to be few, not none", sent, len(all))
				}
			}, tt.times...)
		})
	}
}

// TestFastestFollows: a server that becomes faster than the others wins the first
// place, one that becomes slower loses it.
func TestFastestFollows(t *testing.T) {
	fastest(t, func(t *testing.T, g *Group, servers []*fake) {
		load(t, g, 10*time.Second)
		if got := winner(load(t, g, 10*time.Second)); got != "a" {
			t.Fatalf("%s is first at the start", got)
		}
		servers[1].become(after(2*ms, answer))
		load(t, g, 90*time.Second)
		if got := winner(load(t, g, 10*time.Second)); got != "b" {
			t.Errorf("%s is first after b became faster", got)
		}
		servers[1].become(after(9*ms, answer))
		load(t, g, time.Second)
		if got := winner(load(t, g, 10*time.Second)); got != "a" {
			t.Errorf("%s is first after b became slower", got)
		}
	}, 6*ms, 8*ms)
}

// TestFastestAtLowRate: at one query in ten seconds all that is known has faded,
// and every query's copy would be a sample; they stay as few.
func TestFastestAtLowRate(t *testing.T) {
	fastest(t, func(t *testing.T, g *Group, servers []*fake) {
		const queries = 1000
		for range queries {
			if _, took, err := timed(t, g); err != nil || took > 30*ms {
				t.Fatalf("%v after %v", err, took)
			}
			time.Sleep(10 * time.Second)
		}
		if n := servers[1].asked.Load(); n > queries/50 {
			t.Errorf("the slower one was asked %d times in %d queries", n, queries)
		}
	}, 5*ms, 30*ms)
}

// TestFastestWithColdConnections: an idle server's first answer has to wait for a
// connection; that does not hide its speed.
func TestFastestWithColdConnections(t *testing.T) {
	fastest(t, func(t *testing.T, g *Group, servers []*fake) {
		var last atomic.Int64
		servers[1].become(func(ctx context.Context, query []byte) ([]byte, error) {
			d := 3 * ms
			if now := time.Now().UnixNano(); now-last.Swap(now) > int64(time.Second) {
				d += 60 * ms
			}
			return after(d, answer)(ctx, query)
		})
		load(t, g, 2*time.Minute)
		if got := winner(load(t, g, 10*time.Second)); got != "b" {
			t.Errorf("%s is first", got)
		}
	}, 20*ms, 3*ms)
}

// TestSpeedAgainstSort compares the estimate with one over all answers.
func TestSpeedAgainstSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	type taken struct {
		at   time.Time
		took time.Duration
	}
	for range 200 {
		var s speed
		var all []taken
		now := time.Unix(1000, 0)
		for range 60 {
			now = now.Add(time.Duration(rng.IntN(10_000)) * ms)
			var young []time.Duration
			for i := range min(len(all), recent) {
				if a := all[len(all)-1-i]; i == 0 || now.Sub(a.at) < fades {
					young = append(young, a.took)
				}
			}
			slices.Sort(young)
			want := time.Duration(0)
			if len(young) > 0 {
				want = young[(len(young)-1)/2]
			}
			if got := s.estimate(now); got != want {
				t.Fatalf("estimate %v, want %v of %v", got, want, young)
			}
			d := time.Duration(1 + rng.IntN(100))
			s.add(d, now)
			all = append(all, taken{now, d})
		}
	}
}

func TestStrategyNames(t *testing.T) {
	for _, s := range []Strategy{Failover, Fastest} {
		if got, err := ParseStrategy(s.String()); got != s || err != nil {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	if _, err := ParseStrategy("random"); err == nil {
		t.Error(`"random" is a strategy`)
	}
}

func TestSpeedAllocs(t *testing.T) {
	var s speed
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() { s.add(ms, now); s.estimate(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFastest(b *testing.B) {
	query := testQuery()
	reply := answer(query)
	var ts []Transport
	for _, name := range []string{"a", "b", "c", "d"} {
		ts = append(ts, newFake(name, func(context.Context, []byte) ([]byte, error) { return reply, nil }))
	}
	g := NewGroup(Options{Transports: ts, Strategy: Fastest})
	defer g.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Exchange(context.Background(), query); err != nil {
			b.Fatal(err)
		}
	}
}
