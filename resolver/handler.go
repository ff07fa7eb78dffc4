package resolver

import (
	"context"
	"errors"
)

// Handler resolves a query. It may be called by several goroutines at once.
//
// It returns an Answer or an error, never both. The Answer must not be changed
// by anyone after it was returned: several queries may share it. When
// q.NoWait is set and the answer would have to be waited for, the error is
// ErrWait and nothing has been asked of an upstream.
type Handler interface {
	Resolve(ctx context.Context, q *Query) (*Answer, error)
}

// HandlerFunc lets a function be a Handler.
type HandlerFunc func(ctx context.Context, q *Query) (*Answer, error)

// Resolve calls f.
func (f HandlerFunc) Resolve(ctx context.Context, q *Query) (*Answer, error) { return f(ctx, q) }

// Middleware is one stage of the pipeline: it wraps the stages after it.
type Middleware func(next Handler) Handler

// ErrWait says that a query with NoWait set cannot be answered at once. It is no
// failure: the same query is to be resolved again without NoWait.
var ErrWait = errors.New("resolver: the answer has to be waited for")

// chain puts stages around last, the first one outermost.
func chain(last Handler, stages ...Middleware) Handler {
	for i := len(stages) - 1; i >= 0; i-- {
		last = stages[i](last)
	}
	return last
}
