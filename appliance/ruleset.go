package appliance

import (
	"context"

	"tundns/blocklists"
	"tundns/config"
	"tundns/policy"
	"tundns/resolver"
	"tundns/resolver/upstream"
)

// ruleset is what a reload replaces: everything between the configuration and
// the resolver. It is immutable.
type ruleset struct {
	config    *config.Config
	set       *blocklists.Set
	reports   []blocklists.Report
	policy    *policy.Policy
	bootstrap *upstream.Bootstrap // nil without servers for it
	upstreams []*upstream.Group   // parallel to config.Upstreams
	routes    *resolver.Routes
}

// compile builds a ruleset from c. It keeps those of old's upstream groups, with
// their connections and what is known of them, about which nothing changed.
func compile(ctx context.Context, c *config.Config, observer upstream.Observer, old *ruleset) (*ruleset, error) {
	r, err := compilePolicy(ctx, c)
	if err != nil {
		return nil, err
	}
	if r.bootstrap, err = openBootstrap(c, observer, old); err != nil {
		return nil, err
	}
	if r.upstreams, err = openUpstreams(c, observer, r.bootstrap, old); err != nil {
		if r.bootstrap != nil && (old == nil || r.bootstrap != old.bootstrap) {
			r.bootstrap.Close()
		}
		return nil, err
	}
	r.routes, err = resolver.NewRoutes(routes(c, r.upstreams)) // as before, now with the groups
	return r, err
}

// compilePolicy builds the part of a ruleset that needs no network: its routes
// have names of upstream groups alone.
func compilePolicy(ctx context.Context, c *config.Config) (*ruleset, error) {
	r := &ruleset{config: c}
	var err error
	if r.set, r.reports, err = blocklists.Load(ctx, sources(c)); err != nil {
		return nil, err
	}
	if r.policy, err = policy.New(r.set, clientGroups(c)); err != nil {
		return nil, err
	}
	r.routes, err = resolver.NewRoutes(routes(c, nil))
	return r, err
}

func (r *ruleset) state() resolver.State {
	i := defaultUpstream(r.config)
	return resolver.State{Policy: r.policy, Upstream: r.upstreams[i], Group: r.config.Upstreams[i].Name, Routes: r.routes,
		PassSubnet: r.config.DNS.ClientSubnet == config.SubnetPass}
}

func (r *ruleset) close() {
	for _, g := range r.upstreams {
		g.Close()
	}
	if r.bootstrap != nil {
		r.bootstrap.Close()
	}
}

// sources are the lists to load: the configured ones, or the starter list.
func sources(c *config.Config) []blocklists.Source {
	if c.StarterList() {
		return []blocklists.Source{blocklists.Starter()}
	}
	var out []blocklists.Source
	for _, l := range c.Lists {
		s := blocklists.Source{Name: l.Name, Path: l.Path, ExactDomains: !l.Subdomains}
		// Both words have been validated with the configuration.
		s.Format, _ = blocklists.ParseFormat(l.Format)
		s.Action, _ = blocklists.ParseAction(l.Action)
		out = append(out, s)
	}
	return out
}

func clientGroups(c *config.Config) []policy.ClientGroup {
	var out []policy.ClientGroup
	for _, g := range c.Groups {
		mode, _ := policy.ParseBlockMode(g.BlockWith) // validated with the configuration
		cg := policy.ClientGroup{Name: g.Name, Clients: g.Clients, Lists: g.Lists, Block: mode}
		switch {
		case c.StarterList():
			cg.Lists = nil // every list there is: the starter list
		case cg.Lists == nil:
			cg.Lists = []string{}
		}
		out = append(out, cg)
	}
	return out
}
