package appliance

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"tundns/blocklists"
	"tundns/blocklists/download"
	"tundns/config"
	"tundns/localnames"
	"tundns/policy"
	"tundns/resolver"
	"tundns/resolver/upstream"
)

// surroundings are what rulesets are made in, and outlives them.
type surroundings struct {
	observer upstream.Observer
	pauses   *policy.Pauses
	log      *slog.Logger // nil: nobody is told
	// background says that queries are being answered meanwhile, which come first.
	background bool
	offline    bool // for looking at a configuration: nothing is fetched

	// For lists that have a URL.
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	roots   *x509.CertPool // nil: the system's
	changed func()
	fetches download.Observer
}

// offline are surroundings for looking at a configuration.
var offline = surroundings{offline: true, dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("nothing is fetched here")
}}

// ruleset is what a reload replaces: everything between the configuration and
// the resolver. It is immutable.
type ruleset struct {
	config    *config.Config
	set       *blocklists.Set
	reports   []blocklists.Report // of the configured lists, or the starter list
	missing   []string            // lists with a URL that were never fetched
	policy    *policy.Policy
	names     *localnames.Names
	hosts     []localnames.Report
	refresher *download.Refresher // nil without lists that have a URL
	folder    string              // the refresher's
	bootstrap *upstream.Bootstrap // nil without servers for it
	upstreams []*upstream.Group   // parallel to config.Upstreams
	routes    *resolver.Routes
}

// compile builds a ruleset from c. It keeps those of old's upstream groups, with
// their connections and what is known of them, about which nothing changed. The
// fetching of lists is not started.
func compile(ctx context.Context, c *config.Config, with surroundings, old *ruleset) (r *ruleset, err error) {
	if r, err = compilePolicy(ctx, c, with, old); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.closeBut(old)
			r = nil
		}
	}()
	if r.bootstrap, err = openBootstrap(c, with.observer, old); err != nil {
		return r, err
	}
	if r.upstreams, err = openUpstreams(c, with.observer, r.bootstrap, old); err != nil {
		return r, err
	}
	r.routes, err = resolver.NewRoutes(routes(c, r.upstreams)) // as before, now with the groups
	return r, err
}

// compilePolicy builds the part of a ruleset that asks nobody: its routes have
// names of upstream groups alone.
func compilePolicy(ctx context.Context, c *config.Config, with surroundings, old *ruleset) (r *ruleset, err error) {
	r = &ruleset{config: c, folder: filepath.Join(stateFolder(c), "lists")}
	if r.refresher, err = openRefresher(c, with, old); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.closeBut(old)
			r = nil
		}
	}()
	if r.names, r.hosts, err = ownNames(c); err != nil {
		return r, err
	}
	list, missing := sources(c, r.refresher)
	r.missing = missing
	if r.set, r.reports, err = loadLists(ctx, c, list, with); err != nil {
		return r, err
	}
	if err = checkOwnRules(c, r.reports); err != nil {
		return r, err
	}
	if err = checkEmptied(old, r); err != nil {
		return r, err
	}
	r.reports = slices.DeleteFunc(r.reports, func(report blocklists.Report) bool { return strings.Contains(report.List, " ") })
	if r.policy, err = newPolicy(c, r.set, with.pauses); err != nil {
		return r, err
	}
	r.routes, err = resolver.NewRoutes(routes(c, nil))
	return r, err
}

func (r *ruleset) state() resolver.State {
	i := defaultUpstream(r.config)
	return resolver.State{Policy: r.policy, Upstream: r.upstreams[i], Group: r.config.Upstreams[i].Name, Routes: r.routes, Names: r.names,
		PassSubnet: r.config.DNS.ClientSubnet == config.SubnetPass}
}

// close closes all that r has.
func (r *ruleset) close() { r.closeBut(nil) }

// closeBut closes what r has and old has not. A nil old has nothing.
func (r *ruleset) closeBut(old *ruleset) {
	if old == nil {
		old = new(ruleset)
	}
	for _, g := range r.upstreams {
		if !slices.Contains(old.upstreams, g) {
			g.Close()
		}
	}
	if r.bootstrap != nil && r.bootstrap != old.bootstrap {
		r.bootstrap.Close()
	}
	if r.refresher != nil && r.refresher != old.refresher {
		r.refresher.Close()
	}
}
