package resolver

import (
	"context"
	"net/netip"

	"tundns/dnswire"
	"tundns/policy"
)

// blockTTL in seconds is short, so that a name which the user unblocks works
// again soon.
const blockTTL = 10

// enforce applies the client group's policy to the question and, unless a rule
// allows it, to what the answer leads to.
func enforce(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		p := q.state.Policy
		if p == nil {
			return next.Resolve(ctx, q)
		}
		group := p.Group(q.Client.Addr())
		v := group.Question(q.Question.Name)
		switch v.Action {
		case policy.Block:
			return blocked(q, group.BlockMode(), v), nil
		case policy.Allow:
			return next.Resolve(ctx, q)
		}
		a, err := next.Resolve(ctx, q)
		if err != nil {
			return nil, err
		}
		if v := group.Answer(a.Message); v.Action == policy.Block {
			return blocked(q, group.BlockMode(), v), nil
		}
		return a, nil
	})
}

var (
	soaMName = dnswire.MustName("tundns.invalid")
	soaRName = dnswire.MustName("nobody.invalid")
)

// blocked is the answer to a name that policy blocks, in the group's way. Denials
// carry an SOA, so that clients keep them no longer than blockTTL (RFC 2308
// section 5).
func blocked(q *Query, mode policy.BlockMode, v policy.Verdict) *Answer {
	ede := dnswire.EDE{Code: dnswire.EDEBlocked, Text: v.Reason()}
	if v.Hop != "" {
		ede.Text += " for " + v.Hop.Text() // the question itself is innocent
	}
	rcode := dnswire.RcodeSuccess
	switch mode.Kind {
	case policy.Refused:
		return reply(q, Blocked, dnswire.RcodeRefused, ede)
	case policy.NXDOMAIN:
		rcode = dnswire.RcodeNameError
	}
	if addr, ok := blockAddress(mode, q.Question.Type); ok {
		a := reply(q, Blocked, rcode, ede)
		a.Message = dnswire.AppendRR(a.Message, q.Question.Name, q.Question.Type, dnswire.ClassIN, blockTTL, addr.AsSlice())
		dnswire.SetCount(a.Message, dnswire.Answer, 1)
		return a
	}
	a := reply(q, Blocked, rcode, ede)
	a.Message = dnswire.AppendRR(a.Message, q.Question.Name, dnswire.TypeSOA, dnswire.ClassIN, blockTTL, dnswire.SOA(nil, soaMName, soaRName, blockTTL))
	dnswire.SetCount(a.Message, dnswire.Authority, 1)
	return a
}

// blockAddress is the address that mode gives to a question of type typ, if any.
func blockAddress(mode policy.BlockMode, typ uint16) (netip.Addr, bool) {
	switch {
	case mode.Kind == policy.Null && typ == dnswire.TypeA:
		return netip.IPv4Unspecified(), true
	case mode.Kind == policy.Null && typ == dnswire.TypeAAAA:
		return netip.IPv6Unspecified(), true
	case mode.Kind == policy.Address && mode.Addr.Is4() && typ == dnswire.TypeA,
		mode.Kind == policy.Address && mode.Addr.Is6() && typ == dnswire.TypeAAAA:
		return mode.Addr, true
	}
	return netip.Addr{}, false
}
