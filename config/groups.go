package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"tundns/spelling"
)

// groups decodes [[group]] once all lists are known; e is nil without one.
func (d *decoder) groups(e *entry) {
	d.isList = make(map[string]bool, len(d.conf.Lists))
	for _, l := range d.conf.Lists {
		if l.Name != "" && !d.isList[l.Name] {
			d.isList[l.Name] = true
			d.listNames = append(d.listNames, l.Name)
		}
	}
	var tables []*node
	if e != nil {
		tables = d.tables(e.value)
	}
	at := scheduled(tables)
	for _, name := range d.listNames {
		if !at[name] {
			d.always = append(d.always, name)
		}
	}

	rest := Default().Groups[0]
	rest.Lists = slices.Clone(d.always)
	var named []Group
	seen := map[string]bool{}
	taken := map[netip.Prefix]string{}
	for _, t := range tables {
		d.conf.groups = true
		if g := d.group(t, seen, taken); g.Name == defaultGroup {
			rest = g
		} else {
			named = append(named, g)
		}
	}
	d.conf.Groups = append(named, rest)
}

// scheduled returns the names that the lists of all schedules have, whatever else is wrong
// with those.
func scheduled(groups []*node) map[string]bool {
	names := map[string]bool{}
	for _, group := range groups {
		e := group.get("schedule")
		if e == nil {
			continue
		}
		for _, schedule := range e.value.items {
			if lists := schedule.get("lists"); lists != nil {
				for _, item := range lists.value.items {
					names[item.text] = true
				}
			}
		}
	}
	return names
}

// group decodes one client group. seen holds the names so far, taken the group that each
// client network belongs to so far.
func (d *decoder) group(t *node, seen map[string]bool, taken map[netip.Prefix]string) Group {
	g := Group{Lists: slices.Clone(d.always), BlockWith: "null"}
	var name, clients, schedules *node
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
		field{"lists", func(n *node) { g.Lists = d.groupLists(n, nil) }},
		field{"rules", func(n *node) { g.Rules = d.rules(n) }},
		field{"block_with", func(n *node) {
			if text, ok := d.blockWith(n); ok {
				g.BlockWith = text
			}
		}},
		field{"safe_search", func(n *node) { g.SafeSearch = d.safeSearch(n) }},
		field{"blocked_types", func(n *node) { g.BlockedTypes = d.blockedTypes(n) }},
		field{"schedule", func(n *node) { schedules = n }},
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
	if schedules != nil {
		g.Schedules = d.schedules(schedules, g.Lists)
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
			d.fail(item.at, "client %s is not supported in this version, none of whose modes knows peers by name; name the peer's address or network", quote(text))
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

// groupLists returns the names of known lists, none of which is one of always.
func (d *decoder) groupLists(n *node, always []string) []string {
	items, ok := d.list(n, "names of lists")
	if !ok {
		return nil
	}
	names := []string{}
	seen := map[string]bool{}
	for _, item := range items {
		text, ok := d.item(item, "the name of a list")
		switch {
		case !ok:
			continue
		case !d.isList[text]:
			d.fail(item.at, "there is no list %s; %s", quote(text), d.suggestList(text))
			continue
		case seen[text]:
			d.fail(item.at, "list %q is given twice", text)
			continue
		case slices.Contains(always, text):
			d.fail(item.at, "list %q is one of the group's lists, which hold at all times; remove it there or here", text)
			continue
		}
		seen[text] = true
		names = append(names, text)
	}
	return names
}

// suggestList says what to write in place of the unknown list name.
func (d *decoder) suggestList(name string) string {
	known := d.listNames
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

// safeSearch returns the services whose strict mode is forced.
func (d *decoder) safeSearch(n *node) []string {
	services := []string{"google", "bing", "duckduckgo", "youtube", "youtube-moderate"}
	if n.kind == unstable.Bool {
		if n.text != "true" {
			return nil
		}
		return services[:4] // the strictest of each
	}
	if n.kind != unstable.Array {
		d.fail(n.at, `safe_search must be true, false or a list of services, like ["google", "bing"], not %s`, kindName(n.kind))
		return nil
	}
	var names []string
	for _, item := range n.items {
		text, ok := d.choice(item, services)
		switch other := strings.TrimSuffix(text, "-moderate"); {
		case !ok:
		case slices.Contains(names, text):
			d.fail(item.at, "%q is given twice", text)
		case other != text && slices.Contains(names, other) || slices.Contains(names, text+"-moderate"):
			d.fail(item.at, `"youtube" and "youtube-moderate" exclude each other; remove one of them`)
		default:
			names = append(names, text)
		}
	}
	return names
}

// blockedTypes returns DNS types, each once.
func (d *decoder) blockedTypes(n *node) []uint16 {
	items, ok := d.list(n, "DNS types")
	if !ok {
		return nil
	}
	var types []uint16
	for _, item := range items {
		text, ok := d.item(item, "a DNS type")
		if !ok {
			continue
		}
		switch typ, why := parseType(text); {
		case why != "":
			d.fail(item.at, "type %s %s", quote(text), why)
		case slices.Contains(types, typ):
			d.fail(item.at, "type %s is given twice", quote(text))
		default:
			types = append(types, typ)
		}
	}
	return types
}
