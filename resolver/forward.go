package resolver

import (
	"context"
	"errors"
	"time"

	"tundns/dnswire"
)

// errNoUpstream is what a Resolver without upstreams says.
var errNoUpstream = errors.New("no upstream is configured")

// errSubnet is a reply that is for somebody else's network.
var errSubnet = errors.New("the upstream answered for another client subnet")

// forward asks the upstream group of the question's name. A client's own EDNS
// options never travel upstream, its subnet excepted where that is wanted; AD is
// always asked for, so that the answer serves clients that understand it and
// those that do not (RFC 6840 section 5.7).
func (r *Resolver) forward(ctx context.Context, q *Query) (*Answer, error) {
	name, group := q.state.group(q.Question.Name)
	if group == nil {
		return nil, errNoUpstream
	}
	flags := dnswire.FlagRD | dnswire.FlagAD
	if q.CD {
		flags |= dnswire.FlagCD
	}
	var options []byte
	if q.subnet != "" {
		options = dnswire.AppendOption(nil, dnswire.OptionECS, []byte(q.subnet))
	}
	query := make([]byte, 0, dnswire.HeaderLen+len(q.Question.Name)+4+11+len(options))
	query = dnswire.AppendQuestion(query, 0, flags, q.Question)
	query = dnswire.AppendOPT(query, dnswire.OPT{UDPSize: OurUDPSize, DO: q.DO, Options: options})
	dnswire.SetCount(query, dnswire.Additional, 1)
	start := time.Now()
	rep, err := group.Exchange(ctx, query)
	if r.outages.asked(name, err, start, time.Now()) {
		r.cache.ForgetFailures(name)
	}
	if err != nil {
		return nil, err
	}
	msg, errs, err := scrub(q, rep.Message)
	if err != nil {
		return nil, err
	}
	a := &Answer{Message: msg, Errors: errs, Outcome: Forwarded}
	if q.subnet != "" {
		a.subnet = readSubnet(rep.Message)
		if a.subnet != "" && !sameSubnet(q.subnet, a.subnet) {
			return nil, errSubnet // RFC 7871 section 7.3: it must be dropped
		}
	}
	return a, nil
}
