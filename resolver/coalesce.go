package resolver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"tundns/cache"
	"tundns/resolver/upstream"
)

// maxFlights bounds the upstream queries under way. Each costs a goroutine, its
// buffers and a socket, some 20 KiB in all.
const maxFlights = 4096

var (
	errClosed   = errors.New("resolver is closed")
	errOverload = errors.New("too many questions wait for upstreams")
)

// flight is one resolution that several queries wait for. Its result is set
// before done is closed and not changed after.
type flight struct {
	done   chan struct{}
	answer *Answer
	err    error
}

// flightKey is what the upstream is asked.
type flightKey struct {
	cache.Key
	subnet string
}

// flights are the resolutions under way.
type flights struct {
	mu     sync.Mutex
	m      map[flightKey]*flight // guarded by mu
	closed bool                  // guarded by mu
}

func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
}

// coalesce lets identical questions that come while the first one is under way
// share its answer, which also defeats birthday attacks (CVE-2023-30464). The
// resolution goes on when those who wait for it leave, until it is through or
// the upstreams' budget is spent.
func (r *Resolver) coalesce(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		f, err := r.join(q, next)
		if err != nil {
			return nil, err
		}
		if q.refresh {
			return nil, ErrWait
		}
		select {
		case <-f.done:
			return f.answer, f.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// join returns the flight for q's question, which it starts when there is none.
func (r *Resolver) join(q *Query, next Handler) (*flight, error) {
	key := flightKey{q.key(), q.subnet}
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	if r.flights.closed {
		return nil, errClosed
	}
	if f := r.flights.m[key]; f != nil {
		if !q.refresh {
			r.observer.Coalesced()
		}
		return f, nil
	}
	if q.refresh && len(r.flights.m) >= maxFlights/2 {
		return nil, errOverload // it can wait; there are clients who do
	}
	if !q.refresh && q.subnet == "" {
		// A flight stores its answer before it leaves: one that has left since the
		// cache was asked for q is found here, and nobody is asked twice.
		if h := r.cache.Fresh(key.Key); h.Found() {
			f := &flight{done: make(chan struct{}), answer: &Answer{Message: h.AppendAged(nil), Errors: h.Errors(), Outcome: Cached}}
			close(f.done)
			return f, nil
		}
	}
	if len(r.flights.m) >= maxFlights {
		r.observer.Overload("all")
		return nil, errOverload
	}
	if r.flights.m == nil {
		r.flights.m = make(map[flightKey]*flight)
	}
	f := &flight{done: make(chan struct{})}
	r.flights.m[key] = f
	// The flight outlives the query, whose fields belong to the server.
	own := q.detached()
	r.done.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, upstream.Budget)
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				r.observer.Panic()
				f.err = fmt.Errorf("internal error")
			}
			r.flights.mu.Lock()
			delete(r.flights.m, key)
			r.flights.mu.Unlock()
			close(f.done)
		}()
		f.answer, f.err = next.Resolve(ctx, own)
	})
	return f, nil
}

// detached returns a copy of q for a resolution that outlives it.
func (q *Query) detached() *Query {
	own := *q
	own.NoWait, own.lookup = false, nil
	return &own
}
