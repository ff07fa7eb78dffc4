package policy

import (
	"tundns/blocklists"
	"tundns/dnswire"
)

// Group is a client group over its lists. It is immutable and safe for
// concurrent use.
type Group struct {
	name  string
	index int
	block BlockMode
	set   *blocklists.Set
	lists blocklists.Lists
}

// Name returns the group's name.
func (g *Group) Name() string { return g.name }

// Index returns the group's place among the groups of its policy, from 0.
func (g *Group) Index() int { return g.index }

// BlockMode returns how blocked questions of the group are answered.
func (g *Group) BlockMode() BlockMode { return g.block }

// Question returns the verdict on a name that a client of the group asks for. It
// does not allocate; the verdict's rule shares memory with name.
func (g *Group) Question(name dnswire.Name) Verdict {
	rule, ok := g.set.Match(name, g.lists)
	if !ok {
		return Verdict{}
	}
	if rule.Action == blocklists.Allow {
		return Verdict{Action: Allow, Rule: rule}
	}
	return Verdict{Action: Block, Rule: rule}
}
