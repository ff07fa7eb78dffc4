package resolver

import (
	"context"
	"errors"

	"tundns/dnswire"
)

// errNoUpstream is what a Resolver without upstreams says.
var errNoUpstream = errors.New("no upstream is configured")

// forward asks the upstream group. A client's own EDNS options never travel
// upstream; AD is always asked for, so that the answer serves clients that
// understand it and those that do not (RFC 6840 section 5.7).
func (r *Resolver) forward(ctx context.Context, q *Query) (*Answer, error) {
	if q.state.Upstream == nil {
		return nil, errNoUpstream
	}
	flags := dnswire.FlagRD | dnswire.FlagAD
	if q.CD {
		flags |= dnswire.FlagCD
	}
	query := make([]byte, 0, dnswire.HeaderLen+len(q.Question.Name)+4+11)
	query = dnswire.AppendQuestion(query, 0, flags, q.Question)
	query = dnswire.AppendOPT(query, dnswire.OPT{UDPSize: OurUDPSize, DO: q.DO})
	dnswire.SetCount(query, dnswire.Additional, 1)
	rep, err := q.state.Upstream.Exchange(ctx, query)
	if err != nil {
		return nil, err
	}
	msg, errs, err := scrub(q, rep.Message)
	if err != nil {
		return nil, err
	}
	return &Answer{Message: msg, Errors: errs, Outcome: Forwarded}, nil
}
