package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
)

// Explanation says what the policy does with a question and why.
type Explanation struct {
	Client     Client
	Membership string // why the client is in its group, in words
	Name       dnswire.Name
	Type       uint16
	Verdict    Verdict           // on the question or, behind Answer, on the answer to it
	Why        string            // why this is so, in words
	Rules      []blocklists.Rule // all that match the name, the one that decides among them first
	Paused     time.Time         // when the pause of the group ends; the zero time without one
	Schedules  []Schedule        // whose window is open
	Hops       []Hop             // where the answer leads to, of an answer that was inspected
}

// Hop is a name or an address that an answer leads to.
type Hop struct {
	Type    uint16       // of the record that leads there
	Name    dnswire.Name // or
	Addr    netip.Addr
	Verdict Verdict // on the hop alone
}

// Explain says what happens at present when the client with the given address
// asks for records of type typ of name. What the answer leads to can change it:
// see Explanation.Answer.
func (p *Policy) Explain(client netip.Addr, name dnswire.Name, typ uint16) Explanation {
	c := p.Client(client)
	g := c.Group
	e := Explanation{Client: c, Membership: c.membership(), Name: name, Type: typ}
	q := e.question()
	f := g.at(&q)
	e.Verdict = g.judge(f, &q)
	if f == paused {
		e.Paused = p.pauses.Until(g.name)
	}
	for i := range g.schedules {
		if s := &g.schedules[i]; s.holds(s.in(q.Time)) {
			e.Schedules = append(e.Schedules, s.Schedule)
		}
	}
	if f.off != "" {
		e.Why = "nothing is blocked in the group at present"
		return e
	}
	e.Rules = g.set.MatchAll(q.query(), f.lists)
	e.Why = e.why()
	return e
}

// question is what e explains, asked at present.
func (e *Explanation) question() Question {
	return Question{Name: e.Name, Type: e.Type, Client: e.Client, Time: e.Client.Group.policy.now()}
}

// why says in words why the verdict on the question is what it is.
func (e *Explanation) why() string {
	switch v := e.Verdict; {
	case v.Cause == BySchedule:
		return "every name that no rule allows is blocked: " + v.Reason()
	case v.Cause != ByRule && v.Cause != NoCause:
		return v.Reason()
	case v.Cause == NoCause:
		return "no rule of the group's lists matches"
	case v.Action == Allow && e.Rules[0].Action != blocklists.Allow:
		return "the rule sends the name to itself"
	case len(e.Rules) == 1:
		return "it is the only rule that matches"
	}
	return e.Rules[0].Over(e.Rules[1])
}

// Answer adds to e what becomes of the answer msg to its question: each hop and,
// if that decides, another verdict. routed says that the name has an upstream
// group of its own, which may answer with private addresses.
func (e *Explanation) Answer(msg []byte, routed bool) {
	g := e.Client.Group
	q := e.question()
	f := g.at(&q)
	w := walk{g, f, q.query(), &q.hop, msg}
	for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
		if name, ok := target(msg, &it.RR); ok && name != dnswire.Root {
			e.Hops = append(e.Hops, Hop{Type: it.RR.Type, Name: name, Verdict: w.name(name)})
		}
		for a := addressesOf(msg, &it.RR); ; {
			addr, ok := a.next()
			if !ok {
				break
			}
			e.Hops = append(e.Hops, Hop{Type: it.RR.Type, Addr: addr, Verdict: w.address(addr)})
		}
	}
	if e.Verdict.Action >= Block {
		return // the answer is never asked for
	}
	v := Verdict{}
	if e.Verdict.Action == None {
		v = g.Answer(&q, msg)
	}
	if v.Action < Block && !routed {
		if r := g.policy.Rebinding(&q, msg); r.Action != None {
			v = r
		}
	}
	if v.Action != None {
		e.Verdict, e.Why = v, "for what the answer leads to: "+v.Reason()
	}
}

// String returns the explanation in lines for people to read, without a line
// end behind the last one.
func (e Explanation) String() string { return strings.Join(e.lines(), "\n") }

// maxShort bounds Short, in bytes: with its question it passes in one UDP
// datagram everywhere.
const maxShort = 1000

// Short returns String as sentences in one line, valid UTF-8 and at most 1,000
// bytes, for a TXT record.
func (e Explanation) Short() string {
	return cut(strings.ToValidUTF8(strings.Join(e.lines(), ". ")+".", "\uFFFD"), maxShort)
}

func (e *Explanation) lines() []string {
	g := e.Client.Group
	first := fmt.Sprintf("%s: %s for client group %s", e.Name.Text(), e.outcome(), g.name)
	if e.Client.Addr.IsValid() {
		first += fmt.Sprintf(" (%v)", e.Client.Addr)
	}
	lines := []string{first, "why: " + e.Why}
	for _, r := range e.Rules {
		lines = append(lines, fmt.Sprintf("%v %s:%d %v", r.Action, r.List, r.Line, r))
	}
	for _, h := range e.Hops {
		to, says := h.Addr.String(), "no rule matches"
		if h.Name != "" {
			to = h.Name.Text()
		}
		if h.Verdict.Action != None {
			says = h.Verdict.Action.String() + " " + h.Verdict.Reason()
		}
		lines = append(lines, fmt.Sprintf("hop %s %s: %s", typeName(h.Type), to, says))
	}
	lines = append(lines, fmt.Sprintf("group %s: %s", g.name, e.Membership))
	if !e.Paused.IsZero() {
		lines = append(lines, "paused until "+e.Paused.Format("2006-01-02 15:04:05 MST"))
	}
	for _, s := range e.Schedules {
		lines = append(lines, fmt.Sprintf("schedule %v: %s", s, s.effect()))
	}
	return lines
}

// outcome says in a few words how the question is answered.
func (e *Explanation) outcome() string {
	v := e.Verdict
	switch {
	case v.Action == Allow:
		return "allowed"
	case v.Action == None:
		return "not blocked"
	case v.Action == Rewrite && v.Reply.CNAME != "":
		return "rewritten to " + v.Reply.CNAME.Text()
	case v.Action == Rewrite:
		return "rewritten"
	case v.Reply == nil:
		return fmt.Sprintf("blocked (%v)", e.Client.Group.block)
	case v.Reply.Drop:
		return "blocked (no answer)"
	case v.Reply.Rcode == dnswire.RcodeSuccess:
		return "blocked (nodata)"
	}
	return fmt.Sprintf("blocked (%s)", strings.ToLower(dns.RcodeToString[v.Reply.Rcode]))
}

// effect says what the schedule does in its window.
func (s *Schedule) effect() string {
	switch {
	case s.Off:
		return "nothing is blocked"
	case s.Everything:
		return "every name that no rule allows is blocked"
	}
	return "with the lists " + strings.Join(s.Lists, ", ")
}
