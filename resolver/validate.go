package resolver

import (
	"context"

	"tundns/dnswire"
)

// validate refuses what is not to be resolved: other classes than IN (CHAOS goes
// on to our own names), zone transfers, the types that are only about the
// transport, and malformed client subnets that were to be passed on. ANY is
// answered as RFC 8482 section 4.2 has it.
func validate(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		switch q.Question.Class {
		case dnswire.ClassIN, dnswire.ClassCH:
		default:
			return reply(q, Refused, dnswire.RcodeRefused, dnswire.EDE{Code: dnswire.EDENotSupported, Text: "only class IN is resolved"}), nil
		}
		switch q.Question.Type {
		case dnswire.TypeAXFR, dnswire.TypeIXFR:
			return reply(q, Refused, dnswire.RcodeRefused, dnswire.EDE{Code: dnswire.EDEProhibited, Text: "zone transfers are not served"}), nil
		case 0, dnswire.TypeOPT, dnswire.TypeTSIG, dnswire.TypeTKEY, dnswire.TypeMAILA, dnswire.TypeMAILB:
			return reply(q, Refused, dnswire.RcodeRefused, dnswire.EDE{Code: dnswire.EDENotSupported, Text: "this type cannot be asked for"}), nil
		case dnswire.TypeANY:
			if q.Question.Class == dnswire.ClassIN {
				return minimalAny(q), nil
			}
		}
		if q.subnet != "" && !validSubnet(q.subnet) {
			return reply(q, Invalid, dnswire.RcodeFormatError), nil // RFC 7871 section 6
		}
		return next.Resolve(ctx, q)
	})
}

// anyTTL in seconds keeps clients from asking ANY again soon (RFC 8482 section 4.2
// leaves it to us; 3789 is the value in common use).
const anyTTL = 3789

// minimalAny answers ANY with the synthesized HINFO of RFC 8482 section 4.2.
func minimalAny(q *Query) *Answer {
	const typeHINFO = 13
	a := reply(q, Local, dnswire.RcodeSuccess)
	a.Message = dnswire.AppendRR(a.Message, q.Question.Name, typeHINFO, dnswire.ClassIN, anyTTL, []byte("\x07RFC8482\x00"))
	dnswire.SetCount(a.Message, dnswire.Answer, 1)
	return a
}
