package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"tundns/blocklists"
	"tundns/dnswire"
)

// ClientGroup describes clients that are treated alike.
type ClientGroup struct {
	Name    string
	Clients []netip.Prefix // IPv4-mapped prefixes mean their IPv4 ones; host bits are ignored
	Peers   []string       // names or public keys of a tunnel's peers
	Lists   []string       // names of lists; nil is every list, empty is none
	Block   BlockMode
	// SafeSearch sends search engines to their filtered selves.
	SafeSearch SafeSearch
	// BlockedTypes are record types that the group gets no records of: the answer
	// is NODATA whatever Block says, as the name itself is not blocked.
	BlockedTypes []uint16
	Schedules    []Schedule // 64 at most
}

// Group is a client group over its lists. It is safe for concurrent use and must
// not be copied.
type Group struct {
	name    string
	index   int
	block   BlockMode
	policy  *Policy
	set     *blocklists.Set
	members []netip.Prefix // masked
	peers   []string

	names     []string // of its lists; nil is every list
	types     []blockedType
	search    map[dnswire.Name]*engine // nil without safe search
	schedules []schedule

	always force // what holds when no schedule does
	// present is what holds at present in a group with schedules; nil when it has
	// not been reckoned yet.
	present atomic.Pointer[force]
}

// blockedType is a record type of which a group gets none.
type blockedType struct {
	typ    uint16
	reason string
}

// noData is the reply that a blocked type gets.
var noData = &blocklists.Reply{Rcode: dnswire.RcodeSuccess}

func newGroup(p *Policy, set *blocklists.Set, cg *ClientGroup, index int) (*Group, error) {
	some := len(cg.Clients) > 0 || len(cg.Peers) > 0
	switch {
	case cg.Name == "":
		return nil, fmt.Errorf("client group %d has no name", index+1)
	case cg.Name == DefaultGroup && some:
		return nil, fmt.Errorf("client group %q takes every client that no other group names: give it no clients", cg.Name)
	case cg.Name != DefaultGroup && !some:
		return nil, fmt.Errorf("client group %q has no clients and would never be used", cg.Name)
	}
	g := &Group{name: cg.Name, index: index, block: cg.Block, policy: p, set: set, peers: slices.Clone(cg.Peers), names: slices.Clone(cg.Lists)}
	if err := g.build(cg); err != nil {
		return nil, fmt.Errorf("client group %q: %w", cg.Name, err)
	}
	return g, nil
}

// build takes over what cg says of how the group is treated.
func (g *Group) build(cg *ClientGroup) error {
	err := cg.Block.check()
	if err != nil {
		return err
	}
	if g.always.lists, err = g.choose(0); err != nil {
		return err
	}
	g.always.listed = len(g.names) > 0 || g.names == nil && len(g.set.Lists()) > 0
	for _, typ := range cg.BlockedTypes {
		if err := checkBlockedType(typ); err != nil {
			return err
		}
		g.types = append(g.types, blockedType{typ, fmt.Sprintf("type %s is blocked for group %s", typeName(typ), g.name)})
	}
	if err := cg.SafeSearch.check(); err != nil {
		return err
	}
	g.search = g.policy.safeSearch(cg.SafeSearch)
	if len(cg.Schedules) > maxSchedules {
		return fmt.Errorf("%d schedules: %d are the most", len(cg.Schedules), maxSchedules)
	}
	for i, s := range cg.Schedules {
		if err := s.check(); err != nil {
			return fmt.Errorf("schedule %d: %w", i+1, err)
		}
		if _, err := g.set.Select(s.Lists); err != nil {
			return fmt.Errorf("schedule %d: %w", i+1, err)
		}
		s.Lists = slices.Clone(s.Lists)
		g.schedules = append(g.schedules, schedule{s, fmt.Sprintf("%s: schedule %v", g.name, s)})
	}
	return nil
}

// Name returns the group's name.
func (g *Group) Name() string { return g.name }

// Index returns the group's place among the groups of its policy, from 0.
func (g *Group) Index() int { return g.index }

// BlockMode returns how blocked questions of the group are answered.
func (g *Group) BlockMode() BlockMode { return g.block }

// Filters reports whether anything of the group can block or rewrite a question
// at present: a list, a blocked type, safe search or a schedule, and no pause.
func (g *Group) Filters() bool {
	f := g.inForce(g.policy.now())
	return f.off == "" && (f.listed || f.everything != "" || len(g.types) > 0 || g.search != nil)
}

// Canaries reports whether the names by which browsers and phones ask if they
// may go around this resolver are to be answered with no: Options.Canaries is
// set and the group filters.
func (g *Group) Canaries() bool { return g.policy.canaries && g.Filters() }

// BlocksType reports whether the group gets no records of type typ at the time
// of q.
func (g *Group) BlocksType(q *Question, typ uint16) bool {
	return len(g.types) > 0 && g.blockedType(typ) != nil && g.at(q).off == ""
}

func (g *Group) blockedType(typ uint16) *blockedType {
	for i := range g.types {
		if g.types[i].typ == typ {
			return &g.types[i]
		}
	}
	return nil
}

// Question returns the verdict on what a client of the group asks for. It does
// not allocate unless it rewrites; the verdict's rule shares memory with q's
// name.
func (g *Group) Question(q *Question) Verdict { return g.judge(g.at(q), q) }

// judge returns the verdict on q when f is in force.
func (g *Group) judge(f *force, q *Question) (v Verdict) {
	if f.off != "" {
		return v
	}
	query := q.query()
	var ok bool
	if v.Rule, ok = g.set.Match(query, f.lists); ok {
		if v.byRule(g, query, f); v.Action >= Block {
			return v
		}
	}
	if t := g.blockedType(q.Type); t != nil {
		return Verdict{Action: Block, Cause: ByType, Reply: noData, text: t.reason}
	}
	if v.Action == Allow {
		return v
	}
	if f.everything != "" {
		v.Action, v.Cause, v.text = Block, BySchedule, f.everything
	} else if g.search != nil && leadsBrowsers(q.Type) {
		if e := g.search[q.Name]; e != nil {
			v.Action, v.Cause, v.Reply, v.text = Rewrite, BySafeSearch, e.reply, e.reason
		}
	}
	return v
}
