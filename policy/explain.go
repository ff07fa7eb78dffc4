package policy

import (
	"fmt"
	"net/netip"
	"strings"

	"tundns/blocklists"
	"tundns/dnswire"
)

// Explanation says what the policy does with a name and why.
type Explanation struct {
	Client  netip.Addr
	Group   *Group
	Name    dnswire.Name
	Verdict Verdict
	Rules   []blocklists.Rule // all that match, the one that decides first
	Why     string            // why that one decides, in words
}

// Explain says what happens when client asks for name. What the answer leads to
// can change it: see Group.Answer.
func (p *Policy) Explain(client netip.Addr, name dnswire.Name) Explanation {
	g := p.Group(client)
	e := Explanation{
		Client:  client,
		Group:   g,
		Name:    name,
		Verdict: g.Question(name),
		Rules:   g.set.MatchAll(name, g.lists),
	}
	switch len(e.Rules) {
	case 0:
		e.Why = "no rule of the group's lists matches"
	case 1:
		e.Why = "it is the only rule that matches"
	default:
		e.Why = e.Rules[0].Over(e.Rules[1])
	}
	return e
}

// String returns the explanation in lines for people to read, without a line
// end behind the last one.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.Name.Text())
	switch e.Verdict.Action {
	case Block:
		fmt.Fprintf(&b, "blocked (%v)", e.Group.BlockMode())
	case Allow:
		b.WriteString("allowed")
	default:
		b.WriteString("not blocked")
	}
	fmt.Fprintf(&b, " for client group %s", e.Group.Name())
	if e.Client.IsValid() {
		fmt.Fprintf(&b, " (%v)", e.Client)
	}
	fmt.Fprintf(&b, "\nwhy: %s", e.Why)
	for _, r := range e.Rules {
		fmt.Fprintf(&b, "\n%v %s:%d %v", r.Action, r.List, r.Line, r)
	}
	return b.String()
}
