package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tundns/dnswire"
	"tundns/localnames"
	"tundns/policy"
)

// whyZone holds why.NAME for every name.
var whyZone = dnswire.MustName("tundns.internal")

// whyLabel is the first label of a question about policy.
const whyLabel = "\x03why"

// subject returns the name that a name asks about: ads.example.com of
// why.ads.example.com.tundns.internal.
func subject(name dnswire.Name) (dnswire.Name, bool) {
	if !strings.HasPrefix(string(name), whyLabel) || !name.In(whyZone) || len(name) <= len(whyLabel)+len(whyZone) {
		return "", false
	}
	return name[len(whyLabel):len(name)-len(whyZone)] + dnswire.Root, true
}

// why answers why.NAME.tundns.internal TXT: what becomes of the question for the
// addresses of NAME when the client that asks asks it, and why. It tells of
// nobody else.
func why(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		name, ok := subject(q.Question.Name)
		if !ok || q.Question.Class != dnswire.ClassIN || q.state.Policy == nil {
			return next.Resolve(ctx, q)
		}
		a := denied(q, Local, dnswire.RcodeSuccess)
		if q.Question.Type == dnswire.TypeTXT {
			text, err := explain(ctx, q, name, next)
			if err != nil {
				return nil, err
			}
			a = reply(q, Local, dnswire.RcodeSuccess)
			// What it tells may change at any time: TTL 0.
			a.Message = dnswire.AppendRR(a.Message, q.Question.Name, dnswire.TypeTXT, dnswire.ClassIN, 0, characterStrings(text))
			dnswire.SetCount(a.Message, dnswire.Answer, 1)
		}
		dnswire.SetFlags(a.Message, dnswire.Flags(a.Message)|dnswire.FlagAA)
		return a, nil
	})
}

// explain says in at most 1,000 bytes what becomes of the question for the
// addresses of name. Unless policy blocks the name it asks the stages below,
// without policy. Its only error is ErrWait.
func explain(ctx context.Context, q *Query, name dnswire.Name, next Handler) (string, error) {
	s, client := q.state, q.Client.Addr()
	found := s.own(name, dnswire.TypeA, client)
	way := ""
	if found != nil && found.Continue != "" {
		way = fmt.Sprintf("records of your own send %s here; ", name.Text())
		name = found.Continue
		found = s.own(name, dnswire.TypeA, client)
	}
	e := s.Policy.Explain(client, name, dnswire.TypeA)
	switch {
	case found != nil:
		e.Verdict, e.Rules, e.Why = policy.Verdict{}, nil, found.words()
	case e.Verdict.Action < policy.Block:
		sub := *q
		sub.Question = dnswire.Question{Name: name, Type: dnswire.TypeA, Class: dnswire.ClassIN}
		sub.asked, sub.lookup, sub.settled = string(name), nil, true
		a, err := next.Resolve(ctx, &sub)
		if errors.Is(err, ErrWait) {
			return "", err
		}
		if err != nil {
			a = failure(&sub, err)
		}
		e.Answer(a.Message, s.Routes.Find(name) != nil)
		if a.Outcome == Stale || unusable(a) {
			e.Why += "; " + trouble(a)
		}
	}
	e.Why = way + e.Why
	return e.Short(), nil
}

// words says that a name is answered here, and by what.
func (found *own) words() string {
	by := "records of your own"
	if found.zone.Name != "" {
		by = stayed(found.zone)
	}
	if found.Status == localnames.Answer {
		return "tundns itself has the answer, before any rule is asked: " + by
	}
	return fmt.Sprintf("tundns itself answers %v, before any rule is asked: %s", found.Status, by)
}

// trouble says how upstreams have failed of which a tells nothing good.
func trouble(a *Answer) string {
	text := fmt.Sprintf("the upstreams fail (rcode %d)", a.Rcode())
	if a.Outcome == Stale {
		text = "the answer is out of date"
	}
	for _, e := range a.Errors {
		if e.Text != "" {
			text += ": " + e.Text
		}
	}
	return text
}

// characterStrings returns the data of a TXT record with text (RFC 1035 section
// 3.3.14).
func characterStrings(text string) []byte {
	var data []byte
	for len(text) > 0 || data == nil {
		n := min(len(text), 255)
		data = append(append(data, byte(n)), text[:n]...)
		text = text[n:]
	}
	return data
}
