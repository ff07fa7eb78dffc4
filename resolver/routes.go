package resolver

import (
	"fmt"

	"tundns/dnswire"
)

// Route gives a domain to an upstream group (split DNS).
type Route struct {
	Domain dnswire.Name
	Exact  bool // that name alone, without the names under it
	Group  string
	// Upstream is the group itself; nil in Routes that are only to be looked at.
	Upstream Exchanger
}

// String returns the domain as a configuration has it: "corp.example", or
// "=host.corp.example" for that name alone.
func (r *Route) String() string {
	if r.Exact {
		return "=" + r.Domain.Text()
	}
	return r.Domain.Text()
}

// Routes find the upstream group of a name: that of the longest domain that the
// name is in; a route for exactly that name comes before all others. They are
// immutable. nil has no routes.
type Routes struct {
	exact  map[dnswire.Name]*Route
	suffix map[dnswire.Name]*Route
}

// NewRoutes returns routes that keep nothing of list. A domain that is in it
// twice is an error.
func NewRoutes(list []Route) (*Routes, error) {
	rs := &Routes{exact: make(map[dnswire.Name]*Route), suffix: make(map[dnswire.Name]*Route)}
	for _, r := range list {
		m := rs.suffix
		if r.Exact {
			m = rs.exact
		}
		if first := m[r.Domain]; first != nil {
			return nil, fmt.Errorf("domain %s is routed twice: to upstream group %q and to %q", &r, first.Group, r.Group)
		}
		m[r.Domain] = &r
	}
	return rs, nil
}

// Find returns the route of name, nil when it has none and is the default
// group's.
func (rs *Routes) Find(name dnswire.Name) *Route {
	if rs == nil {
		return nil
	}
	if r := rs.exact[name]; r != nil {
		return r
	}
	for more := len(rs.suffix) > 0; more; name, more = name.Parent() {
		if r := rs.suffix[name]; r != nil {
			return r
		}
	}
	return nil
}

// group returns the name of the upstream group that is asked for name, and the
// group. Who is routed to a group gets that group's answer or failure, never
// another's: what it knows may be nobody else's business.
func (s *State) group(name dnswire.Name) (string, Exchanger) {
	if r := s.Routes.Find(name); r != nil {
		return r.Group, r.Upstream
	}
	return s.Group, s.Upstream
}
