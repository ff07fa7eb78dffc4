package resolver

import (
	"context"

	"tundns/dnswire"
)

// versionName is the CHAOS name that answers with our version, as version.bind
// does elsewhere.
var versionName = dnswire.MustName("version.tundns")

// local answers the names that are ours. No other CHAOS name is served: who runs
// here is told only to who asks for it by our name.
func (r *Resolver) local(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		if q.Question.Class != dnswire.ClassCH {
			return next.Resolve(ctx, q)
		}
		if q.Question.Name != versionName {
			return reply(q, Refused, dnswire.RcodeRefused, dnswire.EDE{Code: dnswire.EDENotSupported, Text: "only version.tundns is served in class CH"}), nil
		}
		a := reply(q, Local, dnswire.RcodeSuccess)
		dnswire.SetFlags(a.Message, dnswire.FlagAA)
		if q.Question.Type == dnswire.TypeTXT || q.Question.Type == dnswire.TypeANY {
			text := r.version[:min(len(r.version), 255)] // one character-string (RFC 1035 section 3.3)
			a.Message = dnswire.AppendRR(a.Message, versionName, dnswire.TypeTXT, dnswire.ClassCH, 0, append([]byte{byte(len(text))}, text...))
			dnswire.SetCount(a.Message, dnswire.Answer, 1)
		}
		return a, nil
	})
}
