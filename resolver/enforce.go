package resolver

import (
	"context"
	"net/netip"
	"strings"

	"tundns/dnswire"
	"tundns/policy"
)

const (
	// blockTTL in seconds is short, so that a name which the user unblocks works
	// again soon. Rewrites have it as well.
	blockTTL = 10
	// edeForged is "Forged Answer" (RFC 8914 section 4.5), for answers with other
	// records than the name has.
	edeForged uint16 = 4
)

// enforce applies the client group's policy to the question and, unless a rule
// allows it, to what the answer leads to.
func enforce(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		p := q.state.Policy
		if p == nil || q.settled {
			return next.Resolve(ctx, q)
		}
		asked := policy.Question{Name: q.Question.Name, Type: q.Question.Type, Client: p.Client(q.Client.Addr()), Time: q.received}
		group := asked.Client.Group
		v := group.Question(&asked)
		if v.Action >= policy.Block {
			return enforced(q, group.BlockMode(), v), nil
		}
		a, err := next.Resolve(ctx, q)
		if err != nil {
			return nil, err
		}
		if v.Action == policy.None {
			v = group.Answer(&asked, a.Message)
		}
		if v.Action < policy.Block && q.state.Routes.Find(q.Question.Name) == nil {
			// An upstream group of the user's own may know private addresses.
			if r := p.Rebinding(&asked, a.Message); r.Action != policy.None {
				v = r
			}
		}
		switch v.Action {
		case policy.None:
			return withoutHints(&asked, a)
		case policy.Allow:
			decided := v
			own := *a // others may share a
			own.Verdict = &decided
			return withoutHints(&asked, &own)
		}
		return enforced(q, group.BlockMode(), v), nil
	})
}

var (
	soaMName = dnswire.MustName("tundns.invalid")
	soaRName = dnswire.MustName("nobody.invalid")
)

// enforced is the answer to a question that policy blocks or rewrites: the
// verdict's, or in the group's way.
func enforced(q *Query, mode policy.BlockMode, v policy.Verdict) *Answer {
	a := carriedOut(q, mode, &v)
	a.Verdict = &v
	return a
}

func carriedOut(q *Query, mode policy.BlockMode, v *policy.Verdict) *Answer {
	ede := dnswire.EDE{Code: dnswire.EDEBlocked, Text: v.Reason()}
	switch { // the question itself is innocent
	case v.Hop != "":
		ede.Text = withHop(ede.Text, v.Hop.Text())
	case v.Addr.IsValid() && v.Cause == policy.ByRule:
		ede.Text = withHop(ede.Text, v.Addr.String())
	}
	switch {
	case v.Action == policy.Rewrite:
		ede.Code = edeForged
		return rewritten(q, v, ede)
	case v.Reply == nil:
		return blocked(q, mode, ede)
	case v.Reply.Drop:
		return reply(q, Dropped, dnswire.RcodeRefused, ede)
	}
	return denied(q, Blocked, v.Reply.Rcode, ede)
}

// withHop adds to a reason the hop of the answer that it is for. A long reason is
// cut, but for half of what an EDE has room for, so that the hop is told.
func withHop(reason, hop string) string {
	const ellipsis = "…"
	hop = " for " + hop
	room := max(dnswire.MaxEDEText-len(hop), dnswire.MaxEDEText/2)
	if len(reason) > room {
		reason = strings.ToValidUTF8(reason[:room-len(ellipsis)], "") + ellipsis
	}
	return reason + hop
}

// rewritten is the answer with the records that v prescribes.
func rewritten(q *Query, v *policy.Verdict, ede dnswire.EDE) *Answer {
	name, r := q.Question.Name, v.Reply
	a := reply(q, Rewritten, r.Rcode, ede)
	if r.CNAME != "" {
		a.Message = dnswire.AppendRR(a.Message, name, dnswire.TypeCNAME, dnswire.ClassIN, blockTTL, []byte(r.CNAME))
		dnswire.SetCount(a.Message, dnswire.Answer, 1)
		if q.Question.Type != dnswire.TypeCNAME {
			// Where safe search leads is not the lists' business.
			a.goesOn, a.settled = r.CNAME, v.Cause == policy.BySafeSearch
		}
		return a
	}
	n := 0
	for _, record := range r.Records {
		if record.Type == q.Question.Type {
			a.Message = dnswire.AppendRR(a.Message, name, record.Type, dnswire.ClassIN, blockTTL, record.Data)
			n++
		}
	}
	if n == 0 {
		return denied(q, Rewritten, r.Rcode, ede)
	}
	dnswire.SetCount(a.Message, dnswire.Answer, n)
	return a
}

// blocked is the answer to a blocked question in the group's way.
func blocked(q *Query, mode policy.BlockMode, ede dnswire.EDE) *Answer {
	if addr, ok := blockAddress(mode, q.Question.Type); ok {
		a := reply(q, Blocked, dnswire.RcodeSuccess, ede)
		a.Message = dnswire.AppendRR(a.Message, q.Question.Name, q.Question.Type, dnswire.ClassIN, blockTTL, addr.AsSlice())
		dnswire.SetCount(a.Message, dnswire.Answer, 1)
		return a
	}
	rcode := dnswire.RcodeSuccess
	switch mode.Kind {
	case policy.Refused:
		rcode = dnswire.RcodeRefused
	case policy.NXDOMAIN:
		rcode = dnswire.RcodeNameError
	}
	return denied(q, Blocked, rcode, ede)
}

// denied is an answer without records. Those that deny a name or its records
// carry an SOA, so that clients keep them no longer than blockTTL (RFC 2308
// section 5).
func denied(q *Query, outcome Outcome, rcode int, errs ...dnswire.EDE) *Answer {
	a := reply(q, outcome, rcode, errs...)
	if rcode == dnswire.RcodeSuccess || rcode == dnswire.RcodeNameError {
		a.Message = dnswire.AppendRR(a.Message, q.Question.Name, dnswire.TypeSOA, dnswire.ClassIN, blockTTL, dnswire.SOA(nil, soaMName, soaRName, blockTTL))
		dnswire.SetCount(a.Message, dnswire.Authority, 1)
	}
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
