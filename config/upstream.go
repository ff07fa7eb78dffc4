package config

import (
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// upstreams decodes [[upstream]], which replaces the built-in servers.
func (d *decoder) upstreams(n *node) {
	tables := d.tables(n)
	if n.kind == unstable.Array && len(tables) == 0 {
		d.fail(n.at, "upstream is empty; name an upstream group with servers, or leave upstream out")
		return
	}
	if len(tables) == 0 {
		return
	}
	d.conf.Upstreams, d.serverAt = nil, nil
	names := map[string]bool{}
	rest := 0 // groups without domains
	for _, t := range tables {
		d.serverAt = append(d.serverAt, nil)
		u := d.upstream(t)
		if domains := t.get("domains"); domains == nil || domains.value.kind == unstable.Array && len(domains.value.items) == 0 {
			rest++
		}
		switch {
		case rest > 1 && len(u.Domains) == 0:
			d.fail(t.at, `a second upstream group without domains; put its servers into the first one, in order of preference, or say what it answers for: domains = ["corp.example"]`)
		case names[u.Name]:
			d.fail(t.at, "there is an upstream group %s already; give this one a name of its own", quote(u.Name))
		}
		names[u.Name] = true
		d.conf.Upstreams = append(d.conf.Upstreams, u)
	}
	if rest == 0 && len(d.problems) == 0 {
		d.fail(n.at, "every upstream group has domains; add one without, to answer for all other names")
	}
}

func (d *decoder) upstream(t *node) Upstream {
	u := Default().Upstreams[0]
	u.Servers = nil
	servers, caFile, random := false, t, t
	d.table(t, "an upstream group",
		field{"name", func(n *node) {
			if text, ok := d.label(n); ok {
				u.Name = text
			}
		}},
		field{"domains", func(n *node) {
			u.Domains = d.domains(n)
		}},
		field{"servers", func(n *node) {
			servers = true
			u.Servers = d.serverList(n)
		}},
		field{"strategy", func(n *node) {
			if text, ok := d.choice(n, []string{"failover", "fastest"}); ok {
				u.Strategy = text
			}
		}},
		field{"via", func(n *node) { d.choice(n, []string{"direct"}, "tunnel") }},
		field{"ca_file", func(n *node) {
			caFile = n
			d.path(n, &u.CAFile)
		}},
		field{"case_randomization", func(n *node) {
			random = n
			d.boolean(n, &u.CaseRandomization)
		}},
	)
	if t.kind == unstable.Table && !servers {
		d.fail(t.at, `this upstream group has no servers; add: servers = ["udp://192.0.2.1"]`)
	}
	if u.CAFile != "" && len(u.Servers) > 0 && !slices.ContainsFunc(u.Servers, Server.encrypted) {
		d.fail(caFile.at, "ca_file is for encrypted servers, and this upstream group has none; remove it")
	}
	if u.CaseRandomization && len(u.Servers) > 0 && !slices.ContainsFunc(u.Servers, Server.datagrams) {
		d.fail(random.at, "case_randomization is for udp servers, and this upstream group has none; remove it")
	}
	return u
}
