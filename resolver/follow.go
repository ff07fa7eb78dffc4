package resolver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tundns/dnswire"
)

// maxFollow bounds the CNAME records of our own that are followed for one
// question, as resolvers bound those of others.
const maxFollow = 16

// follow completes answers that go on: a stage below has answered with a CNAME
// record of ours, and what its target leads to is asked of the same stages. A
// circle is a failure.
func follow(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		a, err := next.Resolve(ctx, q)
		if err != nil || a.goesOn == "" {
			return a, err
		}
		names := []dnswire.Name{q.Question.Name}
		for a.goesOn != "" {
			circle := slices.Contains(names, a.goesOn)
			names = append(names, a.goesOn)
			if circle || len(names) > maxFollow+1 {
				return nil, roundabout(names, circle)
			}
			sub := *q
			sub.Question.Name, sub.asked = a.goesOn, string(a.goesOn)
			sub.lookup, sub.settled = nil, q.settled || a.settled
			b, err := next.Resolve(ctx, &sub)
			if err != nil {
				return nil, err
			}
			if a, err = a.with(b); err != nil {
				return nil, err
			}
		}
		return a, nil
	})
}

// roundabout is the error for names that lead nowhere.
func roundabout(names []dnswire.Name, circle bool) error {
	if !circle {
		return fmt.Errorf("more than %d names in a row are sent to the next one, from %s on", maxFollow, names[0].Text())
	}
	first := slices.Index(names, names[len(names)-1])
	var texts []string
	for _, name := range names[first:] {
		texts = append(texts, name.Text())
	}
	return fmt.Errorf("names are sent round in a circle: %s", strings.Join(texts, " to "))
}

// with returns the answer of a, which goes on, completed by b, the answer about
// the name where it does. a has records in its answer section only. No signature
// covers the CNAME record, so that AD is gone. The outcome and the verdict are a's
// unless b is no answer to the question.
func (a *Answer) with(b *Answer) (*Answer, error) {
	msg := slices.Clone(a.Message)
	counts := [...]int{dnswire.Count(a.Message, dnswire.Answer), 0, 0}
	it := dnswire.NewRecords(b.Message)
	for it.Next() {
		rr := &it.RR
		owner, _, err := dnswire.ReadName(b.Message, rr.Owner)
		if err != nil {
			return nil, err
		}
		if rr.Type == dnswire.TypeCNAME && rr.Section == dnswire.Answer {
			target, _, err := dnswire.ReadName(b.Message, rr.Data)
			if err != nil {
				return nil, err
			}
			if a.owns(target) { // an upstream sends the query back to where we sent it from
				return nil, roundabout([]dnswire.Name{target, owner, target}, true)
			}
		}
		// Names inside the data are never compressed in messages of the pipeline.
		msg = dnswire.AppendRR(msg, owner, rr.Type, rr.Class, rr.TTL, b.Message[rr.Data:rr.End])
		counts[rr.Section]++
	}
	if it.Err() != nil {
		return nil, it.Err()
	}
	for section, n := range counts {
		dnswire.SetCount(msg, dnswire.Section(section), n)
	}
	dnswire.SetFlags(msg, dnswire.Flags(b.Message)&(dnswire.FlagTC|0xF))
	joined := &Answer{Message: msg, Errors: slices.Concat(a.Errors, b.Errors), Outcome: a.Outcome, Verdict: a.Verdict,
		subnet: b.subnet, goesOn: b.goesOn, settled: a.settled || b.settled}
	switch b.Outcome {
	case Blocked, Dropped, Failed:
		joined.Outcome, joined.Verdict = b.Outcome, b.Verdict
	}
	return joined, nil
}

// owns reports whether the answer section has records of name.
func (a *Answer) owns(name dnswire.Name) bool {
	for it := dnswire.NewRecords(a.Message); it.Next() && it.RR.Section == dnswire.Answer; {
		if dnswire.IsName(a.Message, it.RR.Owner, name) {
			return true
		}
	}
	return false
}
