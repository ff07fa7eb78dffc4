package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func (d *decoder) mode(n *node) {
	if text, ok := d.choice(n, []string{string(ModeDNS), string(ModeClient)}, "gateway"); ok {
		d.conf.Mode = Mode(text)
	}
}

func (d *decoder) wireguard(n *node) {
	d.table(n, "[wireguard]",
		field{"config", func(n *node) { d.path(n, &d.conf.WireGuard.Config) }},
	)
}

func (d *decoder) cache(n *node) {
	snapshotAt := -1
	d.table(n, "[cache]",
		field{"max_bytes", func(n *node) { d.size(n, &d.conf.Cache.MaxBytes) }},
		field{"stale_for", func(n *node) { d.duration(n, &d.conf.Cache.StaleFor, 0, maxStale) }},
		field{"snapshot", func(n *node) {
			if d.path(n, &d.conf.Cache.Snapshot); d.conf.Cache.Snapshot != "" {
				snapshotAt = n.at
			}
		}},
	)
	if snapshotAt >= 0 && d.conf.Cache.StaleFor == 0 {
		d.fail(snapshotAt, "snapshot is of no use with stale_for = \"0s\": after a restart all of it is stale; remove one of them")
	}
}

func (d *decoder) tun(n *node) {
	d.table(n, "[tun]",
		field{"name", d.interfaceName},
		field{"mtu", func(n *node) {
			if v, ok := d.mtu(n); ok {
				d.conf.TUN.MTU, d.mtuAt = v, n.at
			}
		}},
		field{"addresses", d.ownAddresses},
	)
}

// interfaceName accepts what every system does: Linux has 15 bytes and would take more
// characters, yet most of them break some tool.
func (d *decoder) interfaceName(n *node) {
	text, ok := d.str(n, "a name")
	if !ok {
		return
	}
	if text == "" || len(text) > 15 || strings.Trim(text, alphanumeric+"-_.=+") != "" || text == "." || text == ".." {
		d.fail(n.at, "name %s cannot be an interface's; it is 1 to 15 letters, digits, '-', '_', '.', '=' or '+'", quote(text))
		return
	}
	d.conf.TUN.Name = text
}

func (d *decoder) ownAddresses(n *node) {
	items, ok := d.list(n, "addresses")
	if !ok {
		return
	}
	d.ownAt = n.at
	d.conf.TUN.Addresses = nil
	seen := map[netip.Addr]bool{}
	for _, item := range items {
		text, ok := d.item(item, "an address")
		if !ok {
			continue
		}
		p, ok := parsePrefix(text)
		switch why := unfit(p.Addr()); {
		case !ok:
			d.fail(item.at, "%s is not an address with a prefix length, like 10.30.30.1/32 or fd30:30:30::1/128", quote(text))
		case why != "":
			d.fail(item.at, "%s %s", p.Addr(), why)
		case seen[p.Addr()]:
			d.fail(item.at, "%s is given twice", p.Addr())
		default:
			seen[p.Addr()] = true
			d.conf.TUN.Addresses = append(d.conf.TUN.Addresses, p)
			d.own = append(d.own, item.at)
		}
	}
}

func (d *decoder) dns(n *node) {
	allow := n
	d.table(n, "[dns]",
		field{"addresses", d.virtualAddresses},
		field{"hijack", func(n *node) {
			var hijack bool
			if d.boolean(n, &hijack); hijack {
				d.fail(n.at, "hijack = true is not supported in this version; set it to false, and let programs ask the virtual addresses")
			}
		}},
		field{"client_subnet", func(n *node) {
			if text, ok := d.choice(n, []string{SubnetStrip, SubnetPass}); ok {
				d.conf.DNS.ClientSubnet = text
			}
		}},
		field{"canaries", func(n *node) { d.boolean(n, &d.conf.DNS.Canaries) }},
		field{"rebinding_protection", func(n *node) { d.boolean(n, &d.conf.DNS.RebindingProtection) }},
		field{"rebinding_allow", func(n *node) {
			allow = n
			d.conf.DNS.RebindingAllow = d.rebindingAllow(n)
		}},
	)
	if len(d.conf.DNS.RebindingAllow) > 0 && !d.conf.DNS.RebindingProtection {
		d.fail(allow.at, "rebinding_allow is of no use without rebinding_protection = true; add that, or remove it")
	}
}

// rebindingAllow returns domains, each once.
func (d *decoder) rebindingAllow(n *node) []string {
	items, ok := d.list(n, "domains")
	if !ok {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, item := range items {
		text, ok := d.item(item, "a domain")
		if !ok {
			continue
		}
		switch name, why := parseSubtree(text); {
		case why != "":
			d.fail(item.at, "domain %s %s", quote(text), why)
		case seen[name]:
			d.fail(item.at, "domain %s is given twice", quote(name))
		default:
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func (d *decoder) virtualAddresses(n *node) {
	items, ok := d.list(n, "addresses")
	if !ok {
		return
	}
	if len(items) == 0 {
		d.fail(n.at, "addresses is empty; tundns needs a virtual address to answer at, like 10.30.30.30")
		return
	}
	d.conf.DNS.Addresses = nil
	seen := map[netip.Addr]bool{}
	for _, item := range items {
		text, ok := d.item(item, "an address")
		if !ok {
			continue
		}
		a, err := netip.ParseAddr(text)
		switch why := unfit(a); {
		case err != nil || a.Zone() != "":
			d.fail(item.at, "%s is not an address, like 10.30.30.30 or fd30:30:30::30", quote(text))
		case why != "":
			d.fail(item.at, "%s %s", a, why)
		case a.Is6() && a.IsLinkLocalUnicast():
			d.fail(item.at, "%s is link-local, so programs would have to name the interface as well; use one in fd00::/8", a)
		case seen[a]:
			d.fail(item.at, "%s is given twice", a)
		default:
			seen[a] = true
			d.conf.DNS.Addresses = append(d.conf.DNS.Addresses, a)
			d.virtual = append(d.virtual, item.at)
		}
	}
}

func (d *decoder) log(n *node) {
	d.table(n, "[log]", field{"queries", func(n *node) {
		if text, ok := d.choice(n, []string{LogNone, LogBlocked, LogAll}); ok {
			d.conf.Log.Queries = text
		}
	}})
}

func (d *decoder) metrics(n *node) {
	d.table(n, "[metrics]", field{"listen", d.listen})
}

func (d *decoder) listen(n *node) {
	text, ok := d.str(n, "an address with a port")
	if !ok || text == "" {
		return
	}
	host, port, err := net.SplitHostPort(text)
	number, portErr := strconv.ParseUint(port, 10, 16)
	a, addrErr := netip.ParseAddr(host)
	if err != nil || portErr != nil || number == 0 || host != "" && addrErr != nil {
		d.fail(n.at, "listen %s is not an address with a port, like 127.0.0.1:9153, [::1]:9153, or :9153 for all addresses", quote(text))
		return
	}
	if why := unusable(a); a.IsValid() && !a.IsUnspecified() && why != "" {
		d.fail(n.at, "%s %s", a, why)
		return
	}
	d.conf.Metrics.Listen = text
	d.listener, d.listenerAt = host, n.at
}
