package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"tundns/blocklists"
	"tundns/dnswire"
)

// Action is what a verdict says.
type Action uint8

// The actions. Allow differs from None in that answers to the name are not
// looked into.
const (
	None    Action = iota // nothing decides
	Allow                 // by a rule
	Block                 // answered in the group's way, or as Verdict.Reply says
	Rewrite               // answered with the records of Verdict.Reply
)

var actionNames = [...]string{"none", "allow", "block", "rewrite"}

// String returns none, allow, block or rewrite.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Cause is what a verdict comes from.
type Cause uint8

// The causes.
const (
	NoCause      Cause = iota // the verdict is None
	ByRule                    // a rule of a list
	ByType                    // the type asked for is blocked
	BySchedule                // a schedule blocks every name
	BySafeSearch              // the name of a search engine
	ByRebinding               // a private address in an answer
)

// Verdict is the decision on a question or an answer. The zero value is that
// nothing decides.
type Verdict struct {
	Action Action
	Cause  Cause
	Rule   blocklists.Rule // that decided, when Cause is ByRule
	// Reply is how the question is answered in place of the group's BlockMode. It
	// is never nil for Rewrite; for Block it has no records and no CNAME. It is
	// shared and not to be changed.
	Reply *blocklists.Reply
	// Hop or Addr is the name or the address in an answer that was decided on; both
	// are empty for a question.
	Hop  dnswire.Name
	Addr netip.Addr

	text string // the reason, where it is not a rule
}

// byRule fills in what v.Rule says of the name of query: the name asked for, or
// one that its answer leads to.
func (v *Verdict) byRule(g *Group, query *blocklists.Query, f *force) {
	v.Cause = ByRule
	switch reply := v.Rule.Reply; {
	case v.Rule.Action == blocklists.Allow:
		v.Action = Allow
	case reply == nil || reply.CNAME == "" && len(reply.Records) == 0:
		v.Action, v.Reply = Block, reply
	case reply.CNAME == query.Name:
		// A name that is sent to itself stays as it is. So a rule for all names of a
		// domain can send them to one of them.
		v.Action = Allow
	default:
		v.Action, v.Reply = Rewrite, g.set.Reply(query, f.lists, v.Rule)
	}
}

// maxReason bounds Reason, in bytes: the text shares the client's UDP payload
// with the answer.
const maxReason = 200

// Reason returns "list:line rule", or what else decided in words, for the text of
// an Extended DNS Error (RFC 8914): valid UTF-8, at most 200 bytes, an ellipsis
// where it was cut. It is empty for None.
func (v Verdict) Reason() string {
	var s string
	switch v.Cause {
	case NoCause:
		return ""
	case ByRule:
		s = fmt.Sprintf("%s:%d %v", v.Rule.List, v.Rule.Line, v.Rule)
	case ByRebinding:
		s = fmt.Sprintf("rebinding: %v in a public answer", v.Addr)
	default:
		s = v.text
	}
	return cut(strings.ToValidUTF8(s, "\uFFFD"), maxReason)
}

// cut returns s, which is valid UTF-8, with an ellipsis in place of what is
// beyond limit bytes.
func cut(s string, limit int) string {
	const ellipsis = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
