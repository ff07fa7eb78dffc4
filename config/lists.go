package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"tundns/spelling"
)

// lists decodes [[list]].
func (d *decoder) lists(n *node) {
	seen := map[string]bool{}
	for _, t := range d.tables(n) {
		d.oneList(t, seen)
	}
}

// oneList decodes one list and appends it. seen holds the names so far.
func (d *decoder) oneList(t *node, seen map[string]bool) {
	l := List{Format: "auto", Action: "block", Subdomains: true}
	source, named, subdomains := false, false, -1
	d.table(t, "a list",
		field{"name", func(n *node) {
			named = true
			text, ok := d.label(n)
			if ok && seen[text] {
				d.fail(n.at, "list %q is given twice; each has a name of its own", text)
			}
			seen[text] = true
			l.Name = text
		}},
		field{"path", func(n *node) {
			d.path(n, &l.Path)
			source = source || n.kind != unstable.String || n.text != ""
		}},
		field{"url", func(n *node) {
			if text, ok := d.str(n, "a URL"); !ok || text != "" {
				source = true
				if ok {
					d.fail(n.at, "url is not supported in this version; download the list and give its path")
				}
			}
		}},
		field{"format", func(n *node) {
			if text, ok := d.choice(n, []string{"auto", "hosts", "domains", "adblock"}, "dnsmasq", "unbound", "rpz"); ok {
				l.Format = text
			}
		}},
		field{"action", func(n *node) {
			if text, ok := d.choice(n, []string{"block", "allow"}); ok {
				l.Action = text
			}
		}},
		field{"subdomains", func(n *node) {
			d.boolean(n, &l.Subdomains)
			subdomains = n.at
		}},
	)
	if t.kind != unstable.Table {
		return
	}
	if !named {
		d.fail(t.at, `this list has no name; add: name = "ads"`)
	}
	if !source {
		d.fail(t.at, `this list has no path; add: path = "lists/ads.txt"`)
	}
	if subdomains >= 0 && (l.Format == "hosts" || l.Format == "adblock") {
		d.fail(subdomains, "subdomains is for bare names, and a list of format %q has none; remove it", l.Format)
	}
	d.conf.Lists = append(d.conf.Lists, l)
}

// groups decodes [[group]] once all lists are known; e is nil without one.
func (d *decoder) groups(e *entry) {
	rest := Default().Groups[0]
	rest.Lists = d.listNames()
	var named []Group
	if e != nil {
		seen := map[string]bool{}
		taken := map[netip.Prefix]string{}
		for _, t := range d.tables(e.value) {
			d.conf.groups = true
			if g := d.group(t, seen, taken); g.Name == defaultGroup {
				rest = g
			} else {
				named = append(named, g)
			}
		}
	}
	d.conf.Groups = append(named, rest)
}

// listNames returns the names of all lists, nil without one.
func (d *decoder) listNames() []string {
	var names []string
	for _, l := range d.conf.Lists {
		if l.Name != "" {
			names = append(names, l.Name)
		}
	}
	return names
}

// group decodes one client group. seen holds the names so far, taken the group that each
// client network belongs to so far.
func (d *decoder) group(t *node, seen map[string]bool, taken map[netip.Prefix]string) Group {
	g := Group{Lists: d.listNames(), BlockWith: "null"}
	var name, clients *node
	d.table(t, "a group",
		field{"name", func(n *node) {
			name = n
			text, ok := d.label(n)
			if ok && seen[text] {
				d.fail(n.at, "group %q is given twice; each has a name of its own", text)
			}
			seen[text] = true
			g.Name = text
		}},
		field{"clients", func(n *node) { clients = n }},
		field{"lists", func(n *node) { g.Lists = d.groupLists(n) }},
		field{"block_with", func(n *node) {
			if text, ok := d.blockWith(n); ok {
				g.BlockWith = text
			}
		}},
	)
	switch {
	case t.kind != unstable.Table:
	case name == nil:
		d.fail(t.at, `this group has no name; add: name = "kids"`)
	case clients == nil && g.Name != defaultGroup && g.Name != "":
		d.fail(t.at, `group %q has no clients, so it is never used; add: clients = ["10.0.0.7", "10.0.2.0/24"]`, g.Name)
	case clients != nil && g.Name == defaultGroup:
		d.fail(clients.at, "group %q takes every client that no other group names; remove clients", defaultGroup)
	case clients != nil:
		g.Clients = d.clients(clients, g.Name, taken)
	}
	return g
}

