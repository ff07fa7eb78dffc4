package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"tundns/dnswire"
	"tundns/policy"
	"tundns/resolver/upstream"
)

// observe turns errors into SERVFAIL answers, recovers from panics, and counts.
func (r *Resolver) observe(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (a *Answer, err error) {
		if q.received.IsZero() {
			q.received = time.Now()
		}
		defer func() {
			if p := recover(); p != nil {
				r.observer.Panic()
				slog.Error("a query caused a panic", "panic", p, "type", q.Question.Type, "stack", string(debug.Stack()))
				a, err = failure(q, fmt.Errorf("internal error")), nil
			}
			if errors.Is(err, ErrWait) {
				return
			}
			if err != nil {
				a, err = failure(q, err), nil
			}
			r.observer.Query(q.Transport.String(), q.Question.Type)
			if v := a.Verdict; v != nil && v.Cause == policy.ByRule {
				r.observer.Matched(v.Rule.List, v.Action.String())
			}
			took := time.Since(q.received)
			r.observer.Response(a.Outcome.String(), a.Rcode(), took)
			if r.log != nil {
				r.log(q, a, took)
			}
		}()
		return next.Resolve(ctx, q)
	})
}

// failure is the SERVFAIL that stands for err, with an Extended DNS Error that
// says why (RFC 8914).
func failure(q *Query, err error) *Answer {
	var up *upstream.Error
	switch {
	case errors.As(err, &up):
		return reply(q, Failed, dnswire.RcodeServerFailure, up.EDE())
	case errors.Is(err, context.DeadlineExceeded):
		return reply(q, Failed, dnswire.RcodeServerFailure, dnswire.EDE{Code: dnswire.EDENoReachable, Text: "no upstream answered in time"})
	case errors.Is(err, context.Canceled), errors.Is(err, errClosed):
		return reply(q, Failed, dnswire.RcodeServerFailure, dnswire.EDE{Code: dnswire.EDENotReady, Text: "shutting down"})
	}
	return reply(q, Failed, dnswire.RcodeServerFailure, dnswire.EDE{Text: err.Error()})
}
