package policy

import (
	"fmt"
	"net/netip"

	"tundns/dnswire"
)

// Expect is what a Test wants.
type Expect uint8

// The expectations.
const (
	Blocked   Expect = iota // not answered as it is
	Allowed                 // neither blocked nor rewritten
	Rewritten               // answered with other records
)

var expectNames = [...]string{"blocked", "allowed", "rewritten"}

// ParseExpect reads blocked, allowed or rewritten.
func ParseExpect(s string) (Expect, error) {
	for i, name := range expectNames {
		if s == name {
			return Expect(i), nil
		}
	}
	return 0, fmt.Errorf("unknown expectation %q: want blocked, allowed or rewritten", s)
}

// String returns the form that ParseExpect reads.
func (x Expect) String() string {
	if int(x) < len(expectNames) {
		return expectNames[x]
	}
	return fmt.Sprintf("Expect(%d)", uint8(x))
}

// expected is the expectation that a has come to.
func (a Action) expected() Expect {
	switch a {
	case Block:
		return Blocked
	case Rewrite:
		return Rewritten
	}
	return Allowed
}

// Test is an expectation of a policy about one question.
type Test struct {
	Name   dnswire.Name
	Type   uint16     // 0 is A
	Client netip.Addr // who asks; not valid for a client of Group
	Group  string     // of the client without an address; "" is the default group
	Expect Expect
}

// Check judges the question of a test. Schedules and pauses are left out, as what
// a test finds must not depend on when it is run. The error of a test that fails
// says what it expected, what became of its question and why.
func (p *Policy) Check(t *Test) error {
	c := p.Client(t.Client)
	who := fmt.Sprintf("%v, group %s", c.Addr, c.Group.name)
	if !c.Addr.IsValid() {
		if t.Group != "" {
			if c.Group = p.Group(t.Group); c.Group == nil {
				return fmt.Errorf("no client group is called %q", t.Group)
			}
		}
		who = "group " + c.Group.name
	} else if t.Group != "" && t.Group != c.Group.name {
		return fmt.Errorf("client %v is in client group %s, not in %s", c.Addr, c.Group.name, t.Group)
	}
	q := Question{Name: t.Name, Type: t.Type, Client: c}
	if q.Type == 0 {
		q.Type = dnswire.TypeA
	}
	v := c.Group.judge(&c.Group.always, &q)
	got := v.Action.expected()
	if got == t.Expect {
		return nil
	}
	reason := v.Reason()
	if reason == "" {
		reason = "no rule matches"
	}
	return fmt.Errorf("%s %s for %s: expected %v, but it is %v: %s", t.Name.Text(), typeName(q.Type), who, t.Expect, got, reason)
}
