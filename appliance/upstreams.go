package appliance

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"slices"

	"tundns/config"
	"tundns/dnswire"
	"tundns/resolver"
	"tundns/resolver/upstream"
)

// openBootstrap makes what finds the servers that are given by name, nil when c
// has no servers for it. It is old's when nothing about it changed.
func openBootstrap(c *config.Config, observer upstream.Observer, old *ruleset) (*upstream.Bootstrap, error) {
	if len(c.Bootstrap.Servers) == 0 {
		return nil, nil
	}
	if old != nil && reflect.DeepEqual(old.config.Bootstrap, c.Bootstrap) {
		return old.bootstrap, nil
	}
	own := ownAddresses(c)
	transports, err := openTransports(c.Bootstrap.Servers, nil, upstream.Server{Own: own})
	if err != nil {
		return nil, err
	}
	return upstream.NewBootstrap(upstream.BootstrapOptions{
		Transports: transports,
		Observer:   observer,
		File:       c.Bootstrap.File,
		Own:        own,
		Trouble:    func(err error) { slog.Warn(err.Error()) },
	}), nil
}

// ownAddresses are the virtual addresses and the interface's.
func ownAddresses(c *config.Config) []netip.Addr {
	own := slices.Clone(c.DNS.Addresses)
	for _, p := range c.TUN.Addresses {
		own = append(own, p.Addr())
	}
	return own
}

// openUpstreams makes the upstream groups of c, in its order. They connect to
// nothing yet. Groups that old has as they are now are old's.
func openUpstreams(c *config.Config, observer upstream.Observer, bootstrap *upstream.Bootstrap, old *ruleset) ([]*upstream.Group, error) {
	if old != nil && old.bootstrap != bootstrap {
		old = nil // its servers would be found by what is closed soon
	}
	var groups, opened []*upstream.Group
	for _, u := range c.Upstreams {
		g := old.group(u)
		if g == nil {
			var err error
			if g, err = openGroup(u, observer, upstream.Server{Bootstrap: bootstrap, Own: ownAddresses(c)}); err != nil {
				for _, g := range opened {
					g.Close()
				}
				return nil, err
			}
			opened = append(opened, g)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// group returns the upstream group that u describes, nil if r has none or it
// depends on more than u says.
func (r *ruleset) group(u config.Upstream) *upstream.Group {
	if r == nil || u.CAFile != "" { // the file may have changed
		return nil
	}
	u.Domains = nil // who is sent to it does not matter to the group
	for i, was := range r.config.Upstreams {
		was.Domains = nil
		if reflect.DeepEqual(was, u) {
			return r.upstreams[i]
		}
	}
	return nil
}

// openGroup makes the upstream group that u describes. Its servers are based on
// base.
func openGroup(u config.Upstream, observer upstream.Observer, base upstream.Server) (*upstream.Group, error) {
	roots, err := caPool(u.CAFile)
	if err != nil {
		return nil, err
	}
	strategy, err := upstream.ParseStrategy(u.Strategy)
	if err != nil {
		return nil, err
	}
	base.RandomCase = u.CaseRandomization
	transports, err := openTransports(u.Servers, roots, base)
	if err != nil {
		return nil, err
	}
	return upstream.NewGroup(upstream.Options{Name: u.Name, Transports: transports, Strategy: strategy, Observer: observer}), nil
}

// openTransports makes transports to servers, based on base.
func openTransports(servers []config.Server, roots *x509.CertPool, base upstream.Server) (transports []upstream.Transport, err error) {
	for _, s := range servers {
		next := base
		next.URL, next.Addresses, next.Pins, next.Method = s.URL, s.Addresses, s.Pins, s.Method
		t, err := upstream.NewTransport(next, roots)
		if err != nil {
			for _, t := range transports {
				t.Close()
			}
			return nil, err
		}
		transports = append(transports, t)
	}
	return transports, nil
}

// defaultUpstream is the index of the upstream group that every name without a
// route belongs to.
func defaultUpstream(c *config.Config) int {
	return slices.IndexFunc(c.Upstreams, func(u config.Upstream) bool { return len(u.Domains) == 0 })
}

// routes are the domains of c's upstream groups. groups is parallel to these; nil
// is for routes that are only to be looked at.
func routes(c *config.Config, groups []*upstream.Group) []resolver.Route {
	var list []resolver.Route
	for i, u := range c.Upstreams {
		for _, d := range u.Domains {
			r := resolver.Route{Domain: dnswire.MustName(d.Name), Exact: d.Exact, Group: u.Name}
			if groups != nil {
				r.Upstream = groups[i]
			}
			list = append(list, r)
		}
	}
	return list
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
