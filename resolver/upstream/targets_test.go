package upstream

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
)

// sample is one query of a load.
type sample struct {
	at       time.Duration // since the load began
	took     time.Duration
	upstream string // "" when it was not answered
	err      error
}

// load sends 50 queries a second for d, whether or not those before are answered,
// and returns how they fared, in the order in which they were sent.
func load(t *testing.T, g *Group, d time.Duration) []sample {
	const distance = 20 * time.Millisecond
	all := make([]sample, d/distance)
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			at := time.Since(begun)
			reply, took, err := timed(t, g)
			all[i] = sample{at, took, reply.Upstream, err}
		})
		time.Sleep(distance)
	}
	wg.Wait()
	return all
}

// percentile returns the time within which q of the samples were answered.
func percentile(all []sample, q float64) time.Duration {
	var took []time.Duration
	for _, s := range all {
		took = append(took, s.took)
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(q*float64(len(took))))]
}

// outages are the ways in which a server dies.
var outages = map[string]script{
	"black hole": silent,
	"refused":    fails(syscall.ECONNREFUSED),
	"resetting":  fails(&connError{io.EOF}),
	"TLS broken": fails(&tlsError{errors.New("expired")}),
	"5xx":        fails(StatusError(500)),
	"SERVFAIL":   after(5*time.Millisecond, servfail),
	"slow by 2s": after(2005*time.Millisecond, answer),
	"slow by 1s": after(1005*time.Millisecond, answer),
}

// TestOutage kills the first of two servers of 5 ms under 50 queries a second, and
// revives it: nobody is to notice.
func TestOutage(t *testing.T) {
	const usual = 5 * time.Millisecond
	for _, strategy := range []Strategy{Failover, Fastest} {
		for name, during := range outages {
			for _, cold := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%s/cold=%t", strategy, name, cold), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						// With Fastest, the one that dies is the one that was first.
						a, b := newFake("a", after(usual, answer)), newFake("b", after(usual+2*time.Millisecond, answer))
						r := new(recorder)
						g := NewGroup(Options{Name: "test", Transports: []Transport{a, b}, Observer: r, Strategy: strategy})
						defer g.Close()
						if !cold {
							quiet := load(t, g, 10*time.Second)
							if sent := a.asked.Load() + b.asked.Load(); float64(sent) > 1.1*float64(len(quiet)) {
								t.Errorf("%d exchanges for %d queries while all was well", sent, len(quiet))
							}
						}
						healthy := *a.script.Load()
						a.become(during)
						all := load(t, g, time.Minute)
						checkOutage(t, all)
						a.become(healthy)
						checkReturn(t, load(t, g, 15*time.Second))
						if got := fmt.Sprint(r.changes()); got != "[a true a false]" {
							t.Errorf("breaker changes %s", got)
						}
					})
				})
			}
		}
	}
}

// checkOutage holds the queries of an outage against what is promised: every one
// answered, 99 of 100 within 15 ms, all within 450 ms in the first second and
// within 60 ms after that.
func checkOutage(t *testing.T, all []sample) {
	t.Helper()
	for _, s := range all {
		limit := 60 * time.Millisecond
		if s.at < time.Second {
			limit = 450 * time.Millisecond
		}
		if s.err != nil || s.took > limit {
			t.Errorf("the query at %v took %v: %v", s.at, s.took, s.err)
		}
	}
	if p := percentile(all, 0.99); p > 15*time.Millisecond {
		t.Errorf("p99 %v", p)
	}
}

// checkReturn makes sure that the first server, which is back, is asked again
// within 10 s, and always from then on but for what hedges cost.
func checkReturn(t *testing.T, all []sample) {
	t.Helper()
	for _, s := range all {
		if s.err != nil || s.took > 60*time.Millisecond {
			t.Errorf("after the return, the query at %v took %v: %v", s.at, s.took, s.err)
		}
		if s.at > 10*time.Second && s.upstream != "a" {
			t.Errorf("after the return, the query at %v went to %s", s.at, s.upstream)
		}
	}
}

// TestBothDead: without any server a query fails within the budget and says why;
// when either is back, all is well within a second.
func TestBothDead(t *testing.T) {
	const usual = 5 * time.Millisecond
	for name, dead := range outages {
		for _, returns := range []string{"a", "b"} {
			t.Run(name+"/"+returns, func(t *testing.T) {
				a, b := newFake("a", after(usual, answer)), newFake("b", after(usual, answer))
				bubble(t, func(t *testing.T, g *Group, r *recorder) {
					load(t, g, 5*time.Second)
					a.become(dead)
					b.become(dead)
					for _, s := range load(t, g, 30*time.Second) {
						var all *Error
						switch {
						case s.took > Budget:
							t.Errorf("the query at %v took %v", s.at, s.took)
						case s.err != nil && (!errors.As(s.err, &all) || all.EDE().Code != dnswire.EDENoReachable && all.EDE().Code != dnswire.EDENetworkError):
							t.Errorf("the query at %v: %v", s.at, s.err)
						}
					}
					map[string]*fake{"a": a, "b": b}[returns].become(after(usual, answer))
					for _, s := range load(t, g, 5*time.Second) {
						if s.at >= time.Second && (s.err != nil || s.took > 60*time.Millisecond || s.upstream != returns) {
							t.Errorf("the query %v after the return of %s: %v of %q, %v", s.at, returns, s.took, s.upstream, s.err)
						}
					}
				}, a, b)
			})
		}
	}
}
