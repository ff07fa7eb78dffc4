package upstream

import (
	"context"
	"fmt"
	"time"
)

// attempt is one exchange with a member on behalf of a query. It may outlive the
// query: what it finds out of the member is worth knowing.
type attempt struct {
	member  *member
	start   time.Time
	hedge   time.Duration   // the silence after which the next server is asked
	healthy bool            // the member was so at the start
	doubted <-chan struct{} // closed when it is not any more
	cancel  context.CancelFunc

	pending bool // its result is awaited; for the inquiry's goroutine alone

	settled   bool        // its outcome is in; under member.mu
	overtaken time.Time   // when another server answered the query; under member.mu
	cut       *time.Timer // ends it early; under member.mu
}

// result is what an attempt has come to.
type result struct {
	attempt *attempt
	reply   []byte
	rank    int   // of reply, 0 without one
	cause   Cause // "" for a final reply
	err     error // nil with a reply
}

// abandoned is the cause of attempts that Close has ended. It is not reported.
const abandoned Cause = "abandoned"

// exchange carries out a, settles it with its member and reports it.
func (a *attempt) exchange(ctx context.Context, query []byte) result {
	r := result{attempt: a}
	r.reply, r.err = a.ask(ctx, query)
	if r.err == nil {
		r.rank, r.cause = rank(r.reply)
	} else if r.cause = causeOf(r.err); context.Cause(ctx) == ErrClosed {
		r.cause = abandoned
	} else if ctx.Err() != nil && r.cause != Mismatch {
		r.cause = Timeout
	}
	now := time.Now()
	a.member.settle(a, r.cause, now)
	a.member.observe(r.cause, now.Sub(a.start))
	return r
}

// ask exchanges query, and once more without its OPT record when the server does
// not understand that. What it learns is not kept: the next query is cheap to
// ask twice, and the server may be replaced by a better one.
func (a *attempt) ask(ctx context.Context, query []byte) (reply []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // one bad reply must not end the process
			reply, err = nil, fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	t := a.member.transport
	reply, err = t.Exchange(ctx, query)
	if err == nil && refusesOPT(reply) {
		if plain := withoutOPT(query); plain != nil {
			return t.Exchange(ctx, plain)
		}
	}
	return reply, err
}
