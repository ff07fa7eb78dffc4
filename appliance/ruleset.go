package appliance

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"reflect"

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
	upstreams *upstream.Group
}

// compile builds a ruleset from c. It keeps old's upstreams, with their
// connections and what is known of them, when nothing about them changed.
func compile(ctx context.Context, c *config.Config, observer upstream.Observer, old *ruleset) (*ruleset, error) {
	r, err := compilePolicy(ctx, c)
	if err != nil {
		return nil, err
	}
	if old != nil && reflect.DeepEqual(old.config.Upstreams, c.Upstreams) && c.Upstreams[0].CAFile == "" {
		r.upstreams = old.upstreams
		return r, nil
	}
	r.upstreams, err = openUpstreams(c, observer)
	return r, err
}

// compilePolicy builds the part of a ruleset that needs no network.
func compilePolicy(ctx context.Context, c *config.Config) (*ruleset, error) {
	r := &ruleset{config: c}
	var err error
	if r.set, r.reports, err = blocklists.Load(ctx, sources(c)); err != nil {
		return nil, err
	}
	r.policy, err = policy.New(r.set, clientGroups(c))
	return r, err
}

func (r *ruleset) state() resolver.State {
	return resolver.State{Policy: r.policy, Upstream: r.upstreams}
}

func (r *ruleset) close() { r.upstreams.Close() }

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

// openUpstreams makes the upstream group. It connects to nothing yet.
func openUpstreams(c *config.Config, observer upstream.Observer) (*upstream.Group, error) {
	u := c.Upstreams[0]
	roots, err := caPool(u.CAFile)
	if err != nil {
		return nil, err
	}
	var transports []upstream.Transport
	for _, s := range u.Servers {
		t, err := upstream.NewTransport(upstream.Server{URL: s.URL, Addresses: s.Addresses}, roots)
		if err != nil {
			for _, t := range transports {
				t.Close()
			}
			return nil, err
		}
		transports = append(transports, t)
	}
	return upstream.NewGroup(upstream.Options{Name: u.Name, Transports: transports, Observer: observer}), nil
}

// caPool is the system's roots with those of a PEM file added; nil, the
// system's roots, without a file.
func caPool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without roots; the file's are enough
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no PEM certificate", file)
	}
	return pool, nil
}
