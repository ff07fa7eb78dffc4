package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
)

func TestFirstAffectedQuery(t *testing.T) {
	const usual = 20 * time.Millisecond
	tests := []struct {
		name  string
		first script
		cold  time.Duration // the most without an estimate
		warm  time.Duration // with one of usual
		cause Cause
	}{
		{"black hole", silent, maxHedge + usual, 2 * usual, Timeout},
		{"refused", fails(syscall.ECONNREFUSED), usual, usual, Refused},
		{"reset", fails(&connError{io.EOF}), usual, usual, Reset},
		{"TLS", fails(&tlsError{errors.New("bad certificate")}), usual, usual, TLS},
		{"HTTP status", fails(StatusError(503)), usual, usual, HTTPStatus},
		{"media type", fails(MediaTypeError("text/html")), usual, usual, MediaType},
		{"malformed", fails(ErrMalformed), usual, usual, Malformed},
		{"mismatch", fails(ErrMismatch), usual, usual, Mismatch},
		{"SERVFAIL", after(usual, servfail), 2 * usual, 2 * usual, Servfail},
		{"REFUSED", after(usual, refused), 2 * usual, 2 * usual, QueryRefused},
		{"truncated", after(usual, truncated), 2 * usual, 2 * usual, Truncated},
		{"slow", after(600*time.Millisecond, answer), maxHedge + usual, 2 * usual, resultOK},
		{"panic", func(context.Context, []byte) ([]byte, error) { panic("test") }, usual, usual, Panicked},
	}
	for _, tt := range tests {
		for _, warmed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/warm=%t", tt.name, warmed), func(t *testing.T) {
				bubble(t, func(t *testing.T, g *Group, r *recorder) {
					want := tt.cold
					if warmed {
						warm(g, usual)
						want = tt.warm
					}
					reply, took, err := timed(t, g)
					if err != nil || reply.Upstream != "b" || took > want {
						t.Errorf("answer of %q after %v, %v; want b's within %v", reply.Upstream, took, err, want)
					}
					time.Sleep(Budget) // until the first server's exchange has ended
					synctest.Wait()
					if r.count("a "+string(tt.cause)) != 1 {
						t.Errorf("results %v, want one of a %s", r.results, tt.cause)
					}
				}, newFake("a", tt.first), newFake("b", after(usual, answer)))
			})
		}
	}
}

// TestProbes counts what a dead server is still asked: single probes with a
// growing distance, and nothing while no client asks.
func TestProbes(t *testing.T) {
	a, b := newFake("a", silent), newFake("b", after(time.Millisecond, answer))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		for range 3000 { // a minute
			timed(t, g)
			time.Sleep(20 * time.Millisecond)
		}
		// 2 s each and 0.25, 0.5, 1, 2, 4, 5, 5 … s in between.
		if n := a.asked.Load(); n < 8 || n > 14 {
			t.Errorf("the dead server was asked %d times in a minute", n)
		}
		if s := g.State()[0]; !s.Open || s.InFlight > 1 {
			t.Errorf("state %+v", s)
		}
		time.Sleep(10 * time.Second)
		before := a.asked.Load() + b.asked.Load()
		time.Sleep(time.Hour)
		if n := a.asked.Load() + b.asked.Load() - before; n != 0 {
			t.Errorf("%d exchanges without a query", n)
		}
	}, a, b)
}

// TestBurstIntoBlackHole: queries that were in flight when the first server went
// silent do not each wait for the time that one of them has waited already.
func TestBurstIntoBlackHole(t *testing.T) {
	a, b := newFake("a", silent), newFake("b", after(5*time.Millisecond, answer))
	bubble(t, func(t *testing.T, g *Group, r *recorder) {
		done := make(chan time.Duration, 20)
		begun := time.Now()
		for range cap(done) {
			go func() {
				timed(t, g)
				done <- time.Since(begun)
			}()
			time.Sleep(20 * time.Millisecond)
		}
		for range cap(done) {
			if d := <-done; d > maxHedge+10*time.Millisecond {
				t.Errorf("an answer came %v after the outage began", d)
			}
		}
	}, a, b)
}

// TestQuiet measures what hedging costs while nothing is wrong.
func TestQuiet(t *testing.T) {
	for _, parallel := range []int{1, 20} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			rng := newLatencies(1)
			jitter := func(ctx context.Context, query []byte) ([]byte, error) {
				return after(rng.next(), answer)(ctx, query)
			}
			a, b := newFake("a", jitter), newFake("b", jitter)
			bubble(t, func(t *testing.T, g *Group, r *recorder) {
				const total = 6000
				done := make(chan struct{})
				for range parallel {
					go func() {
						for range total / parallel {
							timed(t, g)
						}
						done <- struct{}{}
					}()
				}
				for range parallel {
					<-done
				}
				time.Sleep(Budget)
				sent := a.asked.Load() + b.asked.Load()
				if ratio := float64(sent) / total; ratio > 1.1 || ratio == 1 {
					t.Errorf("%.3f exchanges a query", ratio)
				} else {
					t.Logf("%.3f exchanges a query, %d to the second server", ratio, b.asked.Load())
				}
				if c := r.changes(); len(c) != 0 {
					t.Errorf("breaker changes %v", c)
				}
			}, a, b)
		})
	}
}

func TestAllDead(t *testing.T) {
	tests := []struct {
		name  string
		dead  script
		least time.Duration
		most  time.Duration
		code  uint16
		text  string
	}{
		{"black holes", silent, Budget, Budget, dnswire.EDENoReachable, "a: timeout; b: timeout"},
		{"refused", fails(syscall.ECONNREFUSED), 0, 0, dnswire.EDENoReachable, "a: refused; b: refused"},
		{"TLS", fails(&tlsError{io.EOF}), 0, 0, dnswire.EDENetworkError, "a: tls; b: tls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newFake("a", tt.dead), newFake("b", tt.dead)
			bubble(t, func(t *testing.T, g *Group, r *recorder) {
				for i := range 40 {
					_, took, err := timed(t, g)
					var all *Error
					if !errors.As(err, &all) || took < tt.least || took > tt.most {
						t.Fatalf("query %d: %v after %v", i, err, took)
					}
					if e := all.EDE(); e.Code != tt.code || e.Text != tt.text {
						t.Fatalf("query %d: EDE %+v", i, e)
					}
				}
				if len(r.changes()) != 2 {
					t.Errorf("breaker changes %v", r.changes())
				}
				// The second one returns: full service within a second.
				b.become(after(5*time.Millisecond, answer))
				for i := range 100 {
					reply, took, err := timed(t, g)
					if err != nil || reply.Upstream != "b" || took > 100*time.Millisecond {
						t.Fatalf("query %d after the return: %q, %v after %v", i, reply.Upstream, err, took)
					}
				}
			}, a, b)
		})
	}
}