func (d *decoder) clients(n *node, group string, taken map[netip.Prefix]string) []netip.Prefix {
	items, ok := d.list(n, "addresses and networks")
	if ok && len(items) == 0 {
		d.fail(n.at, "clients is empty, so this group is never used; name an address or a network")
	}
	var clients []netip.Prefix
	for _, item := range items {
		text, ok := d.item(item, "an address or a network")
		if !ok {
			continue
		}
		if strings.HasPrefix(text, "peer:") {
			d.fail(item.at, "client %s is not supported in this version; name the peer's address or network", quote(text))
			continue
		}
		p, ok := parsePrefix(text)
		switch {
		case !ok || p.Addr().Is4In6():
			d.fail(item.at, "client %s is not an address or a network, like 10.0.0.7, 10.0.2.0/24 or fd00::/64", quote(text))
			continue
		case p != p.Masked():
			d.fail(item.at, "client %s has bits set behind its prefix length; write %s for the network, or %s for the one address", p, p.Masked(), p.Addr())
			continue
		}
		if by, first := covering(p, taken); first != "" {
			d.fail(item.at, "client %s is never looked for here: %s of group %q comes first; move the narrower one up, or remove one", p, by, first)
			continue
		}
		taken[p] = group
		clients = append(clients, p)
	}
	return clients
}

// covering returns the widest network in taken that contains p, and its group; "" if none does.
func covering(p netip.Prefix, taken map[netip.Prefix]string) (netip.Prefix, string) {
	for bits := range p.Bits() + 1 {
		wider := netip.PrefixFrom(p.Addr(), bits).Masked()
		if group, ok := taken[wider]; ok {
			return wider, group
		}
	}
	return netip.Prefix{}, ""
}

// groupLists returns the names of known lists.
func (d *decoder) groupLists(n *node) []string {
	items, ok := d.list(n, "names of lists")
	if !ok {
		return nil
	}
	known := d.listNames()
	isKnown := make(map[string]bool, len(known))
	for _, name := range known {
		isKnown[name] = true
	}
	names := []string{}
	seen := map[string]bool{}
	for _, item := range items {
		text, ok := d.item(item, "the name of a list")
		switch {
		case !ok:
			continue
		case !isKnown[text]:
			d.fail(item.at, "there is no list %s; %s", quote(text), d.suggestList(text, known))
			continue
		case seen[text]:
			d.fail(item.at, "list %q is given twice", text)
			continue
		}
		seen[text] = true
		names = append(names, text)
	}
	return names
}

// suggestList says what to write in place of the unknown list name.
func (d *decoder) suggestList(name string, known []string) string {
	switch {
	case len(known) == 0:
		return "the file has none; add one with [[list]]"
	case len(d.problems) > maxErrors:
		return "" // not to be shown, so not worth a search
	}
	if near := spelling.Nearest(name, known); near != "" {
		return "did you mean \"" + near + "\"?"
	}
	return "add it with [[list]], or use " + alternatives(known[:min(len(known), 10)])
}

// blockWith returns one of the ways to answer for a blocked name.
func (d *decoder) blockWith(n *node) (string, bool) {
	ways := []string{"null", "nxdomain", "nodata", "refused"}
	text, ok := d.str(n, `a word like "null" or an address`)
	if !ok || slices.Contains(ways, text) {
		return text, ok
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || a.Zone() != "":
		d.fail(n.at, "block_with %s is not known; use %s, or an IP address", quote(text), alternatives(ways))
	case a.Is4In6() || a.IsMulticast():
		d.fail(n.at, "block_with %s; it must be a plain IPv4 or IPv6 address", unusable(a))
	default:
		return text, true
	}
	return "", false
}
