package policy

import (
	"fmt"
	"time"

	"tundns/blocklists"
	"tundns/dnswire"
)

// DefaultGroup is the name of the client group that takes every client that no
// other group names.
const DefaultGroup = "default"

// Options are what a Policy is made of. The zero value blocks nothing.
type Options struct {
	Set    *blocklists.Set // nil: no lists
	Groups []ClientGroup
	Peers  Peers // who tells the peers of a tunnel apart; nil: nobody, and no group may name peers
	// Canaries is what Group.Canaries says of groups that filter.
	Canaries  bool
	Rebinding Rebinding
	Pauses    *Pauses // outlives the policy; nil: no group is ever paused

	now func() time.Time // time.Now but in tests
}

// Policy holds the client groups over one set of lists.
type Policy struct {
	groups    []*Group
	clients   ranges
	peers     Peers
	byPeer    map[string]int // name or key of a peer → the first group that names it
	rest      *Group         // the default group
	engines   map[SafeSearch]map[dnswire.Name]*engine
	canaries  bool
	rebinding Rebinding
	pauses    *Pauses
	now       func() time.Time
}

// New returns the policy for the groups over the lists of the set. A client is
// in the first group that names its address or its peer. The group called
// default takes the rest and names no clients itself; without one it is added
// behind the others, with every list and the block mode Null.
func New(o Options) (*Policy, error) {
	set := o.Set
	if set == nil {
		set = new(blocklists.Set)
	}
	p := &Policy{peers: o.Peers, canaries: o.Canaries, pauses: o.Pauses, now: o.now}
	if p.now == nil {
		p.now = time.Now
	}
	var err error
	if p.rebinding, err = o.Rebinding.checked(); err != nil {
		return nil, err
	}
	var clients []member
	for i := range o.Groups {
		if clients, err = p.add(set, &o.Groups[i], clients); err != nil {
			return nil, err
		}
	}
	if p.rest == nil {
		if clients, err = p.add(set, &ClientGroup{Name: DefaultGroup}, clients); err != nil {
			return nil, err
		}
	}
	p.clients = newRanges(clients, p.rest.index)
	return p, nil
}

// add puts the next group behind those that p has, and its addresses behind
// clients.
func (p *Policy) add(set *blocklists.Set, cg *ClientGroup, clients []member) ([]member, error) {
	g, err := newGroup(p, set, cg, len(p.groups))
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
		p.rest = g
	}
	for _, prefix := range cg.Clients {
		m, err := newMember(prefix, g.index)
		if err != nil {
			return nil, fmt.Errorf("client group %q: %w", cg.Name, err)
		}
		g.members = append(g.members, m.prefix)
		clients = append(clients, m)
	}
	for _, peer := range cg.Peers {
		if p.peers == nil {
			return nil, fmt.Errorf("client group %q: peer %q cannot be told from others: no tunnel here knows its peers", cg.Name, peer)
		}
		if peer == "" {
			return nil, fmt.Errorf("client group %q: a peer has no name", cg.Name)
		}
		if p.byPeer == nil {
			p.byPeer = make(map[string]int)
		}
		if _, earlier := p.byPeer[peer]; !earlier {
			p.byPeer[peer] = g.index
		}
	}
	return clients, nil
}

// Groups returns the groups, each at its Index. The slice is not to be changed.
func (p *Policy) Groups() []*Group { return p.groups }

// Group returns the group with the given name, nil for none.
func (p *Policy) Group(name string) *Group {
	for _, g := range p.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// Question is what a client asks. It is for one goroutine at a time.
type Question struct {
	Name   dnswire.Name
	Type   uint16
	Client Client    // from Policy.Client
	Time   time.Time // when it was asked; the zero time stands for the present

	// What rules are matched against, for the name asked for and for one that an
	// answer leads to. They are kept here because they escape.
	asked, hop blocklists.Query
}

// query is what rules are matched against for q. It is good until the next call.
func (q *Question) query() *blocklists.Query {
	q.asked = blocklists.Query{Name: q.Name, Type: q.Type, Client: blocklists.Client{Addr: q.Client.Addr, Name: q.Client.label()}}
	return &q.asked
}
