package policy

import (
	"fmt"
	"net/netip"

	"tundns/blocklists"
)

// DefaultGroup is the name of the client group that takes every client that no
// other group names.
const DefaultGroup = "default"

// ClientGroup describes clients that are treated alike.
type ClientGroup struct {
	Name    string
	Clients []netip.Prefix // IPv4-mapped prefixes mean their IPv4 ones; host bits are ignored
	Lists   []string       // names of lists; nil is every list, empty is none
	Block   BlockMode
}

// Policy holds the client groups over one set of lists.
type Policy struct {
	set     *blocklists.Set
	groups  []*Group
	clients ranges
}

// New returns the policy for the groups over the lists of set; a nil set has no
// lists. A client is in the first group that names its address. The group called
// default takes the rest and names no clients itself; without one it is added
// behind the others, with every list and the block mode Null.
func New(set *blocklists.Set, groups []ClientGroup) (*Policy, error) {
	if set == nil {
		set = new(blocklists.Set)
	}
	p := &Policy{set: set}
	rest := -1
	var clients []member
	for i := range groups {
		cg := &groups[i]
		g, err := newGroup(set, cg, i)
		if err != nil {
			return nil, err
		}
		for _, old := range p.groups {
			if old.name == g.name {
				return nil, fmt.Errorf("two client groups are called %q: group names must differ", g.name)
			}
		}
		p.groups = append(p.groups, g)
		if g.name == DefaultGroup {
			rest = i
		}
		for _, prefix := range cg.Clients {
			m, err := newMember(prefix, i)
			if err != nil {
				return nil, fmt.Errorf("client group %q: %w", cg.Name, err)
			}
			clients = append(clients, m)
		}
	}
	if rest < 0 {
		rest = len(p.groups)
		p.groups = append(p.groups, &Group{name: DefaultGroup, index: rest, set: set, lists: set.All()})
	}
	p.clients = newRanges(clients, rest)
	return p, nil
}

func newGroup(set *blocklists.Set, cg *ClientGroup, index int) (*Group, error) {
	switch {
	case cg.Name == "":
		return nil, fmt.Errorf("client group %d has no name", index+1)
	case cg.Name == DefaultGroup && len(cg.Clients) > 0:
		return nil, fmt.Errorf("client group %q takes every client that no other group names: give it no clients", cg.Name)
	case cg.Name != DefaultGroup && len(cg.Clients) == 0:
		return nil, fmt.Errorf("client group %q has no clients and would never be used", cg.Name)
	}
	if err := cg.Block.check(); err != nil {
		return nil, fmt.Errorf("client group %q: %w", cg.Name, err)
	}
	g := &Group{name: cg.Name, index: index, block: cg.Block, set: set, lists: set.All()}
	if cg.Lists != nil {
		var err error
		if g.lists, err = set.Select(cg.Lists); err != nil {
			return nil, fmt.Errorf("client group %q: %w", cg.Name, err)
		}
	}
	return g, nil
}

// Group returns the group of a client. It is never nil: an address that no group
// names, also one that is not valid, is in the default group. IPv4-mapped
// addresses are looked up as IPv4, zones are ignored. It does not allocate.
func (p *Policy) Group(client netip.Addr) *Group {
	return p.groups[p.clients.group(client.WithZone("").Unmap())]
}

// Groups returns the groups, each at its Index. The slice is not to be changed.
func (p *Policy) Groups() []*Group { return p.groups }
