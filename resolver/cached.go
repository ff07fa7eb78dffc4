package resolver

import (
	"context"
	"errors"
	"time"

	"tundns/cache"
	"tundns/dnswire"
)

// staleAfter is how long an upstream may take before a client gets the stale
// answer that we have: the client response timer of RFC 8767 section 5, whose
// recommended value is 1.8 seconds, below the 2 seconds after which stubs retry.
const staleAfter = 1800 * time.Millisecond

// fromCache answers from the message cache: fresh answers at once, stale ones
// when the stages below fail or take longer than staleAfter (RFC 8767).
func (r *Resolver) fromCache(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		if q.subnet != "" {
			if q.NoWait {
				return nil, ErrWait
			}
			return next.Resolve(ctx, q)
		}
		if q.lookup == nil {
			l := r.cache.Get(q.key())
			q.lookup = &l
		}
		l := q.lookup
		if l.Failure.Found() && !l.Fresh.Found() && r.outages.due(q.key().Group, time.Now()) {
			refresh(ctx, q, next) // are the servers back?
		}
		switch {
		case l.Fresh.Found():
			if l.Refresh {
				refresh(ctx, q, next)
			}
			return &Answer{Message: l.Fresh.AppendAged(nil), Errors: l.Fresh.Errors(), Outcome: Cached}, nil
		case l.Failure.Found() && l.Stale.Found():
			return r.stale(l.Stale), nil
		case l.Failure.Found():
			errs := append([]dnswire.EDE{{Code: dnswire.EDECachedError}}, l.Failure.Errors()...)
			return &Answer{Message: l.Failure.AppendAged(nil), Errors: errs, Outcome: Cached}, nil
		}
		if q.NoWait {
			return nil, ErrWait
		}
		if !l.Stale.Found() {
			return next.Resolve(ctx, q)
		}
		wait, cancel := context.WithTimeout(ctx, staleAfter)
		defer cancel()
		a, err := next.Resolve(wait, q)
		if err != nil && !errors.Is(err, errClosed) || err == nil && unusable(a) {
			return r.stale(l.Stale), nil
		}
		return a, err
	})
}

// refresh starts a flight for q, which keeps its answer, and does not wait for it.
func refresh(ctx context.Context, q *Query, next Handler) {
	again := q.detached()
	again.refresh = true
	next.Resolve(ctx, again)
}

// stale is the answer from an expired entry, marked as such (RFC 8914 section
// 4.4 and 4.20).
func (r *Resolver) stale(h cache.Hit) *Answer {
	msg := r.cache.AppendStale(nil, h)
	ede := dnswire.EDE{Code: dnswire.EDEStaleAnswer, Text: "upstreams failed"}
	if dnswire.Rcode(msg) == dnswire.RcodeNameError {
		ede.Code = dnswire.EDEStaleNXDOMAIN
	}
	return &Answer{Message: msg, Errors: append([]dnswire.EDE{ede}, h.Errors()...), Outcome: Stale}
}

// unusable reports whether a says nothing about the name itself.
func unusable(a *Answer) bool {
	rcode := a.Rcode()
	return rcode != dnswire.RcodeSuccess && rcode != dnswire.RcodeNameError
}

// keep stores what the stages below answered, failures included.
func (r *Resolver) keep(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		a, err := next.Resolve(ctx, q)
		switch {
		case q.subnet != "": // for one network only
		case err == nil:
			r.cache.Put(q.key(), a.Message, a.Errors)
		case !errors.Is(err, context.Canceled): // our own end is no upstream's failure
			f := failure(q, err)
			r.cache.Put(q.key(), f.Message, f.Errors)
		}
		return a, err
	})
}
