package upstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxSessions bounds the connections to one server. Each carries many queries
// at once; RFC 7766 section 6.2.2 asks clients to keep to few.
const maxSessions = 4

// session is one connection that carries several exchanges at once.
type session interface {
	// exchange is a Transport's, but for the query's ID, which it need not
	// restore. Errors of the connection are connErrors.
	exchange(ctx context.Context, query []byte) ([]byte, error)
	// reserve takes a place for one exchange call, if there is one.
	reserve() bool
	load() int        // exchanges in progress
	full() bool       // no place is free now, but there will be
	alive() bool      // false once no exchange can succeed any more
	heard() time.Time // when the server last sent anything
	born() time.Time  // when it was connected
	close()           // exchanges in progress fail with a connError
}

// pool keeps the sessions to one server.
//
// A pooled connection may be dead without our knowing: the server has closed it,
// or the way to it is gone and nothing comes back. So an exchange is begun again
// on a fresh one, once: at once when the connection turns out closed, and, over
// a session older than the query, after the server's usual time when nothing at
// all has been heard. The first answer counts, and a session that was still
// silent then is dropped.
type pool struct {
	*lifetime
	dial func(context.Context) (session, error)
	rtt  latency

	mu       sync.Mutex
	sessions []session
	dialing  *dialing // nil: no dial in progress
}

// dialing is a dial in progress that any number of exchanges wait for.
type dialing struct {
	done   chan struct{}
	err    error // set before done is closed
	stale  bool  // a reset came in between: dial anew; set before done is closed
	cancel context.CancelFunc
}

// errShortLived is what is left when no connection lives long enough to be used.
var errShortLived = &connError{errors.New("the server closes new connections at once")}

// exchange carries out one exchange over a pooled or fresh session.
func (p *pool) exchange(ctx context.Context, query []byte) ([]byte, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	ctx, done := p.bind(ctx)
	defer done()
	reply, err := p.exchangeTwice(ctx, query)
	if err != nil && p.ctx.Err() != nil {
		err = ErrClosed
	}
	return reply, err
}

type outcome struct {
	from  session
	reply []byte
	err   error
}

func (p *pool) exchangeTwice(ctx context.Context, query []byte) ([]byte, error) {
	start := time.Now()
	s, err := p.get(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	results := make(chan outcome, 2)
	p.wg.Go(func() { results <- p.over(ctx, s, query) })
	fresh := func() {
		p.wg.Go(func() {
			f, err := p.get(ctx, start)
			if err != nil {
				results <- outcome{err: err}
				return
			}
			results <- p.over(ctx, f, query)
		})
	}
	patience := p.rtt.patience()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	pending, again := 1, false
	pooled := s.born().Before(start)
	for {
		select {
		case o := <-results:
			pending--
			if o.err == nil {
				if o.from == s {
					p.rtt.add(time.Since(sent))
				} else if s.heard().Before(sent) {
					p.drop(s)
				}
				return o.reply, nil
			}
			var lost *connError
			switch {
			case errors.As(o.err, &lost) && !again && ctx.Err() == nil:
				again = true // without p.drop: others may still get their replies over it
				pending++
				fresh()
			case (lost != nil || o.from == nil) && pending > 0: // the other one may still answer
			default:
				if ctx.Err() != nil && s.heard().Before(sent) && time.Since(sent) >= patience {
					p.drop(s)
				}
				return nil, o.err
			}
		case <-timer.C:
			if again || !pooled {
				continue
			}
			if silent := time.Since(later(s.heard(), sent)); silent < patience {
				timer.Reset(patience - silent)
				continue
			}
			again = true
			pending++
			fresh()
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *pool) over(ctx context.Context, s session, query []byte) outcome {
	reply, err := s.exchange(ctx, query)
	return outcome{s, reply, err}
}

// get returns a session connected after the given time, with a place taken in it
// if there is a free one. Without a free one, another session is dialled for
// those who come later, and the least loaded one queues the exchange or refuses
// it.
func (p *pool) get(ctx context.Context, after time.Time) (session, error) {
	for range 2 * maxSessions { // sessions that die at once must not keep us here
		p.mu.Lock()
		s, d := p.pick(after)
		p.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-d.done:
			if d.err != nil && !d.stale {
				return nil, d.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, errShortLived
}

// pick returns a session, or the dial to wait for. p.mu is held.
func (p *pool) pick(after time.Time) (session, *dialing) {
	p.sessions = slices.DeleteFunc(p.sessions, func(s session) bool {
		if s.alive() {
			return false
		}
		s.close()
		return true
	})
	slices.SortStableFunc(p.sessions, func(a, b session) int { return a.load() - b.load() })
	var fresh session // to wait at for a place
	for _, s := range p.sessions {
		if !s.born().After(after) {
			continue
		}
		if s.reserve() {
			return s, nil
		}
		if fresh == nil && s.full() {
			fresh = s
		}
	}
	// A fresh session is worth one more than the bound: the others may be dead.
	limit := maxSessions
	if !after.IsZero() {
		limit++
	}
	if p.dialing == nil && len(p.sessions) < limit {
		p.startDial()
	}
	switch {
	case fresh != nil: // queue here rather than wait for a connection that may not come
		return fresh, nil
	case p.dialing != nil:
		return nil, p.dialing
	}
	return p.sessions[0], nil
}

// startDial dials in the background: the connection serves whoever comes first,
// and outlives the query that asked for it. p.mu is held.
func (p *pool) startDial() {
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	d := &dialing{done: make(chan struct{}), cancel: cancel}
	p.dialing = d
	p.wg.Go(func() {
		defer cancel()
		s, err := p.dial(ctx)
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case err != nil:
			d.err = err
		case d.stale, p.ctx.Err() != nil:
			s.close()
		default:
			p.sessions = append(p.sessions, s)
		}
		if p.dialing == d {
			p.dialing = nil
		}
		close(d.done)
	})
}

// heardSince reports whether anything has come over a session since t, or it was
// connected then.
func (p *pool) heardSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.sessions, func(s session) bool { return s.heard().After(t) })
}

// drop closes s and forgets it.
func (p *pool) drop(s session) {
	p.mu.Lock()
	for i, other := range p.sessions {
		if other == s {
			p.sessions = append(p.sessions[:i], p.sessions[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	s.close()
}

// reset closes all sessions. Exchanges in progress begin anew.
func (p *pool) reset() {
	p.mu.Lock()
	old := p.sessions
	p.sessions = nil
	if p.dialing != nil {
		p.dialing.stale = true
		p.dialing.cancel()
		p.dialing = nil
	}
	p.mu.Unlock()
	for _, s := range old {
		s.close()
	}
}

// shut ends the pool.
func (p *pool) shut() {
	p.cancel(ErrClosed)
	p.reset() // ends exchanges that wait for a reply
	p.end()
	p.reset() // what was connected in between
}
