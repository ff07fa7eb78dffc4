package policy

import (
	"fmt"
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
	None Action = iota // no rule matches
	Allow
	Block
)

// String returns none, allow or block.
func (a Action) String() string {
	switch a {
	case None:
		return "none"
	case Allow:
		return "allow"
	case Block:
		return "block"
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Verdict is the decision on a name. The zero value is that no rule matches.
type Verdict struct {
	Action Action
	Rule   blocklists.Rule // that decided, unless Action is None
	Hop    dnswire.Name    // the name in an answer that Rule decided on; empty for a question
}

// maxReason bounds Reason, in bytes: the text shares the client's UDP payload
// with the answer.
const maxReason = 200

// Reason returns "list:line rule" for the text of an Extended DNS Error (RFC
// 8914): valid UTF-8, at most 200 bytes, an ellipsis where it was cut. It is
// empty for a verdict without a rule.
func (v Verdict) Reason() string {
	if v.Action == None {
		return ""
	}
	const ellipsis = "…"
	s := strings.ToValidUTF8(fmt.Sprintf("%s:%d %v", v.Rule.List, v.Rule.Line, v.Rule), "\uFFFD")
	if len(s) <= maxReason {
		return s
	}
	end := maxReason - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
